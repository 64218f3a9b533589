"""What becomes of a file after each kind of trouble: nothing ends by giving up, everything has a reason."""

from __future__ import annotations

import pytest

from ingest.agent.aftermath import after
from ingest.agent.errors import (
    AgentError,
    AgentFault,
    ArrivalGone,
    JournalAway,
    NotAFile,
    ReceiptRefused,
    ServerAway,
    ServerFault,
    SourceBusy,
    SourceChanged,
    SourceGone,
    SourceUnreadable,
    Stopping,
    StoreAway,
    TooLargeForBuffer,
)
from ingest.agent.protocol import FileState

GONE = ArrivalGone("unknown", status=409, kind="/problems/arrival-gone")
TROUBLES: list[AgentError] = [
    ServerAway("s"), StoreAway("s"), JournalAway("s"), Stopping(), NotAFile("s"), SourceGone("s"), SourceChanged("s"),
    SourceBusy("s"), SourceUnreadable("s"), TooLargeForBuffer(part=1 << 27, budget=1 << 26), ReceiptRefused("s"), GONE,
    ServerFault("s", status=500, kind="fault"), AgentFault(KeyError("x")),
]  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: type(one).__name__)
def test_every_trouble_has_a_state_and_a_reason(trouble: AgentError) -> None:
    outcome = after(trouble, failures=0, away=0)
    assert outcome.reason == trouble.reason
    assert outcome.state in {FileState.WAITING, FileState.GONE, FileState.REFUSED}


def test_pauses_grow_and_are_capped() -> None:
    pauses = [after(GONE, failures=failures, away=0).pause for failures in (0, 3, 30)]
    assert pauses == sorted(pauses)
    assert 150 <= pauses[-1] <= 300
    assert after(ServerAway("s"), failures=0, away=30).pause <= 30


def test_who_is_away_is_no_fault_of_the_file() -> None:
    assert not after(StoreAway("s"), failures=0, away=0).counts
    assert after(GONE, failures=0, away=0).counts


def test_a_changing_file_settles_anew() -> None:
    outcome = after(SourceChanged("It grew."), failures=0, away=0)
    assert (outcome.settle_anew, outcome.counts, outcome.state) == (True, False, FileState.WAITING)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(ReceiptRefused("s"), "receipt-refused"), (TooLargeForBuffer(part=2, budget=1), "buffer-too-small")],
)
def test_what_a_person_must_see_is_an_incident(trouble: AgentError, kind: str) -> None:
    assert after(trouble, failures=0, away=0).incident == kind


def test_what_nobody_foresaw_is_said_and_tried_again() -> None:
    outcome = after(KeyError("x"), failures=0, away=0)
    assert outcome.state is FileState.WAITING
    assert "KeyError" in outcome.reason
    assert outcome.pause >= 5
