"""What has been cut out of a recording, the newest first, for one who may watch it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from api.enquiries.paging import Cursor, Page, page_of
from evidence import jobs
from evidence.database import ReadSession
from evidence.jobs import JobStatus
from evidence.models import Clip, Person
from evidence.vocabulary import RenditionState


@dataclass(frozen=True, slots=True)
class ClipLine:
    """One clip, who asked for it, and what its job is doing while it is not made."""

    clip: Clip
    asked_by: str
    job: JobStatus | None

    @property
    def waits(self) -> bool:
        """It is neither there nor given up."""
        return self.clip.state in (RenditionState.WANTED, RenditionState.MAKING)


def of_recording(session: ReadSession, recording: UUID, *, after: str | None = None, limit: int = 25) -> Page[ClipLine]:
    """A page of them. Raises BadRequest for a cursor that is not ours."""
    query = (
        select(Clip, Person.display_name)
        .outerjoin(Person, Person.id == Clip.asked_by)
        .where(Clip.recording_id == recording)
        .order_by(Clip.asked_at.desc(), Clip.id.desc())
    )
    if after:
        query = query.where(Cursor.parse(after).before(Clip.asked_at, Clip.id))
    rows = session.execute(query.limit(limit + 1)).all()
    waiting = [row.Clip.job_id for row in rows if row.Clip.job_id and row.Clip.state is not RenditionState.READY]
    work = jobs.status(session, waiting)
    lines = [ClipLine(row.Clip, row.display_name or "a program", work.get(row.Clip.job_id or 0)) for row in rows]
    return page_of(lines, limit, lambda line: Cursor(line.clip.asked_at, line.clip.id))
