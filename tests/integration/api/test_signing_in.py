"""Signing in, staying in, and being out again."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api import accounts
from api.authentication import COOKIE
from api.passwords import hash_of
from api.settings import WebSettings
from evidence.custody.ledger import history
from evidence.models import Person, SignedIn
from evidence.vocabulary import Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import PASSWORD, TEST, Cast, sign_in
from tests.support.house import World

SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


@pytest.fixture
def as_(app: FastAPI, cast: Cast) -> Visitor:
    """Here everybody goes through the form."""
    return lambda name: sign_in(TestClient(app, base_url="https://testserver", raise_server_exceptions=False), name)


def attempt(client: TestClient, name: str, password: str) -> tuple[int, str]:
    """Try to sign in; the status and the page."""
    answer = client.post("/sign-in", data={"name": name, "password": password}, headers=SAME, follow_redirects=False)
    return answer.status_code, answer.text


def age(world: World, **shift: timedelta) -> None:
    """Move the times of every sign-in into the past."""
    with world.house.writing() as session:
        session.execute(update(SignedIn).values({name: getattr(SignedIn, name) - by for name, by in shift.items()}))


def is_in(client: TestClient) -> bool:
    """Whether the browser is signed in just now."""
    return client.get("/account", follow_redirects=False).status_code == 200


def opens(client: TestClient, number: str) -> bool:
    """Whether a browser that carries this session number is signed in."""
    client.cookies.clear()
    client.cookies.set(COOKIE, number)
    return is_in(client)


def test_name_and_password_open_the_first_page(client: TestClient, cast: Cast) -> None:
    answer = client.post("/sign-in", data={"name": " Officer ", "password": PASSWORD}, headers=SAME)
    assert answer.url.path == "/docks"
    assert "Amara Osei" in answer.text


def test_the_cookie_is_pinned_to_this_host_and_kept_from_scripts(client: TestClient, cast: Cast) -> None:
    answer = client.post(
        "/sign-in", data={"name": "officer", "password": PASSWORD}, headers=SAME, follow_redirects=False
    )
    (header,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(COOKIE)]
    cookie = SimpleCookie(header)[COOKIE]
    assert (cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"]) == ("/", True, True, "lax")
    assert cookie["domain"] == ""
    assert len(cookie.value) >= 43


def test_the_database_holds_no_number_that_signs_anybody_in(world: World, as_: Visitor) -> None:
    number = as_("officer").cookies[COOKIE]
    with world.house.reading() as session:
        row = session.scalars(select(SignedIn)).one()
    assert number.encode() not in row.token_hash


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(client: TestClient, cast: Cast) -> None:
    wrong, unknown = attempt(client, "officer", "not it at all"), attempt(client, "nobody", "not it at all")
    assert wrong[0] == unknown[0] == 422
    assert "do not go together" in wrong[1]
    assert "do not go together" in unknown[1]
    assert COOKIE not in client.cookies


def test_failed_and_done_sign_ins_stand_in_the_log(world: World, client: TestClient, cast: Cast) -> None:
    attempt(client, "officer", "wrong")
    sign_in(client, "officer")
    client.post("/sign-out")
    with world.house.reading() as session:
        said = [line.type.value for line in history(session, cast.ids["officer"])]
    assert said == ["person.created", "person.sign_in_refused", "person.signed_in", "person.signed_out"]


def test_a_quarter_of_an_hour_without_a_request_ends_it(world: World, as_: Visitor) -> None:
    browser = as_("officer")
    age(world, seen_at=timedelta(minutes=14))
    assert is_in(browser)
    age(world, seen_at=timedelta(minutes=16))
    assert not is_in(browser)


def test_twelve_hours_end_it_however_busy_it_was(world: World, as_: Visitor) -> None:
    browser = as_("officer")
    age(world, ends_at=timedelta(hours=12, seconds=1))
    assert not is_in(browser)


def test_signing_in_again_makes_a_new_number_and_ends_the_old(client: TestClient, cast: Cast) -> None:
    first = sign_in(client, "officer").cookies[COOKIE]
    second = sign_in(client, "officer").cookies[COOKIE]
    assert first != second
    assert opens(client, second)
    assert not opens(client, first)


def test_signing_out_ends_it_on_the_server(client: TestClient, cast: Cast) -> None:
    number = sign_in(client, "officer").cookies[COOKIE]
    client.post("/sign-out")
    assert not opens(client, number)


def test_a_disabled_account_is_out_at_once(world: World, cast: Cast, as_: Visitor) -> None:
    browser = as_("officer")
    with world.house.writing() as session:
        accounts.disable(session, cast.ids["officer"], by=TEST)
    assert not is_in(browser)
    right, wrong = attempt(browser, "officer", PASSWORD), attempt(browser, "officer", "not it at all")
    assert right[0] == wrong[0] == 422
    assert "This account is disabled" in right[1]
    # Who does not know the password learns nothing about the account.
    assert "disabled" not in wrong[1]
    assert "do not go together" in wrong[1]


def test_another_role_bites_at_once(world: World, cast: Cast, as_: Visitor) -> None:
    browser = as_("supervisor")
    with world.house.writing() as session:
        accounts.change_role(session, cast.ids["supervisor"], role=Role.OFFICER, by=TEST)
    assert not is_in(browser)


def test_a_first_password_opens_nothing_but_its_own_change(world: World, client: TestClient, cast: Cast) -> None:
    with world.house.writing() as session:
        first = accounts.reset_password(session, cast.ids["officer"], by=TEST)
    sign_in(client, "officer", password=first)
    assert client.get("/recordings", follow_redirects=False).headers["location"] == "/account/password"
    weak = {"current_password": first, "new_password": "password1234"}
    assert client.post("/account/password", data=weak).status_code == 422
    good = {"current_password": first, "new_password": "green walrus teapot"}
    assert client.post("/account/password", data=good).url.path == "/docks"
    assert client.get("/recordings").url.path == "/recordings"


def test_a_new_password_ends_the_other_sign_ins(as_: Visitor) -> None:
    here, elsewhere = as_("officer"), as_("officer")
    good = {"current_password": PASSWORD, "new_password": "green walrus teapot"}
    assert here.post("/account/password", data=good).status_code == 200
    assert is_in(here)
    assert not is_in(elsewhere)


def test_a_password_is_not_changed_without_the_present_one(as_: Visitor) -> None:
    browser = as_("officer")
    tried = {"current_password": "not it", "new_password": "green walrus teapot"}
    assert browser.post("/account/password", data=tried).status_code == 422


def test_a_person_may_end_their_other_sign_ins(as_: Visitor) -> None:
    here, elsewhere = as_("officer"), as_("officer")
    here.post("/account/sessions/end")
    assert is_in(here)
    assert not is_in(elsewhere)


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/recordings?kind=interview", "/recordings?kind=interview"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nb", "/"),
    ],
)
def test_after_signing_in_one_is_led_to_pages_of_ours_only(
    client: TestClient, cast: Cast, wanted: str, led: str
) -> None:
    said = {"name": "officer", "password": PASSWORD, "next": wanted}
    answer = client.post("/sign-in", data=said, headers=SAME, follow_redirects=False)
    assert answer.headers["location"] == led


def test_on_plain_http_elsewhere_the_form_says_that_it_will_not_work(client: TestClient) -> None:
    page = client.get("http://dock.example/sign-in").text
    assert "Signing in will not work at this address" in page
    assert "Signing in will not work" not in client.get("http://127.0.0.1:8080/sign-in").text
    assert "Signing in will not work" not in client.get("https://testserver/sign-in").text


@pytest.mark.parametrize(("trusted", "warned"), [("10.0.0.0/8", False), ("192.0.2.0/24", True)])
def test_behind_a_trusted_proxy_that_speaks_https_nobody_is_warned(world: World, trusted: str, warned: bool) -> None:
    app = world.app(web=WebSettings(trusted_proxies=[trusted]))
    behind = TestClient(app, base_url="http://evidence.example", client=("10.1.2.3", 4711))
    told = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    assert ("Signing in will not work" in behind.get("/sign-in", headers=told).text) is warned
    assert "Signing in will not work" in behind.get("/sign-in").text


def test_an_expired_sign_in_takes_a_live_part_to_the_sign_in_page(world: World, as_: Visitor) -> None:
    browser = as_("officer")
    age(world, seen_at=timedelta(minutes=20))
    answer = browser.get("/recordings/1/standing", headers={"HX-Request": "true"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


def test_a_password_kept_with_weaker_settings_is_hashed_anew(world: World, client: TestClient, cast: Cast) -> None:
    weaker = Argon2Hasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with world.house.writing() as session:
        session.execute(update(Person).where(Person.sign_in_name == "officer").values(password_hash=weaker))
    sign_in(client, "officer")
    with world.house.reading() as session:
        kept = session.scalars(select(Person.password_hash).where(Person.sign_in_name == "officer")).one()
    assert kept.split("$")[3] == hash_of("x").split("$")[3]
