"""The log as others read it: its newest checkpoint, places of events, proofs. Changes nothing but to ask for speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from sqlalchemy import select, text

from evidence.custody.events import EventType
from evidence.custody.log_keys import trusted_keys
from evidence.custody.places import IN_LOG, NUMBER, PLACE
from evidence.custody.rows import Leaf, LogState
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotFound
from evidence.outside import book
from evidence.sequencing.errors import LogHalted, NotSequencedYet
from evidence.store import CustodyStore
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import Subtree, consistency_proof, inclusion_proof
from evidence.tlog.policy import Policy, parse_policy
from evidence.tlog.proof import LogProof
from evidence.tlog.tiles import TileTree

if TYPE_CHECKING:
    import psycopg

    from evidence.bootstrap import House

Awaited = TypeVar("Awaited")

WANTED = "custody_wanted"
PUBLISHED = "custody_published"
PARTIAL = "partial/"
HALT_LOOK = 1.0  # seconds between two looks whether the log was halted meanwhile
LOCK = 0x6C6F67  # the number of the advisory lock that whoever leads holds, and a roll-forward too
LEADS = LOCK + 1  # of the one that says so: taken by a sequencer alone, once it has the other


@dataclass(frozen=True, slots=True)
class Standing:
    """How the log stands: events that wait, the age of the oldest in seconds, sizes, and why it was halted if it was.

    `checkpoint_age` is in seconds; both ages are 0 where nothing waits or nothing is published.
    """

    waiting: int
    oldest: float
    size: int
    published: int
    witnessed: int
    checkpoint_age: float
    halted: str | None


STANDING = text(
    "SELECT (SELECT count(*) FROM custody.queue) AS waiting,"
    " coalesce((SELECT extract(epoch FROM clock_timestamp() - min(at)) FROM custody.queue), 0)::float8 AS oldest,"
    " size, published_size AS published, witnessed_size AS witnessed,"
    " coalesce((SELECT extract(epoch FROM clock_timestamp() - published_at) FROM custody.checkpoint"
    " WHERE checkpoint.size = published_size), 0)::float8 AS checkpoint_age, halted FROM custody.state"
)


def log_standing(session: ReadSession) -> Standing:
    """How the log stands now."""
    return Standing(**session.execute(STANDING).mappings().one())


def halt_reason(session: ReadSession) -> str | None:
    """Why the log is halted; nothing where it is not. Asked before each source is let go: it counts nothing."""
    return session.get_one(LogState, 1).halted


LED = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :lock"
    " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
LAST_SIGNED = text("SELECT max(published_at) FROM custody.checkpoint")
NUMBERS = text(
    f"SELECT e.id, l.seq FROM custody.event e JOIN {PLACE}"  # noqa: S608 - put together of our own constants
    " WHERE e.id = ANY(CAST(:ids AS uuid[])) ORDER BY l.seq DESC"  # where two have one id, the first is kept last
)
NUMBERED = text(
    f"SELECT l.seq, e.leaf FROM custody.event e JOIN {PLACE}"  # noqa: S608 - as above
    " WHERE e.subject = :subject ORDER BY e.subject_no"
)
NUMBERED_OF_TYPE = text(NUMBERED.text.replace("ORDER BY", "AND e.type = :type ORDER BY"))
# Not of all that was written: what somebody wrote past the ledger gets no number, and would be waited for in vain.
NEWEST = text(
    f"SELECT e.id FROM custody.event e LEFT JOIN {NUMBER} WHERE {IN_LOG}"  # noqa: S608 - as above
    " ORDER BY e.ingest_no DESC LIMIT 1"
)
OLDEST_WAITING = text("SELECT min(at) FROM custody.queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """Whether a sequencer leads, when a checkpoint was last signed, and since when the oldest event waits."""

    is_led: bool
    last_signed: datetime | None
    oldest_waiting: datetime | None


def leadership(session: ReadSession) -> Leadership:
    """Whether anybody numbers events now. Who leads holds an advisory lock for as long as its process lives."""
    return Leadership(
        is_led=bool(session.execute(LED, {"lock": LEADS}).scalar_one()),
        last_signed=session.execute(LAST_SIGNED).scalar_one(),
        oldest_waiting=session.execute(OLDEST_WAITING).scalar_one(),
    )


def log_head(session: ReadSession) -> Checkpoint | None:
    """The newest published checkpoint; None while nothing is published."""
    state = session.get_one(LogState, 1)
    if state.published_size == 0:
        return None
    return Checkpoint(str(session.info["log_origin"]), state.published_size, state.published_root)


def published_note(session: ReadSession, size: int, *, under: Policy | None = None) -> bytes:
    """The signed checkpoint over `size` events with the good cosignatures known so far, a key's first.

    Those of the witnesses of the policy that the settings name, and of `under`: a line that no known witness signed, or
    under a checkpoint that was never published, is nobody's. Raises NotFound.
    """
    published = book.checkpoint_of(session, size)
    if published is None:
        raise NotFound(f"a checkpoint over {size} events")
    policies = [each for each in (under, _own_policy(session)) if each is not None]
    keys = [each.key for policy in policies for each in policy.witnesses]
    return b"".join([published.note, *book.cosigned(session, published, keys).values()])


def _own_policy(session: ReadSession) -> Policy | None:
    """The witness policy as its file lies there now; none where it is of no use, which the duty of witnesses tells."""
    path = session.info.get("witness_policy")
    try:
        return None if path is None else parse_policy(path.read_bytes())
    except (OSError, Malformed):
        return None


def log_began(session: ReadSession) -> datetime | None:
    """When the first event of the log was written; None while it has none."""
    return session.scalar(select(Leaf.at).where(Leaf.seq == 0))


def seq_of(session: ReadSession, event_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The places in the log of those events that have one."""
    return {row.id: row.seq for row in session.execute(NUMBERS, {"ids": list(event_ids)})}


def leaves_of(session: ReadSession, subject: UUID, *, of_type: EventType | None = None) -> list[tuple[int, bytes]]:
    """Place and leaf of a subject's events that have a place, in their order; all of them, or those of one type."""
    wanted = NUMBERED if of_type is None else NUMBERED_OF_TYPE
    rows = session.execute(wanted, {"subject": subject} if of_type is None else {"subject": subject, "type": of_type})
    return [(seq, bytes(leaf)) for seq, leaf in rows]


def log_keys(session: ReadSession) -> list[VerifierKey]:
    """Every key that signs or has signed the log and was never revoked, by the log's own events; the oldest first."""
    return trusted_keys(session)


def tile_reader(store: CustodyStore) -> Callable[[str], bytes]:
    """Gives the bytes of tiles and bundles by their C2SP path. A partial one may be a later, wider one."""

    def read(path: str) -> bytes:
        whole, partial, _ = path.partition(".p/")
        if not partial:
            return store.get(path)
        try:
            return store.get(PARTIAL + path)
        except ObjectMissing:
            # Partial ones are cleared away once the full one is there.
            return store.get(whole)

    return read


def subtree_reader(session: ReadSession, store: CustodyStore) -> Subtree:
    """MTH(D[start:end]) up to the newest published checkpoint, from the tiles in the store."""
    size = session.get_one(LogState, 1).published_size
    return TileTree(tile_reader(store), size).subtree


def consistency_prover(store: CustodyStore) -> Callable[[int, int], list[bytes]]:
    """Proves that the tree of one size begins with the tree of another, out of the tiles of the larger one."""

    def proof(old: int, new: int) -> list[bytes]:
        return consistency_proof(old, new, TileTree(tile_reader(store), new).subtree)

    return proof


def prove(session: ReadSession, store: CustodyStore, event_id: UUID) -> LogProof:
    """That the event is in the log, up to the newest published checkpoint. Raises NotSequencedYet."""
    head = log_head(session)
    place = seq_of(session, [event_id]).get(event_id)
    if head is None or place is None or place >= head.size:
        raise NotSequencedYet(event_id)
    path = inclusion_proof(place, head.size, subtree_reader(session, store))
    return LogProof(place, tuple(path), published_note(session, head.size))


def want_checkpoint(session: WriteSession) -> None:
    """Ask for a checkpoint as soon as the caller has committed: a receipt or an export waits for it."""
    session.execute(text("SELECT pg_notify(:channel, '')"), {"channel": WANTED})


def await_published(house: House, event_id: UUID, within: timedelta) -> LogProof:
    """Ask for a checkpoint and wait for it; the proof of a committed event. Raises NotSequencedYet after `within`."""

    def look(session: ReadSession) -> LogProof:
        return prove(session, house.custody, event_id)

    return _await(house, look, within)


def await_size(house: House, within: timedelta) -> Checkpoint:
    """Ask for a checkpoint over everything that is committed now, and wait for it. Raises NotSequencedYet."""
    with house.reading() as session:
        newest = session.execute(NEWEST).first()

    def look(session: ReadSession) -> Checkpoint:
        head = log_head(session)
        if newest is None or head is None or seq_of(session, [newest.id]).get(newest.id, head.size) >= head.size:
            raise NotSequencedYet(newest.id if newest else UUID(int=0))
        return head

    return _await(house, look, within)


def _looked(session: ReadSession, look: Callable[[ReadSession], Awaited]) -> Awaited:
    try:
        return look(session)
    except NotSequencedYet as not_yet:
        if (halted := halt_reason(session)) is not None:
            raise LogHalted(not_yet.event_id, reason=halted) from not_yet
        raise


def _await(house: House, look: Callable[[ReadSession], Awaited], within: timedelta) -> Awaited:
    """Look after each checkpoint until `look` no longer raises NotSequencedYet. Raises LogHalted at once."""
    ends = time.monotonic() + within.total_seconds()
    with house.sessions.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        listening: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        listening.execute(f"LISTEN {PUBLISHED}")
        try:
            with house.writing() as session:
                want_checkpoint(session)
            while True:
                try:
                    with house.reading() as session:
                        return _looked(session, look)
                except LogHalted:
                    raise
                except NotSequencedYet:
                    if (left := ends - time.monotonic()) <= 0:
                        raise
                for _ in listening.notifies(timeout=min(left, HALT_LOOK), stop_after=1):
                    pass
        finally:
            listening.execute("UNLISTEN *")
