"""Two lists side by side: what is missing, extra, changed; and lists that cannot be held against each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.completeness.errors import CountFailed
from evidence.completeness.matching import Gap, Wanted, differences, lock_differs, match
from evidence.store import ListedVersion, Lock

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)
LOCK = Lock("GOVERNANCE", UNTIL)


def wanted(key: str, *, size: int = 5) -> Wanted:
    return Wanted(
        id=UUID(int=1), key=key, version_id=f"v of {key}", size=size, lock=LOCK, verified_at=UNTIL, recording=None,
        reference="R0000001",
    )  # fmt: skip


def listed(key: str, *, version: str | None = None, size: int = 5, is_mark: bool = False) -> ListedVersion:
    return ListedVersion(
        key=key, version_id=version or f"v of {key}", size=size, is_latest=version is None or is_mark, is_mark=is_mark
    )


def gaps(records: list[Wanted], store: list[ListedVersion]) -> list[tuple[Gap, str]]:
    return [(each.gap, each.key) for pair in match(records, store) for each in differences(pair)]


@given(st.sets(st.text("ab/-", min_size=1, max_size=4)), st.sets(st.text("ab/-", min_size=1, max_size=4)))
def test_what_stands_on_one_side_only_is_named_and_nothing_else(records: set[str], store: set[str]) -> None:
    found = gaps([wanted(key) for key in sorted(records)], [listed(key) for key in sorted(store)])
    assert {key for gap, key in found if gap is Gap.MISSING} == records - store
    assert {key for gap, key in found if gap is Gap.EXTRA} == store - records
    assert len(found) == len(records ^ store)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([listed("a")], []),
        ([listed("a", size=6)], [Gap.CHANGED]),
        ([listed("a", version="other")], [Gap.MISSING, Gap.EXTRA]),
        ([listed("a"), listed("a", version="other")], [Gap.EXTRA]),
        ([listed("a", version="mark", is_mark=True), listed("a")], [Gap.CHANGED]),
        ([listed("a", version="mark", is_mark=True)], [Gap.MISSING, Gap.CHANGED]),
        ([], [Gap.MISSING]),
    ],
)
def test_each_way_in_which_one_key_differs(versions: list[ListedVersion], expected: list[Gap]) -> None:
    assert [gap for gap, _ in gaps([wanted("a")], versions)] == expected


@pytest.mark.parametrize(
    ("records", "store"),
    [([wanted("b"), wanted("a")], []), ([], [listed("b"), listed("a")]), ([wanted("a"), wanted("a")], [])],
    ids=["records", "store", "two records"],
)
def test_what_is_out_of_order_is_no_count(records: list[Wanted], store: list[ListedVersion]) -> None:
    with pytest.raises(CountFailed):
        gaps(records, store)


@pytest.mark.parametrize(
    ("found", "differs"),
    [
        (LOCK, False),
        (Lock("COMPLIANCE", UNTIL), False),
        (Lock("GOVERNANCE", UNTIL + timedelta(days=1)), False),
        (Lock("GOVERNANCE", UNTIL - timedelta(seconds=1)), True),
        (None, True),
    ],
)
def test_a_lock_may_be_longer_or_stricter_and_nothing_else(found: Lock | None, differs: bool) -> None:
    assert (lock_differs(wanted("a"), found) is not None) is differs


def test_a_lock_that_was_loosened_is_changed() -> None:
    strict = replace(wanted("a"), lock=Lock("COMPLIANCE", UNTIL))
    assert lock_differs(strict, LOCK) is not None
