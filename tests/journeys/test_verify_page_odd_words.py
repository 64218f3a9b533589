"""`verify.html` on packages whose small files say what the format does not let them: what verify.py says of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from evidence.package.inside import verify
from tests.properties.package_values import told_otherwise
from tests.support.package_maker import Made, Order, make, seal, smaller
from tests.support.package_odd import ODD
from tests.support.package_spoiling import opened
from tests.support.verify_page import VerifyPage

pytestmark = pytest.mark.browser


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


@pytest.mark.parametrize("name", ODD)
def test_words_that_no_package_says_are_judged_as_verify_py_does(checker: VerifyPage, made: Made, name: str) -> None:
    files = ODD[name].change(made.files)
    found = checker.verdicts(files, made.policy)
    assert {claim for (claim, _), verdict in found.items() if verdict == "contradicted"} == ODD[name].contradicted
    checking = verify.Check(opened(files), verify.read_policy(made.policy))
    assert found == {(each.claim, each.subject): each.verdict for each in checking.run()}


def test_a_value_put_otherwise_here_and_there_is_judged_as_verify_py_does(checker: VerifyPage, made: Made) -> None:
    count = 0
    for path, data in itertools.islice(told_otherwise(made.files), 0, None, 101):
        files, count = seal({**made.files, path: data}), count + 1
        checking = verify.Check(opened(files), verify.read_policy(made.policy))
        said = {(each.claim, each.subject): each.verdict for each in checking.run()}
        assert checker.verdicts(files, made.policy) == said, (path, data)
    assert count > 50
