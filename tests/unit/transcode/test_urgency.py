"""What goes first, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.worker import lanes
from evidence.vocabulary import RecordingKind, RenditionMethod, UrgencyReason
from ingest.agent.admission import Priority
from transcode.nudges import RENDER_PRIORITY, URGENT_QUEUE, render_turn
from transcode.settings import TranscodeSettings
from transcode.urgency import BY_REASON, LIVE_CUSTODY, Facts, decide

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_nothing_said_goes_in_its_turn() -> None:
    found = decide(Facts(dock_class=Priority.ROUTINE, kind=RecordingKind.BODY_WORN), NOW)
    assert not found.is_urgent
    assert found.reason == ""
    assert render_turn(RenditionMethod.TRANSCODE, urgent=found.priority).priority == RENDER_PRIORITY


@pytest.mark.parametrize("reason", UrgencyReason)
def test_every_reason_goes_before_bulk(reason: UrgencyReason) -> None:
    found = decide(Facts(stated=reason), NOW)
    assert found.is_urgent
    assert found.reason
    assert render_turn(RenditionMethod.REMUX, urgent=found.priority).queue == URGENT_QUEUE


def test_a_person_in_custody_goes_before_all_others() -> None:
    first = decide(Facts(stated=UrgencyReason.CUSTODY), NOW).priority
    others = [decide(Facts(stated=each), NOW).priority for each in BY_REASON if each is not UrgencyReason.CUSTODY]
    others.append(decide(Facts(dock_class=Priority.LIVE_CUSTODY), NOW).priority)
    others.append(decide(Facts(kind=RecordingKind.INTERVIEW), NOW).priority)
    assert first > max(others)
    assert min(others) > 80, "above everything that is not urgent"


def test_the_most_urgent_of_all_counts() -> None:
    found = decide(Facts(stated=UrgencyReason.HOLD, kind=RecordingKind.INTERVIEW, dock_class=LIVE_CUSTODY), NOW)
    assert found.reason == "its dock says that a person is in custody"


def test_a_word_that_has_run_out_counts_no_more() -> None:
    facts = Facts(stated=UrgencyReason.CUSTODY, until=NOW)
    assert not decide(facts, NOW).is_urgent
    assert decide(facts, NOW - timedelta(seconds=1)).is_urgent


def test_the_class_of_a_dock_is_the_agent_s_own() -> None:
    assert LIVE_CUSTODY == Priority.LIVE_CUSTODY > Priority.ROUTINE


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_urgent_work_may_fill_all_slots_but_the_one_that_is_bulk_s_own(slots: int) -> None:
    found = lanes(TranscodeSettings(slots=slots))
    urgent = sum(lane.concurrency for lane in found if URGENT_QUEUE in lane.queues)
    bulk_alone = sum(lane.concurrency for lane in found if lane.queues == ("transcode",))
    assert (urgent, bulk_alone) == (slots, 2), "one more fetches ahead, and waits for its turn (transcode.room)"
