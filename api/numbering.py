"""Whether anybody numbers the events of the custody log now, for people: since when nobody does, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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


def standing_of_log(session: ReadSession, *, shown: Callable[[datetime], str] = clock.as_text) -> dict[str, Any]:
    """How the numbering stands. `trouble` says in words that nobody numbers events, or is None; `said` is its parts.

    The parts are what is so, since when, what follows from it and what to do. `shown` writes times for the reader.
    """
    found, leads = log_standing(session), leadership(session)
    said: dict[str, Any] = {
        "led": leads.is_led,
        "halted": found.halted,
        "waiting": found.waiting,
        "oldest_waiting": shown(leads.oldest_waiting) if leads.oldest_waiting else None,
        "last_signed": shown(leads.last_signed) if leads.last_signed else None,
    }
    parts = _trouble(said)
    return {**said, "trouble": " ".join(parts) or None, "said": parts}


def _trouble(said: dict[str, Any]) -> list[str]:
    if said["halted"] is None and said["led"]:
        return []
    if said["halted"] is not None:
        words = f"The custody log is halted, and nobody numbers events: {said['halted'].rstrip('.')}."
        return [words, _since(said), CONSEQUENCE, MEND]
    return ["No sequencer runs, and nobody numbers events.", _since(said), CONSEQUENCE, START]


def _since(said: dict[str, Any]) -> str:
    signed = f"was signed at {said['last_signed']}" if said["last_signed"] else "has never been signed"
    if not said["waiting"]:
        return f"The newest checkpoint {signed}; no event waits yet."
    events = "1 event waits" if said["waiting"] == 1 else f"{said['waiting']} events wait"
    return f"The newest checkpoint {signed}; {events}, the oldest since {said['oldest_waiting']}."
