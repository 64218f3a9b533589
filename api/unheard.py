"""Agents that have not spoken since the database was restored and its log rolled forward, for people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from evidence import clock
from evidence.database import ReadSession
from evidence.sequencing.unheard import UnheardAgent, unheard_since_rollforward
from evidence.vocabulary import AgentKind

ASK = {
    AgentKind.WORKSTATION: (
        "Run `continuity ingest --check-receipts` on its machine; where an agent runs there, start that."
    ),
    AgentKind.DOCK: "Start its agent: it asks by itself. Revoke it if it is gone for good.",
    AgentKind.SUITE: "Start its agent: it asks by itself. Revoke it if it is gone for good.",
}
ENROL = "This database does not know its key: enrol it again, as the run-book restore says, step 4."


def unheard_agents(session: ReadSession, *, shown: Callable[[datetime], str] = clock.as_text) -> list[dict[str, Any]]:
    """Each with what is known of it, and in `words` what to do. Empty where nothing was lost, or all have spoken."""
    return [_said(each, shown) for each in unheard_since_rollforward(session)]


def _said(each: UnheardAgent, shown: Callable[[datetime], str]) -> dict[str, Any]:
    since = shown(each.since) if each.since else None
    said = {"agent": str(each.id), "name": each.name, "kind": each.kind.value, "since": since}
    if each.name is None:
        words = f"Agent {each.id} ({each.kind.value}) was enrolled at {since}, after the copy was made. {ENROL}"
        return {**said, "words": words}
    heard = f"was last heard of at {since}" if since else "was never heard of"
    return {**said, "words": f"{each.name} ({each.kind.value}) {heard}. {ASK[each.kind]}"}
