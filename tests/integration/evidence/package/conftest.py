"""A house with recordings, a log with keys, a sequencer that runs, and what packages are made into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.models import Recording, Rendition
from evidence.outside.keys import LogKeys
from evidence.outside.rotating import enter, make
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.vocabulary import RenditionKind, RenditionMethod
from tests.support.house import World
from tests.support.log import QUICK, sequencing
from tests.support.recordings import Shelf

MAKER = Actor.system("test of packages")
MASTER, COPY = b"the master's own bytes " * 100, b"a copy to be played " * 50


@dataclass
class Scene:
    """A world whose log is kept, with recordings on the shelf."""

    world: World
    shelf: Shelf
    keys: LogKeys

    def policy(self) -> bytes:
        """A policy of the log's keys, as somebody would publish it."""
        return "".join([*(f"log {key.text()}\n" for key in self.keys.vkeys()), "quorum none\n"]).encode()

    def recording(self, *, quarantine: str | None = None, name: str | None = None) -> UUID:
        """A recording with a working copy, and events of both."""
        reference = self.shelf.recording(MASTER + str(self.shelf.count).encode(), quarantine=quarantine, name=name)
        with self.world.house.reading() as session:
            found = session.scalars(select(Recording.id).where(Recording.number == int(reference[1:]))).one()
        self._copy(reference, found)
        return found

    def _copy(self, reference: str, recording: UUID) -> None:
        self.shelf.add_copy(reference, RenditionKind.PLAYBACK, COPY, "video/mp4")
        with self.world.house.writing() as session:
            row = session.scalars(select(Rendition).where(Rendition.recording_id == recording)).one()
            row.method = RenditionMethod.REMUX
            facts = {
                "kind": "playback",
                "method": "remux",
                "recipe": "playback-2",
                "tool": "pyav 12",
                "master_sha256": "0" * 64,
            }
            made = [Object(role="rendition", sha256=str(row.sha256), size=int(row.size or 0))]
            event = Event(type=EventType.RENDITION_MADE, subject=recording, actor=MAKER, facts=facts, objects=made)
            ledger.record(session, event)


@pytest.fixture
def unkept(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose sequencer does not run."""
    world = World(database_url, own_custody, tmp_path)
    keys = make(tmp_path / "log-keys", world.settings.log_origin)
    enter(world.house, keys)
    yield Scene(world, Shelf(world), keys)
    world.close()


@pytest.fixture
def scene(unkept: Scene) -> Iterator[Scene]:
    """A scene whose log is kept while the test runs."""
    with sequencing(Sequencer(unkept.world.house, unkept.keys, pace=QUICK)) as raised:
        yield unkept
    assert not raised, raised
