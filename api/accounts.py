"""Accounts of people: made, changed, disabled and let in again, each with its custody event.

Nobody is ever removed: what they did stands in the log under their name. There is no default password; a first
one is generated, shown once, and must be changed at the first sign-in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from api import passwords
from api.authentication import end_all_sessions
from api.errors import BadRequest
from evidence import clock
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.database import ReadSession, WriteSession
from evidence.errors import AlreadySettled, NotFound
from evidence.identifiers import new_id
from evidence.models import Person
from evidence.vocabulary import Role
from ingest.display import shown_text

NAME_SHAPE = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
COLLAR_SHAPE = re.compile(r"[A-Z0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """An account to be made. The collar number is how recordings find their officer."""

    sign_in_name: str
    display_name: str
    role: Role
    collar_number: str | None = None

    def checked(self) -> NewPerson:
        """The same, tidied. Raises BadRequest that points at the member which will not do."""
        name, shown = self.sign_in_name.strip().lower(), " ".join(self.display_name.split())
        collar = (self.collar_number or "").strip().upper() or None
        if not NAME_SHAPE.fullmatch(name):
            raise BadRequest(
                "Use 2 to 64 small letters, digits, full stops, hyphens, underscores or an @ in the sign-in name.",
                pointer="sign_in_name",
            )
        if not 2 <= len(shown) <= 100 or not shown.isprintable():
            raise BadRequest("Enter the person's name, 2 to 100 characters.", pointer="display_name")
        if collar is not None and not COLLAR_SHAPE.fullmatch(collar):
            raise BadRequest("Use letters and digits only in the collar number, 12 at most.", pointer="collar_number")
        return NewPerson(sign_in_name=name, display_name=shown, role=self.role, collar_number=collar)


def create_person(session: WriteSession, wanted: NewPerson, *, by: Actor) -> tuple[Person, str]:
    """Make an account and its first password, which is returned and kept nowhere.

    Raises BadRequest where the name will not do, AlreadySettled where it is taken.
    """
    wanted = wanted.checked()
    _refuse_taken(session, wanted)
    password = passwords.generate()
    person = Person(
        id=new_id(),
        sign_in_name=wanted.sign_in_name,
        display_name=wanted.display_name,
        collar_number=wanted.collar_number,
        role=wanted.role,
        password_hash=passwords.hash_of(password),
        password_must_change=True,
    )
    session.add(person)
    session.flush()
    event = Event(
        type=EventType.PERSON_CREATED,
        subject=person.id,
        actor=by,
        facts={"role": wanted.role.value},
        personal={"name": wanted.display_name},
    )
    ledger.record(session, event)
    return person, password


def _refuse_taken(session: ReadSession, wanted: NewPerson) -> None:
    if session.scalars(select(Person.id).where(Person.sign_in_name == wanted.sign_in_name)).first():
        raise AlreadySettled(f"somebody signs in as {wanted.sign_in_name} already")
    if (
        wanted.collar_number
        and session.scalars(select(Person.id).where(Person.collar_number == wanted.collar_number)).first()
    ):
        raise AlreadySettled(f"collar number {wanted.collar_number} belongs to somebody already")


def choose_password(session: WriteSession, person: UUID, *, new: str, by: Actor, keep: bytes) -> None:
    """Set a person's own choice and end their other sign-ins. Raises BadRequest where it is too easy."""
    row = person_of(session, person)
    if fault := passwords.fault_in(new, sign_in_name=row.sign_in_name):
        raise BadRequest(fault, pointer="new_password")
    row.password_hash, row.password_must_change = passwords.hash_of(new), False
    end_all_sessions(session, person, but=keep)
    _say_changed(session, person, "chose a new password", by)


def sign_out_elsewhere(session: WriteSession, person: UUID, *, by: Actor, keep: bytes) -> None:
    """End every sign-in of a person but the one that asks."""
    end_all_sessions(session, person, but=keep)
    _say_changed(session, person, "ended every other sign-in", by)


def reset_password(session: WriteSession, person: UUID, *, by: Actor) -> str:
    """A new first password, for one who has lost theirs; every sign-in of theirs ends."""
    row = person_of(session, person)
    password = passwords.generate()
    row.password_hash, row.password_must_change = passwords.hash_of(password), True
    end_all_sessions(session, person)
    _say_changed(session, person, "a new first password was made", by)
    return password


def change_role(session: WriteSession, person: UUID, *, role: Role, by: Actor) -> None:
    """Give a person another role; their sign-ins end at once. Raises AlreadySettled for the last administrator."""
    row = person_of(session, person)
    if row.role is role:
        return
    if row.role is Role.ADMINISTRATOR:
        _keep_one_administrator(session, person)
    row.role = role
    end_all_sessions(session, person)
    _say_changed(session, person, f"the role is now {role.value}", by)


def disable(session: WriteSession, person: UUID, *, by: Actor) -> None:
    """Let a person sign in no more, and end their sign-ins now. Raises AlreadySettled for the last administrator."""
    row = person_of(session, person)
    if row.disabled_at is not None:
        raise AlreadySettled("this account is disabled already")
    if row.role is Role.ADMINISTRATOR:
        _keep_one_administrator(session, person)
    row.disabled_at = clock.now()
    end_all_sessions(session, person)
    _say_changed(session, person, "the account was disabled", by)


def enable(session: WriteSession, person: UUID, *, by: Actor) -> None:
    """Let a disabled account sign in again, with the password it had."""
    row = person_of(session, person)
    if row.disabled_at is None:
        raise AlreadySettled("this account is not disabled")
    row.disabled_at = None
    _say_changed(session, person, "the account was enabled again", by)


def people(session: ReadSession) -> list[Person]:
    """Every account, by name; a force has thousands at most."""
    return list(session.scalars(select(Person).order_by(func.lower(Person.display_name), Person.id)))


def person_of(session: ReadSession, person: UUID) -> Person:
    """One account. Raises NotFound."""
    row = session.get(Person, person)
    if row is None:
        raise NotFound("that account")
    return row


def person_named(session: ReadSession, sign_in_name: str) -> Person:
    """The account of a sign-in name, in capitals or not. Raises NotFound."""
    row = session.scalars(select(Person).where(func.lower(Person.sign_in_name) == sign_in_name.strip().lower())).first()
    if row is None:
        raise NotFound(f"an account with the sign-in name {shown_text(sign_in_name)}")
    return row


def _keep_one_administrator(session: WriteSession, person: UUID) -> None:
    """Two who take each other's place at one moment wait for one another here: the second finds itself the last."""
    in_force = select(Person.id).where(Person.role == Role.ADMINISTRATOR, Person.disabled_at.is_(None))
    if set(session.scalars(in_force.order_by(Person.id).with_for_update())) <= {person}:
        raise AlreadySettled("this is the last administrator: make another first")


def _say_changed(session: WriteSession, person: UUID, change: str, by: Actor) -> None:
    event = Event(type=EventType.PERSON_CHANGED, subject=person, actor=by, facts={"change": change})
    ledger.record(session, event)
