"""Small files of a package that say what the format does not let them: both verifiers in Python judge them alike.

tests/journeys/test_verify_page_odd_words.py asks the page the same.
"""

from __future__ import annotations

import os
from contextlib import chdir
from pathlib import Path

import pytest

from evidence.package.check import check
from evidence.package.errors import NotAPackage
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


@pytest.mark.parametrize("levels", [16, 17])
def test_folders_may_not_be_nested_without_end(levels: int, made: Made, tmp_path: Path) -> None:
    """Even to look there would take too much."""
    write(made.files, tmp_path / "package")
    with chdir(tmp_path / "package"):
        for _ in range(levels):
            Path("x").mkdir()
            os.chdir("x")
    if levels == 16:
        assert check(tmp_path / "package", policy=parse_policy(made.policy)).holds
        assert verify.open_package(str(tmp_path / "package")).odd == []
        return
    with pytest.raises(NotAPackage):
        check(tmp_path / "package")
    with pytest.raises(verify.Unreadable):
        verify.open_package(str(tmp_path / "package"))
