"""Gathers what is known of one exhibit: bytes, origin, device, officer, every event with its number, and the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.continuity.holding import Held, Line, hold
from evidence.continuity.registered import copy_made, let_go
from evidence.continuity.said import FactList, Report, Section, Sentences, TableOf, utc
from evidence.continuity.vouchers import Vouched
from evidence.custody.events import EventType
from evidence.database import ReadSession
from evidence.errors import NotFound
from evidence.identifiers import recording_reference
from evidence.models import Agent, DockingSession, Person, Provenance, Quarantine, Recording, Rendition
from evidence.store import StoredObject
from evidence.vocabulary import Condition, RecordingKind, RenditionMethod

if TYPE_CHECKING:
    from evidence.bootstrap import House

MOST: Final = 50  # contradictions that are told on paper
WITHHELD: Final = "not disclosed in this report"
KINDS: Final = {
    RecordingKind.BODY_WORN: "body-worn video",
    RecordingKind.INTERVIEW: "interview",
    RecordingKind.OTHER: "other",
}
CONDITIONS: Final = {
    Condition.UNEXAMINED: "not examined yet",
    Condition.SOUND: "intact",
    Condition.DAMAGED: "damaged; the bytes are kept as they came",
    Condition.EMPTY: "empty",
    Condition.UNKNOWN: "of a format that is not known",
    Condition.HOSTILE: "made to attack whoever opens it",
    Condition.ENCRYPTED: "encrypted",
}
METHODS: Final = {
    RenditionMethod.DIRECT: "the master itself",
    RenditionMethod.REMUX: "packets copied unchanged into another container",
    RenditionMethod.TRANSCODE: "encoded anew for playing",
    RenditionMethod.PICTURES: "made from pictures and sound",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which exhibit, and what is told of it.

    `size`: of the checkpoint that the report rests on, the newest where not named; `below`: only events with a lower
    log number are told, where one is named; `names`: whether personal values are told.
    """

    recording: UUID
    force: str
    size: int | None = None
    below: int | None = None
    names: bool = True


def gather(house: House, wanted: Wanted) -> Report:
    """The report of one recording, held against log and store as it is made. Raises NotFound, StoreAway."""
    with house.reading() as session:
        if session.get(Recording, wanted.recording) is None:
            raise NotFound(f"recording {wanted.recording}")
    held = hold(house, wanted.recording, size=wanted.size, below=wanted.below)
    with house.reading() as session:
        sections = tuple(_sections(session, held, names=wanted.names))
    return Report(
        force=wanted.force,
        log=house.settings.log_origin,
        reference=recording_reference(held.recording.number),
        title=held.recording.title if wanted.names else "",
        made=clock.now(),
        sections=sections,
        contradicted=tuple(held.against),
        withholds=bool(held.against),
    )


def _sections(session: ReadSession, held: Held, *, names: bool) -> Iterator[Section]:
    if held.against:
        yield _listed("CONTRADICTED", DO_NOT_RELY, held.against)
    if held.forged:
        yield _listed("Beside this exhibit", BESIDE, held.forged)
    if held.incidents:
        yield _incidents(held, names=names)
    yield _exhibit(session, held, names=names)
    yield _device(held.recording, names=names)
    yield _origin(session, held, names=names)
    yield _bytes(held)
    yield _copies(held)
    yield TableOf(
        "What was done, and by whom",
        ("Log no.", "Time (UTC)", "Event", "What happened"),
        tuple(
            (_number(each), utc(each.said.at)[:19], each.said.type.value, _capital(each.words(names=names)))
            for each in held.told
        ),
        (10, 20, 22, 48),
    )
    yield _checkpoint(held.vouched)
    yield Sentences("What is proved, and by whom", tuple(_proved(held)) or ("Nothing.",))
    yield Sentences("What is not proved", tuple(_not_proved(held)))
    yield Sentences("How to check this", HOW)


def _listed(title: str, words: str, found: Sequence[str]) -> Sentences:
    more = [f"And {len(found) - MOST} more."] if len(found) > MOST else []
    return Sentences(title, (f"{words} {len(found)} found:", *found[:MOST], *more))


def _incidents(held: Held, *, names: bool) -> TableOf:
    """What waits for a person. A reason may name people and files, and is withheld with them."""
    told = tuple(
        (utc(each.opened_at)[:19], each.kind.value.replace("_", " "), each.reason if names else WITHHELD)
        for each in held.incidents
    )
    return TableOf("Open incidents: nobody has settled these", ("Since (UTC)", "Kind", "Why"), told, (20, 22, 58))


def _number(line: Line) -> str:
    return "none yet" if line.seq is None else str(line.seq)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _exhibit(session: ReadSession, held: Held, *, names: bool) -> FactList:
    recording, registered = held.recording, held.first(EventType.RECORDING_REGISTERED)
    officer = session.get(Person, recording.officer_id) if recording.officer_id else None
    aside = session.scalars(
        select(Quarantine.reason).where(Quarantine.recording_id == recording.id, Quarantine.closed_at.is_(None))
    ).first()
    named = f"{officer.display_name}, {officer.collar_number or 'no number'}" if officer else "not named"
    stated = recording.officer_as_stated
    condition = CONDITIONS[recording.condition]
    rows = [
        ("Exhibit", recording_reference(recording.number)),
        ("Title", recording.title if names else WITHHELD),
        ("Kind", KINDS[recording.kind]),
        ("Condition", f"{condition} ({recording.condition_reason})" if recording.condition_reason else condition),
        ("In quarantine", f"yes: {aside}" if aside else "no"),
        ("Officer, as recorded", named if names else WITHHELD),
        ("Officer, as the device states", (stated or "nothing stated") if names else WITHHELD),
        ("Recorded, in the device's words", recording.captured_as_stated or "nothing stated"),
        ("Recorded, as read from them", utc(recording.captured_at)),
        ("Length", _length(recording.duration_ms)),
        ("Registered", _by(registered) if registered else "no event says so"),
        ("Identifier in the log", str(recording.id)),
    ]
    findings = [str(each.get("sentence", each)) if isinstance(each, dict) else str(each) for each in recording.findings]
    return FactList("The exhibit", (*rows, *(("Does not agree", each) for each in findings if names)))


def _length(milliseconds: int | None) -> str:
    return "not known" if milliseconds is None else f"{milliseconds / 1000:.3f} seconds"


def _device(recording: Recording, *, names: bool) -> FactList:
    said = [recording.camera_make, recording.camera_model]
    offset = recording.clock_offset_ms
    clock_words = "not measured" if offset is None else f"{offset / 1000:+.3f} seconds against the server"
    rows = (
        ("Make and model", " ".join(each for each in said if each) or "not known"),
        ("Serial number", recording.camera_serial or "not known"),
        ("Known to the dock as", recording.device_label if names else WITHHELD),
        ("Clock of the dock", clock_words),
    )
    return FactList("The device", rows)


def _origin(session: ReadSession, held: Held, *, names: bool) -> TableOf:
    rows = session.execute(
        select(Provenance, Agent.name, DockingSession.bay)
        .join(Agent, Agent.id == Provenance.agent_id)
        .join(DockingSession, DockingSession.id == Provenance.session_id)
        .where(Provenance.master_id == held.recording.id)
        .order_by(Provenance.at)
    )
    told = []
    for given, dock, bay in rows:
        source = f"{given.device_label}: {given.name_shown}" if names else WITHHELD
        gone = let_go(held, given.arrival_id)
        after = f"{gone.said.facts.get('action')} {_by(gone)}" if gone else "not let go"
        told.append((utc(given.at)[:19], f"{dock}, {bay}", source, after))
    heads = ("Taken in (UTC)", "Dock and bay", "Device and file", "Source file since")
    return TableOf("Where it came from", heads, tuple(told), (20, 20, 36, 24))


def _by(line: Line) -> str:
    return f"{utc(line.said.at)}, {line.name}"


def _bytes(held: Held) -> FactList:
    """What the log says of the master, and what the store says of it now; nothing of what the register says."""
    stored, now = held.stored, held.now
    arrived = held.first(EventType.ARRIVAL_STORED)
    if stored is None:
        rows = [("Bytes", "no event says which bytes were stored")]
    else:
        rows = [
            ("SHA-256", stored.object.sha256),
            ("SHA-512", stored.object.sha512 or "not in the log"),
            ("Root over chunks of 1 MiB", stored.object.tree or "not in the log"),
            ("Size", f"{stored.object.size:,} bytes"),
            *([("Reached the store", _by(arrived))] if arrived else []),
            ("Read back and compared", _by(stored.line)),
            ("Locked when it was stored", f"{stored.lock.lower()} mode"),
        ]
    return FactList("The master: the bytes as they were received", (*rows, ("In the store now", _now(now))))


def _now(now: StoredObject | None) -> str:
    if now is None:
        return "NOT FOUND"
    locked = "not locked" if now.lock is None else f"{now.lock.mode.lower()} mode, locked until {utc(now.lock.until)}"
    return f"{now.size:,} bytes, {locked} (its bytes were not read again for this report)"


def _copies(held: Held) -> TableOf:
    told = tuple(
        (row.kind.value, METHODS[row.method], row.sha256 or "has no bytes of its own", _made(held, row))
        for row in held.copies
    )
    return TableOf("Working copies", ("Copy", "How", "SHA-256", "Made (UTC)"), told, (12, 26, 42, 20))


def _made(held: Held, row: Rendition) -> str:
    if row.sha256 is None:
        return utc(row.made_at)[:19]
    line = copy_made(held, row)
    return "no event says so" if line is None else _by(line)


def _checkpoint(proof: Vouched | None) -> FactList:
    if proof is None:
        return FactList("The log", (("Checkpoint", "none has been published yet"),))
    rows = (
        ("Name of the log", proof.checkpoint.origin),
        ("Events in the log", str(proof.checkpoint.size)),
        ("Root over them", proof.checkpoint.root.hex()),
        ("Published, by the server's clock", utc(proof.published_at)),
        ("Signed with", "; ".join(proof.signed_by) or "no key that is known"),
        ("Witnesses", "; ".join(f"{each.name}, {utc(each.at)}" for each in proof.witnesses) or "none"),
        ("Time-stamps", "; ".join(f"{each.name}, {utc(each.at)}" for each in proof.stamps) or "none"),
    )
    return FactList("The checkpoint of the log", rows)


def _proved(held: Held) -> Iterator[str]:
    """Only of what was checked for this report."""
    if held.agreeing is not None:
        yield (
            f"This exhibit has {held.agreeing} events, numbered without a gap; each names the one before it by its"
            " digest. The database was held against them when this report was made."
        )
    proof = held.vouched
    if proof is None or not held.log_holds:
        return
    size = proof.checkpoint.size
    yield (
        f"{len(held.proved)} of the {len(held.told)} lines above are events of the log of {size} events whose root is"
        " given above: the bytes of each were led to that root when this report was made, and the root is the one that"
        " the log's key signed and the store keeps. To change one of them without changing that root is not feasible."
    )
    if held.stored is not None and held.stored.line.seq in held.proved and not held.against:
        yield f"The digests and the size of the master are those of {held.stored.line.name}, which is one of these."
    for each in proof.witnesses:
        yield f"The witness {each.name} signed this checkpoint at {utc(each.at)}: it knew no other history of this log."
    for each in proof.stamps:
        yield (
            f"The time-stamp authority {each.name} saw the log at {each.size} events by {utc(each.at)}: those of the"
            " events just named that have a lower number are not younger than that."
        )


def _not_proved(held: Held) -> Iterator[str]:
    if held.halted is not None:
        halted = held.halted.rstrip(".")
        yield f"The log was halted when this report was made, and nothing was published any more: {halted}."
    yield "The times of the lines above are those of the server's clock: a claim between two checkpoints, not a proof."
    yield "What the device says of time, place and officer is what it says. Nothing here confirms or corrects it."
    yield REGISTER
    yield "That the pictures show what happened is for a court: the log proves bytes and acts, not their meaning."
    proof = held.vouched
    if proof is None:
        yield "No checkpoint has been published: nothing above is proved to anybody outside."
        return
    if not held.log_holds:
        yield "That the lines above are events of the log: it is contradicted or halted, or no known key signed it."
    late = sum(line.seq is None or line.seq >= held.size for line in held.told)
    if late:
        yield f"{late} of the lines above are newer than the checkpoint and not proved by it yet."
    yield from proof.doubts
    if not proof.witnesses:
        yield "No witness has signed this checkpoint: that no other history was shown elsewhere rests on its keeper."
    if not proof.stamps:
        yield "No time-stamp covers this checkpoint: by when it existed rests on its keeper."


BESIDE: Final = (
    "The database has lines of witnesses or time-stamps that do not hold: somebody put them there. They are not about"
    " this exhibit, and nothing in this report rests on them; `continuity verify` says more."
)
DO_NOT_RELY: Final = (
    "Do not rely on this report before a person has found out why: what the log, the register and the store say of this"
    " exhibit does not agree, and `continuity verify --recording` says more."
)
REGISTER: Final = (
    "Title, kind, officer, device, when it was recorded, what does not agree, length, quarantine and the table of where"
    " it came from are what the register says; of these, the log's events hold only what its lines above tell."
)
HOW: Final = (
    "This report is a statement, and paper proves nothing by itself. The proof is a package of the exhibit, made with"
    " `continuity package` or on the recording's page: files, events, proofs and the programs that check them.",
    "In the package: `sha256sum -c manifest-sha256.txt` holds every file against its digest; `python3"
    " custody/verify.py --policy POLICY .` checks each claim with nothing but Python; `custody/verify.html` does it in"
    " a browser without a network; `custody/by-hand.txt` does it by hand.",
    "POLICY is the file with the log's keys and its witnesses. Get it from elsewhere than the package: from the force's"
    " publication, or from a witness.",
    "A line above is found in the package by its log number: custody/events.jsonl has the event, custody/proofs the"
    " proof that it is in the log.",
)
