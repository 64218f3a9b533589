"""Lists, search and the pages of one recording: what each may see, and that looking is recorded."""

from __future__ import annotations

import hashlib
import re

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from evidence.custody.ledger import history
from evidence.models import Master, Recording, Rendition
from evidence.vocabulary import Playability, RecordingKind, RenditionMethod
from tests.integration.api.conftest import Visitor
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.recordings import Shelf


def listed(page: str) -> list[str]:
    """The references that a list shows, in order."""
    return re.findall(r'c-item__title"><a class="govuk-link" href="/recordings/(R\d+)"', page)


@pytest.fixture
def three(shelf: Shelf, cast: Cast) -> dict[str, str]:
    """One of the officer's, one of a stranger's, one that has no officer."""
    return {
        "own": shelf.recording(b"1", title="Doorstep, Mill Lane", officer="4821"),
        "theirs": shelf.recording(b"2", title="Traffic stop, A46", officer="5512"),
        "nobody's": shelf.recording(b"3", title="Interview 7", kind=RecordingKind.INTERVIEW),
    }


def test_each_sees_what_is_theirs_to_see(as_: Visitor, three: dict[str, str]) -> None:
    assert listed(as_("officer").get("/recordings").text) == [three["nobody's"], three["own"]]
    assert listed(as_("stranger").get("/recordings").text) == [three["nobody's"], three["theirs"]]
    assert len(listed(as_("supervisor").get("/recordings").text)) == 3
    assert len(listed(as_("administrator").get("/recordings").text)) == 3


def test_what_one_may_not_see_is_answered_as_if_it_were_not_there(as_: Visitor, three: dict[str, str]) -> None:
    officer = as_("officer")
    for path in ("", "/history", "/standing", "/media", "/poster", "/waveform", "/frames"):
        refused = officer.get(f"/recordings/{three['theirs']}{path}")
        nothing = officer.get(f"/recordings/R9999999{path}")
        assert refused.status_code == nothing.status_code == 404
        assert "Mill Lane" not in refused.text
        assert "A46" not in refused.text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("mill", ["own"]),
        ("LANE doorstep", ["own"]),
        ("mill a46", []),
        ("cam-1", ["nobody's", "theirs", "own"]),
        ("4821", ["own"]),
        ("100%", []),
        ("_", []),
        ("'; DROP TABLE recording; --", []),
    ],
)
def test_search_finds_recordings_that_hold_every_word(
    as_: Visitor, three: dict[str, str], words: str, found: list[str]
) -> None:
    page = as_("supervisor").post("/recordings", data={"text": words})
    assert page.status_code == 200
    assert listed(page.text) == [three[name] for name in found]


def test_a_reference_and_a_digest_are_found_as_what_they_are(world: World, as_: Visitor, three: dict[str, str]) -> None:
    supervisor = as_("supervisor")
    assert listed(supervisor.post("/recordings", data={"text": three["own"]}).text) == [three["own"]]
    digest = hashlib.sha256(b"2").hexdigest()
    assert listed(supervisor.post("/recordings", data={"text": digest}).text) == [three["theirs"]]


def test_filters_narrow_and_links_carry_those_that_name_nobody(as_: Visitor, three: dict[str, str]) -> None:
    supervisor = as_("supervisor")
    assert listed(supervisor.get("/recordings?kind=interview").text) == [three["nobody's"]]
    assert listed(supervisor.get("/recordings?text=mill").text) != [three["own"]]
    wrong = supervisor.post("/recordings", data={"kind": "opera", "recorded_from": ""})
    assert wrong.status_code == 422
    assert "There is a problem" in wrong.text
    assert supervisor.post("/recordings", data={"recorded_from": "yesterday"}).status_code == 422


def test_pages_follow_one_another_without_gap_or_double(as_: Visitor, shelf: Shelf) -> None:
    made = [shelf.recording(str(number).encode()) for number in range(27)]
    supervisor = as_("supervisor")
    first = supervisor.get("/recordings").text
    after = re.search(r'name="after" value="([^"]+)"', first)
    assert after is not None
    second = supervisor.post("/recordings", data={"after": after[1]}).text
    assert listed(first) + listed(second) == list(reversed(made))


def test_searching_and_reading_are_recorded_and_words_are_sealed(
    world: World, cast: Cast, as_: Visitor, three: dict[str, str]
) -> None:
    officer = as_("officer")
    officer.post("/recordings", data={"text": "Jane Smith"})
    officer.get(f"/recordings/{three['own']}")
    officer.get(f"/recordings/{three['own']}/history")
    with world.house.reading() as session:
        searched = history(session, cast.ids["officer"])[-1]
        recording = session.scalars(select(Recording.id).where(Recording.title == "Doorstep, Mill Lane")).one()
        read = [line.type.value for line in history(session, recording)][-2:]
    assert (searched.type.value, dict(searched.facts)) == ("search.run", {"found": 0})
    assert read == ["recording.details_read", "history.read"]


def test_the_history_is_told_in_sentences_and_checked(as_: Visitor, three: dict[str, str]) -> None:
    page = as_("officer").get(f"/recordings/{three['own']}/history").text
    assert "This history holds together" in page
    assert f"Registered as {three['own']}" in page
    assert "Amara Osei (4821) read this history" in page


def test_an_administrator_reads_details_and_gets_no_player(as_: Visitor, shelf: Shelf) -> None:
    reference = shelf.playing(b"x" * 50)
    page = as_("administrator").get(f"/recordings/{reference}").text
    assert "You see the details and not the content" in page
    assert "<video" not in page
    assert "<video" in as_("supervisor").get(f"/recordings/{reference}").text


def test_names_from_outside_are_shown_and_never_run(as_: Visitor, shelf: Shelf) -> None:
    reference = shelf.recording(b"x", title="<script>alert(1)</script>\"'<b>")
    for path in ("/recordings", f"/recordings/{reference}", f"/recordings/{reference}/history"):
        page = as_("supervisor").get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_quarantine_and_waiting_say_what_goes_on(as_: Visitor, shelf: Shelf) -> None:
    supervisor = as_("supervisor")
    aside = shelf.recording(b"x", quarantine="The file ends early.", playability=Playability.UNPLAYABLE)
    assert "The file ends early." in supervisor.get(f"/recordings/{aside}").text
    waiting = shelf.recording(b"y", playability=Playability.WAITING)
    page = supervisor.get(f"/recordings/{waiting}").text
    assert "being prepared for playing" in page
    assert f'hx-get="/recordings/{waiting}/standing"' in page


def test_failed_preparation_can_be_asked_for_again(as_: Visitor, shelf: Shelf, client: TestClient) -> None:
    reference = shelf.recording(b"x", playability=Playability.FAILED)
    supervisor = as_("supervisor")
    assert "Try again" in supervisor.get(f"/recordings/{reference}").text
    page = supervisor.post(f"/recordings/{reference}/retry").text
    assert "It is tried again." in page
    assert "being prepared" in page


def test_the_details_say_whether_what_plays_is_the_master(as_: Visitor, shelf: Shelf, world: World) -> None:
    supervisor = as_("supervisor")
    itself = supervisor.get(f"/recordings/{shelf.playing(b'x')}").text
    assert "The master&#39;s own bytes are played" in itself or "The master's own bytes are played" in itself
    reference = shelf.playing(b"y")
    with world.house.writing() as session:
        recording = session.scalars(select(Recording).where(Recording.number == int(reference[1:]))).one()
        row = session.scalars(select(Rendition).where(Rendition.recording_id == recording.id)).one()
        row.method = RenditionMethod.REMUX
        row.facts = {"packets": [{"kind": "timing_equal", "says": "pictures: timing equal within 0.4 ms <b>"}]}
        master = session.get_one(Master, recording.id)
        master.packets_sha256, master.packets_reason = "ab" * 32, "as far as it can be read: <i>"
    page = supervisor.get(f"/recordings/{reference}").text
    assert "Pictures: timing equal within 0.4 ms &lt;b&gt;" in page
    assert "ab" * 32 in page
    assert "As far as it can be read: &lt;i&gt;" in page
