"""Gathers what is known of one exhibit: bytes, origin, device, officer, every event with its number, and the proof."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from evidence import clock
from evidence.continuity.said import FactList, Report, Section, Sentences, TableOf, utc
from evidence.continuity.vouchers import Vouched, vouched
from evidence.custody import ledger
from evidence.custody.events import sentence
from evidence.custody.ledger import HistoryLine
from evidence.database import ReadSession
from evidence.errors import LogDisagrees, NotFound
from evidence.identifiers import recording_reference
from evidence.models import (
    Agent,
    Arrival,
    DockingSession,
    Master,
    Person,
    Provenance,
    Quarantine,
    Recording,
    Rendition,
)
from evidence.sequencing import reading
from evidence.vocabulary import Condition, RecordingKind, RenditionMethod, RenditionState

PAGE: Final = 500  # events read at a time
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


@dataclass(frozen=True, slots=True)
class Line:
    """One event and its number in the log: None until it has one."""

    seq: int | None
    said: HistoryLine
    words: str


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


def gather(session: ReadSession, wanted: Wanted) -> Report:
    """The report of one recording. Raises NotFound."""
    recording = session.get(Recording, wanted.recording)
    if recording is None:
        raise NotFound(f"recording {wanted.recording}")
    head = reading.log_head(session)
    size = wanted.size if wanted.size is not None else head.size if head else None
    proof = vouched(session, size) if size else None
    lines = list(lines_of(session, wanted.recording, below=wanted.below, names=wanted.names))
    return Report(
        force=wanted.force,
        log=str(session.info["log_origin"]),
        reference=recording_reference(recording.number),
        title=recording.title if wanted.names else "",
        made=clock.now(),
        sections=tuple(_sections(session, recording, wanted, lines, proof)),
    )


def lines_of(session: ReadSession, recording: UUID, *, below: int | None, names: bool) -> Iterator[Line]:
    """Every event of a recording in its order, those below a size of the log where one is named."""
    after = 0
    while found := ledger.history(session, recording, after=after, limit=PAGE):
        places = reading.seq_of(session, [each.id for each in found])
        for each in found:
            seq = places.get(each.id)
            if below is None or (seq is not None and seq < below):
                yield Line(seq, each, each.sentence if names else _sealed(each))
        after = found[-1].subject_no


def _sealed(line: HistoryLine) -> str:
    return sentence(line.type, facts=line.facts, actor="someone (name sealed)")


def _sections(
    session: ReadSession, recording: Recording, wanted: Wanted, lines: list[Line], proof: Vouched | None
) -> Iterator[Section]:
    master = session.get_one(Master, recording.id)
    yield _exhibit(session, recording, names=wanted.names)
    yield _device(recording, names=wanted.names)
    yield _origin(session, recording.id, names=wanted.names)
    yield _bytes(master)
    yield _copies(session, recording.id)
    yield TableOf(
        "What was done, and by whom",
        ("Log no.", "Time (UTC)", "Event", "What happened"),
        tuple((_number(each), utc(each.said.at)[:19], each.said.type.value, _capital(each.words)) for each in lines),
        (10, 20, 22, 48),
    )
    yield from _proof(session, recording.id, lines, proof)


def _number(line: Line) -> str:
    return "none yet" if line.seq is None else str(line.seq)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _exhibit(session: ReadSession, recording: Recording, *, names: bool) -> FactList:
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
        ("Registered", utc(recording.registered_at)),
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


def _origin(session: ReadSession, master: UUID, *, names: bool) -> TableOf:
    rows = session.execute(
        select(Provenance, Agent.name, DockingSession.bay, Arrival.released_at, Arrival.released_how)
        .join(Agent, Agent.id == Provenance.agent_id)
        .join(DockingSession, DockingSession.id == Provenance.session_id)
        .join(Arrival, Arrival.id == Provenance.arrival_id)
        .where(Provenance.master_id == master)
        .order_by(Provenance.at)
    )
    told = []
    for given, dock, bay, released_at, how in rows:
        source = f"{given.device_label}: {given.name_shown}" if names else WITHHELD
        after = f"{how} {utc(released_at)}" if released_at else "not let go"
        told.append((utc(given.at)[:19], f"{dock}, {bay}", source, after))
    heads = ("Taken in (UTC)", "Dock and bay", "Device and file", "Source file since")
    return TableOf("Where it came from", heads, tuple(told), (20, 20, 36, 24))


def _bytes(master: Master) -> FactList:
    rows = (
        ("SHA-256", master.sha256),
        ("SHA-512", master.sha512),
        ("Root over chunks of 1 MiB", master.tree),
        ("Size", f"{master.size:,} bytes"),
        ("Stored", utc(master.stored_at)),
        ("Read back and compared", utc(master.verified_at)),
        ("Locked", f"{master.lock_mode.lower()} mode, at least until {utc(master.lock_until)}"),
    )
    return FactList("The master: the bytes as they were received", rows)


def _copies(session: ReadSession, recording: UUID) -> TableOf:
    rows = session.scalars(
        select(Rendition)
        .where(Rendition.recording_id == recording, Rendition.state == RenditionState.READY)
        .order_by(Rendition.made_at)
    )
    told = tuple(
        (row.kind.value, METHODS[row.method], row.sha256 or "has no bytes of its own", utc(row.made_at)[:19])
        for row in rows
    )
    return TableOf("Working copies", ("Copy", "How", "SHA-256", "Made (UTC)"), told, (12, 26, 42, 20))


def _proof(session: ReadSession, recording: UUID, lines: list[Line], proof: Vouched | None) -> Iterator[Section]:
    yield _checkpoint(proof)
    yield Sentences("What is proved, and by whom", tuple(_proved(session, recording, lines, proof)))
    yield Sentences("What is not proved", tuple(_not_proved(lines, proof, reading.log_standing(session).halted)))
    yield Sentences("How to check this", HOW)


def _checkpoint(proof: Vouched | None) -> FactList:
    if proof is None:
        return FactList("The log", (("Checkpoint", "none has been published yet"),))
    rows = (
        ("Name of the log", proof.origin),
        ("Events in the log", str(proof.size)),
        ("Root over them", proof.root.hex()),
        ("Published", utc(proof.published_at)),
        ("Signed with", "; ".join(proof.signed_by)),
        ("Witnesses", "; ".join(f"{each.name}, {utc(each.at)}" for each in proof.witnesses) or "none"),
        ("Time-stamps", "; ".join(f"{each.name}, {utc(each.at)}" for each in proof.stamps) or "none"),
    )
    return FactList("The checkpoint of the log", rows)


def _proved(session: ReadSession, recording: UUID, lines: list[Line], proof: Vouched | None) -> Iterator[str]:
    try:
        agreeing = ledger.check_subject(session, recording)
        yield (
            f"This exhibit has {agreeing} events, numbered without a gap; each names the one before it by its digest."
            " The database was held against them when this report was made."
        )
    except LogDisagrees as error:
        yield f"CONTRADICTED: the history of this exhibit does not hold together: {error}."
    if proof is None:
        return
    inside = sum(line.seq is not None and line.seq < proof.size for line in lines)
    yield (
        f"{inside} of the {len(lines)} lines above are events of the log of {proof.size} events whose root is given"
        " above. To change one of them without changing that root is not feasible."
    )
    for each in proof.witnesses:
        yield f"The witness {each.name} signed this checkpoint at {utc(each.at)}: it knew no other history of this log."
    for each in proof.stamps:
        yield (
            f"The time-stamp authority {each.name} saw the log at {each.size} events by {utc(each.at)}: the events"
            " above with a lower number are not younger than that."
        )


def _not_proved(lines: list[Line], proof: Vouched | None, halted: str | None) -> Iterator[str]:
    if halted is not None:
        yield f"The log was halted when this report was made, and nothing was published any more: {halted.rstrip('.')}."
    yield "The times of the lines above are those of the server's clock: a claim between two checkpoints, not a proof."
    yield "What the device says of time, place and officer is what it says. Nothing here confirms or corrects it."
    yield "That the pictures show what happened is for a court: the log proves bytes and acts, not their meaning."
    if proof is None:
        yield "No checkpoint has been published: nothing above is proved to anybody outside."
        return
    late = sum(line.seq is None or line.seq >= proof.size for line in lines)
    if late:
        yield f"{late} of the lines above are newer than the checkpoint and not proved by it yet."
    if not proof.witnesses:
        yield "No witness has signed this checkpoint: that no other history was shown elsewhere rests on its keeper."
    if not proof.stamps:
        yield "No time-stamp covers this checkpoint: by when it existed rests on its keeper."


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
