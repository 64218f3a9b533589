"""Looks whether a recording without an index can be repaired: at its own pictures, and at the device's others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from evidence.bootstrap import House
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.jobs import JobStopped
from evidence.models import Master, Recording
from evidence.vocabulary import Condition, Playability
from transcode import child
from transcode.child import Command, Listener, Ranges
from transcode.ending import How
from transcode.errors import ChildBroke, RenderFailed
from transcode.media import MediaFacts, Ratio
from transcode.probe import PATIENCE
from transcode.ranges import ReadAhead
from transcode.repair import Known, LookSaid, ParametersSaid, Repair, facts_of, repair_by
from transcode.said import Saying, understood
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

MOST_SIBLINGS: Final = 3
MOST_TRIED: Final = 20
"""A recording that so many siblings did not help is left to a person."""
CODECS: Final = ("h264", "hevc")
SaidT = TypeVar("SaidT", bound=Saying)


@dataclass(frozen=True, slots=True)
class Sibling:
    """An intact recording of the same device."""

    reference: str
    key: str
    version_id: str
    rate: Ratio
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Hope:
    """A repair that is worth its work, and what is known of the pictures."""

    repair: Repair
    facts: MediaFacts


@dataclass(frozen=True, slots=True)
class Mender:
    """Looks for one recording. Nothing is written."""

    house: House
    settings: TranscodeSettings
    stopping: threading.Event

    def hope(self, recording_id: UUID, ranges: Ranges) -> Hope | None:
        """A repair that fits, by its own parameter sets or by those of the nearest of its siblings; else nothing.

        Raises RenderFailed where a child was ended from outside, JobStopped, ChildBroke, and what the store raises.
        """
        with self.house.reading() as session:
            siblings = siblings_of(session, recording_id)
        look = self._ask(ranges, LookSaid, {"do": "look"})
        if look is not None and look.own_sets:
            return self._hope_by_own(look, siblings, ranges)
        for sibling in siblings:
            found = self._hope_by(sibling, ranges)
            if found is not None:
                return found
        return None

    def _hope_by_own(self, look: LookSaid, siblings: list[Sibling], ranges: Ranges) -> Hope | None:
        """Its pictures say how they are decoded; how its sound is, and how it is turned, only a sibling knows."""
        for sibling in siblings:
            said = self._parameters(sibling)
            if said is None or said.sound is None:
                continue
            heard = self._ask(ranges, LookSaid, {"do": "look", "sound": said.sound.model_dump()})
            if heard is not None and heard.sounds(said.sound.codec):
                return _hope(heard, ranges.size, _known(sibling, said))
        nearest = Known(rate=siblings[0].rate, rotation=siblings[0].rotation) if siblings else Known()
        return _hope(look, ranges.size, nearest)

    def _hope_by(self, sibling: Sibling, ranges: Ranges) -> Hope | None:
        said = self._parameters(sibling)
        if said is None or not said.sets:
            return None
        sound = said.sound.model_dump() if said.sound else None
        look = self._ask(ranges, LookSaid, {"do": "look", "codec": said.codec, "sets": said.sets, "sound": sound})
        return _hope(look, ranges.size, _known(sibling, said)) if look is not None else None

    def _parameters(self, sibling: Sibling) -> ParametersSaid | None:
        theirs = ReadAhead(self.house.masters.ranges(sibling.key, version_id=sibling.version_id))
        return self._ask(theirs, ParametersSaid, {"do": "parameters"})

    def _ask(self, ranges: Ranges, kind: type[SaidT], options: dict[str, Any]) -> SaidT | None:
        """A child's answer; nothing where it had none, for whatever reason lies in the bytes."""
        settings = self.settings
        command = Command(
            inside="repair",
            task={"options": options},
            wall=Wall(cpu_seconds=int(settings.probe_seconds), address_space=settings.child_memory, file_size=0),
            seconds=PATIENCE * settings.probe_seconds,
            reads=ranges,
            read_budget=settings.probe_bytes,
        )
        ending = child.run(command, Listener(stopping=self.stopping))
        if ending.how is How.STOPPED:
            raise JobStopped("looking for a repair was called off")
        if ending.how is How.TIMED_OUT:
            raise ChildBroke("looking for a repair", ending)
        try:
            return understood(ending, kind, "looking for a repair")
        except RenderFailed as error:
            if error.ending.from_outside:
                raise
            return None


def _known(sibling: Sibling, said: ParametersSaid) -> Known:
    return Known(reference=sibling.reference, rate=sibling.rate, sound=said.sound, rotation=sibling.rotation)


def _hope(look: LookSaid, size: int, known: Known) -> Hope | None:
    repair = repair_by(look, known)
    return Hope(repair, facts_of(look, repair, size)) if repair is not None else None


def siblings_of(session: ReadSession, recording_id: UUID) -> list[Sibling]:
    """Intact recordings of the same device, or of the same make and model: the nearest in number first, and where
    those were tried before, the newest.
    """
    mine = session.get_one(Recording, recording_id)
    near = -Recording.number if mine.siblings_tried else func.abs(Recording.number - mine.number)
    asked = (
        select(Recording, Master)
        .join(Master, Master.id == Recording.id)
        .where(_is_sibling(Recording, mine))
        .order_by((Recording.device_label == mine.device_label).desc(), near)
        .limit(10 * MOST_SIBLINGS)
    )
    return list(_useful(session.execute(asked)))[:MOST_SIBLINGS]


def count_siblings(session: ReadSession, recording_id: UUID) -> int:
    """How many there are, whether or not a repair can go by them."""
    mine = session.get_one(Recording, recording_id)
    return session.scalar(select(func.count()).select_from(Recording).where(_is_sibling(Recording, mine))) or 0


def with_new_sibling(most: int) -> Select[Recording]:
    """Recordings that could not be repaired, and that have a sibling now which they had not when that was tried."""
    mine, other = Recording, aliased(Recording)
    beside = select(func.count()).select_from(other).where(_is_sibling(other, mine)).scalar_subquery()
    return (
        select(mine)
        .where(mine.siblings_tried.is_not(None), mine.siblings_tried < MOST_TRIED, beside > mine.siblings_tried)
        .where(mine.playability.in_([Playability.UNPLAYABLE, Playability.FAILED]))
        .limit(most)
    )


def _is_sibling(other: Any, mine: Any) -> ColumnElement[bool]:
    """Of the same device, or of the same make and model; `mine` may be a row or the table itself."""
    alike = and_(other.camera_make == mine.camera_make, other.camera_model == mine.camera_model)
    return and_(
        other.id != mine.id,
        other.condition == Condition.SOUND,
        or_(other.device_label == mine.device_label, and_(other.camera_make != "", other.camera_model != "", alike)),
    )


def _useful(rows: Any) -> Iterator[Sibling]:
    """Those whose pictures have units that can be told, in a container that keeps lengths before them."""
    for recording, master in rows:
        facts = MediaFacts.model_validate(recording.media_facts) if recording.media_facts else None
        picture = facts.picture if facts is not None else None
        if facts is not None and facts.is_mp4 and picture is not None and picture.codec in CODECS:
            yield Sibling(
                recording_reference(recording.number), master.key, master.version_id, picture.rate, picture.rotation
            )
