"""A ZIP file that holds more than its files is no package: no two programs may read two packages from one file.

Both verifiers in Python are asked; tests/journeys/test_verify_page_zips.py asks the page the same.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evidence.package.check import check
from evidence.package.errors import NotAPackage
from evidence.package.inside import verify
from evidence.tlog.policy import parse_policy
from tests.support.package_maker import Made, Order, make, smaller
from tests.support.package_zips import GENUINE, TWISTED, WRONG_CRC, with_wrong_crc


@pytest.fixture(scope="module")
def made() -> Made:
    """The smallest package that proves every claim that needs no authority."""
    return make(smaller(Order(witnesses=1)))


@pytest.mark.parametrize("name", GENUINE)
def test_a_zip_file_made_in_good_faith_is_proved(name: str, made: Made, tmp_path: Path) -> None:
    if "Info-ZIP" in name and shutil.which("zip") is None:
        pytest.skip("needs zip")
    path = tmp_path / "package.zip"
    GENUINE[name](made.files, path)
    ours = check(path, policy=parse_policy(made.policy))
    assert ours.holds
    checking = verify.Check(verify.open_package(str(path)), verify.read_policy(made.policy))
    theirs = {(each.claim, each.subject): each.verdict for each in checking.run()}
    assert theirs == {(each.claim, each.subject): each.verdict.value for each in ours.claims}
    assert {claim for (claim, _), verdict in theirs.items() if verdict != "proved"} == {"not_after"}


@pytest.mark.parametrize("name", TWISTED)
def test_a_zip_file_with_more_or_else_in_it_is_no_package(name: str, made: Made, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(TWISTED[name](made.files))
    with pytest.raises(NotAPackage) as ours:
        check(path, policy=parse_policy(made.policy))
    with pytest.raises(verify.Unreadable) as theirs:
        verify.open_package(str(path))
    for words in (str(ours.value), str(theirs.value)):
        assert "ZIP file" in words
        assert verify.main([str(path)]) == 2


@pytest.mark.parametrize("path", WRONG_CRC)
def test_a_file_that_others_would_not_unpack_is_contradicted(path: str, made: Made, tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_bytes(with_wrong_crc(made.files, path))
    ours = check(tmp_path / "package.zip", policy=parse_policy(made.policy))
    found = {(each.claim, each.subject): each.verdict.value for each in ours.claims}
    assert found["files", "package"] == "contradicted"
    checking = verify.Check(verify.open_package(str(tmp_path / "package.zip")), verify.read_policy(made.policy))
    assert found == {(each.claim, each.subject): each.verdict for each in checking.run()}
