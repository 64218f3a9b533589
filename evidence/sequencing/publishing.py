"""Signs the log as it stands and makes it known. Write order: parts, roots compared, checkpoint, record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import text

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.log_keys import signing_keys
from evidence.custody.rows import LogState, PublishedCheckpoint
from evidence.database import ReadSession, WriteSession
from evidence.sequencing.errors import CheckpointTaken, RootsDiffer, StrangeCheckpoint
from evidence.sequencing.integrating import Grown, Step, put_all
from evidence.sequencing.numbering import held
from evidence.sequencing.reading import PARTIAL, PUBLISHED, tile_reader
from evidence.store import CustodyStore
from evidence.store.errors import CustodyObjectDiffers
from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.note import Algorithm, Note, NoteSignature, VerifierKey, parse_note, verify
from evidence.tlog.signing import Signer
from evidence.tlog.tiles import TileTree

LATEST = "checkpoint"
CHECKPOINTS = "checkpoints/"
NAMED = re.compile(rf"{CHECKPOINTS}([0-9]{{20}})")


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint and the note that holds it."""

    checkpoint: Checkpoint
    note: bytes


def checkpoint_key(size: int) -> str:
    """Where the checkpoint over `size` events lies, for good. Twenty digits keep them in order."""
    return f"{CHECKPOINTS}{size:020d}"


def sizes_kept(store: CustodyStore, *, above: int | None = None) -> Iterator[int]:
    """How many events each checkpoint in the store is over by its name, in order. Raises StoreAway.

    What lies there under another name is no checkpoint: whoever may add to the bucket can put it there, and nobody
    may take it away again.
    """
    after = "" if above is None else checkpoint_key(above)
    named = (NAMED.fullmatch(key) for key in store.list(CHECKPOINTS, after=after))
    return (int(each[1]) for each in named if each)


def publish(house: House, epoch: int, grown: Grown, signer: Signer, *, at_step: Step, unwitnessed: bool) -> Signed:
    """Sign what has been integrated and make it known; `unwitnessed`: no witness is asked, so it counts at once.

    Raises RootsDiffer before anything is signed, StrangeCheckpoint, CustodyObjectDiffers, StoreAway, Displaced;
    CheckpointTaken after that.
    """
    put_all(house.custody, [(PARTIAL + each.path, each.data) for each in grown.edge.partial()], locked=False)
    at_step("parts stored")
    checkpoint = Checkpoint(house.settings.log_origin, grown.edge.size, _root_twice(house, grown))
    with house.writing() as session:
        held(session, epoch)
    signed = _stored(house, checkpoint, signer, at_step)
    at_step("checkpoint stored")
    with house.writing() as session:
        held(session, epoch)
    house.custody.put_latest(LATEST, signed.note)
    at_step("latest stored")
    with house.writing() as session:
        held(session, epoch)
        make_known(session, signed, unwitnessed=unwitnessed)
    at_step("published")
    return signed


def make_known(session: WriteSession, signed: Signed, *, unwitnessed: bool) -> None:
    """Write a stored checkpoint into the database, and tell those who wait. The state must be locked.

    Raises CheckpointTaken where a row that no sequencer wrote stands in its place.
    """
    state = session.get_one(LogState, 1)
    checkpoint = signed.checkpoint
    there = session.get(PublishedCheckpoint, checkpoint.size)
    if there is not None and not _is_of(there, signed, keys=signing_keys(session)):
        raise CheckpointTaken(checkpoint.size)
    if there is None:
        session.add(PublishedCheckpoint(size=checkpoint.size, root=checkpoint.root, note=signed.note))
    state.published_size, state.published_root = checkpoint.size, checkpoint.root
    if unwitnessed:
        state.witnessed_size, state.witnessed_root = checkpoint.size, checkpoint.root
    session.flush()
    session.execute(text("SELECT pg_notify(:channel, :size)"), {"channel": PUBLISHED, "size": str(checkpoint.size)})


def _is_of(row: PublishedCheckpoint, signed: Signed, *, keys: Sequence[VerifierKey]) -> bool:
    """Whether a row bears the note that the store keeps: what is recorded was there before, so no crash leaves another.

    Under the store's there may be more lines meanwhile, by whoever may lay an object over it; under the row's none, and
    all that a key of the log made. Where no event names a key yet, all those of the log's name.
    """
    try:
        recorded, kept = parse_note(row.note), parse_note(signed.note)
    except TlogError:
        return False
    checkpoint, lines = signed.checkpoint, set(recorded.signatures)
    named = {each for each in kept.signatures if each.name == checkpoint.origin}
    made = {each for each in named if _made(kept, each, keys)}
    is_over = row.root == checkpoint.root and recorded.text == checkpoint.text()
    return is_over and (made or named) <= lines <= set(kept.signatures)


def _made(note: Note, line: NoteSignature, keys: Sequence[VerifierKey]) -> bool:
    known = [key for key in keys if (key.name, key.key_id) == (line.name, line.key_id)]
    for key in known:
        with suppress(TlogError):
            verify(note.text, line, key)
            return True
    return False


def known_keys(session: ReadSession, signer: Signer) -> list[VerifierKey]:
    """The Ed25519 keys that a checkpoint of this log may be signed with: those that sign now, and those that did."""
    keys = {(key.name, key.key_id): key for key in (*listed_keys(session), *signer.vkeys())}
    return [key for key in keys.values() if key.algorithm is Algorithm.ED25519]


def listed_keys(session: ReadSession) -> list[VerifierKey]:
    """The Ed25519 keys that the log's events name, those too that sign no more."""
    return [key for key in signing_keys(session) if key.algorithm is Algorithm.ED25519]


def read_signed(key: str, note: bytes, *, origin: str, keys: Sequence[VerifierKey] | None) -> Signed:
    """A checkpoint out of the store, held against the keys of the log. Raises StrangeCheckpoint.

    `keys` is None where no key is known at all: then only its form, its log and its place are held to.
    """
    try:
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
        by_id = {(each.name, each.key_id): each for each in keys or ()}
        ours = [each for each in parsed.signatures if (each.name, each.key_id) in by_id]
        for signature in ours:
            verify(parsed.text, signature, by_id[signature.name, signature.key_id])
    except TlogError as error:
        raise StrangeCheckpoint(key, because=str(error)) from error
    if checkpoint.origin != origin:
        raise StrangeCheckpoint(key, because=f"it is of the log {checkpoint.origin[:120]}")
    if keys is not None and not ours:
        raise StrangeCheckpoint(key, because="no known key of the log signed it")
    if key != checkpoint_key(checkpoint.size):
        raise StrangeCheckpoint(key, because=f"it is over {checkpoint.size} events")
    return Signed(checkpoint, note)


def _root_twice(house: House, grown: Grown) -> bytes:
    """The root out of the events themselves, when the tiles that the store gives back have the same."""
    ours = grown.frontier.root()
    stored = TileTree(tile_reader(house.custody), grown.edge.size).root()
    if ours != stored:
        raise RootsDiffer(size=grown.edge.size, frontier=ours, tiles=stored)
    return ours


def _stored(house: House, checkpoint: Checkpoint, signer: Signer, at_step: Step) -> Signed:
    """The signed checkpoint as it is in the store: ours, or the one that a crash left there under the same size."""
    signatures = signer.sign(checkpoint, at=int(clock.now().timestamp()))
    note = Note(checkpoint.text(), tuple(signatures)).encode()
    at_step("signed")
    key = checkpoint_key(checkpoint.size)
    try:
        house.custody.put_new(key, note, locked=True)
    except CustodyObjectDiffers:
        # Signed and stored before, and not recorded: a signature carries its time, so it cannot be made again.
        with house.reading() as session:
            keys = known_keys(session, signer)
        there = read_signed(key, house.custody.get(key), origin=checkpoint.origin, keys=keys)
        if there.checkpoint != checkpoint:
            raise
        return there
    return Signed(checkpoint, note)
