"""Which job serves which waiting row. Pure; the first ask, a person's retry and the sweep use the same words."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import Final
from uuid import UUID

from evidence.jobs import JobRequest
from evidence.vocabulary import RenditionMethod

PROBE: Final = "transcode.probe"
RENDER: Final = "transcode.render"
PICTURES: Final = "transcode.pictures"
SEGMENT: Final = "transcode.segment"
JOIN: Final = "transcode.join"
BEGINNING: Final = "transcode.beginning"
PROBE_PRIORITY: Final = 70
PICTURES_PRIORITY: Final = 40
RENDER_PRIORITY: Final = 20
REMUX_PRIORITY: Final = 60
STEPS: Final = 19
"""By so much at most a long encode goes before a short one of its class: the next class begins above."""
LEAST_WORK: Final = 1 << 30
"""Pixels, some 17 seconds of 1080p30: what is less is all alike."""
URGENT_QUEUE: Final = "transcode_urgent"


@dataclass(frozen=True, slots=True)
class Turn:
    """The queue and the priority of one kind of work."""

    queue: str
    priority: int


def longest_first(pixels: int) -> int:
    """How far an encode of so many pixels goes before shorter ones: 0 to STEPS, three steps for four times as much.

    What begins last should be short, or all cores but one wait for its end. Waiting work rises past STEPS and to
    one height (`evidence.jobs.upkeep`), where what came first is done first: nothing short starves.
    """
    return min(STEPS, int(1.5 * log2(max(1, pixels / LEAST_WORK))))


def render_turn(method: RenditionMethod, *, urgent: int, pixels: int = 0) -> Turn:
    """When a playback copy is made. `urgent` above zero is its priority in the lane that is kept free.

    `pixels` are those of all its pictures together: what is longer goes first. Copying packets takes a thousandth
    of encoding: it has a lane of its own, and never waits behind an encode.
    """
    if urgent > 0:
        return Turn(URGENT_QUEUE, urgent)
    if method is RenditionMethod.REMUX:
        return Turn("remux", REMUX_PRIORITY)
    return Turn("transcode", RENDER_PRIORITY + longest_first(pixels))


def segment_turn(*, urgent: int) -> Turn:
    """When a part of a copy is encoded."""
    return render_turn(RenditionMethod.TRANSCODE, urgent=urgent)


def joining_turn(*, urgent: int) -> Turn:
    """When parts are put together: packets are copied, in the lane for that."""
    return Turn("remux", max(urgent, REMUX_PRIORITY))


def probe_request(recording: UUID) -> JobRequest:
    """Examine a recording's master."""
    return JobRequest(task=PROBE, args={"recording": str(recording)}, queue="verify", priority=PROBE_PRIORITY)


def render_request(rendition: UUID, *, method: RenditionMethod, urgent: int, pixels: int = 0) -> JobRequest:
    """Make a playback copy. `pixels` are those of all its pictures together."""
    turn = render_turn(method, urgent=urgent, pixels=pixels)
    return JobRequest(task=RENDER, args={"rendition": str(rendition)}, queue=turn.queue, priority=turn.priority)


def segment_request(segment: UUID, *, urgent: int) -> JobRequest:
    """Make one part of a copy."""
    turn = segment_turn(urgent=urgent)
    return JobRequest(task=SEGMENT, args={"segment": str(segment)}, queue=turn.queue, priority=turn.priority)


def join_request(rendition: UUID, *, urgent: int) -> JobRequest:
    """Put the parts of a copy together, once all are there."""
    turn = joining_turn(urgent=urgent)
    return JobRequest(task=JOIN, args={"rendition": str(rendition)}, queue=turn.queue, priority=turn.priority)


def beginning_request(rendition: UUID, *, urgent: int) -> JobRequest:
    """Put the first parts of a copy together, so that they can be watched."""
    turn = joining_turn(urgent=urgent)
    return JobRequest(task=BEGINNING, args={"rendition": str(rendition)}, queue=turn.queue, priority=turn.priority)


def pictures_request(recording: UUID) -> JobRequest:
    """Make poster, storyboard, waveform and frame times, whichever are still wanted."""
    return JobRequest(task=PICTURES, args={"recording": str(recording)}, queue="pictures", priority=PICTURES_PRIORITY)
