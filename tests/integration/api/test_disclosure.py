"""What the desk hands out: continuity reports as page, PDF and JSON, and packages; each recorded before it is made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from evidence.custody import ledger
from evidence.models import Recording
from evidence.outside.keys import LogKeys
from evidence.outside.rotating import enter, make
from evidence.package.check import check
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.policy import parse_policy
from evidence.vocabulary import Role
from tests.support.cast import Cast
from tests.support.house import World
from tests.support.log import QUICK, sequencing
from tests.support.recordings import Shelf

Visitor = Callable[[str], TestClient]
HOME = {"Origin": "https://testserver"}


@pytest.fixture
def world(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[World]:
    """A house with a log of its own."""
    made = World(database_url, own_custody, tmp_path)
    yield made
    made.close()


@pytest.fixture
def keys(world: World, tmp_path: Path) -> LogKeys:
    """The keys of that log."""
    made = make(tmp_path / "log-keys", world.settings.log_origin)
    enter(world.house, made)
    return made


@pytest.fixture
def kept(world: World, keys: LogKeys) -> Iterator[None]:
    """Its sequencer runs while the test does."""
    with sequencing(Sequencer(world.house, keys, pace=QUICK)) as raised:
        yield
    assert not raised, raised


def events_of(world: World, reference: str) -> list[str]:
    with world.house.reading() as session:
        wanted = select(Recording.id).where(Recording.number == int(reference[1:]))
        recording: UUID = session.scalars(wanted).one()
        return [line.type.value for line in ledger.history(session, recording)]


@pytest.mark.usefixtures("kept")
def test_a_supervisor_takes_a_package_out(
    world: World, keys: LogKeys, shelf: Shelf, as_: Visitor, tmp_path: Path
) -> None:
    reference = shelf.playing(b"the master's bytes" * 40)
    answer = as_("supervisor").post(f"/recordings/{reference}/package", data={"names": "sealed"}, headers=HOME)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert f'filename="continuity-{reference}-' in answer.headers["content-disposition"]
    out = tmp_path / "package.zip"
    out.write_bytes(answer.content)
    policy = "".join([*(f"log {key.text()}\n" for key in keys.vkeys()), "quorum none\n"])
    checked = check(out, policy=parse_policy(policy.encode()))
    assert checked.holds, checked.claims
    assert events_of(world, reference)[-1] == "package.made"


@pytest.mark.usefixtures("kept")
def test_programs_get_the_same(world: World, shelf: Shelf, cast: Cast, client: TestClient) -> None:
    reference = shelf.playing(b"the master's bytes" * 40)
    supervisor = cast.token(Role.SUPERVISOR)
    package = client.post(f"/api/v1/recordings/{reference}/package", json={}, headers=supervisor)
    assert package.status_code == 200, package.text
    with zipfile.ZipFile(io.BytesIO(package.content)) as file:
        assert any(name.endswith("/custody/verify.py") for name in file.namelist())
    report = client.get(f"/api/v1/recordings/{reference}/continuity", headers=supervisor).json()
    assert report["reference"] == reference
    titles = [each["title"] for each in report["sections"]]
    assert (titles[0], report["contradicted"]) == ("The exhibit", [])
    assert {"What was done, and by whom", "What is proved, and by whom", "What is not proved"} <= set(titles)
    paper = client.get(f"/api/v1/recordings/{reference}/continuity.pdf", headers=supervisor)
    assert paper.content.startswith(b"%PDF-")
    assert events_of(world, reference)[-3:] == ["package.made", "report.made", "report.made"]


def test_a_report_is_a_page_and_says_what_is_not_proved(world: World, shelf: Shelf, as_: Visitor) -> None:
    reference = shelf.playing(b"bytes" * 100)
    page = as_("officer").get(f"/recordings/{reference}/continuity")
    assert page.status_code == 200
    assert "No checkpoint has been published" in page.text
    assert "Making this report is one of the events" in page.text
    assert "Make a package" not in page.text
    assert events_of(world, reference)[-1] == "report.made"
    details = as_("supervisor").get(f"/recordings/{reference}")
    assert f'href="/recordings/{reference}/continuity"' in details.text


@pytest.mark.parametrize("name", ["officer", "stranger", "administrator"])
def test_nobody_else_takes_a_package_out(name: str, world: World, shelf: Shelf, as_: Visitor) -> None:
    reference = shelf.playing(b"bytes" * 100)
    before = events_of(world, reference)
    answer = as_(name).post(f"/recordings/{reference}/package", headers=HOME)
    assert answer.status_code == 403
    assert events_of(world, reference) == before


def test_whose_recording_it_is_not_gets_no_report(world: World, shelf: Shelf, as_: Visitor) -> None:
    mine = as_("officer")
    reference = shelf.playing(b"bytes" * 100, officer="4821")
    before = events_of(world, reference)
    assert mine.get(f"/recordings/{reference}/continuity").status_code == 200
    for path in ("continuity", "continuity.pdf"):
        assert as_("stranger").get(f"/recordings/{reference}/{path}").status_code == 404
    assert events_of(world, reference) == [*before, "report.made"]


def test_a_package_that_another_site_asks_for_is_not_made(world: World, shelf: Shelf, as_: Visitor) -> None:
    reference = shelf.playing(b"bytes" * 100)
    before = events_of(world, reference)
    elsewhere = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    answer = as_("supervisor").post(f"/recordings/{reference}/package", headers=elsewhere)
    assert answer.status_code == 403
    assert events_of(world, reference) == before


def test_what_does_not_exist_is_not_found(cast: Cast, client: TestClient) -> None:
    supervisor = cast.token(Role.SUPERVISOR)
    assert client.get("/api/v1/recordings/R0009999/continuity", headers=supervisor).status_code == 404
    assert client.post("/api/v1/recordings/R0009999/package", json={}, headers=supervisor).status_code == 404
    odd = client.post("/api/v1/recordings/R0009999/package", json={"name": True}, headers=supervisor)
    assert odd.status_code == 422
