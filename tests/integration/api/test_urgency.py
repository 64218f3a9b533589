"""Saying that a recording may not wait, and watching the beginning of what is still being made."""

from __future__ import annotations

import os
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from api.wording import moment
from evidence import clock
from evidence.custody.ledger import history
from evidence.models import Recording
from evidence.vocabulary import Playability, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf

BEGINNING, WHOLE = os.urandom(200_000), os.urandom(500_000)
VIEW = "view=aaaaaaaaaaaaaaaaaaaaaaaa"


def sentences(world: World, reference: str, *kinds: str) -> list[str]:
    with world.house.reading() as session:
        subject = session.scalars(select(Recording.id).where(Recording.number == int(reference[1:]))).one()
        return [line.sentence for line in history(session, subject) if line.type.value in kinds]


@pytest.fixture
def begun(shelf: Shelf) -> str:
    reference = shelf.recording(b"an old codec", officer="4821")
    shelf.begin(reference, BEGINNING, ready=4, of_parts=16, covered_ms=180_000)
    return reference


def test_a_supervisor_s_program_marks_and_ends_it(client: TestClient, cast: Cast, shelf: Shelf, world: World) -> None:
    reference, supervisor = shelf.recording(b"bytes"), cast.token(Role.SUPERVISOR)
    path = f"/api/v1/recordings/{reference}"
    until = (clock.now() + timedelta(hours=20)).isoformat()
    asked = {"reason": "custody", "until": until, "note": "Clock from 09:10"}
    said = client.post(f"{path}/urgency", json=asked, headers=supervisor)
    assert said.status_code == 200, said.text
    assert (said.json()["reason"], said.json()["note"]) == ("custody", "Clock from 09:10")
    file = client.get(path, headers=supervisor).json()
    assert file["urgency"]["reason"] == "custody"
    assert (file["partial"], file["covered_ms"]) == (False, None)
    assert client.delete(f"{path}/urgency", headers=supervisor).json() == {"done": True}
    assert client.get(path, headers=supervisor).json()["urgency"] is None
    assert client.delete(f"{path}/urgency", headers=supervisor).status_code == 409
    told = sentences(world, reference, "urgency.set", "urgency.cleared")
    assert told[0].endswith("marked it as urgent: custody")
    assert told[1].endswith("ended the urgency: custody")
    assert not any("09:10" in each for each in told), "a note is sealed"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"reason": "boredom"}, 422),
        ({"reason": "hold", "until": "2026-01-01T00:00:00"}, 422),
        ({"reason": "hold", "until": "2020-01-01T00:00:00Z"}, 400),
        ({"reason": "hold", "note": "x" * 501}, 422),
        ({}, 422),
    ],
)
def test_what_cannot_be_meant_is_refused(
    client: TestClient, cast: Cast, shelf: Shelf, asked: dict[str, str], status: int
) -> None:
    reference = shelf.recording(b"bytes")
    answer = client.post(f"/api/v1/recordings/{reference}/urgency", json=asked, headers=cast.token(Role.SUPERVISOR))
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("role", [Role.OFFICER, Role.ADMINISTRATOR])
def test_only_supervisors_say_it(client: TestClient, cast: Cast, shelf: Shelf, role: Role) -> None:
    reference = shelf.recording(b"bytes")
    path, header = f"/api/v1/recordings/{reference}/urgency", cast.token(role)
    assert client.post(path, json={"reason": "custody"}, headers=header).status_code == 403
    assert client.delete(path, headers=header).status_code == 403


def test_the_page_offers_it_to_a_supervisor_and_to_nobody_else(as_: Visitor, shelf: Shelf) -> None:
    reference = shelf.recording(b"bytes", officer="4821")
    supervisor = as_("supervisor")
    assert "Mark as urgent" in supervisor.get(f"/recordings/{reference}").text
    asked = {"reason": "charged", "until": "", "note": "Court on Monday"}
    page = supervisor.post(f"/recordings/{reference}/urgency", data=asked)
    assert "A person has been charged" in page.text
    assert "Court on Monday" in page.text
    tomorrow = moment(clock.now() + timedelta(days=1), ZoneInfo("Europe/London"))
    assert f"such as {tomorrow}" in page.text
    page = supervisor.post(f"/recordings/{reference}/urgency", data={"reason": "charged", "until": tomorrow})
    assert f"until {tomorrow}" in page.text
    assert "Marked by Rhys Bevan" in page.text
    refused = supervisor.post(f"/recordings/{reference}/urgency", data={"reason": "hold", "until": "soon"})
    assert refused.status_code == 400
    assert "Goes in its turn" in supervisor.post(f"/recordings/{reference}/urgency/clear").text
    officer = as_("administrator")
    assert "Mark as urgent" not in officer.get(f"/recordings/{reference}").text
    assert officer.post(f"/recordings/{reference}/urgency", data={"reason": "hold"}).status_code == 403


def test_the_beginning_is_never_taken_for_the_whole(
    client: TestClient, cast: Cast, begun: str, shelf: Shelf, world: World
) -> None:
    path, supervisor = f"/api/v1/recordings/{begun}", cast.token(Role.SUPERVISOR)
    file = client.get(path, headers=supervisor).json()
    assert (file["partial"], file["covered_ms"], file["partial_has_sound"]) == (True, 180_000, False)
    assert (file["parts_ready"], file["parts"], file["playability"]) == (4, 16, Playability.PREPARING)
    assert client.get(f"{path}/media", headers=supervisor).status_code == 404
    answer = client.get(f"{path}/beginning", headers=supervisor)
    assert (answer.content, answer.headers["x-covered-seconds"]) == (BEGINNING, "180")
    assert sentences(world, begun, "rendition.viewed") == []
    assert len(sentences(world, begun, "rendition.part_viewed")) == 1
    shelf.become_whole(begun, WHOLE)
    file = client.get(path, headers=supervisor).json()
    assert (file["partial"], file["covered_ms"], file["parts"]) == (False, None, None)
    assert client.get(f"{path}/beginning", headers=supervisor).status_code == 404
    assert client.get(f"{path}/media", headers=supervisor).content == WHOLE


def test_the_page_says_how_much_there_is_and_each_view_is_recorded_as_what_it_is(
    as_: Visitor, begun: str, shelf: Shelf, world: World
) -> None:
    supervisor = as_("supervisor")
    page = supervisor.get(f"/recordings/{begun}").text
    assert "The first 3:00 can be watched; the rest is being made (4 of 16 parts)" in page.replace("\n", " ")
    assert "This is not the whole recording" in page
    assert "Its sound follows." in page
    made = page.split("beginning?made=")[1].split("&")[0]
    assert supervisor.get(f"/recordings/{begun}/beginning?made={made}&{VIEW}").content == BEGINNING
    shelf.become_whole(begun, WHOLE)
    assert supervisor.get(f"/recordings/{begun}/beginning?made={made}&{VIEW}").content == BEGINNING, "not changed over"
    assert supervisor.get(f"/recordings/{begun}/media?{VIEW}").content == WHOLE
    assert sentences(world, begun, "rendition.part_viewed") == [
        "Rhys Bevan (1907) opened the first 180 s of the playback copy, while the rest was made"
    ]
    assert sentences(world, begun, "rendition.viewed") == ["Rhys Bevan (1907) opened the playback copy"]
    assert 'data-playability="playable"' in supervisor.get(f"/recordings/{begun}/standing").text


def test_a_page_that_was_open_before_there_was_a_beginning_leads_to_it(as_: Visitor, begun: str) -> None:
    """Such a page has no player, and cannot change over by itself."""
    supervisor = as_("supervisor")
    page = supervisor.get(f"/recordings/{begun}").text
    assert f'hx-get="/recordings/{begun}/standing?player=true"' in page
    assert "Watch the beginning" not in page
    without, beside = (supervisor.get(f"/recordings/{begun}/standing{more}").text for more in ("", "?player=true"))
    assert f'<a class="govuk-button" href="/recordings/{begun}">Watch the beginning</a>' in without
    assert "changes over" not in without
    assert "changes over" in beside
    assert "Watch the beginning" not in beside


def test_who_may_not_watch_sees_no_beginning(as_: Visitor, begun: str, shelf: Shelf) -> None:
    other = shelf.recording(b"another")
    made = shelf.begin(other, BEGINNING, ready=1, of_parts=2, covered_ms=60_000)
    assert as_("administrator").get(f"/recordings/{begun}/beginning").status_code == 403
    supervisor = as_("supervisor")
    assert supervisor.get(f"/recordings/{begun}/beginning?made={made}").status_code == 404, "of another recording"
    assert supervisor.get(f"/recordings/{begun}/beginning?made=not-an-id").status_code in {400, 404, 422}
