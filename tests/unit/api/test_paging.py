"""Cursors: opaque, exact, and nothing else is taken for one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.enquiries.paging import Cursor, page_of
from api.errors import BadRequest

times = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(at=times, identifier=st.uuids())
def test_a_cursor_comes_back_as_it_went(at: datetime, identifier: UUID) -> None:
    assert Cursor.parse(Cursor(at, identifier).text()) == Cursor(at, identifier)


@given(text=st.text(max_size=80))
def test_other_words_are_refused_and_never_break_anything(text: str) -> None:
    with pytest.raises(BadRequest):
        Cursor.parse(text)


def test_a_page_names_the_next_only_where_there_is_one() -> None:
    at, identifier = datetime(2026, 1, 1, tzinfo=UTC), UUID(int=7)
    assert page_of([1, 2], 2, lambda _: Cursor(at, identifier)).after is None
    longer = page_of([1, 2, 3], 2, lambda _: Cursor(at, identifier))
    assert longer.items == (1, 2)
    assert longer.after == Cursor(at, identifier).text()


@pytest.mark.parametrize("limit", [1, 200])
def test_an_empty_list_is_one_empty_page(limit: int) -> None:
    assert page_of([], limit, lambda _: None).after is None
