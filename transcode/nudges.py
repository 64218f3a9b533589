"""Which job serves which waiting row. Pure; the first ask, a person's retry and the sweep use the same words."""

from __future__ import annotations

from math import log2
from typing import Final
from uuid import UUID

from evidence.jobs import JobRequest
from evidence.vocabulary import RenditionMethod

PROBE: Final = "transcode.probe"
RENDER: Final = "transcode.render"
PICTURES: Final = "transcode.pictures"
PROBE_PRIORITY: Final = 70
PICTURES_PRIORITY: Final = 40
RENDER_PRIORITY: Final = 20
REMUX_PRIORITY: Final = 60
URGENT: Final = 100
STEPS: Final = 19
"""By so much at most a long encode goes before a short one of its class: the next class begins above."""
LEAST_WORK: Final = 1 << 30
"""Pixels, some 17 seconds of 1080p30: what is less is all alike."""


def probe_request(recording: UUID) -> JobRequest:
    """Examine a recording's master."""
    return JobRequest(task=PROBE, args={"recording": str(recording)}, queue="verify", priority=PROBE_PRIORITY)


def longest_first(pixels: int) -> int:
    """How far an encode of so many pixels goes before shorter ones: 0 to STEPS, three steps for four times as much.

    What begins last should be short, or all cores but one wait for its end. Waiting work rises past STEPS and to
    one height (`evidence.jobs.upkeep`), where what came first is done first: nothing short starves.
    """
    return min(STEPS, int(1.5 * log2(max(1, pixels / LEAST_WORK))))


def render_request(rendition: UUID, *, method: RenditionMethod, urgent: int, pixels: int = 0) -> JobRequest:
    """Make a playback copy. `urgent` is the arrival's priority: above zero it goes into the lane kept free.

    `pixels` are those of all its pictures together: what is longer goes first. Copying packets takes a thousandth
    of encoding: it has a lane of its own, and never waits behind an encode.
    """
    args = {"rendition": str(rendition)}
    if urgent > 0:
        return JobRequest(task=RENDER, args=args, queue="transcode_urgent", priority=URGENT)
    if method is RenditionMethod.REMUX:
        return JobRequest(task=RENDER, args=args, queue="remux", priority=REMUX_PRIORITY)
    return JobRequest(task=RENDER, args=args, queue="transcode", priority=RENDER_PRIORITY + longest_first(pixels))


def pictures_request(recording: UUID) -> JobRequest:
    """Make poster, storyboard, waveform and frame times, whichever are still wanted."""
    return JobRequest(task=PICTURES, args={"recording": str(recording)}, queue="pictures", priority=PICTURES_PRIORITY)
