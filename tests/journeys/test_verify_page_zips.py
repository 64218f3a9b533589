"""`verify.html` on ZIP files that hold more than their files, or something else: refused, as verify.py does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from evidence.package.inside import verify
from tests.support.package_maker import Made, Order, make, smaller
from tests.support.package_zips import GENUINE, TWISTED, WRONG_CRC, with_wrong_crc
from tests.support.verify_page import VerifyPage, as_text

pytestmark = pytest.mark.browser
OPEN = """async text => {
    const data = Uint8Array.from(atob(text), each => each.charCodeAt(0));
    try { await verifier.unzipped(new Blob([data])); return null; }
    catch (error) { return error instanceof verifier.Unreadable ? error.message : `crashed: ${error}`; }
}"""


@pytest.fixture(scope="module")
def made() -> Made:
    """A small package that proves every claim but the time-stamp, which it has not."""
    return make(smaller(Order(ml_dsa=False, witnesses=1)))


@pytest.fixture(scope="module")
def checker(browser: Browser) -> Iterator[VerifyPage]:
    """The page, opened once."""
    page = VerifyPage(browser)
    yield page
    page.close()


@pytest.mark.parametrize("name", GENUINE)
def test_a_zip_file_made_in_good_faith_is_proved(checker: VerifyPage, name: str, made: Made, tmp_path: Path) -> None:
    if "Info-ZIP" in name and shutil.which("zip") is None:
        pytest.skip("needs zip")
    GENUINE[name](made.files, tmp_path / "package.zip")
    (tmp_path / "policy").write_bytes(made.policy)
    checker.page.reload()
    result = checker.check(tmp_path / "package.zip", tmp_path / "policy")
    assert {each["claim"] for each in result["claims"] if each["verdict"] != "proved"} == {"not_after"}


@pytest.mark.parametrize("name", TWISTED)
def test_a_zip_file_with_more_or_else_in_it_is_no_package(checker: VerifyPage, name: str, made: Made) -> None:
    said = checker.page.evaluate(OPEN, as_text(TWISTED[name](made.files)))
    assert said is not None
    assert "ZIP file" in said
    assert not said.startswith("crashed")


@pytest.mark.parametrize("path", WRONG_CRC)
def test_a_file_that_others_would_not_unpack_is_contradicted(
    checker: VerifyPage, path: str, made: Made, tmp_path: Path
) -> None:
    (tmp_path / "package.zip").write_bytes(with_wrong_crc(made.files, path))
    (tmp_path / "policy").write_bytes(made.policy)
    checker.page.reload()
    result = checker.check(tmp_path / "package.zip", tmp_path / "policy")
    found = {(each["claim"], each["subject"]): each["verdict"] for each in result["claims"]}
    assert found["files", "package"] == "contradicted"
    checking = verify.Check(verify.open_package(str(tmp_path / "package.zip")), verify.read_policy(made.policy))
    assert found == {(each.claim, each.subject): each.verdict for each in checking.run()}
