"""A custody log for tests: a house with a bucket of its own, somebody who writes events, and a reckoning of the log."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import text

from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.canonical import read_canonical
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.rows import LogKey
from evidence.database import Sessions, open_engine
from evidence.identifiers import new_id
from evidence.sequencing.publishing import checkpoint_key
from evidence.sequencing.reading import tile_reader
from evidence.sequencing.sequencer import Pace, Sequencer
from evidence.store import StoreSettings
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.keys import Algorithm, VerifierKey
from evidence.tlog.merkle import leaf_hash, root_of
from evidence.tlog.note import parse_note, verify
from evidence.tlog.signing import KeyPair
from evidence.tlog.tiles import TileTree, decode_bundle, entries_path
from evidence.vocabulary import LogKeyState
from tests.support.house import settings_of, stores_of

QUICK = Pace(look=0.05, checkpoint=0.2, again=0.1)
WHO = Actor.system("test of the log")
VIEW = {"kind": "playback", "view": "0" * 32}


class Keys(Protocol):
    """The keys that a checkpoint of the log may bear the signatures of."""

    def vkeys(self) -> list[VerifierKey]:
        """Their public halves."""
        ...


def log_house(database_url: str, store: StoreSettings) -> House:
    """A house over a test's own database and custody bucket. Dispose of its engine at the end."""
    settings = settings_of(database_url, store)
    sessions = Sessions(open_engine(database_url, pool_size=20), log_origin=settings.log_origin)
    return House(settings, sessions, *stores_of(store))


def log_keys(house: House, folder: Path) -> KeyPair:
    """The keys of a log in a folder, made at the first call."""
    keys = folder / "log-keys"
    origin = house.settings.log_origin
    return KeyPair.load(origin, keys) if keys.exists() else KeyPair.make(origin, keys)


def enter_keys(house: House, keys: Keys) -> None:
    """Put the keys in force as the sequencer's duties do: in the log, and in the table beside it."""
    with house.writing() as session:
        for key in keys.vkeys():
            row = LogKey(key_id=key.key_id, name=key.name, alg=int(key.algorithm), vkey=key.text(), from_size=0)
            row.handle, row.state = "file", LogKeyState.IN_FORCE
            session.add(row)
            facts = {"key": key.key_id.hex(), "from_size": 0, "vkey": key.text()}
            ledger.record(session, Event(type=EventType.KEY_ROTATED, subject=SYSTEM, actor=WHO, facts=facts))


def happening(subject: UUID) -> Event:
    """Somebody opened a copy."""
    return Event(type=EventType.RENDITION_VIEWED, subject=subject, actor=WHO, facts=VIEW)


def write_events(house: House, many: int, *, subjects: Sequence[UUID] = ()) -> list[UUID]:
    """Record events in one transaction, over these subjects in turn; their ids."""
    about = subjects or [new_id()]
    with house.writing() as session:
        return [ledger.record(session, happening(about[at % len(about)])).id for at in range(many)]


def write_from_many(house: House, *, writers: int, each: int, subjects: Sequence[UUID]) -> None:
    """Several writers at once, one event a transaction, each over its own turn of the same subjects."""

    def write(first: int) -> None:
        for at in range(each):
            with house.writing() as session:
                ledger.record(session, happening(subjects[(first + at) % len(subjects)]))

    with ThreadPoolExecutor(writers) as pool:
        for done in [pool.submit(write, first) for first in range(writers)]:
            done.result()


@contextmanager
def sequencing(sequencer: Sequencer) -> Iterator[list[BaseException]]:
    """A sequencer runs while the block lasts. What it raised is in the list, and the test's to judge."""
    stop = threading.Event()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            sequencer.run(stop)
        except BaseException as error:  # noqa: BLE001 - told to the test
            raised.append(error)

    thread = threading.Thread(target=run, name="sequencer of the test")
    thread.start()
    try:
        yield raised
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive(), "the sequencer did not stop"


def published_size(house: House) -> int:
    """How many events stand under the newest checkpoint that the database knows."""
    with house.reading() as session:
        return int(session.execute(text("SELECT published_size FROM custody.state")).scalar_one())


def waiting(house: House) -> int:
    """How many events wait for their number."""
    with house.reading() as session:
        return int(session.execute(text("SELECT count(*) FROM custody.queue")).scalar_one())


def faults_of(house: House, keys: Keys) -> list[str]:
    """Everything that is wrong with the log: database, tiles, bundles, checkpoints and order, one against another."""
    with house.reading() as session:
        rows = session.execute(
            text(
                "SELECT l.seq, l.leaf_hash, e.leaf, e.subject, e.subject_no, e.ingest_no FROM custody.leaf l"
                " LEFT JOIN custody.event e USING (ingest_no) ORDER BY l.seq"
            )
        ).all()
        notes = session.execute(text("SELECT size, root, note FROM custody.checkpoint ORDER BY size")).all()
        state = session.execute(text("SELECT * FROM custody.state")).mappings().one()
        events = session.execute(text("SELECT count(*) FROM custody.event")).scalar_one()
        queued = session.execute(text("SELECT count(*) FROM custody.queue")).scalar_one()
    faults = _order(rows)
    if len(rows) + queued != events:
        faults.append(f"{events} events, {len(rows)} with a number and {queued} waiting")
    if not notes:
        return [*faults, "there is no checkpoint to check"]
    hashes = [leaf_hash(row.leaf) for row in rows]
    for size, root, note in notes:
        faults += _checkpoint(house, keys, size, root, note, hashes)
    size = notes[-1].size
    if (state["published_size"], state["published_root"]) != (size, notes[-1].root):
        faults.append("the state names another newest checkpoint")
    tree = TileTree(tile_reader(house.custody), size)
    if size and tree.root() != root_of(hashes[:size]):
        faults.append("the tiles have another root")
    return faults + _bundles(house, [row.leaf for row in rows], size)


def _order(rows: Sequence[Any]) -> list[str]:
    faults: list[str] = []
    last: dict[UUID, int] = {}
    for at, row in enumerate(rows):
        seq, kept, leaf, subject, number, _ = row
        if seq != at:
            faults.append(f"number {seq} stands at place {at}")
        if leaf_hash(leaf) != kept:
            faults.append(f"event {seq} has other bytes than its hash")
        said = read_canonical(leaf)
        if number != last.get(subject, 0) + 1 or said["n"] != number:
            faults.append(f"event {seq} is number {number} of its subject after {last.get(subject, 0)}")
        if said["seen"]["size"] > seq:
            faults.append(f"event {seq} has seen {said['seen']['size']} events")
        last[subject] = number
    return faults


def _checkpoint(house: House, keys: Keys, size: int, root: bytes, note: bytes, hashes: Sequence[bytes]) -> list[str]:
    faults = []
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    if (checkpoint.size, checkpoint.root) != (size, root) or root_of(hashes[:size]) != root:
        faults.append(f"the checkpoint over {size} has another root than its events")
    if house.custody.get(checkpoint_key(size)) != note:
        faults.append(f"the checkpoint over {size} is another one in the store")
    by_id = {key.key_id: key for key in keys.vkeys()}
    for signature in parsed.signatures:
        verify(parsed.text, signature, by_id[signature.key_id])
    if {by_id[each.key_id].algorithm for each in parsed.signatures} != {Algorithm.ED25519, Algorithm.ML_DSA_44}:
        faults.append(f"the checkpoint over {size} has {len(parsed.signatures)} signatures")
    return faults


def _bundles(house: House, leaves: Sequence[bytes], size: int) -> list[str]:
    read = tile_reader(house.custody)
    for number in range(-(-size // 256)):
        wanted = leaves[number * 256 : min(size, number * 256 + 256)]
        if decode_bundle(read(entries_path(number, len(wanted))))[: len(wanted)] != list(wanted):
            return [f"bundle {number} holds other leaves"]
    return []
