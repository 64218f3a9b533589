"""Who is asking: a person by their session cookie, or a program by its bearer token.

Both secrets are 256 random bits and are kept only as SHA-256, so a copy of the database signs nobody in.
A sign-in ends after some minutes without a request and after some hours in any case; it gets a fresh number
each time, so one planted in a browser beforehand is worth nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, update
from starlette.requests import Request
from starlette.responses import Response

from api import attempts, passwords, turns
from api.addresses import client_address, client_scheme
from api.attempts import Lane, lane_of
from api.errors import SignInNeeded
from api.settings import WebSettings
from evidence import clock
from evidence.access import Asker
from evidence.bootstrap import House
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotPermitted
from evidence.identifiers import new_id
from evidence.models import ApiToken, Person, SignedIn
from evidence.vocabulary import ActorKind, Role
from ingest.display import shown_text

COOKIE: Final = "__Host-session"
# A request this soon after the last one does not move the idle limit: media asks many times a second.
TOUCH: Final = timedelta(seconds=20)
KEPT: Final = timedelta(days=30)
LOOPBACK: Final = {"localhost", "127.0.0.1", "::1", "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever made this request. `key` tells this sign-in or token from any other, and is no secret."""

    actor: Actor
    role: Role
    person: UUID | None
    key: bytes
    sign_in_name: str = ""
    must_change_password: bool = False

    @property
    def asker(self) -> Asker:
        """The caller as the access table sees them."""
        return Asker(self.role, self.person)

    def in_person(self) -> UUID:
        """The person's id. Raises NotPermitted for a program: some decisions the law wants a human to take."""
        if self.person is None:
            raise NotPermitted("a person decides this, signed in under their own name; a token may not")
        return self.person


@dataclass(frozen=True, slots=True)
class NotLetIn:
    """A sign-in that failed and was counted; `because` is what the person is told."""

    because: str


WRONG: Final = NotLetIn("The sign-in name and password do not go together.")
# Said to one who has the right password alone: to anybody else a disabled account is as good as none.
DISABLED: Final = NotLetIn("This account is disabled. Ask an administrator to let you sign in again.")


class SignInRefused(Exception):
    """The name and password do not go together, or there were too many attempts; the sentence says which."""


def digest(secret: str) -> bytes:
    """What is kept of a session number or a token."""
    return hashlib.sha256(secret.encode()).digest()


def address_of(request: Request, settings: WebSettings) -> str:
    """Where the request came from; what a proxy says of that counts only where the settings name the proxy."""
    peer = request.client.host if request.client else "unknown"
    return client_address(peer, request.headers.getlist("x-forwarded-for"), settings.proxies)


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine: browsers keep secure cookies there on plain http as well."""
    return host.rsplit(":", 1)[0].strip("[]") in {name.strip("[]") for name in LOOPBACK} or host in LOOPBACK


def cookies_will_hold(request: Request, settings: WebSettings) -> bool:
    """Whether the browser will keep our cookie: over https, or at this machine's own names.

    That a proxy speaks https with the browser counts where the settings name the proxy.
    """
    peer, headers = request.client.host if request.client else "unknown", request.headers
    hops, said = headers.getlist("x-forwarded-for"), headers.getlist("x-forwarded-proto")
    scheme = client_scheme(peer, request.url.scheme, hops, said, settings.proxies)
    return scheme == "https" or is_loopback(headers.get("host", ""))


# ---- persons ----------------------------------------------------------------------------------------------


def as_typed(name: str) -> str:
    """A sign-in name as it is looked up, counted and recorded: something that can be kept, whatever was typed."""
    return shown_text(name.strip().lower())[:200]


@contextmanager
def turn(house: House, settings: WebSettings, *, name: str, address: str, device: str | None) -> Iterator[Lane]:
    """This attempt's turn to have a password checked, and with whose attempts it is counted. Raises SignInRefused.

    It comes before the transaction: whoever waits for a turn holds no connection to the database.
    """
    with house.reading() as session:
        lane = lane_of(session, settings, name=as_typed(name), address=address, number=device)
    try:
        with (turns.KNOWN if lane.is_known else turns.STRANGERS).one():
            yield lane
    except turns.Busy as busy:
        raise SignInRefused(str(busy)) from busy


def check_password(
    session: WriteSession, settings: WebSettings, lane: Lane, *, password: str, address: str
) -> Person | NotLetIn:
    """The person, or why not after the failure has been counted. Raises SignInRefused when there were too many."""
    name = lane.name
    if not attempts.is_only_one(session, lane):
        raise SignInRefused("Another attempt under this name is being looked at. Try again in a moment.")
    if wait := attempts.minutes_to_wait(session, settings, lane):
        raise SignInRefused(f"Too many attempts. Wait {wait} minutes and try again.")
    person = session.scalars(select(Person).where(func.lower(Person.sign_in_name) == name)).one_or_none()
    right, fresh = passwords.verify(password, person.password_hash if person else passwords.nobodys_hash())
    if person is None or not right or person.disabled_at is not None:
        _count_failure(session, person, lane, address=address)
        return DISABLED if person is not None and right else WRONG
    if fresh is not None:
        person.password_hash = fresh
    attempts.forget_failures(session, lane)
    return person


def _count_failure(session: WriteSession, person: Person | None, lane: Lane, *, address: str) -> None:
    attempts.count_failure(session, lane)
    because = "unknown name" if person is None else "disabled account" if person.disabled_at else "wrong password"
    event = Event(
        type=EventType.SIGN_IN_REFUSED,
        subject=person.id if person else new_id(),
        actor=Actor.system("sign-in"),
        facts={"because": because},
        personal={"name": lane.name, "address": address},
    )
    ledger.record(session, event)


def open_session(session: WriteSession, settings: WebSettings, person: Person, request: Request) -> str:
    """Sign a person in. The number returned is the cookie's; whatever the browser brought is ended."""
    if brought := request.cookies.get(COOKIE):
        end_session(session, digest(brought))
    number, now = secrets.token_urlsafe(32), clock.now()
    # That somebody was signed in stands in the custody log; these rows only open doors, and then are of no use.
    session.execute(delete(SignedIn).where(SignedIn.ends_at < now - KEPT))
    session.add(
        SignedIn(
            token_hash=digest(number),
            person_id=person.id,
            ends_at=now + timedelta(hours=settings.session_hours),
            user_agent=request.headers.get("user-agent", "")[:300],
            address=address_of(request, settings),
        )
    )
    session.flush()
    event = Event(
        type=EventType.SIGNED_IN,
        subject=person.id,
        actor=actor_of(person),
        personal={"address": address_of(request, settings)},
    )
    ledger.record(session, event)
    return number


def end_session(session: WriteSession, token_hash: bytes) -> bool:
    """End one sign-in. False when it had ended before."""
    ended = session.execute(
        update(SignedIn)
        .where(SignedIn.token_hash == token_hash, SignedIn.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(SignedIn.person_id)
    ).scalar_one_or_none()
    return ended is not None


def end_all_sessions(session: WriteSession, person: UUID, *, but: bytes | None = None) -> None:
    """End every sign-in of a person, at once; but one, where that is named. Without one, no browser is known either."""
    wanted = [SignedIn.person_id == person, SignedIn.ended_at.is_(None)]
    if but is not None:
        wanted.append(SignedIn.token_hash != but)
    else:
        attempts.forget_browsers(session, person)
    session.execute(update(SignedIn).where(*wanted).values(ended_at=clock.now()))


def actor_of(person: Person) -> Actor:
    """A person as the custody log names them."""
    shown = f"{person.display_name} ({person.collar_number})" if person.collar_number else person.display_name
    return Actor(ActorKind.PERSON, str(person.id), shown, "password")


def caller_by_cookie(session: ReadSession, settings: WebSettings, number: str) -> Caller | None:
    """The person behind a session cookie, or None when the sign-in has ended in any way."""
    now = clock.now()
    found = session.execute(
        select(SignedIn, Person)
        .join(Person, Person.id == SignedIn.person_id)
        .where(
            SignedIn.token_hash == digest(number),
            SignedIn.ended_at.is_(None),
            SignedIn.ends_at > now,
            SignedIn.seen_at > now - timedelta(minutes=settings.idle_minutes),
            Person.disabled_at.is_(None),
        )
    ).one_or_none()
    if found is None:
        return None
    person = found.Person
    return Caller(
        actor=actor_of(person),
        role=person.role,
        person=person.id,
        key=found.SignedIn.token_hash,
        sign_in_name=person.sign_in_name,
        must_change_password=person.password_must_change,
    )


def touch(session: WriteSession, key: bytes) -> None:
    """Move the idle limit of a sign-in, unless it was moved a moment ago."""
    now = clock.now()
    session.execute(
        update(SignedIn).where(SignedIn.token_hash == key, SignedIn.seen_at < now - TOUCH).values(seen_at=now)
    )


def set_cookie(response: Response, number: str, settings: WebSettings) -> None:
    """Give the browser its session number. The `__Host-` prefix pins it to this host, path / and https."""
    response.set_cookie(
        COOKIE, number, max_age=settings.session_hours * 3600, path="/", secure=True, httponly=True, samesite="lax"
    )


def set_device_cookie(response: Response, number: str) -> None:
    """Let the browser be known again. The number signs nobody in."""
    life = int(attempts.REMEMBERED.total_seconds())
    response.set_cookie(attempts.COOKIE, number, max_age=life, path="/", secure=True, httponly=True, samesite="strict")


def clear_cookie(response: Response) -> None:
    """Take the session number back, and what the browser keeps of our pages with it."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache"'


# ---- programs ---------------------------------------------------------------------------------------------


def caller_by_token(session: ReadSession, token: str) -> Caller:
    """The program behind a bearer token. Raises SignInNeeded."""
    found = session.scalars(select(ApiToken).where(ApiToken.token_hash == digest(token))).one_or_none()
    if found is None or found.revoked_at is not None or (found.expires_at and found.expires_at < clock.now()):
        raise SignInNeeded("That token is unknown, out of date or revoked.")
    actor = Actor(ActorKind.TOKEN, str(found.id), f"the program “{found.label}”", "token")
    return Caller(actor=actor, role=found.role, person=None, key=found.token_hash)


def touch_token(session: WriteSession, key: bytes) -> None:
    """Note that a token is in use, to the minute."""
    now = clock.now()
    stale = ApiToken.last_used_at.is_(None) | (ApiToken.last_used_at < now - timedelta(minutes=1))
    session.execute(update(ApiToken).where(ApiToken.token_hash == key, stale).values(last_used_at=now))


def make_token(session: WriteSession, *, label: str, role: Role, days: int | None, by: Actor) -> tuple[str, ApiToken]:
    """A new bearer token. Its text is shown once; `days` is its life, None for one that ends only by revoking."""
    text = f"cty_{secrets.token_urlsafe(32)}"
    expires = clock.now() + timedelta(days=days) if days is not None else None
    row = ApiToken(
        id=new_id(), token_hash=digest(text), label=label, role=role, created_by=by.shown, expires_at=expires
    )
    session.add(row)
    session.flush()
    event = Event(
        type=EventType.TOKEN_CREATED, subject=row.id, actor=by, facts={"role": role.value}, personal={"label": label}
    )
    ledger.record(session, event)
    return text, row
