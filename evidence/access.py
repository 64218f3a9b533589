"""Who may do what to which recording: one table, read in two ways that a property test holds together.

`decide` answers for one resource and gives its reason; `visible_to` says the same as a condition for a query,
so that a list never holds what a page would refuse. Pure: it looks nothing up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import InstrumentedAttribute

from evidence.vocabulary import Role


class Action(StrEnum):
    """What may be asked for. The words complete the sentence "may this person …"."""

    SEE_RECORDING = "see that a recording exists and its details"
    WATCH = "watch or hear a recording"
    READ_HISTORY = "read what has happened to a recording"
    MAKE_REPORT = "make the continuity report of a recording"
    MAKE_PACKAGE = "hand a recording out with its proof"
    RETRY_JOB = "ask for failed work again"
    CANCEL_JOB = "stop work that waits or runs"
    DRAIN_HOST = "let a worker host take no new work, or take it again"
    SET_URGENCY = "say that a recording may not wait, or that it may again"
    DECIDE_QUARANTINE = "decide about a recording in quarantine"
    SEE_DOCKS = "see the docks"
    CLOSE_INCIDENT = "close an incident"
    SEE_STATUS = "see how the system is"
    MANAGE_PEOPLE = "make and change accounts"
    MANAGE_DOCKS = "enrol and revoke docks"
    MANAGE_TOKENS = "make and revoke API tokens"
    READ_METRICS = "read the measurements"


class Reach(StrEnum):
    """Over which recordings an action extends."""

    ALL = "all of the force"
    OWN = "one's own, and those that have no officer yet"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a role, and the person behind it. A token stands for a role and no person."""

    role: Role
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked about: a recording's officer, None while it has none."""

    officer: UUID | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer and the reason for it, in words for a person."""

    allow: bool
    reason: str


# The one table. What is not in it is refused.
RULES: Mapping[Role, Mapping[Action, Reach]] = {
    Role.OFFICER: {
        Action.SEE_RECORDING: Reach.OWN,
        Action.WATCH: Reach.OWN,
        Action.READ_HISTORY: Reach.OWN,
        Action.MAKE_REPORT: Reach.OWN,
        Action.RETRY_JOB: Reach.OWN,
        Action.SEE_DOCKS: Reach.ALL,
        Action.SEE_STATUS: Reach.ALL,
    },
    Role.SUPERVISOR: {
        Action.SEE_RECORDING: Reach.ALL,
        Action.WATCH: Reach.ALL,
        Action.READ_HISTORY: Reach.ALL,
        Action.MAKE_REPORT: Reach.ALL,
        Action.MAKE_PACKAGE: Reach.ALL,
        Action.RETRY_JOB: Reach.ALL,
        Action.CANCEL_JOB: Reach.ALL,
        Action.SET_URGENCY: Reach.ALL,
        Action.DECIDE_QUARANTINE: Reach.ALL,
        Action.SEE_DOCKS: Reach.ALL,
        Action.CLOSE_INCIDENT: Reach.ALL,
        Action.SEE_STATUS: Reach.ALL,
    },
    # Whoever runs the system sees that a recording exists and what became of it, and may not watch it.
    Role.ADMINISTRATOR: {
        Action.SEE_RECORDING: Reach.ALL,
        Action.READ_HISTORY: Reach.ALL,
        Action.MAKE_REPORT: Reach.ALL,
        Action.RETRY_JOB: Reach.ALL,
        Action.CANCEL_JOB: Reach.ALL,
        Action.SEE_DOCKS: Reach.ALL,
        Action.SEE_STATUS: Reach.ALL,
        Action.DRAIN_HOST: Reach.ALL,
        Action.MANAGE_PEOPLE: Reach.ALL,
        Action.MANAGE_DOCKS: Reach.ALL,
        Action.MANAGE_TOKENS: Reach.ALL,
        Action.READ_METRICS: Reach.ALL,
    },
}


def reach(asker: Asker, action: Action) -> Reach:
    """How far an action extends for this asker."""
    return RULES[asker.role].get(action, Reach.NONE)


def decide(asker: Asker, action: Action, resource: Resource | None = None) -> Decision:
    """May this asker do this? Without a resource: may they do it at all, to anything."""
    extends = reach(asker, action)
    if extends is Reach.NONE:
        return Decision(allow=False, reason=f"the role {asker.role.value} may not {action.value}")
    if extends is Reach.ALL or resource is None:
        return Decision(allow=True, reason=f"the role {asker.role.value} may {action.value}")
    if resource.officer is None:
        return Decision(allow=True, reason="no officer is named for this recording yet")
    if asker.person is not None and resource.officer == asker.person:
        return Decision(allow=True, reason="the asker is the recording officer")
    return Decision(allow=False, reason="an officer sees their own recordings and those that have no officer yet")


def visible_to(
    asker: Asker, officer: InstrumentedAttribute[UUID | None], action: Action = Action.SEE_RECORDING
) -> ColumnElement[bool]:
    """The same answer as a condition on the column that holds a recording's officer."""
    extends = reach(asker, action)
    if extends is Reach.NONE:
        return false()
    if extends is Reach.ALL:
        return true()
    nobody = officer.is_(None)
    return nobody if asker.person is None else nobody | (officer == asker.person)
