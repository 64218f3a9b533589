"""Keyset pages: each begins after a row that was seen, so it costs the same at the millionth as at the first.

A cursor is opaque to callers: the time and id of the last row, in base64. No total is counted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from api.errors import BadRequest
from evidence import clock

T = TypeVar("T")
LARGEST = 200


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after the row of this time and id, newest first."""

    at: datetime
    id: UUID

    def text(self) -> str:
        """The cursor as callers carry it."""
        plain = f"{clock.as_text(self.at)}/{self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor back. Raises BadRequest for anything else."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            at, _, identifier = plain.partition("/")
            return cls(clock.from_text(at), UUID(identifier))
        except (ValueError, binascii.Error, UnicodeError) as error:
            raise BadRequest("That is not a page cursor of ours.", pointer="query/after") from error

    def before(
        self, at: InstrumentedAttribute[datetime], identifier: InstrumentedAttribute[UUID]
    ) -> ColumnElement[Any]:
        """The condition for rows that come after the cursor in a newest-first list."""
        return tuple_(at, identifier) < tuple_(self.at, self.id)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of rows, and the cursor of the next where there is one."""

    items: tuple[T, ...]
    after: str | None


def page_of(rows: Sequence[T], limit: int, cursor: Any) -> Page[T]:
    """Cut a page from one row more than fits on it. `cursor` makes the Cursor of a row."""
    kept = tuple(rows[:limit])
    more = len(rows) > limit
    return Page(kept, cursor(kept[-1]).text() if more and kept else None)
