"""The people of the tests, everywhere the same, and how they sign in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cache
from uuid import UUID

from starlette.requests import Request
from starlette.testclient import TestClient

from api import passwords
from api.accounts import NewPerson
from api.authentication import COOKIE, make_token, open_session
from api.settings import WebSettings
from evidence.custody import ledger
from evidence.custody.events import Actor, Event, EventType
from evidence.identifiers import new_id
from evidence.models import Person
from evidence.vocabulary import Role
from tests.support.house import World

PASSWORD = "purple otter lantern"
TEST = Actor.system("test")

OFFICER = NewPerson(sign_in_name="officer", display_name="Amara Osei", role=Role.OFFICER, collar_number="4821")
STRANGER = NewPerson(sign_in_name="stranger", display_name="Idris Vance", role=Role.OFFICER, collar_number="5512")
SUPERVISOR = NewPerson(sign_in_name="supervisor", display_name="Rhys Bevan", role=Role.SUPERVISOR, collar_number="1907")
ADMINISTRATOR = NewPerson(sign_in_name="administrator", display_name="Shabnam Iqbal", role=Role.ADMINISTRATOR)
EVERYBODY = (OFFICER, STRANGER, SUPERVISOR, ADMINISTRATOR)


@cache
def _hash() -> str:
    """Made once: hashing is slow on purpose."""
    return passwords.hash_of(PASSWORD)


@dataclass
class Cast:
    """Everybody, with accounts in one world. Their passwords are their own already."""

    world: World
    ids: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.world.house.writing() as session:
            for wanted in EVERYBODY:
                # One hash serves all: making one takes a tenth of a second on purpose, and every test has a cast.
                person = Person(**asdict(wanted), id=new_id(), password_hash=_hash(), password_must_change=False)
                session.add(person)
                session.flush()
                facts = {"role": person.role.value}
                made = Event(type=EventType.PERSON_CREATED, subject=person.id, actor=TEST, facts=facts)
                ledger.record(session, made)
                self.ids[wanted.sign_in_name] = person.id

    def token(self, role: Role) -> dict[str, str]:
        """The header of a program in this role."""
        with self.world.house.writing() as session:
            text, _ = make_token(session, label=f"test {role.value}", role=role, days=1, by=TEST)
        return {"Authorization": f"Bearer {text}"}

    def already_signed_in(self, client: TestClient, name: str) -> TestClient:
        """Give a browser the cookie of somebody whose password was right: checking one is slow on purpose.

        How people sign in has tests of its own, and they go through the form.
        """
        asks = Request({"type": "http", "headers": [], "client": ("testclient", 50000)})
        with self.world.house.writing() as session:
            number = open_session(session, WebSettings(), session.get_one(Person, self.ids[name]), asks)
        client.cookies.set(COOKIE, number, domain="testserver.local")
        return as_browser(client)


def as_browser(client: TestClient) -> TestClient:
    """The same client, saying what a browser says of a form on our own page: without it, it would be another site's."""
    client.headers["Sec-Fetch-Site"] = "same-origin"
    client.headers["Accept"] = "text/html"
    return client


def sign_in(client: TestClient, name: str, *, password: str = PASSWORD) -> TestClient:
    """Sign somebody in as a browser would; the same client, with their cookie."""
    as_browser(client)
    answer = client.post("/sign-in", data={"name": name, "password": password}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return client
