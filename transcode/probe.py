"""Examines a master: first bytes here, everything else by a child behind the wall."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from evidence.jobs import JobStopped
from evidence.vocabulary import Condition
from transcode import child, sandbox
from transcode.child import Command, Listener, Ranges
from transcode.condition import Verdict, judge
from transcode.ending import Ending, How, detail
from transcode.errors import ChildBroke, SandboxRefused
from transcode.media import MediaFacts
from transcode.said import words
from transcode.sandbox import Wall
from transcode.settings import TranscodeSettings
from transcode.signature import HEAD, Seems, Signature, signature

PATIENCE = 6
NEEDED_LAYERS = ("landlock-files", "seccomp")


@dataclass(frozen=True, slots=True)
class Examination:
    """What is known of a master after looking at it. `facts` is nothing where the bytes were refused."""

    verdict: Verdict
    facts: MediaFacts | None
    signature: Signature
    ending: Ending


def examine(
    source: Ranges,
    settings: TranscodeSettings,
    *,
    has_key: bool = False,
    stopping: threading.Event | None = None,
) -> Examination:
    """Look at a master without downloading it.

    A child that was ended from outside says nothing about the master either, and the verdict says that: whoever can
    try again does. Raises ChildBroke where the child never began or was starved, SandboxRefused, JobStopped, and
    whatever reading the source raises.
    """
    seen = signature(source.read_at(0, min(HEAD, source.size)) if source.size else b"", source.size)
    if seen.seems in (Seems.EMPTY, Seems.POINTER, Seems.KEY):
        ending = Ending(how=How.CLEAN)
        return Examination(judge(seen, ending, None, has_key=has_key), None, seen, ending)
    insist_on_wall(settings)
    wall = Wall(cpu_seconds=int(settings.probe_seconds), address_space=settings.child_memory, file_size=0)
    command = Command(
        inside="probe",
        wall=wall,
        # A slow store or a busy host is no fault of the master's: its own work is bounded by CPU time.
        seconds=PATIENCE * settings.probe_seconds,
        reads=source,
        read_budget=settings.probe_bytes,
    )
    ending = child.run(command, Listener(stopping=stopping or threading.Event()))
    if ending.how is How.STOPPED:
        raise JobStopped("the examination was called off")
    if ending.how in (How.NO_WALL, How.TIMED_OUT):
        raise ChildBroke("examining the master", ending)
    facts, broken = _facts(ending)
    verdict = broken or judge(seen, ending, facts, has_key=has_key)
    return Examination(verdict, facts, seen, ending)


def insist_on_wall(settings: TranscodeSettings) -> None:
    """Raise SandboxRefused where the settings demand layers that this host lacks."""
    missing = tuple(name for name in sandbox.missing(sandbox.layers()) if name in NEEDED_LAYERS)
    if missing and settings.sandbox == "required":
        raise SandboxRefused(missing)


def facts_of(told: dict[str, Any], messages: tuple[str, ...]) -> MediaFacts | None:
    """A look in words and numbers; nothing where the bytes were refused. Raises ValueError, TypeError on nonsense."""
    return None if "refused" in told else MediaFacts(**told, messages=messages)


def _facts(ending: Ending) -> tuple[MediaFacts | None, Verdict | None]:
    """Believe the child as far as its words can be checked; a verdict where it broke or talks nonsense."""
    if ending.how is How.EXIT_CODE:
        told = detail(" ".join(ending.messages[-1:]))
        said = f"The examination of this file broke off{told}. It is kept as it came."
        return None, Verdict(Condition.UNKNOWN, said)
    if not ending.usable:
        return None, None
    try:
        return facts_of(words(ending.output), ending.messages), None
    except (ValueError, TypeError) as error:
        said = f"What it says of itself cannot be{detail(type(error).__name__)}. It is kept as it came."
        return None, Verdict(Condition.HOSTILE, said)
