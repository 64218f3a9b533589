"""Slows guessers down without letting them keep anybody out: failed sign-ins, and browsers that are known.

A failure counts against whoever made it. A browser in which the person has signed in before carries a cookie that
only it can have; its attempts are counted by themselves, and nothing that strangers do makes it wait. Strangers are
counted by name and address together, so that a guesser makes only themselves wait; what many addresses do to one
name, or one address to many names, has wider bounds (OWASP, Blocking Brute Force Attacks, device cookies;
NIST SP 800-63B-4, 3.2.2).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from api.addresses import site_of
from api.settings import WebSettings
from evidence import clock
from evidence.database import ReadSession, WriteSession
from evidence.identifiers import new_id
from evidence.models import KnownDevice, Person, SignInAttempt

COOKIE: Final = "__Host-device"
WINDOW: Final = timedelta(minutes=15)
# Strangers' failures against one name are looked at for longer: a guesser with many addresses has patience.
NAME_WINDOW: Final = timedelta(hours=1)
REMEMBERED: Final = timedelta(days=90)
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Whose attempts are counted together: those of one known browser under one name, else of one name and site."""

    name: str
    site: str
    device: bytes | None = None

    @property
    def is_known(self) -> bool:
        """Whether this browser has signed in under this name before."""
        return self.device is not None

    def only_mine(self) -> ColumnElement[bool]:
        """The failures that are counted against this lane."""
        if self.device is not None:
            return (SignInAttempt.sign_in_name == self.name) & (SignInAttempt.device == self.device)
        return (
            (SignInAttempt.sign_in_name == self.name)
            & (SignInAttempt.address == self.site)
            & SignInAttempt.device.is_(None)
        )


def digest(number: str) -> bytes:
    """What is kept of a browser's number."""
    return hashlib.sha256(number.encode()).digest()


def lane_of(session: ReadSession, settings: WebSettings, *, name: str, address: str, number: str | None) -> Lane:
    """The lane of an attempt. A known browser that failed too often is counted as a stranger's for a while."""
    stranger = Lane(name=name, site=site_of(address))
    if number is None or not _is_known(session, name, digest(number)):
        return stranger
    known = Lane(name=name, site=stranger.site, device=digest(number))
    return known if _wait(session, known.only_mine(), settings.attempts, WINDOW) is None else stranger


def minutes_to_wait(session: ReadSession, settings: WebSettings, lane: Lane) -> int:
    """How long this lane waits before the next attempt is looked at; 0 for not at all."""
    if lane.is_known:
        return 0  # a known browser's own failures have been counted when its lane was chosen
    strangers = SignInAttempt.device.is_(None)
    bounds = (
        (lane.only_mine(), settings.attempts, WINDOW),
        ((SignInAttempt.sign_in_name == lane.name) & strangers, settings.attempts_from_strangers, NAME_WINDOW),
        ((SignInAttempt.address == lane.site) & strangers, settings.attempts_from_address, WINDOW),
    )
    waits = [_wait(session, counted, limit, window) for counted, limit, window in bounds]
    longest = max((each for each in waits if each is not None), default=None)
    return 0 if longest is None else max(1, round(longest.total_seconds() / 60))


def _wait(session: ReadSession, counted: ColumnElement[bool], limit: int, window: timedelta) -> timedelta | None:
    """Until fewer than `limit` failures lie within the window; None where that is so already."""
    now = clock.now()
    newest = select(SignInAttempt.at).where(counted, SignInAttempt.at > now - window)
    last = session.scalar(newest.order_by(SignInAttempt.at.desc()).offset(limit - 1).limit(1))
    return None if last is None else last + window - now


def is_only_one(session: WriteSession, lane: Lane) -> bool:
    """One attempt of a lane at a time: many at once would all be checked before the first of them is counted."""
    key = f"sign-in {lane.name} {lane.device.hex() if lane.device else lane.site}"
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(key, 0))
    return bool(session.scalar(select(lock)))


def count_failure(session: WriteSession, lane: Lane) -> None:
    """One more failure of this lane."""
    session.add(SignInAttempt(id=new_id(), sign_in_name=lane.name, address=lane.site, device=lane.device))


def forget_failures(session: WriteSession, lane: Lane) -> None:
    """The right password was given: what was counted against this lane is done with, and only that."""
    session.execute(delete(SignInAttempt).where(lane.only_mine()))
    session.execute(delete(SignInAttempt).where(SignInAttempt.at < clock.now() - KEPT))


def remember_browser(session: WriteSession, person: UUID, brought: str | None) -> str:
    """The number of a browser in which this person has just signed in: the one that it has, or a fresh one.

    A browser keeps its number for everybody who signs in there: a station's computer serves a whole shift.
    """
    session.execute(delete(KnownDevice).where(KnownDevice.seen_at < clock.now() - REMEMBERED))
    has_ours = brought is not None and _is_anybodys(session, digest(brought))
    number = brought if brought is not None and has_ours else secrets.token_urlsafe(32)
    adding = insert(KnownDevice).values(token_hash=digest(number), person_id=person)
    session.execute(
        adding.on_conflict_do_update(index_elements=["token_hash", "person_id"], set_={"seen_at": clock.now()})
    )
    return number


def forget_browsers(session: WriteSession, person: UUID) -> None:
    """No browser is known for this person any more."""
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person))


def _is_known(session: ReadSession, name: str, number: bytes) -> bool:
    found = (
        select(KnownDevice.token_hash)
        .join(Person, Person.id == KnownDevice.person_id)
        .where(
            KnownDevice.token_hash == number,
            KnownDevice.seen_at > clock.now() - REMEMBERED,
            func.lower(Person.sign_in_name) == name,
        )
    )
    return session.scalar(found) is not None


def _is_anybodys(session: ReadSession, number: bytes) -> bool:
    recent = KnownDevice.seen_at > clock.now() - REMEMBERED
    return session.scalar(select(KnownDevice.token_hash).where(KnownDevice.token_hash == number, recent)) is not None
