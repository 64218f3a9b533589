"""What every request passes: headers, other sites' pages, limits, assets, errors."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from api import assets
from api.settings import WebSettings
from evidence.errors import SettingsRefused
from tests.integration.api.conftest import Visitor
from tests.support.cast import PASSWORD, Cast

FORM = {"name": "officer", "password": PASSWORD}
DIRECTIVES = {
    "default-src 'none'",
    "style-src 'self'",
    "media-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def test_every_answer_carries_the_security_headers(client: TestClient) -> None:
    for path in ("/sign-in", "/nothing", "/api/v1/docks", "/health/live", assets.url_of("js/init.js")):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["strict-transport-security"].startswith("max-age=")
        assert set(headers["content-security-policy"].split("; ")) >= DIRECTIVES


def test_the_policy_allows_no_inline_script_but_the_nonced_line(client: TestClient) -> None:
    first, second = client.get("/sign-in"), client.get("/sign-in")
    nonces = [re.search(r"'nonce-([^']+)'", each.headers["content-security-policy"])[1] for each in (first, second)]  # type: ignore[index]
    assert nonces[0] != nonces[1]
    assert "unsafe" not in first.headers["content-security-policy"]
    assert first.text.count("<script") == first.text.count(f'nonce="{nonces[0]}"') + first.text.count(' src="/static/')
    assert not re.search(r"\son\w+=|style=\"", first.text)


def test_pages_are_kept_by_nobody(as_: Visitor) -> None:
    assert as_("officer").get("/recordings").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "https://testserver:8443"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_form_that_another_site_sends_is_refused(client: TestClient, cast: Cast, headers: dict[str, str]) -> None:
    answer = client.post("/sign-in", data=FORM, headers={**headers, "Accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 403
    assert "page of another site" in answer.text
    assert not client.cookies


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "https://testserver"}]
)
def test_a_form_of_our_own_page_is_taken(client: TestClient, cast: Cast, headers: dict[str, str]) -> None:
    assert client.post("/sign-in", data=FORM, headers=headers, follow_redirects=False).status_code == 303


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_a_program_that_is_not_signed_in_is_told_what_to_do(client: TestClient, accept: str) -> None:
    told = {"Accept": accept}
    page = client.get("/recordings", headers=told, follow_redirects=False)
    assert (page.status_code, page.headers["content-type"]) == (401, "application/problem+json")
    assert page.headers["www-authenticate"] == "Bearer"
    said = page.json()
    assert (said["type"], said["detail"], said["sign_in"]) == (
        "/problems/sign-in-needed", "Sign in to go on.", "/sign-in",
    )  # fmt: skip
    sent = client.post("/people", data={"display_name": "x"}, headers=told, follow_redirects=False)
    assert (sent.status_code, sent.headers["content-type"]) == (403, "application/problem+json")
    assert "does not say where it comes from" in sent.json()["detail"]
    assert sent.json()["sign_in"] == "/sign-in"


def test_a_person_who_is_not_signed_in_is_led_to_the_form(client: TestClient) -> None:
    told = {"Accept": "text/html"}
    page = client.get("/recordings?kind=interview", headers=told, follow_redirects=False)
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2Frecordings%3Fkind%3Dinterview")
    sent = client.post("/people", data={"display_name": "x"}, headers=told, follow_redirects=False)
    assert sent.status_code == 403
    assert 'href="/sign-in"' in sent.text


def test_no_route_changes_anything_on_get(client: TestClient) -> None:
    for path in ("/sign-out", "/docks/display", "/account/sessions/end", "/agents/codes", "/jobs/1/retry"):
        assert client.get(path, headers={"Accept": "text/html"}, follow_redirects=False).status_code in {404, 405}


def test_a_body_without_end_is_refused(client: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    answer = client.post("/sign-in", content=b"name=" + b"x" * (5 << 20), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/too-large"
    assert "smaller pieces" in answer.json()["detail"]


def without_end() -> Iterator[bytes]:
    for _ in range(6):
        yield b"x" * (1 << 20)


@pytest.mark.parametrize("length", ["announced", "not announced"])
@pytest.mark.parametrize("path", ["/api/dock/v1/enrol", "/api/dock/v1/challenge", "/api/v1/tokens", "/api/v1/nothing"])
def test_too_much_for_the_api_is_a_problem_in_json(client: TestClient, path: str, length: str) -> None:
    body = b"x" * (5 << 20) if length == "announced" else without_end()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer none", "Accept": "*/*"}
    answer = client.post(path, content=body, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.status_code in ({413} if length == "announced" else {413, 401, 404, 405})
    assert answer.json()["status"] == answer.status_code


def test_every_page_answers_head_as_get_but_for_the_body(as_: Visitor) -> None:
    browser = as_("administrator")
    for path in (
        "/docks",
        "/recordings",
        "/status",
        "/people",
        "/incidents",
        "/account",
        "/nothing",
        "/api/v1/recordings",
    ):
        headers = {"Accept": "text/html", "Accept-Encoding": "identity"}
        whole, head = browser.get(path, headers=headers), browser.head(path, headers=headers)
        assert (head.status_code, head.content) == (whole.status_code, b""), path
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert "content-length" in head.headers


def test_head_of_a_page_asks_for_a_sign_in_too(client: TestClient) -> None:
    answer = client.head("/recordings", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.content) == (303, b"")
    assert client.head("/docks/events").status_code in {401, 405}


def test_a_program_may_ask_for_the_head_of_the_health_pages(client: TestClient) -> None:
    assert client.head("/health/live").status_code == 200
    assert client.head("/health/ready").status_code == 200


def test_a_page_that_is_not_there_says_so_to_people_and_programs(client: TestClient) -> None:
    page = client.get("/nothing", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "<h1" in page.text
    problem = client.get("/api/v1/nothing")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"] == "/problems/not-found"
    assert problem.json()["request_id"] == problem.headers["x-request-id"]


def test_an_unknown_fault_says_nothing_of_itself(client: TestClient, cast: Cast, as_: Visitor) -> None:
    browser = as_("officer")

    def breaks() -> None:
        raise RuntimeError("SELECT secret FROM table")

    browser.app.add_api_route("/api/v1/breaks", breaks)  # type: ignore[attr-defined]
    answer = browser.get("/api/v1/breaks")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["type"] == "/problems/fault"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_database_that_is_away_is_said_in_words_and_asked_to_try_again(client: TestClient) -> None:
    def away() -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    client.app.add_api_route("/api/v1/away", away)  # type: ignore[attr-defined]
    answer = client.get("/api/v1/away")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert "SELECT" not in answer.text
    assert "Nothing is lost" in answer.json()["detail"]


def test_assets_are_kept_for_ever_under_the_name_of_their_content(client: TestClient) -> None:
    answer = client.get(assets.url_of("vendor/govuk-frontend.css"))
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    older = client.get("/static/0000000000000000/vendor/govuk-frontend.css")
    assert (older.status_code, older.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "vendor/recipe.sha256", ""])
def test_nothing_beside_the_assets_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{assets.release()}/{name}").status_code == 404


def test_pages_travel_packed(client: TestClient) -> None:
    with client.stream("GET", "/sign-in", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert b"<h1" in gzip.decompress(packed)


def test_a_time_zone_that_does_not_exist_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUITY_WEB_TIME_ZONE", "Europe/Nowhere")
    with pytest.raises(SettingsRefused, match="CONTINUITY_WEB_TIME_ZONE"):
        WebSettings.read()
