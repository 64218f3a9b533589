"""Has the log's checkpoints time-stamped (RFC 3161): each hour, at midnight, and when something is handed out.

What is stamped are the bytes of the checkpoint as the log signed it, without what witnesses add later. Query and
answer are kept as they were, in the database and locked in the store. An authority that is away, slow, wrong or ten
minutes off is an incident; the log goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import SYSTEM, Actor, Event, EventType
from evidence.custody.rows import TimeStamp
from evidence.database import ReadSession
from evidence.errors import SettingsRefused
from evidence.incidents import Trouble, open_incident, settle_incident
from evidence.outside import book, tokens
from evidence.outside.asking import Asker
from evidence.outside.book import Published
from evidence.outside.errors import NoTimeStamp, OutsideError, TokenRefused, Unreachable
from evidence.outside.trust_files import TrustFile, tell
from evidence.settings import EvidenceSettings, TimeAuthority
from evidence.tlog.checkpoint import parse_checkpoint
from evidence.tlog.note import parse_note
from evidence.vocabulary import IncidentKind

if TYPE_CHECKING:
    from evidence.bootstrap import House

ASKED = "application/timestamp-query"
ANSWERED = "application/timestamp-reply"
# The clocks of an authority and of this machine may differ by as much; what lies between is nobody's lie.
MOST_APART = timedelta(minutes=5)
AGAIN_AFTER = timedelta(minutes=5)
WHO = Actor.system("time-stamps")
ADVICE = "See docs/runbooks/time-stamps.md. The log goes on; what is handed out meanwhile proves its time less closely."
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Token:
    """A time-stamp that was found good: over the bytes `note`, by the authority whose certificates are `chain`."""

    authority: str
    size: int
    note: bytes
    query: bytes
    response: bytes
    at: datetime
    chain: bytes  # PEM


class StampAuthority:
    """One authority: asks it, and believes it only where everything holds."""

    def __init__(self, settings: TimeAuthority, asker: Asker) -> None:
        self.name = settings.name
        self._url = settings.url
        self._asker = asker
        self._told: str | None = ""  # what was last said of the file: at the start, nothing is known
        try:
            self.file = TrustFile(settings.certificates, tokens.Chain.read)
        except (OSError, ValueError) as error:
            raise SettingsRefused(
                f"CONTINUITY_TIME_AUTHORITIES: the certificates of {settings.name}, {settings.certificates}: {error}"
            ) from error

    @property
    def chain(self) -> tokens.Chain:
        """The certificates in force: the file is read again where it has changed."""
        return self.file.now()

    def look(self, house: House) -> None:
        """Tell where a changed file of certificates is not in force."""
        self.file.now()
        if self.file.fault != self._told:
            tell(house, self.file, by=WHO)
            self._told = self.file.fault

    def stamp(self, note: bytes, size: int) -> Token:
        """A time-stamp over these bytes. Raises Unreachable or TokenRefused."""
        chain = self.chain  # one for question and answer
        query = tokens.ask_for(note)
        before = clock.now()
        answer = self._asker.post(self._url, query.as_bytes(), content_type=ASKED)
        after = clock.now()
        if answer.status != 200:
            raise Unreachable(self._url, f"HTTP status {answer.status}")
        if answer.content_type != ANSWERED:
            raise TokenRefused(f"the answer is {answer.content_type or 'of no type'}, not a time-stamp")
        stamped = tokens.judge(answer.body, note, chain, query=query)
        if not before - MOST_APART <= stamped.at <= after + MOST_APART:
            raise TokenRefused(f"it says {clock.as_text(stamped.at)}, and our clock {clock.as_text(after)}")
        return Token(self.name, size, note, query.as_bytes(), answer.body, stamped.at, chain.pem())


class Stamping:
    """The log's time-stamps. `tick` is for one thread; the other methods may be called from several."""

    def __init__(self, house: House, settings: EvidenceSettings) -> None:
        self._house = house
        self._every = timedelta(minutes=settings.time_stamp_minutes)
        self._silence = timedelta(hours=settings.outside_silence_hours)
        asker = Asker(within=settings.outside_seconds)
        self.authorities = [StampAuthority(each, asker) for each in settings.time_authorities]
        self._not_before: dict[str, datetime] = {}

    def tick(self, now: datetime) -> list[Token]:
        """Ask the authorities whose turn it is, and look whose silence is too long. Raises no OutsideError."""
        for each in self.authorities:
            each.look(self._house)
        with self._house.reading() as session:
            published = book.newest(session)
            due = [each for each in self.authorities if published and self._is_due(session, each, published, now)]
        if published is None:
            return []
        for each in due:
            self._not_before[each.name] = now + min(AGAIN_AFTER, self._every)
        made, _ = self._ask(due, published)
        self._look_for_silence(now)
        return made

    def now(self, note: bytes) -> list[Token]:
        """A time-stamp from each authority that gives one, over the checkpoint in `note`, without waiting its turn.

        Tokens that the checkpoint has already are good for it. Raises NoTimeStamp where there is none at all.
        """
        size = parse_checkpoint(parse_note(note).text).size
        with self._house.reading() as session:
            published = book.checkpoint_of(session, size)
        if published is None or parse_note(published.note).text != parse_note(note).text:
            raise NoTimeStamp([f"the log has published no such checkpoint of {size} events"])
        kept = self._kept(published)
        there = {each.authority for each in kept}
        made, reasons = self._ask([each for each in self.authorities if each.name not in there], published)
        if not kept and not made:
            raise NoTimeStamp(reasons)
        return [*kept, *made]

    def at_or_before(self, size: int) -> list[Token]:
        """The tokens of the newest stamped checkpoint of at most this size, of authorities in the settings."""
        with self._house.reading() as session:
            heard = [book.last_stamped(session, each.name, each.chain, within=size) for each in self.authorities]
            stamped = max((each.size for each in heard if each is not None), default=0)
            published = book.checkpoint_of(session, stamped) if stamped else None
        return self._kept(published) if published is not None else []

    def _is_due(self, session: ReadSession, each: StampAuthority, published: Published, now: datetime) -> bool:
        if now < self._not_before.get(each.name, now):
            return False
        last = book.last_stamped(session, each.name, each.chain)
        if last is None:
            return True
        another_day = last.at.date() < now.date()
        return published.size > last.size and (another_day or now - last.at >= self._every)

    def _ask(self, authorities: Sequence[StampAuthority], published: Published) -> tuple[list[Token], list[str]]:
        """Ask them side by side, so that one that hangs costs the others nothing."""
        made, reasons = [], []
        with ThreadPoolExecutor(max_workers=max(1, len(authorities))) as threads:
            asked = [(each, threads.submit(each.stamp, published.note, published.size)) for each in authorities]
            for each, answer in asked:
                try:
                    token = answer.result()
                    self._keep(token)
                    made.append(token)
                except OutsideError as error:
                    reasons.append(f"{each.name}: {error}")
                    self._say_why_not(each, error)
        return made, reasons

    def _keep(self, token: Token) -> None:
        """In the store first: a row never names what is not there."""
        name = f"{token.size:020d}-{token.authority}-{hashlib.sha256(token.response).hexdigest()[:16]}"
        self._house.custody.put_new(f"tst/{name}.tsq", token.query, locked=True)
        self._house.custody.put_new(f"tst/{name}.tsr", token.response, locked=True)
        chain = f"tst/authorities/{token.authority}-{hashlib.sha256(token.chain).hexdigest()[:16]}.pem"
        self._house.custody.put_new(chain, token.chain, locked=True)
        facts = {"size": token.size, "authority": token.authority, "gen_time": clock.as_text(token.at)}
        with self._house.writing() as session:
            session.add(
                TimeStamp(
                    size=token.size,
                    authority=token.authority,
                    query=token.query,
                    token=token.response,
                    gen_time=token.at,
                )
            )
            ledger.record(session, Event(type=EventType.TIMESTAMP_RECEIVED, subject=SYSTEM, actor=WHO, facts=facts))
            for kind in (IncidentKind.TIMESTAMP_REFUSED, IncidentKind.TIMESTAMP_MISSING):
                because = "the authority has given a good time-stamp since"
                settle_incident(session, kind=kind, subject=token.authority, because=because, by=WHO)

    def _say_why_not(self, authority: StampAuthority, error: OutsideError) -> None:
        log.warning("time-stamp not had", authority=authority.name, because=str(error))
        if not isinstance(error, TokenRefused):
            return  # silence is judged by its length
        trouble = Trouble(
            kind=IncidentKind.TIMESTAMP_REFUSED,
            subject=authority.name,
            reason=f"{authority.name}: {error}",
            advice=ADVICE,
        )
        with self._house.writing() as session:
            open_incident(session, trouble, by=WHO)

    def _look_for_silence(self, now: datetime) -> None:
        for each in self.authorities:
            with self._house.writing() as session:
                last = book.last_stamped(session, each.name, each.chain)
                waiting = book.oldest_after(session, last.size if last else 0)
                if waiting is None or now - waiting.at < self._silence:
                    continue
                since = f"since {clock.as_text(last.at)}" if last else "so far"
                trouble = Trouble(
                    kind=IncidentKind.TIMESTAMP_MISSING,
                    subject=each.name,
                    reason=f"{each.name} has given no time-stamp {since}",
                    advice=ADVICE,
                )
                open_incident(session, trouble, by=WHO)

    def _kept(self, published: Published) -> list[Token]:
        """The good tokens that this checkpoint has already."""
        found = []
        with self._house.reading() as session:
            for each in self.authorities:
                chain = each.chain
                there = book.stamp_of(session, published.size, each.name, chain)
                if there is not None:
                    row, said = there
                    query, token = bytes(row.query), bytes(row.token)
                    found.append(Token(each.name, row.size, published.note, query, token, said.at, chain.pem()))
        return found


def stamps_now(house: House, note: bytes) -> list[Token]:
    """Time-stamps over the checkpoint in `note`, one from each authority that gives one. Raises NoTimeStamp."""
    return Stamping(house, house.settings).now(note)


def stamp_now(house: House, note: bytes) -> Token:
    """One time-stamp over the checkpoint in `note`: the first authority's that gives one. Raises NoTimeStamp."""
    return stamps_now(house, note)[0]
