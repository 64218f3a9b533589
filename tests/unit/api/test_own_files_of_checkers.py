"""What `continuity verify` says of a policy or certificates that are not what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app

BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("option", "holds", "words"),
    [
        ("--policy", None, "is a folder, and a policy file (C2SP tlog-policy) was expected"),
        ("--policy", "no policy", "is no policy: "),
        ("--tsa-roots", None, "is a folder, and a file of root certificates in PEM form was expected"),
        ("--tsa-roots", "", "holds no certificate in PEM form"),
        ("--tsa-roots", "certificate", "holds no certificate in PEM form"),
        ("--tsa-roots", BROKEN, "holds something in PEM form that cannot be read as a certificate"),
    ],
)
def test_it_says_what_was_expected(tmp_path: Path, option: str, holds: str | None, words: str) -> None:
    own = tmp_path / "own"
    if holds is None:
        own.mkdir()
    else:
        own.write_text(holds)
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "package"), option, str(own)])
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert "cryptography.io" not in done.output


def test_a_file_that_is_not_there_is_named_with_what_it_was_to_be(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "package"), "--policy", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "cannot be read: No such file or directory. It was to be a policy file" in " ".join(done.output.split())


def test_files_or_the_check_of_receipts_not_both_and_not_neither() -> None:
    for words in (["ingest"], ["ingest", "--check-receipts", "x.mp4"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2
        assert "--check-receipts alone" in " ".join(done.output.split())


def test_there_is_nothing_to_check_where_nothing_was_handed_in(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["ingest", "--check-receipts", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "Nothing was ever handed in by name" in str(done.exception)
    assert not list(tmp_path.iterdir())
