"""Wall displays: a screen in a dock room, known by a cookie of its own, that may see the wall and nothing else.

A person's sign-in would end after a quarter of an hour, or would stand open to whoever walks past; a display's
does neither. It is an API token by bookkeeping, so it is listed, expires and can be revoked like one, but what is
kept of it is made in another way: its text is no bearer token.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from starlette.requests import Request

from api import authentication
from api.authentication import COOKIE, Caller
from api.dependencies import AtDesk, Desk
from api.errors import PasswordIsStale, SignInNeeded
from evidence import clock
from evidence.access import Action, decide
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import NotPermitted
from evidence.identifiers import new_id
from evidence.models import ApiToken
from evidence.vocabulary import ActorKind, Role

DISPLAY_COOKIE: Final = "__Host-display"
LIFE: Final = timedelta(days=365)


def _kept(text: str) -> bytes:
    # No header can carry the zero byte, so no bearer token has the digest of a display.
    return hashlib.sha256(b"wall display\0" + text.encode()).digest()


def make_display(session: WriteSession, *, by: Actor) -> str:
    """A new display, known by the text returned, which goes into its cookie and nowhere else."""
    text, until = secrets.token_urlsafe(32), clock.now() + LIFE
    row = ApiToken(
        id=new_id(),
        token_hash=_kept(text),
        label="Wall display",
        role=Role.OFFICER,
        created_by=by.shown,
        expires_at=until,
    )
    session.add(row)
    session.flush()
    facts = {"role": "wall display"}
    ledger.record(session, Event(type=EventType.TOKEN_CREATED, subject=row.id, actor=by, facts=facts))
    return text


def display_caller(session: ReadSession, text: str) -> Caller | None:
    """The display behind a cookie, or None when it was revoked or is out of date."""
    row = session.scalars(select(ApiToken).where(ApiToken.token_hash == _kept(text))).one_or_none()
    if row is None or row.revoked_at is not None or (row.expires_at and row.expires_at < clock.now()):
        return None
    return Caller(
        actor=Actor(ActorKind.TOKEN, str(row.id), row.label, "display"), role=row.role, person=None, key=row.token_hash
    )


def display_or_person(request: Request, desk: AtDesk) -> Caller:
    """A wall display, or a person who may see the docks. Raises SignInNeeded. Only routes of the wall use this."""
    with desk.house.writing() as session:
        text = request.cookies.get(DISPLAY_COOKIE)
        if text and (found := display_caller(session, text)):
            authentication.touch_token(session, found.key)
            return found
        if number := request.cookies.get(COOKIE):
            return _person(session, desk, number)
    raise SignInNeeded


def _person(session: WriteSession, desk: Desk, number: str) -> Caller:
    found = authentication.caller_by_cookie(session, desk.web, number)
    if found is None:
        raise SignInNeeded("You were signed out. Sign in to go on.")
    if found.must_change_password:
        raise PasswordIsStale
    decision = decide(found.asker, Action.SEE_DOCKS)
    if not decision.allow:
        raise NotPermitted(decision.reason)
    authentication.touch(session, found.key)
    return found
