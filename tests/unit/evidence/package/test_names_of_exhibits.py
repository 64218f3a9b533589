"""Names that somebody wrote anew: of masters and copies, and of exhibits whose registration is left out.

Both verifiers in Python are asked, and must say the same; tests/journeys/test_verify_page_lists.py asks the page.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from evidence.package.check import Checked, check
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import INSIDE, Made, Order, make, smaller, write
from tests.support.package_names import ENDINGS, MISNAMED, beginning, ending
from tests.support.package_spoiling import Files, opened

Verdicts = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def made() -> Made:
    """The smallest package that proves every claim that needs no authority."""
    return make(smaller(Order(witnesses=1)))


def product(made: Made, folder: Path) -> Checked:
    """What the product's verifier says."""
    return check(folder, policy=parse_policy(made.policy))


def theirs(made: Made, files: Files) -> verify.Check:
    """What the one in each package says."""
    checking = verify.Check(opened(files), verify.read_policy(made.policy))
    checking.run()
    return checking


def verdicts(made: Made, files: Files, folder: Path) -> Verdicts:
    """What both say."""
    checked = product(made, write(files, folder / "package")).claims
    ours = {(each.claim, each.subject): each.verdict.value for each in checked}
    assert ours == {(each.claim, each.subject): each.verdict for each in theirs(made, files).claims}
    return ours


def _words(claims: Iterable[Any]) -> dict[tuple[str, str], str]:
    return {(each.claim, each.subject): each.words for each in claims}


def by_program(package: Path, policy: Path) -> subprocess.CompletedProcess[str]:
    """verify.py as people run it."""
    command = [sys.executable, "-I", "-S", str(INSIDE / "verify.py"), str(package), "--policy", str(policy)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def by_command(package: Path, policy: Path) -> subprocess.CompletedProcess[str]:
    """`continuity verify` as people run it."""
    command = [str(Path(sys.executable).with_name("continuity")), "verify", str(package), "--policy", str(policy)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_under_a_name_that_is_not_its_own_is_contradicted(name: str, made: Made, tmp_path: Path) -> None:
    found = verdicts(made, MISNAMED[name].change(made.files), tmp_path)
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == MISNAMED[name].contradicted


@pytest.mark.parametrize("which", ENDINGS)
def test_any_ending_that_the_maker_gives_is_good(which: str, made: Made, tmp_path: Path) -> None:
    found = verdicts(made, ending(made.files, which), tmp_path)
    assert {claim for (claim, _), verdict in found.items() if verdict != "proved"} == {"not_after"}


@pytest.mark.parametrize("reference", [None, "R0000099", "INVENTED"])
def test_an_exhibit_whose_registration_is_cut_off_is_nobodys(reference: str | None, made: Made, tmp_path: Path) -> None:
    """Its first event says that a master was stored, and none shown says of which reference."""
    files = beginning(made.files, 1, reference)
    found, name = verdicts(made, files, tmp_path), reference or "R0000001"
    assert {found[claim, name] for claim in ("history", "master", "complete")} == {"not_proved"}
    assert "contradicted" not in found.values()
    checked = product(made, tmp_path / "package")
    assert not checked.holds
    for words in (_words(checked.claims), _words(theirs(made, files).claims)):
        assert "no event shown" in words["history", name]
        assert name in words["history", name]
        assert "it rests on" in words["master", name]


def test_an_exhibit_that_is_cut_after_its_registration_keeps_its_name(made: Made, tmp_path: Path) -> None:
    for count in (2, 3, 5):
        found = verdicts(made, beginning(made.files, count), tmp_path / f"{count}")
        assert found["history", "R0000001"] == found["master", "R0000001"] == "proved"
        assert found["complete", "R0000001"] == "not_proved"
        found = verdicts(made, beginning(made.files, count, "R0000099"), tmp_path / f"{count}-other")
        assert found["history", "R0000099"] == "contradicted"
        assert found["master", "R0000099"] == "not_proved"


WHOLE = "That the history shown is whole is not proved for"


def test_the_result_says_of_whom_the_end_is_not_shown(tmp_path: Path) -> None:
    made = make(smaller(Order(witnesses=1, exhibits=12)))
    shown = write(made.files, tmp_path / "whole")
    cut = write(beginning(made.files, 3), tmp_path / "cut")
    said = f"{WHOLE} {', '.join(f'R{number:07}' for number in range(1, 11))} and 2 more"
    (tmp_path / "policy").write_bytes(made.policy)
    for folder, expected in ((shown, ""), (cut, said)):
        for told in (by_program(folder, tmp_path / "policy"), by_command(folder, tmp_path / "policy")):
            assert told.returncode == 0
            assert "contradicted" in told.stdout
            assert (WHOLE in told.stdout) == bool(expected)
            assert expected in told.stdout
