"""`verify.html` on packages whose lists or names are no package's: word for word what verify.py says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error

from evidence.package.inside import verify
from tests.support.package_lists import SPOILT, Files
from tests.support.package_maker import Made, Order, make, smaller, write
from tests.support.package_names import ENDINGS, MISNAMED, beginning, ending
from tests.support.package_notes import NOTES, with_note_in_a_proof
from tests.support.package_spoiling import opened
from tests.support.verify_page import VerifyPage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def made() -> Made:
    """A small package that proves every claim but the time-stamp, which it has not."""
    return make(Order(ml_dsa=False, witnesses=1, events=5, later=0, others=1, programs=False))


@pytest.fixture(scope="module")
def checker(browser: Browser) -> Iterator[VerifyPage]:
    """The page, opened once."""
    page = VerifyPage(browser)
    yield page
    page.close()


def theirs(made: Made, files: Files) -> dict[tuple[str, str], str]:
    """What verify.py says."""
    check = verify.Check(opened(files), verify.read_policy(made.policy), None)
    return {(each.claim, each.subject): each.verdict for each in check.run()}


@pytest.mark.parametrize("name", SPOILT)
def test_lists_and_names_that_no_package_has_are_judged_as_verify_py_does(
    checker: VerifyPage, made: Made, name: str
) -> None:
    files = SPOILT[name].change(made.files)
    found = checker.verdicts(files, made.policy)
    assert found["files", "package"] == "contradicted"
    assert found == theirs(made, files)


@pytest.mark.parametrize("name", MISNAMED)
def test_a_file_under_a_name_that_is_not_its_own_is_contradicted(checker: VerifyPage, made: Made, name: str) -> None:
    files = MISNAMED[name].change(made.files)
    found = checker.verdicts(files, made.policy)
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == MISNAMED[name].contradicted
    assert found == theirs(made, files)


@pytest.mark.parametrize("which", ENDINGS)
def test_any_ending_that_the_maker_gives_is_good(checker: VerifyPage, made: Made, which: str) -> None:
    files = ending(made.files, which)
    found = checker.verdicts(files, made.policy)
    assert set(found.values()) == {"proved", "not_proved"}
    assert found == theirs(made, files)


@pytest.mark.parametrize("reference", ["R0000001", "R0000099"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_history_that_is_cut_off_is_judged_as_verify_py_does(
    checker: VerifyPage, made: Made, count: int, reference: str
) -> None:
    files = beginning(made.files, count, reference)
    found = checker.verdicts(files, made.policy)
    own = "proved" if reference == "R0000001" else "contradicted"
    assert found["history", reference] == ("not_proved" if count == 1 else own)
    assert found["master", reference] == ("proved" if found["history", reference] == "proved" else "not_proved")
    assert found == theirs(made, files)


@pytest.mark.parametrize("name", NOTES)
def test_another_note_in_a_proof_is_contradicted_though_the_page_cannot_check_ml_dsa(
    checker: VerifyPage, name: str
) -> None:
    signed = make(smaller(Order()))
    files = with_note_in_a_proof(signed, NOTES[name])
    found, said = checker.verdicts(files, signed.policy), theirs(signed, files)
    assert found["included", "package"] == "contradicted"
    assert found.pop(("witnessed", "package")) == "not_proved"  # one of the witnesses signs with ML-DSA
    assert found == {key: verdict for key, verdict in said.items() if key[0] != "witnessed"}


@pytest.mark.parametrize("path", ["bagit.txt", "custody/contents.json"])
def test_what_has_not_what_makes_a_package_is_refused(checker: VerifyPage, made: Made, path: str) -> None:
    """Manifests written anew or not: verify.py and the product refuse it as well."""
    files = {name: data for name, data in made.files.items() if name != path}
    with pytest.raises(Error, match=f"cannot be read as a package: there is no {re.escape(path)}"):
        checker.verdicts(files, made.policy)
    examine = """path => {
        const whole = verifier.packageOf([...window.kept].map(([name, blob]) => [`p/${name}`, blob]));
        whole.files.delete(path); return verifier.examined(whole, null); }"""
    with pytest.raises(Error, match="cannot be read as a package"):
        checker.page.evaluate(examine, path)


def test_the_headline_says_of_whom_the_end_is_not_shown(checker: VerifyPage, made: Made, tmp_path: Path) -> None:
    (tmp_path / "policy").write_bytes(made.policy)
    said = "That the history shown is whole is not proved for R0000001: later events may be missing."
    for name, files in (("whole", made.files), ("cut", beginning(made.files, 3))):
        checker.page.reload()
        checker.check(write(files, tmp_path / name), tmp_path / "policy")
        headline = checker.page.inner_text("#headline")
        assert headline.startswith("Nothing contradicts this package.")
        assert (said in headline) == (name == "cut")
