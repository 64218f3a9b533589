"""Media by ranges, recorded before the first byte, for those who may watch."""

from __future__ import annotations

import base64
import hashlib
import os

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from evidence.custody.ledger import history
from evidence.models import Master, Recording, Rendition
from evidence.vocabulary import RenditionKind, RenditionMethod, Role
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf

BODY = os.urandom(3_000_000)
VIEW = "view=aaaaaaaaaaaaaaaaaaaaaaaa"


def viewings(world: World, reference: str) -> list[str]:
    """What the log says of who opened a recording."""
    with world.house.reading() as session:
        subject = session.scalars(select(Recording.id).where(Recording.number == int(reference[1:]))).one()
        return [line.sentence for line in history(session, subject) if line.type.value.endswith(".viewed")]


@pytest.fixture
def reference(shelf: Shelf) -> str:
    return shelf.playing(BODY)


@pytest.fixture
def supervisor(as_: Visitor) -> TestClient:
    return as_("supervisor")


def test_the_whole_is_the_master_byte_for_byte(supervisor: TestClient, reference: str) -> None:
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}")
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["etag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1048575", 0, 1_048_575),
        ("bytes=1048570-1048585", 1_048_570, 1_048_585),
        ("bytes=2999999-", 2_999_999, 2_999_999),
        ("bytes=-1", 2_999_999, 2_999_999),
        ("bytes=-5000000", 0, 2_999_999),
        ("bytes=100-99999999", 100, 2_999_999),
        ("bytes = 5 - 9", 5, 9),
        ("Bytes=5-9", 5, 9),
        (f"bytes=7-{2**63}", 7, 2_999_999),
        (f"bytes=-{'9' * 5000}", 0, 2_999_999),
        (f"bytes={'0' * 5000}5-9", 5, 9),
    ],
)
def test_a_range_gives_those_bytes(supervisor: TestClient, reference: str, asked: str, first: int, last: int) -> None:
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == BODY[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(BODY)}"
    assert answer.headers["content-length"] == str(last + 1 - first)


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=3000000-",
        "bytes=9999999-99999999",
        "bytes=-0",
        f"bytes={2**63}-",
        f"bytes={2**63}-{2**64}",
        f"bytes={'9' * 5000}-",
    ],
)
def test_bytes_that_are_not_there_are_refused_with_the_size(supervisor: TestClient, reference: str, asked: str) -> None:
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Range": asked, "Accept": "*/*"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(BODY)}"
    assert answer.json()["type"] == "/problems/range-refused"


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", f"bytes={2**64}-{2**63}", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-", ""]
)
def test_words_that_are_no_range_give_the_whole(supervisor: TestClient, reference: str, asked: str) -> None:
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Range": asked})
    assert (answer.status_code, len(answer.content)) == (200, len(BODY))


def test_a_range_of_another_version_gives_the_whole(supervisor: TestClient, reference: str) -> None:
    path, etag = f"/recordings/{reference}/media?{VIEW}", f'"{hashlib.sha256(BODY).hexdigest()}"'
    same = supervisor.get(path, headers={"Range": "bytes=0-9", "If-Range": etag})
    other = supervisor.get(path, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (same.status_code, other.status_code) == (206, 200)
    for known in (etag, f"W/{etag}", f'"another", {etag}', "*"):
        assert supervisor.get(path, headers={"If-None-Match": known}).status_code == 304
    assert supervisor.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


def test_head_says_what_get_would_and_is_no_viewing(world: World, supervisor: TestClient, reference: str) -> None:
    answer = supervisor.head(f"/recordings/{reference}/media", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, b"")
    assert answer.headers["content-length"] == "10"
    assert viewings(world, reference) == []


def test_many_ranges_of_one_opened_page_are_one_viewing(world: World, supervisor: TestClient, reference: str) -> None:
    for first in range(0, 900, 100):
        supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Range": f"bytes={first}-{first + 99}"})
    assert viewings(world, reference) == ["Rhys Bevan (1907) opened the master itself"]


def test_another_page_another_sign_in_and_another_person_are_viewings_of_their_own(
    world: World, as_: Visitor, reference: str
) -> None:
    path = f"/recordings/{reference}/media?view="
    supervisor = as_("supervisor")
    for browser, view in ((supervisor, "a" * 24), (supervisor, "b" * 24), (as_("supervisor"), "a" * 24)):
        browser.get(path + view, headers={"Range": "bytes=0-9"})
    as_("officer").get(path + "a" * 24, headers={"Range": "bytes=0-9"})
    assert len(viewings(world, reference)) == 4


def test_a_process_that_has_not_seen_the_viewing_finds_it_in_the_log(
    world: World, supervisor: TestClient, reference: str
) -> None:
    path = f"/recordings/{reference}/media?{VIEW}"
    supervisor.get(path, headers={"Range": "bytes=0-9"})
    supervisor.app.state.views.__init__()  # type: ignore[attr-defined] # as if another process answered
    supervisor.get(path, headers={"Range": "bytes=10-19"})
    assert len(viewings(world, reference)) == 1


def test_the_viewing_is_in_the_log_before_a_store_that_is_away_fails(
    world: World, supervisor: TestClient, reference: str
) -> None:
    with world.house.writing() as session:
        session.execute(update(Master).values(key="masters/00000000-0000-7000-8000-000000000000"))
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Accept": "*/*"})
    assert answer.status_code >= 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(viewings(world, reference)) == 1


def test_a_colleagues_recording_is_not_there_and_an_administrator_may_not_watch(
    as_: Visitor, shelf: Shelf, cast: Cast
) -> None:
    theirs = shelf.playing(b"x" * 1000, officer="4821")
    path = f"/recordings/{theirs}/media?{VIEW}"
    assert as_("officer").get(path).status_code == 200
    assert as_("stranger").get(path).status_code == 404
    assert as_("administrator").get(path).status_code == 403


def test_what_does_not_play_yet_is_not_there(supervisor: TestClient, shelf: Shelf) -> None:
    assert supervisor.get(f"/recordings/{shelf.recording(b'bytes')}/media").status_code == 404


def test_a_copy_is_served_in_place_of_the_master(world: World, supervisor: TestClient, shelf: Shelf) -> None:
    reference = shelf.recording(b"the master")
    shelf.add_copy(reference, RenditionKind.PLAYBACK, b"the copy", "video/mp4", file="play.mp4")
    assert supervisor.get(f"/recordings/{reference}/media?{VIEW}").content == b"the copy"
    assert viewings(world, reference) == ["Rhys Bevan (1907) opened the playback copy"]


@pytest.mark.parametrize(
    ("said", "served"),
    [
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        (None, "application/octet-stream"),
        ("VIDEO/MP4; codecs=x", "video/mp4"),
        ("audio/wav", "audio/wav"),
    ],
)
def test_bytes_from_outside_are_never_served_as_a_page(
    supervisor: TestClient, shelf: Shelf, said: str | None, served: str
) -> None:
    reference = shelf.recording(b"<script>alert(1)</script>")
    shelf.add_copy(reference, RenditionKind.PLAYBACK, None, said or "")
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}")
    assert answer.headers["content-type"].partition(";")[0] == served
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "no-store" in answer.headers["cache-control"]


def test_the_storyboard_is_a_viewing_too_and_gives_no_other_file(
    world: World, supervisor: TestClient, shelf: Shelf
) -> None:
    reference = shelf.playing(b"x" * 100)
    sheets = {"storyboard-001.jpg": b"JPEG", "secret.txt": b"no"}
    shelf.add_copy(reference, RenditionKind.STORYBOARD, b"WEBVTT\n", "text/vtt", file="storyboard.vtt", beside=sheets)
    base = f"/recordings/{reference}/storyboard"
    assert supervisor.get(f"{base}/storyboard.vtt?{VIEW}").text == "WEBVTT\n"
    sheet = supervisor.get(f"{base}/storyboard-001.jpg?{VIEW}")
    assert (sheet.content, sheet.headers["content-type"]) == (b"JPEG", "image/jpeg")
    for other in ("secret.txt", "..%2fposter.jpg", "storyboard-1.jpg"):
        assert supervisor.get(f"{base}/{other}?{VIEW}").status_code == 404
    assert len(viewings(world, reference)) == 1


def test_programs_read_the_same_media_with_a_token(
    world: World, client: TestClient, cast: Cast, reference: str
) -> None:
    header = cast.token(Role.SUPERVISOR)
    for first in (0, 10, 20):
        answer = client.get(
            f"/api/v1/recordings/{reference}/media", headers={**header, "Range": f"bytes={first}-{first + 9}"}
        )
        assert (answer.status_code, answer.content) == (206, BODY[first : first + 10])
    assert viewings(world, reference) == ["the program “test supervisor” opened the master itself"]


def test_an_empty_master_is_an_empty_answer(supervisor: TestClient, shelf: Shelf) -> None:
    reference = shelf.playing(b"")
    answer = supervisor.get(f"/recordings/{reference}/media?{VIEW}")
    assert (answer.status_code, answer.content) == (200, b"")
    ranged = supervisor.get(f"/recordings/{reference}/media?{VIEW}", headers={"Range": "bytes=0-"})
    assert ranged.status_code == 416


def test_a_copy_of_a_clock_that_starts_again_says_so(world: World, supervisor: TestClient, reference: str) -> None:
    said = "the master\u2019s clock starts again once on the way"
    late = "2 pictures are shown at other times than the master says, 40 ms at most"
    packets = [{"kind": "not_the_masters", "stream": 0, "says": "pictures: encoded again"}]
    facts = {"clock": said, "packets": packets, "remarks": [said, late]}
    with world.house.writing() as session:
        playback = update(Rendition).where(Rendition.kind == RenditionKind.PLAYBACK)
        session.execute(playback.values(method=RenditionMethod.TRANSCODE, facts=facts))
    page = supervisor.get(f"/recordings/{reference}").text
    assert f'<p class="govuk-body">T{said[1:]}.</p>' in page
    assert "Recovered from a master" not in page
    assert f"<li>{late}</li>" in page
    assert page.count(said[1:]) == 1
    copies = supervisor.get(f"/api/v1/recordings/{reference}").json()["renditions"]
    assert [(each["clock"], each["remarks"]) for each in copies if each["kind"] == "playback"] == [(said, [said, late])]


def test_what_is_not_shown_of_a_master_is_said_where_it_is_served_as_it_is(
    world: World, supervisor: TestClient, reference: str
) -> None:
    said = "the master has other pictures, too, which are not shown here: 4.0 s of them"
    with world.house.writing() as session:
        playback = update(Rendition).where(Rendition.kind == RenditionKind.PLAYBACK)
        session.execute(playback.values(method=RenditionMethod.DIRECT, facts={"remarks": [said]}))
    page = supervisor.get(f"/recordings/{reference}").text
    assert f"<li>T{said[1:]}" in page
    assert "Noticed when the master was looked at:" in page
    assert "held against the master" not in page
