"""The generated accounts of the embedded default: one for each role, each with a password of its own.

There is no default password. The generated ones are kept in a file that only the owner can read, so that
`make run` can print them again; one that has been changed since is not printed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from api import passwords
from api.accounts import NewPerson, create_person
from api.system import read_private, write_private
from evidence.bootstrap import House
from evidence.custody.events import Actor
from evidence.database import WriteSession
from evidence.models import Person
from evidence.vocabulary import Role

CAST = (
    NewPerson(sign_in_name="officer", display_name="Amara Osei", role=Role.OFFICER, collar_number="4821"),
    NewPerson(sign_in_name="supervisor", display_name="Rhys Bevan", role=Role.SUPERVISOR, collar_number="1907"),
    NewPerson(sign_in_name="administrator", display_name="Shabnam Iqbal", role=Role.ADMINISTRATOR),
)
FIRST_START = Actor.system("first start")


@dataclass(frozen=True, slots=True)
class SignIn:
    """One account as `make run` prints it. `password` is None once a person has chosen another."""

    name: str
    role: str
    password: str | None


def make_or_recall(house: House, kept: Path) -> list[SignIn]:
    """The accounts, made where nobody has one yet."""
    record: dict[str, str] = read_private(kept) or {}
    with house.reading() as session:
        nobody = session.scalars(select(Person.id).limit(1)).first() is None
    if nobody:
        with house.writing() as session:
            record = {wanted.sign_in_name: _make(session, wanted) for wanted in CAST}
            # Before the commit: an account whose password nobody has would be of no use.
            write_private(kept, record)
    with house.reading() as session:
        people = session.scalars(select(Person).where(Person.disabled_at.is_(None)).order_by(Person.created_at)).all()
        return [_sign_in(person, record.get(person.sign_in_name)) for person in people if person.sign_in_name in record]


def as_rows(sign_ins: list[SignIn]) -> list[dict[str, str | None]]:
    """For `--json`."""
    return [asdict(each) for each in sign_ins]


def _sign_in(person: Person, password: str | None) -> SignIn:
    still = password is not None and passwords.verify(password, person.password_hash)[0]
    return SignIn(person.sign_in_name, person.role.value, password if still else None)


def _make(session: WriteSession, wanted: NewPerson) -> str:
    """The account, and its password: random and known to the owner of this machine alone, so it may stay."""
    person, password = create_person(session, wanted, by=FIRST_START)
    person.password_must_change = False
    return password
