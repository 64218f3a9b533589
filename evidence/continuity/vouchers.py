"""Who vouches for a checkpoint of the log: the log's own keys, witnesses, time-stamp authorities.

Each is named only where what it signed was verified then and there. What does not hold is told, and nobody is named
for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from evidence.completeness import signed, stamped
from evidence.custody.log_keys import keys_at
from evidence.custody.rows import Cosignature, PublishedCheckpoint
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.outside.errors import TokenRefused
from evidence.sequencing import reading
from evidence.store.errors import ObjectMissing
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import BadSignature, NotProved, TlogError
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import verify_consistency
from evidence.tlog.policy import KnownLog, Policy, parse_policy, with_log_keys

if TYPE_CHECKING:
    from evidence.bootstrap import House

MOST = 50  # tokens that do not hold: whoever writes more of them into the table makes no report take longer
UNKNOWN = "No key of this log is known to the database: whether one signed this checkpoint cannot be told."


@dataclass(frozen=True, slots=True)
class Voucher:
    """Somebody outside, and when they saw the log at which size, as they signed it."""

    name: str
    at: datetime
    size: int


@dataclass(slots=True, kw_only=True)
class Vouched:
    """A published checkpoint and everybody whose signature over it was verified.

    `against`: what contradicts the checkpoint itself. `forged`: lines and tokens beside it that do not hold.
    `doubts`: what could not be looked at.
    """

    checkpoint: Checkpoint
    published_at: datetime
    signed_by: tuple[str, ...] = ()
    witnesses: tuple[Voucher, ...] = ()
    stamps: tuple[Voucher, ...] = ()
    against: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether a known key of the log signed it, and nothing contradicts it."""
        return bool(self.signed_by) and not self.against


def vouched(house: House, size: int) -> Vouched:
    """Who vouches for the checkpoint of this size. A later time-stamp counts: it speaks of all before it.

    Raises NotFound where there is no such checkpoint, StoreAway.
    """
    with house.reading() as session:
        row = session.get(PublishedCheckpoint, size)
        if row is None:
            raise NotFound(f"a checkpoint over {size} events")
        root, own_note, published_at = bytes(row.root), bytes(row.note), row.published_at
        note, keys = reading.published_note(session, size), reading.log_keys(session)
        lines = session.scalar(select(func.count()).select_from(Cosignature).where(Cosignature.size == size)) or 0
    found = Vouched(checkpoint=Checkpoint(house.settings.log_origin, size, root), published_at=published_at)
    _sign(found, house, own_note, keys)
    _witness(found, house, note, keys, lines)
    _stamp(found, house)
    return found


def log_vkeys(session: ReadSession, *, size: int) -> list[str]:
    """The public keys that count for a checkpoint of this size, as a policy names them."""
    return [key.text() for key in keys_at(session, size)]


def _sign(found: Vouched, house: House, note: bytes, keys: Sequence[VerifierKey]) -> None:
    """The log's own signatures, and that the store keeps this very checkpoint."""
    size = found.checkpoint.size
    own = Policy(logs=tuple(KnownLog(key) for key in keys), witnesses=(), groups=(), quorum=None)
    if not keys:
        found.doubts.append(UNKNOWN)
    found.against += signed.not_signed(note, own, size, house) if keys else []
    found.against += signed.not_stored(house, size, note)
    with suppress(TlogError):
        judged = own.judge(note)
        found.signed_by = tuple(f"{each.name} {each.key_id.hex()}" for each in judged.log_keys)
        if judged.checkpoint != found.checkpoint:
            found.against.append(f"the checkpoint over {size} events is signed for another root than its row has")


def _witness(found: Vouched, house: House, note: bytes, keys: Sequence[VerifierKey], lines: int) -> None:
    """The witnesses of the policy that the settings name, judged as whoever checks a package judges them."""
    path = house.settings.witness_policy
    if path is None:
        if lines:
            found.doubts.append(f"{lines} lines stand under the checkpoint, and no policy says which witnesses count.")
        return
    try:
        policy = parse_policy(with_log_keys(path.read_bytes(), added=keys, dropped=()))
        times = policy.judge(note).witnesses
        found.witnesses = tuple(
            Voucher(name, datetime.fromtimestamp(at, UTC), found.checkpoint.size) for name, at in sorted(times.items())
        )
    except (BadSignature, OverflowError, ValueError) as error:
        found.forged.append(f"a witness's line under the checkpoint over {found.checkpoint.size} events: {error}")
    except (TlogError, OSError) as error:
        found.doubts.append(f"The witnesses' lines could not be judged under the policy: {error}.")
        return
    if (unlisted := lines - len(found.witnesses)) > 0 and not found.forged:
        found.doubts.append(
            "Lines under the checkpoint that do not hold, or are by nobody whom the policy names as a witness:"
            f" {unlisted}. Nothing rests on them."
        )


def _stamp(found: Vouched, house: House) -> None:
    """The first time-stamp of each authority that speaks of this checkpoint or of one that grew from it."""
    judge, first, kept = stamped.Stamps(house), dict[str, Voucher](), set[str]()
    with house.reading() as session:
        for row in stamped.rows(session, at_least=found.checkpoint.size):
            if len(found.forged) >= MOST:
                break
            if row.authority in first:
                continue
            try:
                good = judge.hold(row)
                _grew(house, found.checkpoint, good.checkpoint)
            except (TokenRefused, TlogError, ObjectMissing) as error:
                found.forged.append(f"the time-stamp of {row.authority[:40]} over {row.size} events: {error}")
                continue
            if good.pinned:
                first[row.authority] = Voucher(row.authority, good.at, row.size)
            else:
                kept.add(row.authority)
    found.stamps = tuple(first.values())
    found.doubts += [
        f"The time-stamps of {each} hold only by certificates kept with them: no setting names that authority."
        for each in sorted(kept - first.keys())
    ]


def _grew(house: House, old: Checkpoint, new: Checkpoint) -> None:
    """Raises TlogError where the later checkpoint did not grow from the earlier one, ObjectMissing."""
    if old.size < new.size:
        proof = reading.consistency_prover(house.custody)(old.size, new.size)
        verify_consistency(old.size, new.size, proof, old.root, new.root)
    elif old != new:
        raise NotProved("it is over another checkpoint of the same size")
