"""Looks at a finished copy while its master is at hand: a few pictures, a bounded cost, a word that is kept with it."""

from __future__ import annotations

from threading import Event
from typing import Any, Final

from sqlalchemy import select

from evidence.bootstrap import House
from evidence.jobs import JobStopped
from evidence.models import Rendition
from evidence.vocabulary import RenditionState
from transcode import ffmpeg
from transcode.ending import How
from transcode.quality.gauge import Pair, Reading, measure
from transcode.quality.records import Case, below, build_of, floor_of
from transcode.quality.samples import Sample, early, spread, unsought
from transcode.said import ReadingSaid
from transcode.settings import TranscodeSettings

FACTS: Final = "quality"
"""Where a rendition's row keeps what was measured."""


def is_due(house: House, settings: TranscodeSettings, *, recipe: str, sha256: str) -> bool:
    """Whether this copy is one of those that are looked at: one in so many, and the first of each tool build."""
    if not settings.quality_one_in:
        return False
    if int(sha256[:12], 16) % settings.quality_one_in == 0:
        return True
    return _seen(house, recipe, build_of(ffmpeg.tool(settings)), settings.quality_first) < settings.quality_first


def _seen(house: House, recipe: str, build: str, most: int) -> int:
    """How many copies by this recipe and tool build were measured, counted no further than `most`."""
    measured = (
        select(Rendition.id)
        .where(Rendition.facts.has_key(FACTS), Rendition.recipe == recipe)
        .where(Rendition.facts[FACTS]["build"].astext == build, Rendition.state == RenditionState.READY)
        .limit(most)
    )
    with house.reading() as session:
        return len(session.scalars(measured).all())


def look(
    pair: Pair, master: ReadingSaid, copy: ReadingSaid, settings: TranscodeSettings, stopping: Event, *, seeks: bool
) -> dict[str, Any]:
    """Measure a few pictures of a copy, for its row. What cannot be measured says why; raises JobStopped alone.

    `seeks`: the master can be entered in its middle; without, pictures near the beginning are measured. A reading
    below the floor is taken again, counted from the beginning: a container may seek worse than it should.
    """
    samples = (spread if seeks else early)(master.times_us, copy.times_us)
    tool = ffmpeg.tool(settings)
    about = {"tool": tool.version, "build": build_of(tool)}
    if not samples:
        return {**about, "not_measured": "master and copy do not have the same number of pictures"}
    reading, why = _reading(pair, samples, settings, stopping)
    if reading is None:
        return {**about, "not_measured": why}
    told = _told(pair, reading)
    if told["below"] and samples[0].in_master is not None:
        again, why = _reading(pair, unsought(samples), settings, stopping)
        told = (
            _told(pair, again) if again else {**told, "below": "", "doubtful": f"{told['below']}; not confirmed: {why}"}
        )
    return {**about, **told}


def _reading(
    pair: Pair, samples: tuple[Sample, ...], settings: TranscodeSettings, stopping: Event
) -> tuple[Reading | None, str]:
    reading, ending = measure(pair, samples, settings, cpu_seconds=settings.quality_seconds, stopping=stopping)
    if ending.how is How.STOPPED:
        raise JobStopped("called off while the copy was looked at")
    return reading, "" if reading else ending.in_words()


def _told(pair: Pair, reading: Reading) -> dict[str, Any]:
    floor = floor_of(pair.plan.recipe, reading.gauge)
    case = Case(case="sample", frames=reading.frames, mean=reading.mean, least=reading.least)
    return {
        "gauge": reading.gauge,
        "frames": reading.frames,
        "mean": round(reading.mean, 4),
        "least": round(reading.least, 4),
        "floor": floor.mean if floor else None,
        "below": below(case, floor) if floor else "",
        "cpu_ms": round(reading.cpu_seconds * 1000),
    }
