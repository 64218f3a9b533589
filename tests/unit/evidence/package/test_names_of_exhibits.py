"""Names of masters and copies that somebody wrote anew.

Both verifiers in Python are asked, and must say the same; tests/journeys/test_verify_page_lists.py asks the page.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.package.check import check
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import Made, Order, make, smaller, write
from tests.support.package_names import ENDINGS, MISNAMED, ending
from tests.support.package_spoiling import Files, opened

Verdicts = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def made() -> Made:
    """The smallest package that proves every claim that needs no authority."""
    return make(smaller(Order(witnesses=1)))


def verdicts(made: Made, files: Files, folder: Path) -> Verdicts:
    """What both say."""
    checked = check(write(files, folder / "package"), policy=parse_policy(made.policy)).claims
    ours = {(each.claim, each.subject): each.verdict.value for each in checked}
    theirs = verify.Check(opened(files), verify.read_policy(made.policy)).run()
    assert ours == {(each.claim, each.subject): each.verdict for each in theirs}
    return ours


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_under_a_name_that_is_not_its_own_is_contradicted(name: str, made: Made, tmp_path: Path) -> None:
    found = verdicts(made, MISNAMED[name].change(made.files), tmp_path)
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == MISNAMED[name].contradicted


@pytest.mark.parametrize("which", ENDINGS)
def test_any_ending_that_the_maker_gives_is_good(which: str, made: Made, tmp_path: Path) -> None:
    found = verdicts(made, ending(made.files, which), tmp_path)
    assert {claim for (claim, _), verdict in found.items() if verdict != "proved"} == {"not_after"}
