"""Accounts on the command line: a lost password, shut out at once, let in again; each in the log under the operator."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.accounts import NewPerson, create_person, disable, person_of
from api.cli import app as commands
from evidence.custody.events import Actor
from evidence.custody.ledger import history
from evidence.errors import AlreadySettled, NotFound
from evidence.vocabulary import Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import PASSWORD, Cast, sign_in
from tests.support.hosts import environment_of
from tests.support.house import World

BY = Actor.system("test")
Run = Callable[..., str]
SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`continuity account …` against the test's own house; what it prints."""
    # A command's process ends and gives its connections back; here the test's own house does.
    monkeypatch.setattr("api.standing.open_house", lambda *_, **__: world.house)
    for name, value in environment_of(world).items():
        monkeypatch.setenv(name, value)

    def of(*words: str) -> str:
        done = CliRunner().invoke(commands, ["account", *words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return of


def said_last(world: World, cast: Cast, name: str) -> str:
    with world.house.reading() as session:
        return history(session, cast.ids[name])[-1].sentence


def is_in(client: TestClient) -> bool:
    return client.get("/account", follow_redirects=False).status_code == 200


def test_a_lost_password_is_made_anew_and_must_be_changed(
    world: World, cast: Cast, client: TestClient, as_: Visitor, run: Run
) -> None:
    browser = as_("officer")
    printed = json.loads(run("reset-password", "Officer", "--json"))
    assert not is_in(browser)
    assert PASSWORD not in printed["password"]
    sign_in(client, "officer", password=printed["password"])
    assert client.get("/recordings", follow_redirects=False).headers["location"] == "/account/password"
    with world.house.reading() as session:
        line = next(each for each in history(session, cast.ids["officer"]) if each.type.value == "person.changed")
    assert line.sentence.startswith("command line (account ")
    assert line.sentence.endswith("changed an account: a new first password was made")
    assert printed["password"] not in json.dumps(dict(line.facts))


def test_a_disabled_person_is_out_at_once_and_is_let_in_again(world: World, cast: Cast, as_: Visitor, run: Run) -> None:
    browser = as_("officer")
    run("disable", "officer")
    assert not is_in(browser)
    assert said_last(world, cast, "officer").endswith("changed an account: the account was disabled")
    said = {"name": "officer", "password": PASSWORD}
    refused = browser.post("/sign-in", data=said, headers=SAME, follow_redirects=False)
    assert refused.status_code == 422
    assert "This account is disabled" in refused.text
    with pytest.raises(AlreadySettled, match="disabled already"):
        run("disable", "officer")
    run("enable", "officer")
    assert said_last(world, cast, "officer").endswith("changed an account: the account was enabled again")
    assert browser.post("/sign-in", data=said, headers=SAME, follow_redirects=False).status_code == 303
    with pytest.raises(AlreadySettled, match="not disabled"):
        run("enable", "officer")


def test_the_list_says_who_can_sign_in(cast: Cast, run: Run) -> None:
    run("disable", "stranger")
    run("reset-password", "supervisor")
    rows = {row["name"]: row for row in map(json.loads, run("list", "--json").splitlines())}
    assert {name: row["state"] for name, row in rows.items()} == {
        "officer": "in_use",
        "stranger": "disabled",
        "supervisor": "first_sign_in_to_come",
        "administrator": "in_use",
    }
    assert (rows["officer"]["role"], rows["officer"]["collar_number"]) == ("officer", "4821")
    shown = run("list")
    assert "Idris Vance" in shown
    assert "disabled" in shown


def test_two_administrators_who_shut_each_other_out_at_one_moment_leave_one(world: World, cast: Cast) -> None:
    with world.house.writing() as session:
        other, _ = create_person(
            session, NewPerson(sign_in_name="second", display_name="Second", role=Role.ADMINISTRATOR), by=BY
        )
    both = threading.Barrier(2)

    def shut_out(person: UUID) -> bool:
        with world.house.writing() as session:
            person_of(session, person)
            both.wait(10)
            disable(session, person, by=BY)
        return True

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(shut_out, person) for person in (cast.ids["administrator"], other.id)]
    refused = [each.exception() for each in asked if each.exception() is not None]
    assert [type(each) for each in refused] == [AlreadySettled]


def test_nobody_shuts_out_the_last_administrator_or_whom_there_is_not(cast: Cast, run: Run) -> None:
    with pytest.raises(AlreadySettled, match="last administrator"):
        run("disable", "administrator")
    for word in ("disable", "enable", "reset-password"):
        with pytest.raises(NotFound, match="nobody"):
            run(word, "nobody")
