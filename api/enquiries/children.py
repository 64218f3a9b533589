"""How the children that read media ended lately, and what was measured of the copies that they made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Float, Row, func, select

from evidence import clock
from evidence.database import ReadSession
from evidence.models import ChildEnding, Rendition
from evidence.vocabulary import HowEnded, RenditionState

LATELY: Final = timedelta(hours=24)

ENDINGS: Final[Mapping[HowEnded, tuple[str, str]]] = {
    HowEnded.CLEAN: ("good", "Ended well"),
    HowEnded.WITH_MESSAGES: ("quiet", "Ended, with messages about the file"),
    HowEnded.EXIT_CODE: ("warn", "Ended with an error"),
    HowEnded.SIGNAL: ("bad", "Fell over (a signal)"),
    HowEnded.TIMED_OUT: ("bad", "Took too long"),
    HowEnded.CPU_LIMIT: ("warn", "Asked for too much work"),
    HowEnded.FILE_LIMIT: ("warn", "Wrote too much"),
    HowEnded.OUT_OF_MEMORY: ("warn", "Asked for too much memory"),
    HowEnded.TOO_MUCH_OUTPUT: ("warn", "Said too much"),
    HowEnded.TOO_MUCH_READ: ("warn", "Read without end"),
    HowEnded.NO_WALL: ("bad", "Could not be walled in"),
    HowEnded.STOPPED: ("quiet", "Called off"),
    HowEnded.LOST: ("bad", "Lost with its worker"),
}
"""Look and words of each way to end."""

TASKS: Final[Mapping[str, str]] = {
    "probe": "examining",
    "remux": "copying packets",
    "tables": "checking copies",
    "ffmpeg": "encoding",
    "survey": "making pictures",
    "packets": "counting packets",
    "repair": "repairing",
    "quality": "measuring quality",
    "cut": "cutting out parts",
    "look": "checking parts",
    "join": "putting parts together",
    "clips": "cutting clips",
    # Of those that were lost with their worker, the job: what its child did just then nobody saw.
    "transcode.probe": "a job that examines",
    "transcode.render": "a job that makes a copy",
    "transcode.segment": "a job that makes a part of a copy",
    "transcode.join": "a job that joins parts",
    "transcode.beginning": "a job that joins a beginning",
    "transcode.pictures": "a job that makes pictures",
    "transcode.clip": "a job that cuts a clip",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingLine:
    """One way to end: how many children, and by what they were to do. Children that did well stand first."""

    ending: HowEnded
    look: str
    words: str
    count: int
    tasks: Mapping[str, int]

    @property
    def by_task(self) -> str:
        """In words."""
        return ", ".join(f"{TASKS.get(task, task)} {number:,}" for task, number in self.tasks.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityLine:
    """Copies by one recipe on one tool build that were measured, by one gauge. `below`: under the floor."""

    recipe: str
    tool: str
    build: str
    gauge: str
    copies: int
    mean: float
    least: float
    floor: float | None
    below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Both, at one moment."""

    endings: tuple[EndingLine, ...]
    quality: tuple[QualityLine, ...]


def children(session: ReadSession) -> Children:
    """Look both up."""
    return Children(endings=endings(session), quality=qualities(session))


def endings(session: ReadSession) -> tuple[EndingLine, ...]:
    """The ways to end that were seen in the last day, in the order of the list."""
    asked = (
        select(ChildEnding.ending, ChildEnding.task, func.sum(ChildEnding.count))
        .where(ChildEnding.hour > clock.now() - LATELY)
        .group_by(ChildEnding.ending, ChildEnding.task)
        .order_by(ChildEnding.task)
    )
    found: dict[HowEnded, dict[str, int]] = {}
    for ending, task, number in session.execute(asked):
        found.setdefault(ending, {})[task] = int(number)
    return tuple(
        EndingLine(ending=each, look=look, words=words, count=sum(found[each].values()), tasks=found[each])
        for each, (look, words) in ENDINGS.items()
        if each in found
    )


def qualities(session: ReadSession) -> tuple[QualityLine, ...]:
    """What was measured of copies that are served, by recipe, tool build and gauge."""
    told = Rendition.facts["quality"]
    gauge, build, floor = (told[name].astext for name in ("gauge", "build", "floor"))
    mean = told["mean"].astext.cast(Float)
    asked = (
        select(
            Rendition.recipe,
            func.max(told["tool"].astext).label("tool"),
            build.label("build"),
            gauge.label("gauge"),
            func.count().label("copies"),
            func.avg(mean).label("mean"),
            func.min(mean).label("least"),
            func.max(floor.cast(Float)).label("floor"),
            func.count().filter(told["below"].astext != "").label("below"),
        )
        .where(Rendition.facts.has_key("quality"), told.has_key("mean"), Rendition.state == RenditionState.READY)
        .group_by(Rendition.recipe, build, gauge)
        .order_by(Rendition.recipe, func.max(Rendition.made_at).desc())
    )
    return tuple(_line(row) for row in session.execute(asked))


def _line(row: Row[Any]) -> QualityLine:
    return QualityLine(**row._mapping)
