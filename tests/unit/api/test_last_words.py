"""What the command line says last: the very words, whatever brackets and colons are in them."""

from __future__ import annotations

import pytest

from api import cli


@pytest.mark.parametrize("words", ["[/x] was not found", "line 1 of the policy: 'root:x:0:0'", "[red]not red[/red]"])
def test_last_words_are_said_as_they_are(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli._fail(words, code=3)
    assert ended.value.code == 3
    assert capsys.readouterr().err.strip() == words
