"""Counts the packets of a master that nobody reads for another reason, from its store's ranges."""

from __future__ import annotations

import threading
from collections.abc import Callable

from evidence.jobs import JobStopped
from transcode import child
from transcode.child import Command, Listener, Ranges
from transcode.ending import How
from transcode.errors import RenderFailed
from transcode.packets import Manifest
from transcode.plan import Limits
from transcode.said import Counted, understood
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings

DOING = "counting packets"
MOST_SAID = 256 << 20


def count(
    source: Ranges,
    limits: Limits,
    settings: TranscodeSettings,
    *,
    stopping: threading.Event | None = None,
    progress: Callable[[str], None] | None = None,
) -> Manifest:
    """The packets of a master, as far as it can be read; whatever ends that is the manifest's `ended_early`.

    Raises ChildBroke where the child never began, JobStopped, and whatever reading the source raises.
    """
    command = Command(
        inside="packets",
        wall=Wall(cpu_seconds=limits.cpu_seconds, address_space=settings.child_memory, file_size=0),
        seconds=limits.seconds,
        reads=source,
        read_budget=4 * source.size + (64 << 20),
        output_limit=MOST_SAID,
    )
    ending = child.run(command, Listener(stopping=stopping or threading.Event(), progress=progress))
    if ending.how is How.STOPPED:
        raise JobStopped(f"called off while {DOING}")
    try:
        said = understood(ending, Counted, DOING)
    except RenderFailed as error:
        return Manifest((), str(error))
    found = said.manifest()
    return Manifest(found.tracks, found.ended_early or " ".join(ending.messages[-1:]))
