"""Looks whether a recording without an index can be repaired: at its own pictures, and at the device's others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from evidence.bootstrap import House
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.jobs import JobStopped
from evidence.models import Master, Recording
from evidence.vocabulary import Condition
from transcode import child
from transcode.child import Command, Listener, Ranges
from transcode.ending import How
from transcode.errors import ChildBroke, RenderFailed
from transcode.media import MediaFacts, Ratio
from transcode.probe import PATIENCE
from transcode.ranges import ReadAhead
from transcode.repair import LookSaid, ParametersSaid, Repair, facts_of, repair_by
from transcode.said import Saying, understood
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

MOST_SIBLINGS: Final = 3
CODECS: Final = ("h264", "hevc")
SaidT = TypeVar("SaidT", bound=Saying)


@dataclass(frozen=True, slots=True)
class Sibling:
    """An intact recording of the same device."""

    reference: str
    key: str
    version_id: str
    rate: Ratio


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

        Raises JobStopped, ChildBroke, and what the store raises.
        """
        with self.house.reading() as session:
            siblings = siblings_of(session, recording_id)
        look = self._ask(ranges, LookSaid, {"do": "look"})
        if look is not None and look.own_sets:
            return _hope(look, ranges.size, rate=siblings[0].rate if siblings else None)
        for sibling in siblings:
            found = self._hope_by(sibling, ranges)
            if found is not None:
                return found
        return None

    def _hope_by(self, sibling: Sibling, ranges: Ranges) -> Hope | None:
        theirs = ReadAhead(self.house.masters.ranges(sibling.key, version_id=sibling.version_id))
        said = self._ask(theirs, ParametersSaid, {"do": "parameters"})
        if said is None or not said.sets:
            return None
        look = self._ask(ranges, LookSaid, {"do": "look", "codec": said.codec, "sets": said.sets})
        return _hope(look, ranges.size, sibling=sibling.reference, rate=sibling.rate) if look is not None else None

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
        except RenderFailed:
            return None


def _hope(look: LookSaid, size: int, *, sibling: str = "", rate: Ratio = None) -> Hope | None:
    repair = repair_by(look, sibling=sibling, rate=rate)
    return Hope(repair, facts_of(look, repair, size)) if repair is not None else None


def siblings_of(session: ReadSession, recording_id: UUID) -> list[Sibling]:
    """Intact recordings of the same device, or of the same make and model, the nearest in number first."""
    mine = session.get_one(Recording, recording_id)
    like = [Recording.device_label == mine.device_label]
    if mine.camera_make and mine.camera_model:
        like.append(and_(Recording.camera_make == mine.camera_make, Recording.camera_model == mine.camera_model))
    asked = (
        select(Recording, Master)
        .join(Master, Master.id == Recording.id)
        .where(Recording.id != recording_id, Recording.condition == Condition.SOUND, or_(*like))
        .order_by((Recording.device_label == mine.device_label).desc(), func.abs(Recording.number - mine.number))
        .limit(10 * MOST_SIBLINGS)
    )
    return list(_useful(session.execute(asked)))[:MOST_SIBLINGS]


def _useful(rows: Any) -> Iterator[Sibling]:
    """Those whose pictures have units that can be told, in a container that keeps lengths before them."""
    for recording, master in rows:
        facts = MediaFacts.model_validate(recording.media_facts) if recording.media_facts else None
        picture = facts.picture if facts is not None else None
        if facts is not None and facts.is_mp4 and picture is not None and picture.codec in CODECS:
            yield Sibling(recording_reference(recording.number), master.key, master.version_id, picture.rate)
