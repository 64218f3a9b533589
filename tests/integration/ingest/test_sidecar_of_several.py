"""One metadata file for several clips of an interview: it is shown beside each of them."""

from __future__ import annotations

import os
from uuid import UUID

from sqlalchemy import select

from evidence.custody.ledger import history
from evidence.models import Recording, Sidecar, SidecarBeside
from tests.support.dock import Dock
from tests.support.house import World


def test_a_sidecar_that_speaks_of_several_clips_is_beside_each(world: World, dock: Dock) -> None:
    files = {b"INT-7_cam1.mp4": os.urandom(5000), b"INT-7_cam2.mp4": os.urandom(5000), b"INT-7.xml": b"<Interview/>"}
    for label, order in (("suite-1", sorted(files)), ("suite-2", sorted(files, reverse=True))):
        held = {
            name: body + (b" " * 2 if name.endswith(b".xml") else b"") + label.encode() for name, body in files.items()
        }
        session = dock.sees(held, label=label)
        with world.working():
            for name in order:
                dock.delivers(session, name, held[name])
    with world.house.reading() as reading:
        recordings = reading.scalars(select(Recording)).all()
        assert len(recordings) == 4
        beside: dict[UUID, set[UUID]] = {each: set() for each in reading.scalars(select(Sidecar.master_id))}
        for row in reading.scalars(select(SidecarBeside)):
            beside[row.sidecar_id].add(row.recording_id)
        assert sorted(map(len, beside.values())) == [2, 2]
        matched = [line for each in recordings for line in history(reading, each.id) if line.type == "sidecar.matched"]
        assert len(matched) == 4
