"""What becomes of a file whose carrying did not work. Pure: from the error and the failures before it to what is next.

Nothing ends here by giving up: whatever can be tried again is, with growing pauses and a reason that is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.agent import patience
from ingest.agent.errors import (
    AgentError,
    Away,
    JournalAway,
    NotAFile,
    ReceiptRefused,
    SourceBusy,
    SourceChanged,
    SourceGone,
    SourceUnreadable,
    Stopping,
    TooLargeForBuffer,
)
from ingest.agent.protocol import FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """The state and reason to show, the pause in seconds, and whether to settle anew or look at the device."""

    state: FileState
    reason: str
    pause: float = 0.0
    settle_anew: bool = False
    look_at_device: bool = False
    incident: str | None = None
    counts: bool = True
    """Whether this counts as a failure of the file itself."""


def after(error: BaseException, *, failures: int, away: int) -> Aftermath:
    """What to do about a file after an error, with so many failures of its own and of others before it."""
    pause = patience.pause_after(failures + 1, first=1.0)
    if isinstance(error, Away | JournalAway | Stopping):
        # Who is away is away for all files, and no fault of this one; the pause of its own lets others be tried.
        pause = patience.pause_after(away + 1, most=30.0)
        return Aftermath(state=FileState.WAITING, reason=error.reason, pause=pause, counts=False)
    if not isinstance(error, AgentError):
        fault = f"An unexpected fault of the agent: {type(error).__name__}: {error}"
        return Aftermath(state=FileState.WAITING, reason=fault[:500], pause=max(pause, 5.0), incident="agent-fault")
    for kinds, become in TABLE:
        if isinstance(error, kinds):
            return become(error.reason, pause)
    return Aftermath(state=FileState.WAITING, reason=error.reason, pause=pause)


def _refused(reason: str, _pause: float) -> Aftermath:
    return Aftermath(state=FileState.REFUSED, reason=reason, look_at_device=True)


def _gone(reason: str, _pause: float) -> Aftermath:
    return Aftermath(state=FileState.GONE, reason=reason, look_at_device=True)


def _changed(reason: str, _pause: float) -> Aftermath:
    return Aftermath(state=FileState.WAITING, reason=reason, settle_anew=True, look_at_device=True, counts=False)


def _unreadable(reason: str, pause: float) -> Aftermath:
    return Aftermath(state=FileState.WAITING, reason=reason, pause=min(pause, 60.0), look_at_device=True)


def _too_large(reason: str, _pause: float) -> Aftermath:
    return Aftermath(state=FileState.WAITING, reason=reason, pause=3600.0, incident="buffer-too-small")


def _receipt_refused(reason: str, pause: float) -> Aftermath:
    return Aftermath(state=FileState.WAITING, reason=reason, pause=pause, incident="receipt-refused")


TABLE = (
    (NotAFile, _refused),
    (SourceGone, _gone),
    ((SourceChanged, SourceBusy), _changed),
    (SourceUnreadable, _unreadable),
    (TooLargeForBuffer, _too_large),
    (ReceiptRefused, _receipt_refused),
)
