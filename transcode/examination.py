"""The story of the job `transcode.probe`: a master is examined, and how it becomes playable is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.bootstrap import House
from evidence.database import ReadSession, WriteSession
from evidence.jobs import RunningJob, enqueue, held
from evidence.models import Arrival, Master, Recording, Rendition, Sidecar
from evidence.models import Urgency as StatedUrgency
from evidence.vocabulary import Condition, Playability, RenditionKind, RenditionMethod, RenditionState
from transcode import repair, results, urgency
from transcode.check import not_shown_of
from transcode.child import Ranges
from transcode.condition import NO_INDEX, ended_from_outside
from transcode.errors import RenderFailed
from transcode.media import MediaFacts
from transcode.mending import Hope, Mender, count_siblings
from transcode.nudges import pictures_request, render_request
from transcode.outside import try_once_more
from transcode.plan import RECIPE, Plan, Unplayable, decide, pixels_of
from transcode.probe import Examination, examine
from transcode.ranges import ReadAhead
from transcode.results import Result, Wish
from transcode.settings import TranscodeSettings
from transcode.urgency import Facts, Urgency

PICTURES_RECIPE = "pictures-1"
NO_COPY_NO_PICTURES: Final = (
    "it comes with the repaired copy, and that could not be made; the master itself cannot be looked through"
)


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines masters."""

    house: House
    settings: TranscodeSettings

    def run(self, job: RunningJob) -> None:
        """Read what is needed of the master, decide, and write it all down at once.

        Any step may be repeated after a crash; a recording that is playable already is left as it is. Where a child
        was ended from outside for the first time it raises ChildKilled, and the job comes round again; the second
        time that is what the record says.
        """
        recording_id = UUID(str(job.args["recording"]))
        with self.house.reading() as session:
            master = session.get_one(Master, recording_id)
            recording = session.get_one(Recording, recording_id)
            has_key = key_lies_beside(session, recording_id)
        if recording.playability is Playability.PLAYABLE and recording.condition is not Condition.UNEXAMINED:
            return
        job.report("examining", None)
        ranges = ReadAhead(self.house.masters.ranges(master.key, version_id=master.version_id))
        found = examine(ranges, self.settings, has_key=has_key, stopping=job.stopping)
        try_once_more(self.house, job, "examining the master", found.ending)
        plan = decide(found.facts, found.verdict.condition, longest_hours=self.settings.longest_hours)
        tried = self._siblings(recording_id, found)
        try:
            hope = self._hope(recording_id, found, ranges, job)
        except RenderFailed as error:
            try_once_more(self.house, job, error.doing, error.ending)
            hope, found = None, _with_reason(found, ended_from_outside("Looking for a repair", error.ending))
        if tried is not None and hope is None and found.verdict.sentence == NO_INDEX:
            found = _with_reason(found, repair.unrepaired(tried))
        with self.house.writing() as session:
            write_examination(session, master, found, plan, hope)
            results.locked_recording(session, recording_id).siblings_tried = tried
            held(session, job.held)

    def _siblings(self, recording_id: UUID, found: Examination) -> int | None:
        """How many there are that a repair could go by, counted before they are tried; nothing where none is needed."""
        if not repair.worth_trying(found.verdict, found.signature, found.facts):
            return None
        with self.house.reading() as session:
            return count_siblings(session, recording_id)

    def _hope(self, recording_id: UUID, found: Examination, ranges: Ranges, job: RunningJob) -> Hope | None:
        """What is cut off before its index was written can often be repaired.

        Raises RenderFailed where looking for that was ended from outside.
        """
        if not repair.worth_trying(found.verdict, found.signature, found.facts):
            return None
        job.report("looking for pictures", None)
        return Mender(self.house, self.settings, job.stopping).hope(recording_id, ranges)


def _with_reason(found: Examination, because: str) -> Examination:
    """What no repair could be found for says so, and why or what would help."""
    said = f"{found.verdict.sentence} {because}"
    return replace(found, verdict=replace(found.verdict, sentence=said))


def key_lies_beside(session: ReadSession, recording_id: UUID) -> bool:
    """The device laid an encryption key beside this recording."""
    sidecars = session.scalars(select(Sidecar).where(Sidecar.recording_id == recording_id))
    return any(sidecar.facts.get("encrypted") for sidecar in sidecars)


def write_examination(
    session: WriteSession, master: Master, found: Examination, plan: Plan | Unplayable, hope: Hope | None = None
) -> None:
    """Condition, facts, and what is to be made, with their events and jobs. `hope`: a repair that is worth trying."""
    recording = results.locked_recording(session, master.id)
    results.write_examined(session, recording, found.verdict)
    if hope is not None:
        _want_repaired(session, master, recording, hope)
        results.tell(session, recording)
        return
    if found.facts is not None:
        recording.media_facts = found.facts.model_dump(mode="json", exclude_defaults=True)
        recording.duration_ms = found.facts.length_ms or None
    if isinstance(plan, Unplayable) or found.facts is None:
        results.write_unplayable(session, recording, found.verdict.sentence)
    else:
        _want_all(session, master, recording, found.facts, plan)
    results.tell(session, recording)


def _want_all(session: WriteSession, master: Master, recording: Recording, facts: MediaFacts, plan: Plan) -> None:
    wish = Wish(kind=RenditionKind.PLAYBACK, method=plan.method, why=plan.reason, recipe=RECIPE)
    row = results.want(session, recording, master, wish)
    wanted = _want_pictures(session, master, recording, facts, sounds=bool(facts.sounds))
    session.flush()
    if plan.method is RenditionMethod.DIRECT:
        noticed = {"remarks": said} if (said := not_shown_of(facts)) else {}
        served = Result(kind=row.kind, method=plan.method, content_type=plan.content_type, facts=noticed)
        results.write_ready(session, recording, row, served)
        row.size, row.sha256 = master.size, master.sha256
        ask_for_pictures(session, recording, wanted)
        return
    recording.playability, recording.playability_reason = Playability.PREPARING, plan.reason
    enqueue_render(session, row)


def _want_repaired(session: WriteSession, master: Master, recording: Recording, hope: Hope) -> None:
    """The recording has no length that anybody knows; pictures come with the copy or not at all."""
    recording.media_facts = hope.facts.model_dump(mode="json", exclude_defaults=True)
    why = repair.plan(hope.facts, hope.repair, longest_hours=1).reason
    wish = Wish(kind=RenditionKind.PLAYBACK, method=RenditionMethod.TRANSCODE, why=why, recipe=repair.RECIPE)
    row = results.want(session, recording, master, wish)
    if row.state is RenditionState.READY:
        return
    row.facts = {repair.FACTS: hope.repair.model_dump(mode="json")}
    _want_pictures(session, master, recording, hope.facts, sounds=hope.repair.sound is not None)
    session.flush()
    recording.playability, recording.playability_reason = Playability.PREPARING, why
    enqueue_render(session, row)


def _want_pictures(
    session: WriteSession, master: Master, recording: Recording, facts: MediaFacts, *, sounds: bool
) -> list[Rendition]:
    """The kinds that this recording can have: pictures need a picture, a waveform needs sound."""
    kinds = [RenditionKind.POSTER, RenditionKind.STORYBOARD, RenditionKind.FRAMES] if facts.pictures else []
    kinds += [RenditionKind.WAVEFORM] if sounds else []
    made = partial(Wish, method=RenditionMethod.PICTURES, why="shown beside the recording", recipe=PICTURES_RECIPE)
    return [results.want(session, recording, master, made(kind=kind)) for kind in kinds]


def enqueue_render(session: WriteSession, row: Rendition) -> None:
    """Nudge a worker to make this row's copy, sooner where the law's clock runs."""
    urgent = urgency_of(session, row.recording_id).priority
    pixels = pixels_in(session.get_one(Recording, row.recording_id))
    row.job_id = enqueue(session, render_request(row.id, method=row.method, urgent=urgent, pixels=pixels))


def ask_for_pictures(session: WriteSession, recording: Recording, rows: Sequence[Rendition]) -> None:
    """Nudge a worker to make what is shown beside a recording out of its master."""
    number = enqueue(session, pictures_request(recording.id)) if rows else None
    for row in rows:
        row.job_id = number


def settle_beside(session: WriteSession, recording: Recording, copy: Rendition) -> None:
    """No copy came: what was to come with it, or after it, is made of the master; where nothing can read that, not at
    all, and says so.
    """
    rest = [row for row in results.rows_of(session, recording.id) if row.state is RenditionState.WANTED]
    rest = [row for row in rest if row.kind is not RenditionKind.PLAYBACK]
    if copy.recipe != repair.RECIPE:
        ask_for_pictures(session, recording, rest)
        return
    for row in rest:
        results.write_failed(session, recording, row, NO_COPY_NO_PICTURES)


def pixels_in(recording: Recording) -> int:
    """Those of all pictures of a recording together; 0 where nothing is known of them."""
    facts = recording.media_facts
    return pixels_of(MediaFacts.model_validate(facts)) if facts else 0


def urgency_of(session: ReadSession, recording_id: UUID) -> Urgency:
    """How soon a recording's work is due, from all that is known of it now."""
    said = select(StatedUrgency).where(StatedUrgency.recording_id == recording_id, StatedUrgency.cleared_at.is_(None))
    stated = session.scalars(said).one_or_none()
    classes = session.scalars(select(Arrival.priority).where(Arrival.master_id == recording_id)).all()
    facts = Facts(
        stated=stated.reason if stated else None,
        until=stated.until if stated else None,
        dock_class=max(classes, default=0),
        kind=session.scalars(select(Recording.kind).where(Recording.id == recording_id)).one(),
    )
    return urgency.decide(facts, clock.now())
