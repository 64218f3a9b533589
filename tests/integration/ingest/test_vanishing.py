"""A file that leaves a device which stays docked: an incident after a while, unless it was renamed or comes back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from evidence import clock
from evidence.custody.events import Actor
from evidence.incidents import close_incident
from evidence.models import Incident, ListedFile
from evidence.vocabulary import IncidentKind, ListedState
from ingest import reconcile
from tests.support.dock import Dock, b64, digests_of, modified
from tests.support.house import World

AT_ONCE = timedelta(0)
CLIP = os.urandom(3000)


def goes(dock: Dock, session: UUID, name: bytes, *, now_called: bytes | None = None, state: str = "gone") -> None:
    said: dict[str, Any] = {"name_b64": b64(name), "state": state}
    if now_called is not None:
        said["now_called_b64"] = b64(now_called)
    dock.say("POST", f"/sessions/{session}/state", {"state": "present", "files": [said]})


def leaves(dock: Dock, session: UUID) -> None:
    dock.say("POST", f"/sessions/{session}/state", {"state": "closed", "reason": "unplugged", "files": []})


def gaps(world: World) -> Sequence[Incident]:
    with world.house.reading() as reading:
        wanted = select(Incident).where(Incident.kind == IncidentKind.NOT_STORED, Incident.closed_at.is_(None))
        return reading.scalars(wanted.order_by(Incident.opened_at)).all()


def line_of(world: World, name: bytes) -> ListedFile:
    with world.house.reading() as reading:
        return reading.scalars(select(ListedFile).where(ListedFile.name_raw == name)).one()


def test_a_file_gone_from_a_docked_device_is_an_incident_after_a_while_and_once(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": CLIP, b"other.mp4": b"x"})
    goes(dock, session, b"clip.mp4")
    assert reconcile.mark_vanished(world.house, after=timedelta(minutes=1)) == 0
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 1
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 0
    (gap,) = gaps(world)
    assert "clip.mp4 was listed on cam-1 and has gone from it, while docked" in gap.reason
    assert "put it back" in gap.advice
    leaves(dock, session)
    assert {gap.reason.split()[0] for gap in gaps(world)} == {"clip.mp4", "other.mp4"}


@pytest.mark.parametrize("how", ["listed again", "reported again"])
def test_a_file_that_comes_back_closes_its_gap(world: World, dock: Dock, how: str) -> None:
    session = dock.sees({b"clip.mp4": CLIP})
    goes(dock, session, b"clip.mp4")
    reconcile.mark_vanished(world.house, after=AT_ONCE)
    assert gaps(world)
    if how == "listed again":
        dock.sees({b"clip.mp4": CLIP}, session=session)
    else:
        goes(dock, session, b"clip.mp4", state="waiting")
    assert not gaps(world)
    assert line_of(world, b"clip.mp4").state is not ListedState.GONE
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 0


def test_another_file_of_that_name_closes_nothing(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": CLIP})
    goes(dock, session, b"clip.mp4")
    reconcile.mark_vanished(world.house, after=AT_ONCE)
    dock.sees({b"clip.mp4": b"another"}, session=session)
    assert len(gaps(world)) == 1


def test_a_renamed_file_is_no_gap_and_its_old_line_is_done_with_the_new(world: World, dock: Dock) -> None:
    session = dock.sees({b"old.mp4": CLIP})
    same = {"name_b64": b64(b"new.mp4"), "size": len(CLIP), "mtime_ns": modified(b"old.mp4")}
    device = {"bay": "Bay 1", "kind": dock.kind.value, "device": {"label": "cam-1"}, "listing": [same]}
    dock.say("PUT", f"/sessions/{session}", {**device, "listing_complete": True})
    goes(dock, session, b"old.mp4", now_called=b"new.mp4")
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 0
    with world.working():
        offered = {"session_id": str(session), **same, **digests_of(CLIP)}
        answer = dock.say("POST", "/arrivals", offered)
        dock.sends(answer, CLIP)
        dock.receipted(answer["arrival_id"])
    line = line_of(world, b"old.mp4")
    assert line.state is ListedState.RECEIPTED
    assert "is stored as new.mp4" in str(line.reason)
    leaves(dock, session)
    assert not gaps(world)


def test_a_renamed_file_that_goes_too_is_a_gap_under_both_names(world: World, dock: Dock) -> None:
    session = dock.sees({b"old.mp4": CLIP})
    same = {"name_b64": b64(b"new.mp4"), "size": len(CLIP), "mtime_ns": modified(b"old.mp4")}
    device = {"bay": "Bay 1", "kind": dock.kind.value, "device": {"label": "cam-1"}, "listing": [same]}
    dock.say("PUT", f"/sessions/{session}", {**device, "listing_complete": True})
    goes(dock, session, b"old.mp4", now_called=b"new.mp4")
    goes(dock, session, b"new.mp4")
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 2


def test_a_name_that_another_file_has_is_no_excuse(world: World, dock: Dock) -> None:
    """An agent's word that a file was renamed holds only where a file of that size and time is listed."""
    session = dock.sees({b"old.mp4": CLIP, b"other.mp4": b"short"})
    goes(dock, session, b"old.mp4", now_called=b"other.mp4")
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 1


def test_a_receipted_file_may_go(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": CLIP})
    with world.working():
        dock.delivers(session, b"clip.mp4", CLIP)
    goes(dock, session, b"clip.mp4")
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 0
    leaves(dock, session)
    assert not gaps(world)


def test_a_gap_that_a_person_closed_is_not_opened_again_while_the_file_is_away(world: World, dock: Dock) -> None:
    session = dock.sees({b"clip.mp4": CLIP})
    goes(dock, session, b"clip.mp4")
    reconcile.mark_vanished(world.house, after=AT_ONCE)
    (gap,) = gaps(world)
    with world.house.writing() as writing:
        because = "deleted by the officer: a test recording"
        close_incident(writing, gap.id, because=because, by=Actor.system("test"), person=None)
    assert reconcile.mark_vanished(world.house, after=AT_ONCE) == 0
    assert clock.now() > gap.opened_at
