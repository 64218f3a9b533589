"""Bearer tokens of the JSON API: what may be asked for, what is in force, and how one ends.

A token stands for a role and no person, and none that is made here lasts for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import select

from api.errors import BadRequest
from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, NotFound
from evidence.models import ApiToken
from evidence.vocabulary import Role

LONGEST_DAYS = 730


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to be made: what it is for, what it may do, for how many days."""

    label: str
    role: Role
    days: int

    @classmethod
    def parse(cls, *, label: str, role: str, days: str | int) -> Self:
        """Check what was sent. Raises BadRequest that points at the member which will not do."""
        label = " ".join(label.split())
        if not 2 <= len(label) <= 100:
            raise BadRequest("Say what the token is for, 2 to 100 characters.", pointer="label")
        if role not in {each.value for each in Role}:
            raise BadRequest("Choose a role.", pointer="role")
        if not str(days).strip().isdecimal() or not 1 <= int(days) <= LONGEST_DAYS:
            raise BadRequest(f"Enter a number of days, 1 to {LONGEST_DAYS}.", pointer="days")
        return cls(label, Role(role), int(days))


def revoke_token(session: WriteSession, token: UUID, *, by: Actor) -> None:
    """End a token at once. Raises NotFound, AlreadySettled."""
    row = session.get(ApiToken, token)
    if row is None:
        raise NotFound("that token")
    if row.revoked_at is not None:
        raise AlreadySettled("this token is revoked already")
    row.revoked_at = clock.now()
    event = Event(type=EventType.TOKEN_REVOKED, subject=row.id, actor=by, personal={"label": row.label})
    ledger.record(session, event)


def in_force(session: ReadSession) -> list[ApiToken]:
    """Tokens and wall displays that have not been revoked, the newest first."""
    rows = select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.created_at.desc(), ApiToken.id)
    return list(session.scalars(rows))
