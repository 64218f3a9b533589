"""Small files of a package that say what the format does not let them: both verifiers in Python judge them alike.

tests/journeys/test_verify_page_odd_words.py asks the page the same.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.package.check import check
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import Made, Order, make, smaller, write
from tests.support.package_odd import ODD
from tests.support.package_spoiling import opened


@pytest.fixture(scope="module")
def made() -> Made:
    """The smallest package that proves every claim that needs no authority."""
    return make(smaller(Order(witnesses=1)))


@pytest.mark.parametrize("name", ODD)
def test_words_that_no_package_says_are_judged_alike(name: str, made: Made, tmp_path: Path) -> None:
    files = ODD[name].change(made.files)
    ours = check(write(files, tmp_path / "package"), policy=parse_policy(made.policy))
    found = {(each.claim, each.subject): each.verdict.value for each in ours.claims}
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == ODD[name].contradicted
    checking = verify.Check(opened(files), verify.read_policy(made.policy))
    assert found == {(each.claim, each.subject): each.verdict for each in checking.run()}
