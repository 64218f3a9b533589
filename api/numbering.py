"""Whether anybody numbers the events of the custody log now, for people: since when nobody does, and what to do."""

from __future__ import annotations

from typing import Any

from evidence import clock
from evidence.database import ReadSession
from evidence.sequencing.reading import leadership, log_standing

CONSEQUENCE = "Events are kept and wait; no receipt gets its proof, no source is let go, and no package is made."
START = (
    "Start one: `continuity sequencer`, or its service. Under `continuity up`, which starts none again that has"
    " halted, stop that and start it again."
)
MEND = (
    "Mend that first: `continuity custody head` and the run-book rolled-back say how; after a restore it is "
    "`continuity custody rollforward`. Then start the sequencer again."
)


def standing_of_log(session: ReadSession) -> dict[str, Any]:
    """How the numbering stands. `trouble` says in words that nobody numbers events, or is None."""
    found, leads = log_standing(session), leadership(session)
    said: dict[str, Any] = {
        "led": leads.is_led,
        "halted": found.halted,
        "waiting": found.waiting,
        "oldest_waiting": _text(leads.oldest_waiting),
        "last_signed": _text(leads.last_signed),
    }
    return {**said, "trouble": _trouble(said)}


def _trouble(said: dict[str, Any]) -> str | None:
    if said["halted"] is None and said["led"]:
        return None
    if said["halted"] is not None:
        words = f"The custody log is halted, and nobody numbers events: {said['halted'].rstrip('.')}."
        return f"{words} {_since(said)} {CONSEQUENCE} {MEND}"
    return f"No sequencer runs, and nobody numbers events. {_since(said)} {CONSEQUENCE} {START}"


def _since(said: dict[str, Any]) -> str:
    signed = f"was signed at {said['last_signed']}" if said["last_signed"] else "has never been signed"
    if not said["waiting"]:
        return f"The newest checkpoint {signed}; no event waits yet."
    events = "1 event waits" if said["waiting"] == 1 else f"{said['waiting']} events wait"
    return f"The newest checkpoint {signed}; {events}, the oldest since {said['oldest_waiting']}."


def _text(moment: Any) -> str | None:
    return clock.as_text(moment) if moment is not None else None
