"""A log with keys and a remembering signer, and a witness beside it, all in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from evidence.bootstrap import House
from evidence.models import Incident
from evidence.outside.keys import LogKeys
from evidence.outside.remembering import open_signer
from evidence.sequencing.reading import tile_reader
from evidence.sequencing.sequencer import Sequencer
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import consistency_proof
from evidence.tlog.tiles import TileTree
from evidence.vocabulary import IncidentKind
from evidence.witness.desk import Witness
from evidence.witness.keys import make_keys
from evidence.witness.memory import Memory
from evidence.witness.server import WitnessServer
from tests.support.log import QUICK, write_events


@dataclass
class OwnLog:
    """A house, its keys, and a way to have events published."""

    house: House
    keys: LogKeys

    def with_settings(self, **changed: Any) -> OwnLog:
        """The same log under other settings."""
        settings = self.house.settings.model_copy(update=changed)
        return OwnLog(replace(self.house, settings=settings), self.keys)

    def sequencer(self, *, unwitnessed: bool = True) -> Sequencer:
        """The log's sequencer with its remembering signer."""

        def prove(old: int, new: int) -> list[bytes]:
            return consistency_proof(old, new, TileTree(tile_reader(self.house.custody), new).subtree)

        signer = open_signer(self.house.settings, prove)
        return Sequencer(self.house, signer, pace=QUICK, unwitnessed=lambda: unwitnessed)

    def grow(self, many: int = 3, *, unwitnessed: bool = True) -> None:
        """Events happen, and are published."""
        write_events(self.house, many)
        self.sequencer(unwitnessed=unwitnessed).lead_once()

    def incidents(self, *, open_now: bool = True) -> set[tuple[IncidentKind, str]]:
        """Kinds and subjects of incidents."""
        with self.house.reading() as session:
            rows = session.scalars(select(Incident)).all()
        return {(row.kind, row.subject) for row in rows if (row.closed_at is None) is open_now}


@dataclass
class Neighbour:
    """A witness that runs in this process."""

    witness: Witness
    url: str
    lines: list[str]  # of a policy: one for each of its keys


@contextmanager
def neighbour(name: str, folder: Path, keys: LogKeys) -> Iterator[Neighbour]:
    """A witness that trusts these log keys, while the block lasts."""
    signing = make_keys(folder / "keys", f"{name}.example.test/witness")
    logs = [VerifierKey.parse(key.text()) for key in keys.vkeys()]
    witness = Witness(signing, logs, Memory(folder / "state"))
    with WitnessServer(("127.0.0.1", 0), witness) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        kinds = ("ed25519", "ml-dsa")
        lines = [f"witness {name}-{kind} {key.vkey().text()} {url}/" for kind, key in zip(kinds, signing, strict=True)]
        yield Neighbour(witness, url, lines)
        server.shutdown()
