"""One recording on the live system: its events, their proofs, and its master's bytes read back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from evidence.completeness import headmap, newest, seen, signed
from evidence.completeness.claims import LOG, Claim, Verdict, Verification, judged, not_proved
from evidence.custody import ledger
from evidence.custody.events import EventType
from evidence.custody.leaf import Leaf, LeafObject, hash_of, read_leaf
from evidence.database import ReadSession
from evidence.errors import LogDisagrees, NotALeaf, NotFound
from evidence.identifiers import recording_reference
from evidence.models import Incident, Master, Recording
from evidence.sequencing import reading
from evidence.store.errors import MasterMissing, ObjectMissing
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import TlogError
from evidence.tlog.merkle import inclusion_proof, verify_inclusion
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

RESTS = "The log as a whole is contradicted, see below: nothing that rests on it is proved."
Leaves = Sequence[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked about: the recording, its master, its numbered leaves, the newest checkpoint."""

    house: House
    id: UUID
    master: Master
    reference: str | None  # as the register has it; None for a metadata file
    leaves: Leaves
    head: Checkpoint | None

    @property
    def subject(self) -> str:
        return str(self.id)


def verify_recording(house: House, recording: UUID) -> Verification:
    """Hold one recording (or metadata file, by its master's id) together: its events, their proofs, its bytes.

    A log that its newest checkpoint in the store contradicts, or that is halted, proves nothing of a recording's
    events. The master is read back whole. Raises NotFound where there is no such master, StoreAway.
    """
    with house.reading() as session:
        master = session.get(Master, recording)
        if master is None:
            raise NotFound(f"the recording {recording}")
        head = reading.log_head(session)
        row = session.get(Recording, recording)
        reference = None if row is None else recording_reference(row.number)
        asked = _Asked(house, recording, master, reference, reading.leaves_of(session, recording), head)
        troubles = _open_troubles(session, master)
    of_events = [_history(asked), _included(asked), _not_before(asked), _complete(asked)]
    of_log = _of_log(newest.hold(house), signed.keys(house))
    if of_log:
        of_events = [_resting(each) for each in of_events]
    claims = (*of_events, _master(asked), *of_log, *troubles)
    if head is None:
        return Verification(size=0, claims=claims)
    return Verification(size=head.size, claims=claims, root=head.root)


def _of_log(held: newest.Newest, keys: Claim) -> list[Claim]:
    """What is wrong with the log as a whole, which every proof of a recording rests on."""
    found = [judged("checkpoint", LOG, held.found, holds="", fails=signed.FAILS)] if held.found else []
    found += [keys] if keys.verdict is Verdict.CONTRADICTED else []
    return found if held.halted is None else [*found, held.sequencing]


def _resting(claim: Claim) -> Claim:
    """Nothing is proved by what rests on something contradicted."""
    return not_proved(claim.claim, claim.subject, RESTS) if claim.verdict is Verdict.PROVED else claim


def _open_troubles(session: ReadSession, master: Master) -> list[Claim]:
    """Incidents about its bytes that nobody has closed. They are said, and contradict nothing by themselves."""
    of_bytes = (IncidentKind.CENSUS_GAP, IncidentKind.FIXITY_FAILED)
    standing = [each for each in open_incidents(session, master) if each.kind in of_bytes]
    said = "; ".join(f"{each.kind.value}: {each.reason}" for each in standing)
    return [not_proved("incidents", str(master.id), f"An incident about it is open: {said}")] if standing else []


def open_incidents(session: ReadSession, master: Master) -> Sequence[Incident]:
    """Every incident about a master that nobody has closed, the oldest first."""
    about = or_(Incident.recording_id == master.id, Incident.subject.contains(master.key, autoescape=True))
    wanted = select(Incident).where(Incident.closed_at.is_(None), about)
    return session.scalars(wanted.order_by(Incident.opened_at)).all()


def _history(asked: _Asked) -> Claim:
    """Every event, also one that waits for its number, with the personal values that still stand."""
    found, events = [], 0
    with asked.house.reading() as session:
        try:
            events = ledger.check_subject(session, asked.id)
        except LogDisagrees as error:
            found = [str(error)]
    found += _misnamed(asked)
    holds = f"Its {events} events are numbered 1 to {events}, and each names the one before."
    return judged("history", asked.subject, found, holds=holds, fails="Its events do not follow one another")


def _misnamed(asked: _Asked) -> list[str]:
    """The register's reference against the one that the log gave: recordings must not change their numbers."""
    given = [(seq, leaf.facts.get("reference")) for seq, leaf in _read(asked.leaves, EventType.RECORDING_REGISTERED)]
    if asked.reference is None:
        return []
    return [
        f"event {seq} registered it as {reference}, and the register calls it {asked.reference}"
        for seq, reference in given
        if reference != asked.reference
    ]


def _included(asked: _Asked) -> Claim:
    head = asked.head
    under = [(seq, leaf) for seq, leaf in asked.leaves if head is not None and seq < head.size]
    if head is None or not under:
        return not_proved("included", asked.subject, "None of its events stands under a published checkpoint yet.")
    found = list(outside(asked.house, under, head).values())
    later = len(asked.leaves) - len(under)
    waits = f"; {later} newer ones wait for the next" if later else ""
    holds = f"Each of {len(under)} events leads to the checkpoint over {head.size} events{waits}."
    return judged("included", asked.subject, found, holds=holds, fails="An event is not in the log that was signed")


def _not_before(asked: _Asked) -> Claim:
    """What each event says of its age, against the tree of the events before it."""
    with asked.house.reading() as session:
        roots = seen.Roots(reading.subtree_reader(session, asked.house.custody), asked.head)
    said = list(seen.said_by(asked.leaves))
    found = [fault for seq, says in said if (fault := roots.fault(seq, says))]
    sizes = (seen.size_of(says) for _, says in said)
    return seen.claim(asked.subject, sizes, found, doubted=roots.doubted)


def outside(house: House, leaves: Leaves, head: Checkpoint) -> dict[int, str]:
    """Which of these events do not lead to a published checkpoint over more events than their numbers, and why."""
    with house.reading() as session:
        subtree = reading.subtree_reader(session, house.custody)
    found = {}
    for seq, leaf in leaves:
        try:
            path = inclusion_proof(seq, head.size, subtree)
            verify_inclusion(hash_of(leaf), seq, head.size, path, head.root)
        except (TlogError, ObjectMissing) as error:
            found[seq] = f"event {seq}: {error}"
    return found


def _complete(asked: _Asked) -> Claim:
    """The newest head map that knows the recording says how far it had come; the events themselves must agree."""
    newest = headmap.newest(asked.house, within=asked.head.size if asked.head else 0)
    if newest is None:
        return not_proved("complete", asked.subject, "No head map has been logged yet.")
    try:
        end = headmap.prove(asked.house, newest, [asked.id])[asked.id].end
    except NotFound:
        return not_proved("complete", asked.subject, f"The head map at {newest.size} events is older than its first.")
    except LogDisagrees as error:
        return judged("complete", asked.subject, [str(error)], holds="", fails="Events are missing, or too many")
    below = [(seq, leaf) for seq, leaf in asked.leaves if seq < newest.size]
    found = []
    if (len(below), below[-1][0], hash_of(below[-1][1])) != (end.n, end.seq, end.leaf_hash):
        found.append(f"the map of {newest.size} events has {end.n} of it, the last being event {end.seq}")
    holds = f"When the log had {newest.size} events, its last was number {end.n}; none is left out."
    return judged("complete", asked.subject, found, holds=holds, fails="Events are missing, or too many")


def _master(asked: _Asked) -> Claim:
    """The bytes, against the first event that says what was stored, and against the row beside it."""
    said = _stored(asked.leaves)
    if said is None:
        return not_proved("master", asked.subject, "No event with a number says what was stored.")
    master = asked.master
    beside = (said.sha256, said.sha512, said.size, said.version_id) == (
        master.sha256, master.sha512, master.size, master.version_id,
    )  # fmt: skip
    found = [] if beside else ["the row of the master says something else than its event"]
    try:
        sha256, sha512, size = _read_back(asked.house, master)
        if (sha256, sha512, size) != (said.sha256, said.sha512, said.size):
            found.append(f"{size} bytes with the SHA-256 {sha256} are in the store, {said.sha256} was stored")
    except MasterMissing as error:
        found.append(str(error))
    holds = f"The {said.size} bytes in the store have the SHA-256 and SHA-512 that were logged when they came."
    return judged("master", asked.subject, found, holds=holds, fails="The master is not what was stored")


def _stored(leaves: Leaves) -> LeafObject | None:
    for _, leaf in _read(leaves, EventType.MASTER_STORED):
        return next((each for each in leaf.obj if each.role == "master"), None)
    return None


def _read(leaves: Leaves, of_type: EventType) -> Iterator[tuple[int, Leaf]]:
    for seq, body in leaves:
        with suppress(NotALeaf):  # named by the claim `history`
            leaf = read_leaf(body)
            if leaf.type == of_type:
                yield seq, leaf


def _read_back(house: House, master: Master) -> tuple[str, str, int]:
    sha256, sha512, size = hashlib.sha256(), hashlib.sha512(), 0
    for piece in house.masters.read(master.key, version_id=master.version_id):
        sha256.update(piece)
        sha512.update(piece)
        size += len(piece)
    return sha256.hexdigest(), sha512.hexdigest(), size
