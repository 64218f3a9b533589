"""When the store was last counted, for people: what was found, and since when nobody has counted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from api.wording import how_long
from evidence import clock
from evidence.completeness import taken
from evidence.completeness.taken import Counted
from evidence.database import ReadSession
from evidence.sequencing.reading import log_began

LATE = timedelta(hours=26)  # a count is due each day, and may take a while
LOOK = "Look whether a worker runs; `continuity custody census` counts now."


def standing_of_count(session: ReadSession, *, shown: Callable[[datetime], str] = clock.as_text) -> dict[str, Any]:
    """The last count that the custody log has, in words. `trouble` says that none was made for too long, or is None.

    `shown` writes times for the reader.
    """
    last, now = taken.last(session), clock.now()
    since = log_began(session) if last is None else last.began_at
    late = since is not None and now - since > LATE
    return {
        "counted_at": None if last is None else shown(last.began_at),
        "words": _words(last, shown),
        "trouble": f"{_silence(last, now, since)} {LOOK}" if late and since is not None else None,
    }


def _words(last: Counted | None, shown: Callable[[datetime], str]) -> str:
    if last is None:
        return "The custody log knows of no count of the store yet."
    differ = f"{last.missing} missing, {last.extra} unknown, {last.changed} changed"
    return f"Counted at {shown(last.began_at)}: {last.found} of {last.expected} masters were there; {differ}."


def _silence(last: Counted | None, now: datetime, since: datetime) -> str:
    if last is None:
        return f"The store was never counted in the {how_long(now - since)} of this log."
    return f"The store was last counted {how_long(now - since)} ago."
