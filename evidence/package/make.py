"""The story of a package: it is recorded, published and proved before the first byte of it is written.

`begin` writes down on every exhibit that a package is made of it, waits until the log has published that, logs a
head map, gathers the proof, and checks it. `write` streams the media and everything beside them into a bag. Between
the two nothing is handed out; after the first, the log knows of it whatever becomes of the second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast
from uuid import UUID

from evidence.completeness import headmap
from evidence.continuity import gather as continuity
from evidence.continuity.pdf import as_pdf
from evidence.continuity.said import Report
from evidence.continuity.vouchers import log_vkeys
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.errors import LogDisagrees
from evidence.identifiers import new_id
from evidence.outside.errors import NoTimeStamp
from evidence.outside.rotating import revoked_keys
from evidence.outside.stamping import Token, stamps_now
from evidence.outside.witnessing import Witnessing, read_policy
from evidence.package import contents as stated
from evidence.package.bag import Bag, ZipStream, bag_at
from evidence.package.case import case_jsonld
from evidence.package.contents import Contents
from evidence.package.errors import NothingToPackage, NotYetInLog
from evidence.package.gathering import Gathered, Proving, gather
from evidence.package.inquiry import WHOLE
from evidence.package.media import Found, copy_into, find
from evidence.package.proving import contradictions, refuse
from evidence.package.words import read_me
from evidence.sequencing import reading
from evidence.sequencing.errors import LogHalted, NotSequencedYet
from evidence.sequencing.reading import await_published
from evidence.tlog.errors import NotProved
from evidence.tlog.keys import VerifierKey
from evidence.tlog.policy import Policy, parse_policy, with_log_keys
from evidence.tlog.proof import LogProof

if TYPE_CHECKING:
    from evidence.bootstrap import House

MOST: Final = 200  # exhibits of one package
WITNESSES_HAVE: Final = 20.0  # seconds to sign the package's checkpoint, where the policy asks for them
PROGRAMS: Final = ("verify.py", "verify.html", "by-hand.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be packaged. `policy`: the file to be copied and waited for; `within`: for the log to publish."""

    recordings: tuple[UUID, ...]
    names: bool = True
    policy: bytes | None = None
    within: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A package of which everything is known and nothing written."""

    id: UUID
    found: tuple[Found, ...]
    gathered: Gathered
    root: str
    report: bytes
    names: bool

    @property
    def name(self) -> str:
        """What its folder or file may be called."""
        return f"continuity-{self.found[0].exhibit.reference}-{str(self.id)[-8:]}"

    @property
    def contents(self) -> Contents:
        """What it will hold beside its media."""
        return self.gathered.contents


def make(house: House, order: Order, out: Path, *, by: Actor) -> Ready:
    """Make a package at a place: a folder, or a ZIP file by its name.

    Raises NothingToPackage, NotFound, NotYetInLog, DoesNotHold, NameTaken, NoFolder, NotWritten, BytesDiffer, and what
    store and database raise; there is nothing at the place then.
    """
    with bag_at(out) as bag:
        ready = begin(house, order, by=by)
        for _ in write(house, ready, bag):
            pass
    return ready


def stream(house: House, ready: Ready) -> Iterator[bytes]:
    """The package as the bytes of a ZIP file. Where it breaks off, nobody can open it."""
    drain = _Drain()
    place = ZipStream(cast("IO[bytes]", drain), top=ready.name)
    try:
        for _ in write(house, ready, Bag(place)):
            yield from drain.take()
    except BaseException:
        place.abandon()
        raise
    yield from drain.take()


def begin(house: House, order: Order, *, by: Actor) -> Ready:
    """Record it, have it published, gather the proof and check it as whoever gets it will.

    Raises as `make`, but for what writing raises.
    """
    policy = _policy_named(house, order)
    found, events, package = _record(house, order, by)
    size = max(_published(house, each, order.within).checkpoint().size for each in events)
    made = headmap.make_at(house, size)
    proof = _published(house, made.event_id, order.within)
    size = proof.checkpoint().size
    policy = None if policy is None else _with_keys_at(house, policy, size)
    proving = Proving(
        size=size,
        made=made,
        tokens=_stamps(house, proof.checkpoint_note),
        names=order.names,
        policy=policy,
    )
    if policy is not None:
        _await_witnesses(house, parse_policy(policy), size)
    try:
        gathered = gather(house, [each.exhibit for each in found], proving)
    except LogDisagrees as error:
        raise refuse(house, found, [(WHOLE, str(error))]) from error
    reports = _reports(house, found, proving)
    root = proof.checkpoint().root.hex()
    ready = Ready(id=package, found=found, gathered=gathered, root=root, report=as_pdf(reports), names=order.names)
    against = [(each.reference, words) for each in reports if each.withholds for words in each.contradicted]
    claims = contradictions(dict(_files(house, ready)), found, proving.tokens)
    if faults := [*((each.subject, f"{each.claim}: {each.words}") for each in claims), *against]:
        raise refuse(house, found, faults)
    return ready


def write(house: House, ready: Ready, bag: Bag) -> Iterator[int]:
    """Write it, piece by piece; yields sizes. Raises BytesDiffer, ObjectMissing, StoreAway, ShortRead, OSError."""
    for each in ready.found:
        for source in each.sources:
            yield from copy_into(house, bag, source)
    for path, body in _files(house, ready):
        yield bag.put(path, body).size
    made = ready.contents.made
    bag.finish(
        {
            "Source-Organization": " ".join(house.settings.force_name.split()) or "not named",
            "Bagging-Date": made[:10],
            "External-Identifier": str(ready.id),
            "External-Description": "Recordings, and the proof of their continuity",
            "Bag-Software-Agent": "Continuity",
        }
    )
    yield 0


def _record(house: House, order: Order, by: Actor) -> tuple[tuple[Found, ...], list[UUID], UUID]:
    if not order.recordings:
        raise NothingToPackage("no recording was named: there is nothing to package")
    if len(set(order.recordings)) != len(order.recordings) or len(order.recordings) > MOST:
        raise NothingToPackage(f"each recording is named once, and there are at most {MOST} of them in a package")
    package = new_id()
    facts = {"package": str(package), "exhibits": len(order.recordings)}
    with house.writing() as session:
        found = tuple(find(session, each) for each in order.recordings)
        events = [
            ledger.record(session, Event(type=EventType.PACKAGE_MADE, subject=each, actor=by, facts=facts)).id
            for each in order.recordings
        ]
    return found, events, package


def _published(house: House, event: UUID, within: timedelta) -> LogProof:
    try:
        return await_published(house, event, within)
    except LogHalted as halted:
        raise NotYetInLog(seconds=within.total_seconds(), halted=halted.reason) from halted
    except NotSequencedYet as error:
        raise NotYetInLog(seconds=within.total_seconds()) from error


def _stamps(house: House, note: bytes) -> list[Token]:
    """Time-stamps over this very checkpoint. Without an authority a package proves less, and says so."""
    try:
        return stamps_now(house, note)
    except NoTimeStamp:
        return []


def _policy_named(house: House, order: Order) -> bytes | None:
    """The bytes of the order's policy, or of the file that the settings name. Raises Malformed, SettingsRefused."""
    if order.policy is not None:
        parse_policy(order.policy)
        return order.policy
    path = house.settings.witness_policy
    return path.read_bytes() if path is not None and read_policy(house.settings) else None


def _with_keys_at(house: House, policy: bytes, size: int) -> bytes:
    """The policy as it should be at this checkpoint: a file may be older than the newest change of keys."""
    with house.reading() as session:
        signing = [VerifierKey.parse(each) for each in log_vkeys(session, size=size)]
    return with_log_keys(policy, added=signing, dropped=revoked_keys(house))


def _await_witnesses(house: House, policy: Policy, size: int) -> None:
    """Ask the log's witnesses at once, and give all a moment. A package without them proves less, and says so."""
    if policy.quorum is not None and house.settings.witness_policy is not None:
        Witnessing(house, house.settings, reading.subtree_reader).ask_now(size)
    ends, pause = time.monotonic() + WITNESSES_HAVE, threading.Event()
    while policy.quorum is not None and time.monotonic() < ends:
        with house.reading() as session:
            note = reading.published_note(session, size, under=policy)
        try:
            if policy.judge(note).quorum_met:
                return
        except NotProved:
            return
        pause.wait(0.25)


def _reports(house: House, found: Sequence[Found], proving: Proving) -> list[Report]:
    wanted = [
        continuity.Wanted(
            recording=each.exhibit.recording,
            force=house.settings.force_name,
            size=proving.size,
            below=proving.made.size,
            names=proving.names,
        )
        for each in found
    ]
    return [continuity.gather(house, each) for each in wanted]


def _files(house: House, ready: Ready) -> Iterator[tuple[str, bytes]]:
    """Everything in `custody/`."""
    told = ready.contents
    force = house.settings.force_name
    erased = ready.gathered.erased
    yield "custody/READ-ME-FIRST.txt", read_me(told, force=force, root=ready.root, names=ready.names, erased=erased)
    yield "custody/report.pdf", ready.report
    for name in PROGRAMS:
        program = resources.files("evidence.package.inside") / name
        if program.is_file():
            yield f"custody/{name}", program.read_bytes()
    yield "custody/contents.json", stated.contents_json(told)
    yield "custody/events.jsonl", stated.events_jsonl(told.events)
    yield "custody/revealed.json", stated.revealed_json(told.revealed)
    yield from ((f"custody/proofs/{seq}.tlog-proof", proof) for seq, proof in told.proofs.items())
    yield "custody/checkpoint.txt", told.checkpoint
    yield "custody/seen.json", stated.seen_json(told.seen)
    yield "custody/headmap.json", stated.headmap_json(told.head_map)
    for stamp in told.stamps:
        parts = {"note": stamp.note, "tsq": stamp.query, "tsr": stamp.response, "pem": stamp.certificates}
        yield from ((f"custody/tst/{stamp.name}.{kind}", body) for kind, body in parts.items())
    yield from ((f"custody/packets/{sha256}.json", body) for sha256, body in told.packets.items())
    yield "custody/case.jsonld", case_jsonld(told.log, told.exhibits, ready.gathered.acts)
    yield "custody/policy.copy", told.policy


class _Drain:
    """A stream that is written on one side and taken from on the other. It cannot be turned back."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Hold it until it is taken."""
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing lies between."""

    def take(self) -> Iterator[bytes]:
        """What has been written since."""
        held, self._held = self._held, []
        yield b"".join(held)
