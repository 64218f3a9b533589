"""The note in each proof is `custody/checkpoint.txt`, byte for byte: nobody has to check its signatures for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.package.check import check
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import Made, Order, make, smaller, write
from tests.support.package_notes import NOTES, with_note_in_a_proof
from tests.support.package_spoiling import opened


@pytest.fixture(scope="module")
def made() -> Made:
    """A small package whose log signs with ML-DSA too."""
    return make(smaller(Order()))


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("name", NOTES)
def test_another_note_in_a_proof_is_contradicted_with_and_without_means_for_ml_dsa(
    made: Made, name: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = with_note_in_a_proof(made, NOTES[name])
    checked = check(write(files, tmp_path / "package"), policy=parse_policy(made.policy) if own else None)
    found = {(each.claim, each.subject): each.verdict.value for each in checked.claims}
    [words] = [each.words for each in checked.claims if each.claim == "included"]
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == {"included"}
    assert found["history", "R0000001"] == "not_proved"
    assert "custody/checkpoint.txt" in words
    assert theirs(made, files, own=own) == found
    monkeypatch.setattr(verify, "ml_dsa_good", lambda *_: None)
    without = theirs(made, files, own=own)
    assert without.pop(("witnessed", "package")) == "not_proved"  # one of the witnesses signs with ML-DSA
    assert without == {key: verdict for key, verdict in found.items() if key[0] != "witnessed"}


def theirs(made: Made, files: dict[str, bytes], *, own: bool) -> dict[tuple[str, str], str]:
    """What verify.py says."""
    run = verify.Check(opened(files), verify.read_policy(made.policy) if own else None).run()
    return {(each.claim, each.subject): each.verdict for each in run}
