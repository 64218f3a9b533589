"""Whether sources may go: an open incident keeps those of every master that it is about, metadata files too."""

from __future__ import annotations

import os
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import select, text

from evidence.completeness.counted import MORE
from evidence.custody.events import Actor
from evidence.incidents import Trouble, open_incident
from evidence.models import Agent, Receipt, Sidecar
from evidence.store.keys import master_key
from evidence.vocabulary import IncidentKind
from ingest.letting_go import OPEN, may_go
from tests.support.dock import Dock
from tests.support.house import World

FILES = {b"INT-7_cam1.mp4": os.urandom(3000), b"INT-7_cam2.mp4": os.urandom(3000), b"INT-7.xml": b"<Interview/>"}
Says = Callable[[UUID, UUID], tuple[str, UUID | None]]


@pytest.mark.parametrize(
    ("says", "kept"),
    [
        (lambda _, recording: ("missing it", recording), "all but the other clip"),
        (lambda sidecar, _: (f"extra {master_key(sidecar)} v1", None), "the metadata file"),
        (lambda sidecar, _: (str(sidecar), None), "the metadata file"),
        (lambda _, recording: (f"changed {master_key(recording)} v1", None), "all but the other clip"),
        (lambda *_: (MORE, None), "everything"),
        (lambda *_: ("extra masters/00000000-0000-7000-8000-000000000000 v1", None), "nothing"),
    ],
    ids=["its recording", "its own key", "its own id", "its recording's key", "more than are named", "another's"],
)
@pytest.mark.parametrize("kind", [IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED])
def test_an_open_incident_keeps_the_sources_of_all_that_it_is_about(
    world: World, dock: Dock, says: Says, kept: str, kind: IncidentKind
) -> None:
    session = dock.sees(FILES)
    with world.working():
        for name in sorted(FILES):
            dock.delivers(session, name, FILES[name])
    with world.house.reading() as reading:
        sidecar = reading.scalars(select(Sidecar)).one()
        agent = reading.get_one(Agent, UUID(dock.agent_id))
        receipts = {each.master_id: each.id for each in reading.scalars(select(Receipt))}
    assert sidecar.recording_id is not None
    assert dict(may_go(world.house, agent, list(receipts.values())).withheld) == {}
    subject, recording = says(sidecar.master_id, sidecar.recording_id)
    trouble = Trouble(kind=kind, subject=subject, reason="look", advice="look", recording_id=recording)
    with world.house.writing() as writing:
        open_incident(writing, trouble, by=Actor.system("test"))

    held = may_go(world.house, agent, list(receipts.values())).withheld

    own = {sidecar.master_id} if kept == "the metadata file" else {sidecar.master_id, sidecar.recording_id}
    expected = {"everything": set(receipts), "nothing": set()}.get(kept, own)
    assert dict(held) == {receipts[each]: OPEN for each in expected}
    with world.house.writing() as writing:
        writing.execute(text("UPDATE incident SET closed_at = now()"))
    assert dict(may_go(world.house, agent, list(receipts.values())).withheld) == {}
