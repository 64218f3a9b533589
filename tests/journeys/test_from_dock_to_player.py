"""From the dock to the player: a camera's file arrives, is receipted, made playable, and watched in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from evidence.jobs import Lane
from tests.journeys.conftest import Window
from tests.support.browser import wait_for
from tests.support.dock import Dock
from tests.support.house import World
from tests.support.media import Footage
from transcode import tasks as transcode_tasks
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.browser

PLAYS = "() => document.querySelector('video').currentTime > 0.3"


@pytest.mark.parametrize("name", ["plain.mp4", "h264.ts", "hevc.mp4", "speech.wav"])
def test_what_a_dock_brings_can_be_watched(
    world: World, window: Window, footage: Footage, tmp_path: Path, name: str
) -> None:
    body = footage.of(name).read_bytes()
    settings = TranscodeSettings(scratch=tmp_path / "scratch")
    lanes = [Lane(("remux", "transcode", "transcode_urgent", "pictures"), 1)]
    with TestClient(world.app(), base_url="https://testserver") as client:
        dock = Dock(world, client).enrol()
        with world.working(transcode_tasks.tasks(world.house, settings), lanes):
            session = dock.sees({name.encode(): body})
            receipt = dock.delivers(session, name.encode(), body)
            assert receipt["size"] == len(body)
            wall = window("supervisor").open("/docks")
            wall.wait_for_selector(".c-bay--safe")
            page = window("supervisor").open("/recordings")
            page.click(".c-item__title a")
            page.wait_for_selector("[data-player], [data-playability=playable]", timeout=120_000)
            page.reload()
    page.wait_for_selector("[data-player]")
    page.click('[data-do="toggle"]')
    wait_for(page, PLAYS)
    page.click("text=History")
    said = page.inner_text("main")
    assert "This history holds together" in said
    assert "Registered as R0000001" in said
    assert "Rhys Bevan (1907) opened" in said
