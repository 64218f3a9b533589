"""What the register says of a recording, held against the events that say it as well.

What the log alone tells of (an arrival, a copy, a source that was let go) is no contradiction: a database that was
restored from an older copy lacks it. Where the register says something that no event says, or says it otherwise, it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from evidence.custody.events import EventType
from evidence.custody.leaf import read_leaf
from evidence.custody.sealing import as_sealed, revealed
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Arrival, Provenance, Quarantine, Rendition
from evidence.vocabulary import RenditionMethod

if TYPE_CHECKING:
    from evidence.continuity.holding import Held, Line

SET_ASIDE = (EventType.RECORDING_QUARANTINED, EventType.QUARANTINE_DECIDED)


def differences(session: ReadSession, held: Held) -> Iterator[str]:
    """Everything in which the register says otherwise than the log, a sentence each."""
    yield from _named(session, held)
    yield from _condition(session, held)
    yield from _origin(session, held)
    yield from _copies(held)


def copy_made(held: Held, copy: Rendition) -> Line | None:
    """The event that says of these very bytes that they are a copy, or that the master itself is played."""
    for line in held.of(EventType.RENDITION_MADE):
        said = line.said.facts
        if copy.method is RenditionMethod.DIRECT:
            # It has no bytes of its own: the event names no object, and the master by its digest.
            told = (said.get("kind"), said.get("method"), said.get("master_sha256"))
            if told == (copy.kind.value, copy.method.value, copy.sha256):
                return line
            continue
        objects = {(each.role, each.sha256, each.size) for each in read_leaf(line.said.leaf).obj}
        if ("rendition", copy.sha256, copy.size) in objects:
            return line
    return None


def let_go(held: Held, arrival: UUID) -> Line | None:
    """The event that says how the source of an arrival was let go."""
    released = (each for each in held.of(EventType.SOURCE_RELEASED) if each.said.facts.get("arrival") == str(arrival))
    return next(released, None)


def _named(session: ReadSession, held: Held) -> Iterator[str]:
    row, now = held.recording, recording_reference(held.recording.number)
    for line in held.of(EventType.RECORDING_REGISTERED):
        given = line.said.facts.get("reference")
        if given != now:
            yield f"The register calls it {now}; {line.name} registered it as {given}."
        sealed = revealed(session, [line.said.id]).get(line.said.id, {})
        for name, is_ in (("device", row.device_label), ("name", row.name_shown)):
            if name in sealed and sealed[name].value != as_sealed(is_):
                yield f"The register says another {name} than {line.name}."


def _condition(session: ReadSession, held: Held) -> Iterator[str]:
    row = held.recording
    if examined := held.of(EventType.RECORDING_EXAMINED):
        said = examined[-1].said.facts.get("condition")
        if said != row.condition.value:
            yield f"The register says {row.condition.value} of its condition; {examined[-1].name} says {said}."
    still_open = select(Quarantine.id).where(Quarantine.recording_id == row.id, Quarantine.closed_at.is_(None))
    is_aside = session.scalars(still_open).first() is not None
    if decided := [each for each in held.every if each.said.type in SET_ASIDE]:
        aside = decided[-1].said.type is EventType.RECORDING_QUARANTINED
        if aside != is_aside:
            words = "is in quarantine" if is_aside else "is not in quarantine"
            yield f"The register says that it {words}; {decided[-1].name} says otherwise."


def _origin(session: ReadSession, held: Held) -> Iterator[str]:
    """Each occasion on which it came, and how its source was let go."""
    occasions = _occasions(held)
    opened = revealed(session, [each.said.id for each in occasions.values()])
    rows = select(Provenance, Arrival).join(Arrival, Arrival.id == Provenance.arrival_id)
    for row, arrival in session.execute(rows.where(Provenance.master_id == held.recording.id).order_by(Provenance.at)):
        line = occasions.get(row.arrival_id)
        if line is None:
            yield f"The register tells of the arrival {row.arrival_id} of these bytes, and no event does."
            continue
        sealed = opened.get(line.said.id, {})
        for name, is_ in (("device", row.device_label), ("name", row.name_shown)):
            if name in sealed and sealed[name].value != as_sealed(is_):
                yield f"The register says another {name} of the arrival {row.arrival_id} than {line.name}."
        gone = let_go(held, row.arrival_id)
        how = None if gone is None else gone.said.facts.get("action")
        if arrival.released_at is not None and how != arrival.released_how:
            yield f"The register says that the source of {arrival.id} was {arrival.released_how}; no event does."


def _occasions(held: Held) -> Mapping[UUID, Line]:
    """The event of each arrival: the first gave the recording its id, later ones are named."""
    registered = held.first(EventType.RECORDING_REGISTERED)
    found = {} if registered is None else {held.recording.id: registered}
    for line in held.of(EventType.MASTER_OFFERED_AGAIN):
        found.setdefault(UUID(str(line.said.facts.get("arrival"))), line)
    return found


def _copies(held: Held) -> Iterator[str]:
    if not held.of(EventType.RENDITION_MADE):
        return  # the table of copies says of each that no event does
    for copy in held.copies:
        if copy.sha256 is not None and copy_made(held, copy) is None:
            yield f"No event says that the {copy.kind.value} copy with the SHA-256 {copy.sha256} was made."
