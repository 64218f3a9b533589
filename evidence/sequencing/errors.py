"""SequencingError
├── NotSequencedYet     the event is not under a published checkpoint yet    wait, or ask for a checkpoint
│   └── LogHalted       nor can it be: the log is halted                     a person must look
├── Displaced           another sequencer leads since                        stand by
├── ExportDiffers       what was copied does not lead to the checkpoint      verify the log
├── RollForwardRefused  the store does not continue what the database holds  a person must decide
└── MustHalt            nothing may be numbered or signed any more           a person must look
    ├── RolledBack      the database has fewer events than were signed       roll forward
    ├── StoreBehind     the database has a checkpoint that the store has not  look which store this is
    ├── HistoryDiffers  one size, two roots                                  call someone
    ├── StrangeCheckpoint  the store has a checkpoint that no key of ours signed  call someone
    ├── StillHalted     it was halted before, and nobody has mended it        roll forward
    ├── NumberTaken     a row that no sequencer wrote stands where the next number goes  the owner removes it
    ├── NumbersEnd      the state says that the log has more events than have a number  roll forward
    ├── CheckpointTaken  a row that no sequencer wrote stands where a checkpoint goes  the owner removes it
    ├── LeafDiffers     an event is not the one that was hashed              restore it from its bundle
    ├── StoreDiffers    an object that is written once is there with other bytes, or without its lock
    ├── SignerRefuses   the signer has signed something that this does not extend   roll forward
    └── RootsDiffer     two ways of computing one root do not agree          call someone
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from evidence.errors import EvidenceError

ROLL_FORWARD = "Nothing is numbered or signed until `continuity custody rollforward` has put back what the store has."


class SequencingError(EvidenceError):
    """Something is wrong with the order of the log or with what stands in the store of it."""


class NotSequencedYet(SequencingError):
    """The event is not under a published checkpoint yet."""

    def __init__(self, event_id: UUID) -> None:
        super().__init__(f"event {event_id} is not under a published checkpoint yet")
        self.event_id = event_id


class LogHalted(NotSequencedYet):
    """The event is not under a published checkpoint, and nothing is published: waiting for it is of no use."""

    def __init__(self, event_id: UUID, *, reason: str) -> None:
        super().__init__(event_id)
        self.reason = reason


class Displaced(SequencingError):
    """Another process leads since; whatever this one was about to write is not written."""

    def __init__(self, *, epoch: int, now: int) -> None:
        super().__init__(f"the sequencer of epoch {epoch} is no longer the one that leads: that is epoch {now}")
        self.epoch, self.now = epoch, now


class ExportDiffers(SequencingError):
    """A copy of the log does not lead to the checkpoint that it is to lead to."""


class RollForwardRefused(SequencingError):
    """What the store has does not continue what the database holds, or is not whole."""


class MustHalt(SequencingError):
    """Nothing may be numbered or signed any more until a person has looked. The sentence is kept as the reason."""

    run_book: ClassVar[str] = "rolled-back"  # what a person is to follow, in docs/runbooks


class RolledBack(MustHalt):
    """The database ends before the newest signed checkpoint: it was restored from an older copy."""

    def __init__(self, *, database: int, store: int) -> None:
        super().__init__(
            f"the database holds {database} events of the log, and the store a signed checkpoint over {store}:"
            f" the database was rolled back. {ROLL_FORWARD}"
        )
        self.database, self.store = database, store


class StoreBehind(MustHalt):
    """The database knows a checkpoint that the store does not have: another store, or one that has lost objects."""

    def __init__(self, *, database: int, store: int) -> None:
        super().__init__(
            f"the database has published {database} events of the log, and the newest checkpoint in the store is"
            f" over {store}: this is not the store that the log was written to, or it has lost objects"
        )
        self.database, self.store = database, store


class HistoryDiffers(MustHalt):
    """Database and store have another root for the same size: one of the two was written on from elsewhere."""

    def __init__(self, *, size: int, database: bytes, store: bytes) -> None:
        super().__init__(
            f"over the first {size} events the database has the root {database.hex()} and the signed checkpoint in"
            f" the store {store.hex()}: two histories. {ROLL_FORWARD}"
        )
        self.size, self.database, self.store = size, database, store


class StrangeCheckpoint(MustHalt):
    """A checkpoint in the store is not of this log, or none of its keys signed it."""

    def __init__(self, key: str, *, because: str) -> None:
        super().__init__(f"the checkpoint {key} in the store is not one of this log: {because}")
        self.key = key


class StillHalted(MustHalt):
    """The log was halted before; the reason is the one that was kept then."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NumberTaken(MustHalt):
    """The next numbers cannot be given: one of them, or an event that waits, has a row that no sequencer wrote."""

    run_book = "chain-does-not-verify"

    def __init__(self, seq: int | None, *, size: int, event: UUID | None, ingest_no: int) -> None:
        of = "of no event that is there" if event is None else f"of event {event}"
        if seq is None:
            found = (
                f"a row of custody.queue waits for a number and its event is not there (its ingest_no is {ingest_no}):"
                " the event was taken away, or never was"
            )
        elif 0 <= seq < size:  # the number is the log's own, and the queue is what somebody wrote into
            found = f"a row of custody.queue {of} waits for a number, and the event has the number {seq} already"
        else:
            found = f"a row of custody.leaf that no sequencer wrote stands at number {seq}, {of}"
        super().__init__(
            f"the log has {size} events, and {found}: the next events cannot be given their numbers. The owner of the"
            ' tables has to take that row away (run-book chain-does-not-verify, "a number that was not given"); then'
            " `continuity custody rollforward` lifts the halt"
        )
        self.seq, self.event = seq, event


class NumbersEnd(MustHalt):
    """The row that says how far the log has come was set forward: it points at numbers that nobody has."""

    def __init__(self, *, size: int, end: int) -> None:
        super().__init__(
            f"custody.state says that the log has {size} events, and its numbers end at {end}: that row was changed"
            f" past the sequencer, or numbers were taken away. {ROLL_FORWARD}"
        )
        self.size, self.end = size, end


class CheckpointTaken(MustHalt):
    """What was signed cannot be recorded: a row that no sequencer wrote stands in its place."""

    run_book = "chain-does-not-verify"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"the checkpoint over {size} events is signed and stored and cannot be recorded: a row of"
            " custody.checkpoint that no sequencer wrote stands in its place. The owner of the tables has to take that"
            ' row away (run-book chain-does-not-verify, "a checkpoint that was not signed"); then `continuity custody'
            " rollforward` lifts the halt"
        )
        self.size = size


class LeafDiffers(MustHalt):
    """The bytes of an event are not those whose hash has its number, or it is gone."""

    def __init__(self, seq: int, *, found: str) -> None:
        super().__init__(f"event {seq} of the log is not the one that was given this number: {found}")
        self.seq, self.found = seq, found


class RootsDiffer(MustHalt):
    """The root from the events and the root from what the store gave back are not the same."""

    def __init__(self, *, size: int, frontier: bytes, tiles: bytes) -> None:
        super().__init__(
            f"over {size} events the events themselves have the root {frontier.hex()} and the tiles in the store"
            f" {tiles.hex()}; nothing was signed"
        )
        self.size, self.frontier, self.tiles = size, frontier, tiles


class StoreDiffers(MustHalt):
    """The store holds other bytes under a key of the log, or an object without its lock."""


class SignerRefuses(MustHalt):
    """The signer remembers a checkpoint that this one does not extend."""
