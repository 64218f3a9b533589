"""What people decide at the desk: quarantine, accounts, docks, tokens. Each leaves its event."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from evidence.custody.ledger import history
from evidence.models import Agent, Person, Quarantine, Recording
from evidence.vocabulary import Playability, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast, sign_in
from tests.support.house import World
from tests.support.recordings import Shelf


def once(page: str) -> str:
    """The secret that a page shows once."""
    found = re.search(r"data-once>([^<]+)<", page)
    assert found is not None, page
    return found[1]


@pytest.fixture
def aside(world: World, shelf: Shelf) -> str:
    """The id of an open quarantine."""
    shelf.recording(b"x", quarantine="The file ends early.", playability=Playability.UNPLAYABLE)
    with world.house.reading() as session:
        return str(session.scalars(select(Quarantine.id)).one())


def test_a_supervisor_decides_quarantine_once_and_says_why(world: World, as_: Visitor, aside: str) -> None:
    supervisor = as_("supervisor")
    assert "The file ends early." in supervisor.get("/quarantine").text
    incomplete = supervisor.post(f"/quarantine/{aside}", data={"note": "x"})
    assert incomplete.status_code == 422
    assert "Choose what is to happen." in incomplete.text
    said = {"decision": "keep", "note": "Power was lost; nothing to be done."}
    assert "Your decision about R0000001 is recorded." in supervisor.post(f"/quarantine/{aside}", data=said).text
    assert "Nothing is waiting for a decision." in supervisor.get("/quarantine").text
    assert "Power was lost" in supervisor.get("/quarantine?decided=true").text
    assert supervisor.post(f"/quarantine/{aside}", data=said).status_code == 409
    with world.house.reading() as session:
        recording = session.scalars(select(Recording.id)).one()
        last = history(session, recording)[-1]
    assert last.sentence == "Rhys Bevan (1907) decided the quarantine: keep"


def test_others_see_quarantine_and_decide_nothing(as_: Visitor, aside: str) -> None:
    for name in ("officer", "administrator"):
        browser = as_(name)
        page = browser.get("/quarantine")
        assert "The file ends early." in page.text
        assert "Record decision" not in page.text
        answer = browser.post(f"/quarantine/{aside}", data={"decision": "release", "note": "It is fine."})
        assert answer.status_code == 403


def test_an_account_is_made_with_a_password_that_is_shown_once(world: World, client: TestClient, as_: Visitor) -> None:
    administrator = as_("administrator")
    said = {"sign_in_name": "J.Doe", "display_name": " Jane  Doe ", "collar_number": "77a", "role": "officer"}
    password = once(administrator.post("/people", data=said).text)
    assert "data-once" not in administrator.get("/people").text
    sign_in(client, "j.doe", password=password)
    assert client.get("/", follow_redirects=False).headers["location"] == "/account/password"
    with world.house.reading() as session:
        person = session.scalars(select(Person).where(Person.sign_in_name == "j.doe")).one()
        assert (person.display_name, person.collar_number) == ("Jane Doe", "77A")
        assert history(session, person.id)[0].type.value == "person.created"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sign_in_name": "x"}, "Use 2 to 64 small letters"),
        ({"sign_in_name": "officer"}, "Somebody signs in as officer already"),
        ({"collar_number": "4821"}, "Collar number 4821 belongs to somebody already"),
        ({"display_name": ""}, "Enter the person"),
        ({"role": ""}, "Choose a role."),
        ({"role": "king"}, "Choose a role."),
    ],
)
def test_an_account_that_will_not_do_is_refused_and_nothing_typed_is_lost(
    as_: Visitor, change: dict[str, str], sentence: str
) -> None:
    said = {"sign_in_name": "j.doe", "display_name": "Jane Doe", "collar_number": "", "role": "officer", **change}
    page = as_("administrator").post("/people", data=said)
    assert page.status_code == 422
    assert sentence in page.text
    assert f'value="{said["sign_in_name"]}"' in page.text


def test_the_last_administrator_stays(as_: Visitor, cast: Cast) -> None:
    administrator = as_("administrator")
    path = f"/people/{cast.ids['administrator']}"
    assert administrator.post(f"{path}/disable").status_code == 409
    assert administrator.post(f"{path}/role", data={"role": "officer"}).status_code == 409


def test_an_account_is_disabled_enabled_and_given_another_role(as_: Visitor, cast: Cast) -> None:
    administrator = as_("administrator")
    path = f"/people/{cast.ids['stranger']}"
    assert "disabled" in administrator.post(f"{path}/disable").text
    assert "can sign in again" in administrator.post(f"{path}/enable").text
    assert "role is changed" in administrator.post(f"{path}/role", data={"role": "supervisor"}).text
    assert len(once(administrator.post(f"{path}/password").text)) == 23


def test_a_dock_is_enrolled_with_a_code_that_is_shown_once_and_revoked(
    world: World, client: TestClient, as_: Visitor
) -> None:
    administrator = as_("administrator")
    code = once(administrator.post("/agents/codes", data={"kind": "suite", "label": "Room 2"}).text)
    key = "A" * 42 + "E="
    said = {"code": code, "name": "Suite A", "kind": "suite", "public_key": key, "software": "x"}
    assert client.post("/api/dock/v1/enrol", json=said).status_code == 201
    assert client.post("/api/dock/v1/enrol", json=said).status_code == 403
    assert "Suite A" in administrator.get("/agents").text
    with world.house.reading() as session:
        agent = session.scalars(select(Agent)).one()
    assert "The agent is revoked." in administrator.post(f"/agents/{agent.id}/revoke").text
    assert administrator.post(f"/agents/{agent.id}/revoke").status_code == 409


def test_a_token_is_made_used_and_revoked(client: TestClient, as_: Visitor) -> None:
    administrator = as_("administrator")
    assert administrator.post("/tokens", data={"label": "x", "role": "king", "days": "-1"}).status_code == 422
    said = {"label": "Case system", "role": "supervisor", "days": "30"}
    header = {"Authorization": f"Bearer {once(administrator.post('/tokens', data=said).text)}"}
    assert client.get("/api/v1/recordings", headers=header).status_code == 200
    page = administrator.get("/tokens").text
    revoke = re.search(r'action="(/tokens/[^"]+/revoke)"', page)
    assert revoke is not None
    administrator.post(revoke[1])
    assert client.get("/api/v1/recordings", headers=header).status_code == 401


@pytest.mark.parametrize("path", ["/people", "/agents", "/tokens"])
def test_others_do_not_manage_anything(as_: Visitor, path: str) -> None:
    for name in ("officer", "supervisor"):
        browser = as_(name)
        assert browser.get(path).status_code == 403
        assert f'href="{path}"' not in browser.get("/docks").text


def test_a_token_is_nobody_who_could_decide(client: TestClient, cast: Cast, aside: str) -> None:
    header = cast.token(Role.SUPERVISOR)
    said = {"decision": "keep", "note": "A program says so."}
    answer = client.post(f"/api/v1/quarantine/{aside}/decision", json=said, headers=header)
    assert answer.status_code == 403
    assert "a person decides this" in answer.json()["detail"].lower()
