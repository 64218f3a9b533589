"""Guessers are slowed down, and keep nobody out by it: not under a name, and not behind a proxy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from httpx2 import Response
from sqlalchemy import select, update
from starlette.testclient import TestClient

from api import accounts, attempts
from api.attempts import Lane
from api.authentication import SignInRefused, check_password
from api.settings import WebSettings
from api.turns import STRANGERS
from evidence import clock
from evidence.identifiers import new_id
from evidence.models import KnownDevice, Person, SignInAttempt
from tests.support.cast import PASSWORD, TEST, Cast
from tests.support.house import World

SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
WRONG = "not it at all"
PROXY, HERE, ELSEWHERE = "192.0.2.1", "198.51.100.7", "203.0.113.9"


@pytest.fixture
def desk(world: World, cast: Cast) -> Iterator[TestClient]:
    """The front desk behind a proxy that it trusts."""
    app = world.app(web=WebSettings(trusted_proxies=[f"{PROXY}/32"]))
    with TestClient(app, base_url="https://testserver", client=(PROXY, 5000)) as speaking:
        yield speaking


def asks(desk: TestClient, name: str, password: str, *, at: str, device: str | None) -> Response:
    """One attempt from an address, with a browser's number or none."""
    desk.cookies.clear()
    cookies = {} if device is None else {"Cookie": f"{attempts.COOKIE}={device}"}
    headers = {**SAME, **cookies, "X-Forwarded-For": at}
    said = {"name": name, "password": password}
    return desk.post("/sign-in", data=said, headers=headers, follow_redirects=False)


def tries(desk: TestClient, name: str, password: str = WRONG, *, at: str = HERE, device: str | None = None) -> int:
    """The status of one attempt."""
    return asks(desk, name, password, at=at, device=device).status_code


def known(desk: TestClient, name: str = "officer", *, at: str = HERE, device: str | None = None) -> str:
    """Sign in; the number by which this browser is known from now on."""
    answer = asks(desk, name, PASSWORD, at=at, device=device)
    assert answer.status_code == 303
    return str(answer.cookies[attempts.COOKIE])


def fails(world: World, number: int, *, name: str | None = None, address: str | None = None) -> None:
    """So many failures of strangers, a moment ago."""
    with world.house.writing() as session:
        for each in range(number):
            who, where = name or f"name{each}", address or f"10.0.{each // 250}.{each % 250}"
            session.add(SignInAttempt(id=new_id(), sign_in_name=who, address=where))


def test_a_guesser_waits_and_nobody_else(desk: TestClient) -> None:
    for _ in range(5):
        assert tries(desk, "officer", at=ELSEWHERE) == 422
    assert tries(desk, "officer", PASSWORD, at=ELSEWHERE) == 429
    assert tries(desk, "officer", PASSWORD, at=HERE) == 303
    assert tries(desk, "supervisor", PASSWORD, at=ELSEWHERE) == 303


def test_a_known_browser_signs_in_while_a_guesser_at_its_own_address_waits(desk: TestClient) -> None:
    device = known(desk)
    for _ in range(6):
        tries(desk, "officer")
    assert tries(desk, "officer", PASSWORD) == 429
    assert tries(desk, "officer", PASSWORD, device=device) == 303


def test_unknown_names_wait_just_as_known_ones(desk: TestClient) -> None:
    assert [tries(desk, "nobody") for _ in range(6)] == [422] * 5 + [429]


def test_a_right_password_forgives_only_its_own_failures(desk: TestClient) -> None:
    for _ in range(5):
        tries(desk, "officer", at=ELSEWHERE)
    known(desk, at=HERE)
    assert tries(desk, "officer", PASSWORD, at=ELSEWHERE) == 429


def test_a_stolen_number_of_a_browser_buys_five_guesses(desk: TestClient) -> None:
    device = known(desk)
    assert [tries(desk, "officer", at=ELSEWHERE, device=device) for _ in range(5)] == [422] * 5
    assert [tries(desk, "officer", at=ELSEWHERE, device=device) for _ in range(6)] == [422] * 5 + [429]


def test_a_number_that_somebody_made_up_or_another_s_is_a_stranger_s(desk: TestClient) -> None:
    device = known(desk, "supervisor")
    for _ in range(5):
        tries(desk, "officer", device=device)
    assert tries(desk, "officer", PASSWORD, device=device) == 429
    assert tries(desk, "officer", PASSWORD, device="made-up") == 429


def test_a_shared_computer_is_known_for_each_who_signs_in_there(desk: TestClient) -> None:
    device = known(desk)
    assert known(desk, "supervisor", device=device) == device
    for name in ("officer", "supervisor"):
        for _ in range(5):
            tries(desk, name)
        assert tries(desk, name, PASSWORD, device=device) == 303


def test_the_wait_ends(world: World, desk: TestClient) -> None:
    for _ in range(5):
        tries(desk, "officer")
    with world.house.writing() as session:
        session.execute(update(SignInAttempt).values(at=clock.now() - timedelta(minutes=16)))
    assert tries(desk, "officer", PASSWORD) == 303


def test_a_name_that_is_guessed_from_everywhere_waits_for_strangers_only(world: World, desk: TestClient) -> None:
    device = known(desk)
    fails(world, 100, name="officer")
    assert tries(desk, "officer", PASSWORD, at=ELSEWHERE) == 429
    assert tries(desk, "officer", PASSWORD, device=device) == 303


def test_an_address_that_guesses_at_many_names_keeps_no_known_browser_out(world: World, desk: TestClient) -> None:
    device = known(desk)
    fails(world, 200, address=HERE)
    assert tries(desk, "supervisor", PASSWORD) == 429
    assert tries(desk, "officer", PASSWORD, device=device) == 303
    assert tries(desk, "supervisor", PASSWORD, at=ELSEWHERE) == 303


def test_what_is_said_of_an_address_counts_only_from_a_trusted_proxy(world: World, cast: Cast) -> None:
    with TestClient(world.app(), base_url="https://testserver", client=(PROXY, 5000)) as plain:
        for number in range(5):
            tries(plain, "officer", at=f"203.0.113.{number}")
        assert tries(plain, "officer", PASSWORD, at=HERE) == 429


def test_the_number_of_a_browser_is_pinned_and_signs_nobody_in(world: World, desk: TestClient) -> None:
    answer = asks(desk, "officer", PASSWORD, at=HERE, device=None)
    (header,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith(attempts.COOKIE)]
    cookie = SimpleCookie(header)[attempts.COOKIE]
    assert (cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"]) == ("/", True, True, "strict")
    with world.house.reading() as session:
        assert cookie.value.encode() not in session.scalars(select(KnownDevice.token_hash)).one()
    desk.cookies.clear()
    said = {"Cookie": f"{attempts.COOKIE}={cookie.value}"}
    assert desk.get("/account", headers=said, follow_redirects=False).status_code == 401


def test_a_new_first_password_makes_every_browser_a_stranger(world: World, cast: Cast, desk: TestClient) -> None:
    known(desk)
    with world.house.writing() as session:
        accounts.reset_password(session, cast.ids["officer"], by=TEST)
    with world.house.reading() as session:
        assert session.scalars(select(KnownDevice)).all() == []


def test_attempts_at_once_are_not_all_checked(world: World, cast: Cast) -> None:
    settings = WebSettings()
    here, elsewhere = (Lane(name="officer", site=site) for site in (HERE, ELSEWHERE))
    with world.house.writing() as first, world.house.writing() as second, world.house.writing() as third:
        check_password(first, settings, here, password=WRONG, address=HERE)
        with pytest.raises(SignInRefused, match="Another attempt"):
            check_password(second, settings, here, password=WRONG, address=HERE)
        found = check_password(third, settings, elsewhere, password=PASSWORD, address=ELSEWHERE)
        assert isinstance(found, Person)


def test_strangers_without_end_cost_a_bounded_part_and_keep_no_known_browser_waiting(desk: TestClient) -> None:
    device = known(desk)
    held, let_go = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with STRANGERS.one():
            held.release()
            let_go.wait(30)

    holders = [threading.Thread(target=hold) for _ in range(2)]
    try:
        for each in holders:
            each.start()
            assert held.acquire(timeout=10)
        assert tries(desk, "supervisor", PASSWORD) == 429
        assert tries(desk, "officer", PASSWORD, device=device) == 303
    finally:
        let_go.set()
        for each in holders:
            each.join(10)
    assert tries(desk, "supervisor", PASSWORD) == 303
