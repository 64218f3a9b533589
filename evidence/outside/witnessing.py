"""Shows the log's checkpoints to witnesses (C2SP tlog-witness) and keeps what they sign.

Each minute while events arrive, each hour while none do, so that a witness's silence is seen. What a witness sends
back counts only after its signature was verified under the key in the policy file.

A witness that refuses is an incident, and no halt: whether the log was rolled back or forked is for a person to say,
and one witness that lies must not be able to stop a force's intake. The signer (remembering.py) is what refuses forks.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import SettingsRefused
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.outside import book
from evidence.outside.asking import Answer, Asker
from evidence.outside.book import Published
from evidence.outside.errors import Unreachable, WitnessRefuses
from evidence.outside.strays import MOST_AHEAD
from evidence.outside.trust_files import TrustFile, tell
from evidence.settings import EvidenceSettings
from evidence.store import CustodyStore
from evidence.tlog.errors import BadSignature, Malformed
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import Subtree, consistency_proof
from evidence.tlog.note import NoteSignature, parse_signatures, verify
from evidence.tlog.policy import Policy, Witness, parse_policy
from evidence.tlog.strict import base64_of, read_number
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

# Reads subtree roots of the published log: evidence.sequencing.reading.subtree_reader.
Subtrees = Callable[[ReadSession, CustodyStore], Subtree]
SIZE = "text/x.tlog.size"
IDLE = timedelta(hours=1)
WHO = Actor.system("witnesses")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """One address at which one or more witnesses of the policy are asked: one answer may bear several signatures."""

    url: str
    witnesses: tuple[Witness, ...]

    @property
    def name(self) -> str:
        """The witness as incidents name it."""
        return self.witnesses[0].key.name

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """The keys that sign here."""
        return tuple(each.key for each in self.witnesses)


class Witnessing:
    """The log's witnesses. For one thread."""

    def __init__(self, house: House, settings: EvidenceSettings, subtrees: Subtrees) -> None:
        self._house = house
        self._subtrees = subtrees
        self._every = timedelta(seconds=settings.witness_seconds)
        self._silence = timedelta(hours=settings.outside_silence_hours)
        self._asker = Asker(within=settings.outside_seconds)
        self._asked: dict[str, datetime] = {}
        self._file = policy_file(settings)
        self._told: str | None = ""  # what was last said of the file: at the start, nothing is known
        self.policy: Policy | None = None
        self.desks: list[Desk] = []
        self.look()

    @property
    def fault(self) -> str | None:
        """Why the policy file as it lies there is not in force, if it is not."""
        return self._file.fault if self._file is not None else None

    def look(self) -> Policy | None:
        """The policy in force: the file is read again where it has changed."""
        policy = self._file.now() if self._file is not None else None
        if policy is not self.policy:
            self.policy, self.desks = policy, desks_of(policy) if policy else []
        return policy

    def tick(self, now: datetime) -> None:
        """Ask the witnesses whose turn it is, keep what they sign, and look whose silence is too long."""
        self.look()
        if self._file is not None and self._file.fault != self._told:
            tell(self._house, self._file, by=WHO)
            self._told = self._file.fault
        with self._house.reading() as session:
            published = book.newest(session)
            due = [each for each in self.desks if published and self._is_due(session, each, published, now)]
            known = {each.url: book.last_signed(session, each.keys) for each in due}
        if published is None:
            return
        self._asked |= {each.url: now for each in due}
        olds = [(each, last.size if (last := known[each.url]) else 0) for each in due]
        heard = self._ask_all(olds, published)
        self._look_for_silence([each for each in self.desks if each not in heard], published, now)

    def ask_now(self, size: int) -> None:
        """Ask for the checkpoint of this size, without waiting for anybody's turn; keep what is signed.

        Who has signed as much or more already is not asked.
        """
        self.look()
        with self._house.reading() as session:
            published = book.checkpoint_of(session, size)
            known = {each.url: book.last_signed(session, each.keys) for each in self.desks}
        olds = [(each, last.size if (last := known[each.url]) else 0) for each in self.desks]
        due = [(each, old) for each, old in olds if old < size]
        if published is not None:
            self._ask_all(due, published)

    def _ask_all(self, due: list[tuple[Desk, int]], published: Published) -> set[Desk]:
        """Ask these, each with the size it last signed, at the same time; who signed. What went wrong is told."""
        heard = set()
        with ThreadPoolExecutor(max_workers=max(1, len(due))) as threads:
            for each, answer in [(each, threads.submit(self._ask, each, published, old)) for each, old in due]:
                try:
                    self._keep(each, published, answer.result())
                    heard.add(each)
                except Unreachable as error:
                    log.warning("witness not reached", witness=each.name, because=str(error))
                except WitnessRefuses as error:
                    self._refused(each, error)
        return heard

    def _is_due(self, session: ReadSession, desk: Desk, published: Published, now: datetime) -> bool:
        asked = self._asked.get(desk.url)
        if asked is not None and now - asked < self._every:
            return False
        last = book.last_signed(session, desk.keys)
        return last is None or last.size < published.size or now - last.at >= IDLE

    def _ask(self, desk: Desk, published: Published, old: int) -> list[NoteSignature]:
        """What the witness signs. Raises Unreachable, WitnessRefuses, or what the store raises."""
        old = min(old, published.size)
        answer = self._submit(desk, published, old)
        if answer.status == 409:
            told = _told(desk, answer, published, old)
            answer = self._submit(desk, published, told)
        match answer.status:
            case 200:
                return _verified(desk, answer.body, published)
            case 409:
                raise Unreachable(desk.url, "it says another size each time: somebody else submits for this log")
            case 400 | 403 | 404 | 422:
                raise WitnessRefuses(desk.name, f"{answer.status}, {_words(answer.body)}")
            case status:
                raise Unreachable(desk.url, f"HTTP status {status}")

    def _submit(self, desk: Desk, published: Published, old: int) -> Answer:
        with self._house.reading() as session:
            subtree = self._subtrees(session, self._house.custody)
        proof = consistency_proof(old, published.size, subtree)
        lines = [f"old {old}", *(base64_of(each) for each in proof), "", ""]
        body = "\n".join(lines).encode() + published.note
        return self._asker.post(f"{desk.url}/add-checkpoint", body, content_type="text/plain; charset=utf-8")

    def _keep(self, desk: Desk, published: Published, signatures: list[NoteSignature]) -> None:
        with self._house.writing() as session:
            book.keep_cosignatures(session, published.size, signatures)
            if self.policy is not None and self.policy.quorum is not None:
                names = {each.key: each.name for each in self.policy.witnesses}
                signed = {names[key] for key in book.cosigned(session, published, names)}
                if self.policy.is_quorum(signed):
                    book.set_witnessed(session, published)
            for kind in (IncidentKind.WITNESS_SILENT, IncidentKind.WITNESS_REFUSES):
                because = f"the witness has signed the log at {published.size} events"
                settle_incident(session, kind=kind, subject=desk.name, because=because, by=WHO)

    def _refused(self, desk: Desk, error: WitnessRefuses) -> None:
        log.error("witness refuses", witness=desk.name, because=error.because)
        trouble = Trouble(
            kind=IncidentKind.WITNESS_REFUSES,
            subject=desk.name,
            reason=str(error),
            advice="Call whoever answers for the log before anything else: docs/runbooks/witness-refuses.md.",
        )
        with self._house.writing() as session:
            open_incident(session, trouble, by=WHO)

    def _look_for_silence(self, desks: list[Desk], published: Published, now: datetime) -> None:
        for desk in desks:
            with self._house.writing() as session:
                last = book.last_signed(session, desk.keys)
                first = book.oldest_after(session, 0)
                since = last.at if last else (first.at if first else now)
                if now - since < self._silence:
                    continue
                self._silent(session, desk, published, since)

    def _silent(self, session: WriteSession, desk: Desk, published: Published, since: datetime) -> None:
        trouble = Trouble(
            kind=IncidentKind.WITNESS_SILENT,
            subject=desk.name,
            reason=f"the witness {desk.name} has signed nothing since {clock.as_text(since)}",
            advice="Ask whoever runs it: docs/runbooks/witness-silent.md. The log goes on.",
        )
        if open_incident(session, trouble, by=WHO) is not None:
            facts = {"witness": desk.name, "size": published.size, "since": clock.as_text(since)}
            ledger.record(session, Event(type=EventType.WITNESS_SILENT, subject=SYSTEM, actor=WHO, facts=facts))


def read_policy(settings: EvidenceSettings) -> Policy | None:
    """The witness policy that the settings name, as it lies there now. Raises SettingsRefused."""
    file = policy_file(settings)
    return None if file is None else file.now()


def policy_file(settings: EvidenceSettings) -> TrustFile[Policy] | None:
    """The file of the witness policy, if the settings name one. Raises SettingsRefused where it is of no use."""
    path = settings.witness_policy
    if path is None:
        return None
    try:
        return TrustFile(path, parse_policy)
    except (OSError, Malformed) as error:
        raise SettingsRefused(f"CONTINUITY_WITNESS_POLICY: {path}: {error}") from error


def desks_of(policy: Policy) -> list[Desk]:
    """The addresses in a policy, each with its witnesses. A witness without an address is not asked."""
    at: dict[str, list[Witness]] = {}
    for each in policy.witnesses:
        if each.url is not None:
            at.setdefault(each.url.rstrip("/"), []).append(each)
    return [Desk(url, tuple(witnesses)) for url, witnesses in at.items()]


def _told(desk: Desk, answer: Answer, published: Published, used: int) -> int:
    """The size that the witness says it knows. Raises WitnessRefuses where that cannot be our past."""
    try:
        told = read_number(answer.body.decode("ascii").removesuffix("\n")) if answer.content_type == SIZE else None
    except (UnicodeDecodeError, Malformed):
        told = None
    if told is None:
        raise Unreachable(desk.url, "it answered 409 without a size")
    if told > published.size:
        raise WitnessRefuses(desk.name, f"it has signed this log at {told} events, and the log is at {published.size}")
    if told == used and used < published.size:
        raise Unreachable(desk.url, f"it refuses the size {used} and tells the same")
    if told == used:
        raise WitnessRefuses(desk.name, f"it has signed another root for this log at {told} events")
    return told


def _verified(desk: Desk, body: bytes, published: Published) -> list[NoteSignature]:
    """The signatures of the desk's own keys, verified; those of other keys are passed over. Raises WitnessRefuses."""
    text, _, _ = published.note.rpartition(b"\n\n")
    keys = {(each.key.name, each.key.key_id): each.key for each in desk.witnesses}
    good = []
    try:
        for signature in parse_signatures(body):
            key = keys.get((signature.name, signature.key_id))
            if key is None:
                continue
            _refuse_future(verify(text + b"\n", signature, key) or 0, key)
            good.append(signature)
    except (Malformed, BadSignature) as error:
        raise WitnessRefuses(desk.name, f"what it signed does not hold: {error}") from error
    if not good:
        raise WitnessRefuses(desk.name, "it signed with a key that the policy does not list")
    return good


def _refuse_future(at: int, key: VerifierKey) -> None:
    """A signature of tomorrow says nothing about today. `at` is POSIX time, of whatever size. Raises BadSignature."""
    if at > (clock.now() + MOST_AHEAD).timestamp():
        raise BadSignature(f"{key.name} says that it signed at {at}, which is in the future")


def _words(body: bytes) -> str:
    return " ".join(body[:200].decode("utf-8", "replace").split())
