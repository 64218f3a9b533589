"""Cutting a clip in a real browser: by keys, live until it is made, and every frame of it shows the right picture."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from playwright.sync_api import Page

from evidence.jobs import Lane
from tests.journeys.conftest import Window
from tests.journeys.test_watching import READ_NUMBER, STRIPES
from tests.support.browser import wait_for
from tests.support.house import World
from tests.support.recordings import VIDEO, Shelf
from transcode import tasks
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.browser

FRAMES = 120
FILM = ({**VIDEO, "index": 0, "pixel_format": "yuv420p", "decoded": True, "width": 256, "height": 64},)
SHOW = """n => new Promise((done) => {
  const video = document.querySelector("video.cut");
  video.requestVideoFrameCallback(() => done());
  video.currentTime = (n + 0.5) * 1001 / 30000;
})"""


def numbered(folder: Path) -> bytes:
    """Footage at 29.97 frames a second with reordered pictures, in which every frame shows its number."""
    path = folder / "numbered.mp4"
    source = f"nullsrc=s=256x64:r=30000/1001,{STRIPES},format=yuv420p"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", str(FRAMES),
            "-c:v", "libx264", "-crf", "10", "-bf", "2", "-g", "25", "-video_track_timescale", "30000", str(path),
        ],
        check=True, timeout=60,
    )  # fmt: skip
    return path.read_bytes()


@pytest.fixture
def reference(shelf: Shelf, tmp_path: Path) -> str:
    made = shelf.playing(numbered(tmp_path), streams=FILM)
    shelf.add_frames(made, frames=FRAMES, step=1001, timescale=30000)
    return made


@pytest.fixture
def working(world: World, tmp_path: Path) -> Iterator[None]:
    """A worker that makes clips."""
    settings = TranscodeSettings(scratch=tmp_path / "scratch")
    with world.working(tasks.tasks(world.house, settings), [Lane(("clips",), 1)]):
        yield


def step_to(page: Page, frame: int) -> None:
    """Step on until this frame, counted from 1, is on the screen."""
    while not page.inner_text("[data-frame]").startswith(f"{frame} "):
        now = int(page.inner_text("[data-frame]").split()[0])
        page.keyboard.press("." if now < frame else ",")
        wait_for(page, f"!document.querySelector('[data-frame]').textContent.startsWith('{now} ')")


@pytest.mark.usefixtures("working")
def test_a_clip_is_cut_by_keys_and_every_frame_of_it_is_the_masters(
    window: Window, reference: str, tmp_path: Path
) -> None:
    visit = window("supervisor")
    page = visit.open(f"/recordings/{reference}")
    wait_for(page, f"document.querySelector('[data-frame]').textContent.endsWith('of {FRAMES}')")
    step_to(page, 13)
    page.keyboard.press("i")
    assert page.input_value("#cut-first") == "13"
    page.fill("#cut-last", "60")
    page.get_by_role("button", name="Make clip").click()
    page.wait_for_selector("[data-clip][data-state=ready]", timeout=60_000)
    assert "master's own packets" in page.inner_text("#clips")
    assert page.inner_text("[data-frame]").startswith("13 ")
    page.get_by_role("button", name="Save this frame").click()
    page.wait_for_selector("[data-clip][data-state=ready] >> text=Still picture", timeout=60_000)
    assert "frame-13_" in page.inner_text("#clips")
    assert visit.accessibility_faults() == []
    page.screenshot(path=str(tmp_path / "clips.png"), full_page=True)
    address = page.locator("#clips a", has_text="_clip_").get_attribute("href")
    page.evaluate(
        """address => new Promise((done) => {
             const video = document.createElement("video");
             video.className = "cut"; video.muted = true; video.preload = "auto"; video.src = address;
             video.addEventListener("loadeddata", done, { once: true });
             document.body.prepend(video);
           })""",
        address,
    )
    wrong = []
    for number in [*range(48), 0, 47, 12, 11, 13]:
        page.evaluate(SHOW, number)
        if (painted := page.evaluate(READ_NUMBER)) != 12 + number:
            wrong.append((number, painted))
    assert wrong == []


def test_what_is_missing_is_said_beside_the_form(window: Window, reference: str) -> None:
    visit = window("supervisor")
    page = visit.open(f"/recordings/{reference}")
    page.focus("#cut-first")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    page.wait_for_selector("#clips [role=alert]")
    assert "Set where the clip ends." in page.inner_text("#clips")
    assert visit.accessibility_faults() == []
