"""The JSON API: shapes, pages, problems, receipts, its own description, measurements and health."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from api.v1.routes import described
from evidence import clock
from evidence.embedded import EmbeddedS3
from evidence.embedded.identities import Identity
from evidence.models import ApiToken, Master
from evidence.store import StoreKey
from evidence.store.s3 import connect
from evidence.vocabulary import ListedState, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf

Header = dict[str, str]
PARTS = ("body_b64", "signature_b64", "key_id")


@pytest.fixture
def supervisor(cast: Cast) -> Header:
    return cast.token(Role.SUPERVISOR)


def test_a_list_is_read_to_its_end_by_following_next(client: TestClient, supervisor: Header, shelf: Shelf) -> None:
    made = [shelf.recording(str(number).encode()) for number in range(5)]
    path, seen = "/api/v1/recordings?limit=2&kind=body_worn", []
    while path:
        answer = client.get(path, headers=supervisor)
        page = answer.json()
        seen += [item["reference"] for item in page["items"]]
        assert answer.headers.get("link", "") == (f'<{page["next"]}>; rel="next"' if page["next"] else "")
        path = page["next"]
    assert seen == list(reversed(made))


@pytest.mark.parametrize("asked", [{"captured_from": "2026-01-01T00:00:00"}, {"text": "x" * 201}])
def test_a_search_that_could_mean_two_things_or_is_too_long_is_refused(
    client: TestClient, supervisor: Header, shelf: Shelf, asked: dict[str, str]
) -> None:
    answer = client.post("/api/v1/recordings/search", json=asked, headers=supervisor)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/body/{next(iter(asked))}"


def test_a_search_travels_in_the_body(client: TestClient, supervisor: Header, shelf: Shelf) -> None:
    wanted = shelf.recording(b"1", title="Mill Lane")
    shelf.recording(b"2", title="A46")
    answer = client.post("/api/v1/recordings/search", json={"text": "mill"}, headers=supervisor)
    assert [item["reference"] for item in answer.json()["items"]] == [wanted]


def test_one_recording_says_everything(client: TestClient, supervisor: Header, shelf: Shelf) -> None:
    reference = shelf.playing(b"bytes of video", officer="4821")
    answer = client.get(f"/api/v1/recordings/{reference}", headers=supervisor)
    said = answer.json()
    assert answer.headers["etag"].startswith('"')
    assert said["master"]["size"] == 14
    assert said["master"]["sha256"] == said["sha256"]
    assert said["officer"] == "4821 Amara Osei"
    assert [each["kind"] for each in said["renditions"]] == ["playback"]
    assert said["offered"][0]["receipt"]
    assert client.get(f"/api/v1/recordings/{said['id']}", headers=supervisor).json()["reference"] == reference
    first = client.get(f"/api/v1/recordings/{reference}/history?limit=2", headers=supervisor).json()
    rest = client.get(first["next"], headers=supervisor).json()
    assert [event["number"] for event in (*first["items"], *rest["items"])][:4] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("path", "status", "pointer"),
    [
        ("/api/v1/recordings?limit=0", 422, "/query/limit"),
        ("/api/v1/recordings?limit=201", 422, "/query/limit"),
        ("/api/v1/recordings?lmit=5", 422, "/query/lmit"),
        ("/api/v1/recordings?kind=opera", 422, "/query/kind"),
        ("/api/v1/recordings?after=nonsense", 400, "query/after"),
        ("/api/v1/recordings/R0000009", 404, None),
        ("/api/v1/recordings/..%2f", 404, None),
        ("/api/v1/jobs/999", 404, None),
        ("/api/v1/jobs/99999999999999999999999", 404, None),
        ("/api/v1/tokens", 403, None),
    ],
)
def test_what_cannot_be_answered_is_a_problem_that_says_where(
    client: TestClient, supervisor: Header, path: str, status: int, pointer: str | None
) -> None:
    answer = client.get(path, headers=supervisor)
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].startswith("/problems/")
    assert problem["detail"]
    if pointer:
        assert pointer in [each["pointer"] for each in problem["errors"]]


def test_a_receipt_is_known_again_and_a_changed_one_is_not(
    world: World, client: TestClient, supervisor: Header, shelf: Shelf
) -> None:
    reference = shelf.recording(b"bytes")
    receipt = client.get(f"/api/v1/recordings/{reference}/receipts", headers=supervisor).json()[0]
    asked = {name: receipt[name] for name in PARTS}

    def verdict(**change: str) -> dict[str, object]:
        answer = client.post("/api/v1/receipts/verify", json={**asked, **change}, headers=supervisor)
        assert answer.status_code == 200, answer.text
        said: dict[str, object] = answer.json()
        return said

    good = verdict()
    assert (good["genuine"], good["held"], good["recording"]) == (True, True, reference)
    assert good["reason"] == "Issued here, and the master is held."
    body = json.loads(base64.b64decode(receipt["body_b64"]))
    forged = json.dumps({**body, "size": 6}, sort_keys=True, separators=(",", ":")).encode()
    assert verdict(body_b64=base64.b64encode(forged).decode())["genuine"] is False
    assert verdict(key_id="0" * 16)["genuine"] is False
    never_issued = json.dumps({**body, "size": 7}, sort_keys=True, separators=(",", ":")).encode()
    signed = base64.b64encode(world.key.sign(never_issued)).decode()
    assert verdict(body_b64=base64.b64encode(never_issued).decode(), signature_b64=signed)["genuine"] is False
    with world.house.writing() as session:
        session.execute(update(Master).values(size=6))
    changed = verdict()
    assert (changed["genuine"], changed["held"]) == (True, False)
    with world.house.writing() as session:
        session.execute(update(Master).values(size=5))


def test_a_receipt_is_not_held_where_the_store_has_another_lock_or_nothing(
    client: TestClient, supervisor: Header, shelf: Shelf, s3_server: EmbeddedS3
) -> None:
    reference = shelf.recording(b"bytes")
    receipt = client.get(f"/api/v1/recordings/{reference}/receipts", headers=supervisor).json()[0]
    asked, body = {name: receipt[name] for name in PARTS}, json.loads(base64.b64decode(receipt["body_b64"]))

    def verdict() -> dict[str, object]:
        said: dict[str, object] = client.post("/api/v1/receipts/verify", json=asked, headers=supervisor).json()
        return said

    admin = s3_server.credentials(Identity.ADMIN)
    store = connect(s3_server.endpoint, key=StoreKey(admin.access_key, admin.secret_key), region="us-east-1")
    place = {"Bucket": body["bucket"], "Key": body["key"], "VersionId": body["version_id"]}
    sooner: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": clock.from_text(body["lock_until"]) - timedelta(minutes=1)}
    store.put_object_retention(**place, Retention=sooner, BypassGovernanceRetention=True)
    shortened = verdict()
    assert (shortened["genuine"], shortened["held"]) == (True, False)
    assert "locks it less strictly, or not so long" in str(shortened["reason"])
    store.delete_object(**place, BypassGovernanceRetention=True)
    gone = verdict()
    assert (gone["genuine"], gone["held"]) == (True, False)
    assert "The store does not have it" in str(gone["reason"])


def test_receipts_that_are_not_base64_are_refused(client: TestClient, supervisor: Header) -> None:
    said = {"body_b64": "***", "signature_b64": "AAAA", "key_id": "x"}
    answer = client.post("/api/v1/receipts/verify", json=said, headers=supervisor)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/body_b64"


def test_docks_say_safe_by_receipts_only(client: TestClient, supervisor: Header, shelf: Shelf) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, 5, 5)])
    shelf.docking("2", [(ListedState.CHECKING, 5, 5)])
    [dock] = client.get("/api/v1/docks", headers=supervisor).json()
    assert {bay["name"]: bay["safe"] for bay in dock["bays"]} == {"1": True, "2": False}


def test_an_officers_token_sees_what_has_no_officer(client: TestClient, cast: Cast, shelf: Shelf) -> None:
    shelf.recording(b"1", officer="4821")
    free = shelf.recording(b"2")
    found = client.get("/api/v1/recordings", headers=cast.token(Role.OFFICER)).json()["items"]
    assert [item["reference"] for item in found] == [free]


def test_a_token_that_has_ended_opens_nothing(world: World, client: TestClient, supervisor: Header) -> None:
    with world.house.writing() as session:
        session.execute(update(ApiToken).values(expires_at=ApiToken.created_at))
    answer = client.get("/api/v1/docks", headers=supervisor)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_administrator_makes_lists_and_revokes_tokens(client: TestClient, cast: Cast) -> None:
    header = cast.token(Role.ADMINISTRATOR)
    made = client.post("/api/v1/tokens", json={"label": "Case system", "role": "officer"}, headers=header)
    assert made.status_code == 201
    assert made.json()["token"].startswith("cty_")
    listed = client.get("/api/v1/tokens", headers=header).json()
    assert made.json()["id"] in [each["id"] for each in listed]
    assert all("token" not in each for each in listed)
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}", headers=header).json() == {"done": True}
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}", headers=header).status_code == 409


def test_the_description_names_every_problem_and_every_operation_says_what_it_does() -> None:
    whole = described()
    assert whole["openapi"].startswith("3.1")
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["security"], where
            for status in ("401", "403", "503"):
                assert "application/problem+json" in operation["responses"][status]["content"], where
    assert "Problem" in whole["components"]["schemas"]


def test_the_description_is_read_with_a_token_and_as_a_page(
    client: TestClient, supervisor: Header, as_: Visitor
) -> None:
    assert client.get("/api/v1/openapi.json").status_code == 401
    assert client.get("/api/v1/openapi.json", headers=supervisor).json()["info"]["title"] == "Continuity API"
    assert "/api/v1/receipts/verify" in as_("officer").get("/api").text


def test_health_is_told_to_anybody_and_says_no_more_than_it_must(client: TestClient) -> None:
    assert client.get("/health/live").text == "live\n"
    assert client.get("/health/ready").json() == {"database": True, "store": True}


def test_measurements_ask_for_the_role_and_name_nobody(
    client: TestClient, cast: Cast, supervisor: Header, shelf: Shelf
) -> None:
    shelf.docking("1", [(ListedState.RECEIPTED, 5, 5)])
    shelf.recording(b"x", title="Mill Lane", officer="4821", quarantine="damaged")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=supervisor).status_code == 403
    text = client.get("/metrics", headers=cast.token(Role.ADMINISTRATOR)).text
    assert 'continuity_bays{look="safe"} 1.0' in text
    assert "continuity_quarantine_open 1.0" in text
    assert "continuity_workers 0.0" in text
    assert "4821" not in text
    assert "Mill" not in text


def test_health_says_why_when_no_worker_runs(client: TestClient, supervisor: Header) -> None:
    said = client.get("/api/v1/health", headers=supervisor).json()
    assert (said["database"], said["store"], said["workers"]) == (True, True, 0)
    assert said["reasons"] == ["no worker is running"]
