"""Whose recording a job works on: its arguments are numbers of rows, and a person knows recordings by reference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Arrival, Clip, Recording, Rendition, Segment

SUBJECT: Final = re.compile(r"^(recording|rendition|segment|clip|arrival)=([0-9a-f-]{36})$")


def recordings_of(session: ReadSession, subjects: Iterable[str]) -> Mapping[str, str]:
    """The reference of each subject's recording, by the subject as the job's row has it; none where there is none."""
    asked: dict[str, dict[UUID, str]] = {}
    for said in subjects:
        if found := SUBJECT.match(said):
            asked.setdefault(found[1], {})[UUID(found[2])] = said
    return {
        wanted[row.id]: recording_reference(row.number)
        for kind, wanted in asked.items()
        for row in session.execute(_numbers(kind, list(wanted)))
    }


def _numbers(kind: str, ids: list[UUID]) -> Select[UUID, int]:
    if kind == "recording":
        return select(Recording.id, Recording.number).where(Recording.id.in_(ids))
    if kind == "segment":
        of_copy = select(Segment.id, Recording.number).join(Rendition, Rendition.id == Segment.rendition_id)
        return of_copy.join(Recording, Recording.id == Rendition.recording_id).where(Segment.id.in_(ids))
    if kind == "arrival":
        mine = Recording.id == Arrival.master_id
        return select(Arrival.id, Recording.number).join(Recording, mine).where(Arrival.id.in_(ids))
    table = Clip if kind == "clip" else Rendition
    return (
        select(table.id, Recording.number).join(Recording, Recording.id == table.recording_id).where(table.id.in_(ids))
    )
