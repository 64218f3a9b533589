"""Which job serves which waiting row. Pure; the first ask, a person's retry and the sweep use the same words."""

from __future__ import annotations

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


def probe_request(recording: UUID) -> JobRequest:
    """Examine a recording's master."""
    return JobRequest(task=PROBE, args={"recording": str(recording)}, queue="verify", priority=PROBE_PRIORITY)


def render_request(rendition: UUID, *, method: RenditionMethod, urgent: int) -> JobRequest:
    """Make a playback copy. `urgent` is the arrival's priority: above zero it goes into the lane kept free.

    Copying packets takes a thousandth of encoding: it has a lane of its own, and never waits behind an encode.
    """
    args = {"rendition": str(rendition)}
    if urgent > 0:
        return JobRequest(task=RENDER, args=args, queue="transcode_urgent", priority=URGENT)
    if method is RenditionMethod.REMUX:
        return JobRequest(task=RENDER, args=args, queue="remux", priority=REMUX_PRIORITY)
    return JobRequest(task=RENDER, args=args, queue="transcode", priority=RENDER_PRIORITY)


def pictures_request(recording: UUID) -> JobRequest:
    """Make poster, storyboard, waveform and frame times, whichever are still wanted."""
    return JobRequest(task=PICTURES, args={"recording": str(recording)}, queue="pictures", priority=PICTURES_PRIORITY)
