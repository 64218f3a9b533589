"""Whether personal values of events are those that were committed to, or gone for a reason that the log tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from uuid import UUID

from sqlalchemy import text

from evidence.custody.leaf import Leaf, read_leaf
from evidence.custody.places import IN_LOG, NUMBER
from evidence.custody.sealing import check_sealed
from evidence.database import ReadSession
from evidence.errors import LogDisagrees, NotALeaf

MOST = 20  # findings that are named
DRAWN = 200  # subjects of a long log that are held value by value

# Every event says who acted, so each has at least that one row, erased or not. One statement: what commits meanwhile
# is in both of its sides or in neither. Of an event that somebody wrote past the log nothing is gone: the claim
# `numbers` names it.
WITHOUT = text(f"""
    SELECT e.id FROM custody.event e LEFT JOIN {NUMBER}
    WHERE NOT EXISTS (SELECT FROM custody.sealed s WHERE s.event_id = e.id AND s.field = 'actor') AND {IN_LOG}
    LIMIT :most""")  # noqa: S608 - put together of our own constants
ALL = text("SELECT subject FROM custody.head ORDER BY subject")
OF_SUBJECT = text("SELECT id, leaf FROM custody.event WHERE subject = :subject ORDER BY subject_no")
BY_LOT = text("SELECT subject FROM custody.head ORDER BY random() LIMIT :drawn")


def of_personal_values(session: ReadSession, *, closely: bool) -> list[str]:
    """What is wrong with personal values: of every subject, or of a long log of some that are drawn by lot."""
    gone = [f"the sealed actor of event {found} is gone, and its row with it" for found in _without(session)]
    subjects = session.scalars(ALL) if closely else session.scalars(BY_LOT, {"drawn": DRAWN})
    return [*gone, *islice(_differing(session, subjects.all()), MOST - len(gone))] if len(gone) < MOST else gone


def _without(session: ReadSession) -> list[UUID]:
    return list(session.scalars(WITHOUT, {"most": MOST}))


def _differing(session: ReadSession, subjects: Sequence[UUID]) -> Iterator[str]:
    for subject in subjects:
        try:
            check_sealed(session, subject, _leaves(session, subject))
        except LogDisagrees as disagrees:
            yield str(disagrees)


def _leaves(session: ReadSession, subject: UUID) -> dict[UUID, Leaf]:
    """Those of a subject's events that can be read; of the others, the claim `events` speaks."""
    leaves = {}
    for event_id, body in session.execute(OF_SUBJECT, {"subject": subject}):
        with suppress(NotALeaf):
            leaves[event_id] = read_leaf(bytes(body))
    return leaves
