"""The reckoning after a fault: is everything there once, whole, locked, receipted and on record, and nothing half?

Looks at the records by SQL-level sessions, at the store by its own S3 door, and at the agent's journal as a file;
digests come from the test's own reading of the sources. "Nothing to check" is a failure.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from cryptography.exceptions import InvalidSignature
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from evidence import clock
from evidence.bootstrap import House
from evidence.custody.ledger import check_subject
from evidence.database import ReadSession
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.errors import LogDisagrees
from evidence.models import Arrival, ListedFile, Master, Provenance, Receipt, Recording
from evidence.store.errors import StoreError
from evidence.vocabulary import ArrivalState, Condition, ListedState, Playability
from ingest.receipt import ReceiptKey
from tests.faults.cargo import Article
from tests.faults.system import System

Key = tuple[str, bytes, int, int]
UNFINISHED = (ArrivalState.SENDING, ArrivalState.STORED, ArrivalState.VERIFYING)
UNENDED = text(
    "SELECT id, task_name, status FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    " AND (task_name IN ('transcode.probe', 'transcode.render', 'transcode.pictures', 'ingest.verify'))"
)
UNDECIDED = (Playability.WAITING, Playability.PREPARING)


@dataclass(slots=True)
class Reckoning:
    """What is wrong, in words. All four lists are empty when nothing is."""

    files: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    """Receipts, locks or custody events that do not say what is so."""

    @property
    def is_clean(self) -> bool:
        """Nothing is lost, doubled, stuck or untrue, and there was something to check."""
        return self.files > 0 and not (self.lost or self.doubled or self.stuck or self.untrue)

    def in_words(self) -> str:
        """Each finding on a line of its own."""
        return "\n".join(
            f"{word}: {said}" for word in ("lost", "doubled", "stuck", "untrue") for said in getattr(self, word)
        )


@contextmanager
def opened(system: System) -> Iterator[House]:
    """The records room, with its connections given back."""
    house = system.house()
    try:
        yield house
    finally:
        house.sessions.engine.dispose()


def await_receipts(system: System, cargo: Sequence[Article], *, within: float) -> None:
    """Wait until the agent's own journal holds a receipt for every file. Raises AssertionError, naming the rest."""
    wanted = {key_of(article) for article in cargo}

    def all_there() -> bool:
        return wanted <= set(receipts_of(system))

    try:
        system.until(all_there, within=within, what=f"a receipt for each of {len(wanted)} files")
    except AssertionError as late:
        missing = sorted(wanted - set(receipts_of(system)))
        raise AssertionError(f"no receipt for {missing}; {late}") from None


def receipts_of(system: System) -> dict[Key, set[bytes]]:
    """The bodies of the receipts that the agents keep, by device, name, size and time of the file."""
    kept: dict[Key, set[bytes]] = {}
    rows = ask_journals(
        system,
        "SELECT label, name, size, mtime_ns, body FROM files JOIN receipts ON file_id = id WHERE state = 'receipted'",
    )
    for label, name, size, mtime_ns, body in rows:
        kept.setdefault((label, name, size, mtime_ns), set()).add(body)
    return kept


def octets_sent(system: System, article: Article) -> int:
    """Bytes of a file that the store has acknowledged, as the agents' journals have them."""
    rows = ask_journals(
        system,
        "SELECT coalesce(sum(parts.size), 0) FROM files JOIN parts ON file_id = id"
        " WHERE label = ? AND name = ? AND files.size = ? AND mtime_ns = ?",
        *key_of(article),
    )
    return sum(int(row[0]) for row in rows)


def ask_journals(system: System, question: str, *values: object) -> list[tuple[Any, ...]]:
    """The same question to the journal of each agent, which may be writing it at the moment."""
    rows: list[tuple[Any, ...]] = []
    for path in system.journals:
        if path.exists():
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as journal:
                rows += journal.execute(question, values).fetchall()
    return rows


def key_of(article: Article) -> Key:
    """What tells one state of one file from another, to an agent."""
    return article.device, article.name, article.size, article.mtime_ns


def await_half_sent(system: System, article: Article) -> None:
    """Wait until the store has half of a file."""
    half = article.size // 2
    system.until(lambda: octets_sent(system, article) >= half, within=300, what=f"half of {article.name!r}")


def is_playable(system: System, article: Article) -> bool:
    """Whether the recording of a file can be watched now; not while the database cannot say so."""
    playable = select(Recording.id).join(Master).where(Master.sha256 == article.sha256)
    with opened(system) as house:
        try:
            with house.reading() as session:
                return session.scalar(playable.where(Recording.playability == Playability.PLAYABLE)) is not None
        except OperationalError:
            return False


def await_quiet(system: System, *, within: float) -> None:
    """Wait until every recording has been examined, plays or has its reason, and nothing is asked of a worker."""
    undecided = select(Recording.id).where(Recording.playability.in_(UNDECIDED))
    unexamined = select(Recording.id).where(Recording.condition == Condition.UNEXAMINED)
    under_way = select(Arrival.id).where(Arrival.state.in_(UNFINISHED))

    with opened(system) as house:

        def is_quiet() -> bool:
            with house.reading() as session:
                waiting = (session.execute(each.limit(1)).first() for each in (undecided, unexamined, under_way))
                return not any(waiting) and session.execute(UNENDED).first() is None

        system.until(is_quiet, within=within, what="every recording examined, every arrival and every job ended")


def reckon(system: System, cargo: Sequence[Article], *, since: datetime, once: bool = True) -> Reckoning:
    """Check everything. `since` is when the run began; `once`: these files and no others are expected."""
    found = Reckoning(len(cargo))
    with opened(system) as house, house.reading() as session:
        key = ReceiptKey.load(system.data / "secrets" / "receipt-key.pem")
        kept = receipts_of(system)
        for article in cargo:
            _check_file(session, house, article, found)
            _check_receipt(session, article, key, kept, found)
        if once:
            _check_nothing_else(session, cargo, found)
        _check_ends(session, found)
        _check_log(session, found)
        _check_store(session, system, found, since=since)
    return found


def _check_file(session: ReadSession, house: House, article: Article, found: Reckoning) -> None:
    """The source, its one master, its one recording, and the bytes in the store."""
    said = f"{article.device}/{article.name!r}"
    if not article.is_untouched():
        found.lost.append(f"{said}: the source is not as it was")
    masters = session.scalars(select(Master).where(Master.sha256 == article.sha256, Master.size == article.size)).all()
    if not masters:
        found.lost.append(f"{said}: no master has its bytes")
        return
    if len(masters) > 1:
        found.doubled.append(f"{said}: {len(masters)} masters")
    for master in masters:
        recording = session.get(Recording, master.id)
        if recording is None:
            found.stuck.append(f"{said}: master {master.id} without a recording")
        elif article.plays and recording.playability is not Playability.PLAYABLE:
            found.stuck.append(f"{said}: is {recording.playability}, {recording.playability_reason}")
        _check_object(house, master, said, found)


def _check_object(house: House, master: Master, said: str, found: Reckoning) -> None:
    """The object version that the master names: there, whole by its own digest, locked at least as promised."""
    try:
        stored = house.masters.head(master.key, version_id=master.version_id)
        digest = hashlib.sha256()
        for piece in house.masters.read(master.key, version_id=master.version_id):
            digest.update(piece)
    except StoreError as error:
        found.lost.append(f"{said}: {error}")
        return
    if (stored.size, digest.hexdigest()) != (master.size, master.sha256):
        found.lost.append(f"{said}: the store holds other bytes than the master names")
    if stored.lock is None or stored.lock.mode != master.lock_mode or stored.lock.until < master.lock_until:
        found.untrue.append(f"{said}: locked {stored.lock}, promised {master.lock_mode} until {master.lock_until}")


def _check_receipt(
    session: ReadSession,
    article: Article,
    key: ReceiptKey,
    kept: dict[Key, set[bytes]],
    found: Reckoning,
) -> None:
    """One receipted arrival, one receipt whose signature holds, and the same one in the agent's journal."""
    said = f"{article.device}/{article.name!r}"
    # Outer joins: a receipt or a master may be missing, which the types cannot say.
    rows: Sequence[Any] = session.execute(
        select(Arrival, Receipt, Master)
        .join(Receipt, Receipt.arrival_id == Arrival.id, isouter=True)
        .join(Master, Master.id == Arrival.master_id, isouter=True)
        .where(
            Arrival.device_label == article.device,
            Arrival.name_raw == article.name,
            Arrival.size == article.size,
            Arrival.sha256 == article.sha256,
            Arrival.state == ArrivalState.RECEIPTED,
        )
    ).all()
    if not rows:
        found.lost.append(f"{said}: no arrival of it has a receipt")
    if any(number > 1 for number in Counter(arrival.agent_id for arrival, _, _ in rows).values()):
        found.doubled.append(f"{said}: {len(rows)} receipted arrivals of one dock")
    for arrival, receipt, master in rows:
        if receipt is None or master is None:
            found.untrue.append(f"{said}: arrival {arrival.id} is called receipted and has no receipt or no master")
        elif problem := _fault_of(receipt, arrival, master, article, key):
            found.untrue.append(f"{said}: {problem}")
    mine = kept.get(key_of(article), set())
    if not mine or not mine <= {receipt.body for _, receipt, _ in rows if receipt is not None}:
        found.lost.append(f"{said}: the agent does not hold its receipt")


def _fault_of(receipt: Receipt, arrival: Arrival, master: Master, article: Article, key: ReceiptKey) -> str | None:
    try:
        key.public.verify(receipt.signature, receipt.body)
    except InvalidSignature:
        return f"the signature of receipt {receipt.id} does not hold"
    says = json.loads(receipt.body)
    so = {
        "arrival_id": str(arrival.id),
        "recording_id": str(master.id),
        "agent_id": str(arrival.agent_id),
        "name_b64": base64.b64encode(article.name).decode(),
        "size": article.size,
        "sha256": article.sha256,
        "sha512": master.sha512,
        "tree": master.tree,
        "key": master.key,
        "version_id": master.version_id,
        "lock_mode": master.lock_mode,
        "lock_until": clock.as_text(master.lock_until),
    }
    wrong = sorted(name for name, value in so.items() if says.get(name) != value)
    return f"receipt {receipt.id} says other {', '.join(wrong)} than is so" if wrong else None


def _check_nothing_else(session: ReadSession, cargo: Sequence[Article], found: Reckoning) -> None:
    """No recording but one for each of the files."""
    expected = {(article.sha256, article.size) for article in cargo}
    for master in session.scalars(select(Master)):
        if (master.sha256, master.size) not in expected:
            found.doubled.append(f"master {master.id} has bytes that no camera held ({master.size})")
    for arrival_id in session.scalars(select(Provenance.arrival_id)):
        if session.get(Receipt, session.scalar(select(Receipt.id).where(Receipt.arrival_id == arrival_id))) is None:
            found.untrue.append(f"arrival {arrival_id} has a provenance and no receipt")


def _check_ends(session: ReadSession, found: Reckoning) -> None:
    """Nothing is half way."""
    for arrival in session.scalars(select(Arrival).where(Arrival.state.in_(UNFINISHED))):
        found.stuck.append(f"arrival {arrival.id} of {arrival.name_shown} is {arrival.state}")
    for line in session.scalars(select(ListedFile).where(ListedFile.state.not_in((ListedState.RECEIPTED,)))):
        if line.state not in (ListedState.GONE, ListedState.REFUSED):
            found.stuck.append(f"the wall says of {line.name_shown}: {line.state}, {line.reason}")
    for recording in session.scalars(select(Recording)):
        if recording.condition is Condition.UNEXAMINED or recording.playability in UNDECIDED:
            found.stuck.append(f"recording {recording.id} is {recording.condition}, {recording.playability}")
    for job, task, status in session.execute(UNENDED):
        found.stuck.append(f"job {job} ({task}) is {status}")


def _check_log(session: ReadSession, found: Reckoning) -> None:
    """Every subject's chain of events holds, and each master and arrival has one."""
    subjects = set(session.scalars(text("SELECT subject FROM custody.head")))
    for subject in subjects:
        try:
            check_subject(session, subject)
        except LogDisagrees as error:
            found.untrue.append(str(error))
    silent = set(session.scalars(select(Master.id))) - subjects
    found.untrue.extend(f"master {subject} has no custody event" for subject in silent)


def _check_store(session: ReadSession, system: System, found: Reckoning, *, since: datetime) -> None:
    """No second version of any master, no mark of deletion, no object nobody knows, no upload left open."""
    s3 = s3_as_admin(system)
    server = EmbeddedS3(system.data)
    known = {arrival.key: arrival for arrival in session.scalars(select(Arrival))}
    counted: Counter[str] = Counter()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=server.masters, Prefix="masters/"):
        counted.update(version["Key"] for version in page.get("Versions", []))
        found.lost.extend(f"{mark['Key']} is marked as deleted" for mark in page.get("DeleteMarkers", []))
    found.doubled.extend(f"{key} has {number} versions" for key, number in counted.items() if number > 1)
    found.stuck.extend(f"{key} is in the store and in no record" for key in counted.keys() - known.keys())
    for upload in open_uploads(system):
        arrival = known.get(upload["Key"])
        state = arrival.state.value if arrival is not None else "unknown"
        if upload["Initiated"] >= since:
            found.stuck.append(f"an upload of {upload['Key']} ({state}) is left open in the store")


def open_uploads(system: System) -> list[dict[str, Any]]:
    """Unfinished uploads in the masters bucket."""
    answer = s3_as_admin(system).list_multipart_uploads(Bucket=EmbeddedS3(system.data).masters)
    return list(answer.get("Uploads", []))


def s3_as_admin(system: System) -> Any:
    """A client of the system's S3 server with the right to list everything."""
    server = EmbeddedS3(system.data)
    keys = server.credentials(Identity.ADMIN)
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
