"""A package that the product made of a real recording, checked by the page that travels in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from evidence.custody.events import Actor
from evidence.outside.rotating import enter
from evidence.outside.rotating import make as make_keys
from evidence.package.check import check
from evidence.package.make import Order, begin, make, stream
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.policy import parse_policy
from tests.support.house import World
from tests.support.log import QUICK, sequencing
from tests.support.media import Footage
from tests.support.verify_page import VerifyPage
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.browser

MAKER = Actor.system("test of the page")


@pytest.fixture
def workroom(browser: Browser, database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[Workroom]:
    """A house with a workroom in it, and a log of its own. Asks for the browser first."""
    world = World(database_url, own_custody, tmp_path)
    yield Workroom(world, TranscodeSettings(scratch=tmp_path / "scratch"))
    world.close()


def test_the_page_agrees_with_the_product(
    browser: Browser, workroom: Workroom, footage: Footage, tmp_path: Path
) -> None:
    """Folder, ZIP file and streamed ZIP file; what the page cannot check it does not prove."""
    recording, house = workroom.keeps(footage.of("h264.mkv")), workroom.house
    keys = make_keys(tmp_path / "log-keys", house.settings.log_origin)
    enter(house, keys)
    with workroom.working():
        workroom.examines(recording)
        workroom.settled(recording)
        workroom.finished(recording)
    order, folder, streamed = Order(recordings=(recording,)), tmp_path / "package", tmp_path / "streamed.zip"
    with sequencing(Sequencer(house, keys, pace=QUICK)) as raised:
        make(house, order, folder, by=MAKER)
        make(house, order, tmp_path / "package.zip", by=MAKER)
        streamed.write_bytes(b"".join(stream(house, begin(house, order, by=MAKER))))
    assert not raised, raised
    policy = tmp_path / "policy"
    policy.write_text("".join([*(f"log {key.text()}\n" for key in keys.vkeys()), "quorum none\n"]))
    for package in (folder, tmp_path / "package.zip", streamed):
        checker = VerifyPage(browser)
        told = {(each["claim"], each["subject"]): each for each in checker.check(package, policy)["claims"]}
        ours = {
            (each.claim, each.subject): each.verdict.value
            for each in check(package, policy=parse_policy(policy.read_bytes())).claims
        }
        assert {key: each["verdict"] for key, each in told.items()} == ours
        assert {claim for (claim, _), verdict in ours.items() if verdict != "proved"} == {"witnessed", "not_after"}
        [working] = [each["words"] for (claim, _), each in told.items() if claim == "working"]
        assert "packets are the original’s" in working
        assert checker.visit.accessibility_faults() == []
        assert checker.visit.complaints == []
        checker.close()
