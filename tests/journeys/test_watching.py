"""Watching in a real browser: it plays, it seeks, and frame n is frame n."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest
from playwright.sync_api import Page
from sqlalchemy import select, update

from evidence.custody.ledger import history
from evidence.models import Master, Recording
from evidence.vocabulary import RecordingKind, RenditionKind
from tests.journeys.conftest import Window
from tests.support.browser import wait_for
from tests.support.house import World, until
from tests.support.media import Footage
from tests.support.recordings import SOUND, Shelf

pytestmark = pytest.mark.browser

FRAMES = 120
# Each frame carries its own number as eight stripes, dark or light, 32 pixels wide.
STRIPES = "geq=lum='255*mod(floor(N/pow(2,floor(X/32))),2)':cb=128:cr=128"
READ_NUMBER = """() => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = 256; canvas.height = 64;
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, 256, 64);
  const light = (bit) => pen.getImageData(16 + 32 * bit, 32, 1, 1).data[1] > 128;
  return [0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => sum + (light(bit) ? 2 ** bit : 0), 0);
}"""

# A busy browser tells of the first of two pictures that follow each other closely, and never of the second.
UNTOLD = """() => {
  const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (tell) {
    return ask.call(this, (now, about) => {
      const isFirst = about.mediaTime > 0 && !window.kept;
      if (isFirst) { window.kept = true; this.requestVideoFrameCallback(tell); } else tell(now, about);
    });
  };
}"""

IS_DRAWN = """() => {
  const canvas = document.querySelector("[data-wave]");
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
}"""


def numbered(folder: Path) -> bytes:
    """Footage at 29.97 frames a second in which every frame shows its number."""
    path = folder / "numbered.mp4"
    source = f"nullsrc=s=256x64:r=30000/1001,{STRIPES},format=yuv420p"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", str(FRAMES),
            "-c:v", "libx264", "-crf", "10", "-bf", "0", "-g", "25", "-video_track_timescale", "30000", str(path),
        ],
        check=True, timeout=60,
    )  # fmt: skip
    return path.read_bytes()


def shown(page: Page) -> int:
    """The frame that the player says is on the screen, counted from nought."""
    return int(page.inner_text("[data-frame]").split()[0]) - 1


@pytest.fixture
def reference(shelf: Shelf, tmp_path: Path) -> str:
    """A recording that says which frame is which."""
    made = shelf.playing(numbered(tmp_path), officer="4821")
    shelf.add_frames(made, frames=FRAMES, step=1001, timescale=30000)
    return made


def test_it_plays_and_a_seek_lands(window: Window, reference: str) -> None:
    page = window("officer").open(f"/recordings/{reference}")
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 0.3")
    page.keyboard.press("End")
    wait_for(page, "document.querySelector('video').currentTime > 3.9")
    page.keyboard.press("Home")
    wait_for(page, "document.querySelector('video').currentTime < 0.1")


def test_every_step_shows_exactly_the_next_frame_and_says_its_number(window: Window, reference: str) -> None:
    page = window("officer").open(f"/recordings/{reference}")
    wait_for(page, f"document.querySelector('[data-frame]').textContent.endsWith('of {FRAMES}')")
    wrong = []
    for wanted in [*range(1, 41), *range(39, 19, -1)]:
        page.keyboard.press("." if wanted > shown(page) else ",")
        wait_for(page, f"document.querySelector('[data-frame]').textContent.startsWith('{wanted + 1} ')")
        if (painted := page.evaluate(READ_NUMBER)) != wanted:
            wrong.append((wanted, painted))
    assert wrong == []


def test_keys_pressed_faster_than_the_browser_seeks_lose_no_frame(window: Window, reference: str) -> None:
    page = window("officer").open(f"/recordings/{reference}")
    wait_for(page, f"document.querySelector('[data-frame]').textContent.endsWith('of {FRAMES}')")
    page.evaluate(
        """() => { for (let n = 0; n < 30; n += 1)
             document.body.dispatchEvent(new KeyboardEvent("keydown", { key: ".", bubbles: true })); }"""
    )
    wait_for(page, "document.querySelector('[data-frame]').textContent.startsWith('31 ')")
    assert page.evaluate(READ_NUMBER) == 30


def test_a_picture_that_the_browser_did_not_tell_of_is_asked_for_again(window: Window, reference: str) -> None:
    page = window("officer")
    page.page.add_init_script(f"({UNTOLD})()")
    page = page.open(f"/recordings/{reference}")
    wait_for(page, f"document.querySelector('[data-frame]').textContent.endsWith('of {FRAMES}')")
    page.keyboard.press(".")
    wait_for(page, "document.querySelector('[data-frame]').textContent.startsWith('2 ')")
    assert page.evaluate("window.kept") is True
    assert page.evaluate(READ_NUMBER) == 1


def test_a_step_right_after_a_jump_goes_on_from_where_the_jump_goes(window: Window, reference: str) -> None:
    page = window("officer").open(f"/recordings/{reference}")
    wait_for(page, f"document.querySelector('[data-frame]').textContent.endsWith('of {FRAMES}')")
    page.keyboard.press(".")
    wait_for(page, "document.querySelector('[data-frame]').textContent.startsWith('2 ')")
    page.evaluate(
        """() => { for (const key of ["End", ",", ","])
             document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })); }"""
    )
    wait_for(page, f"document.querySelector('[data-frame]').textContent.startsWith('{FRAMES - 2} ')")
    assert page.evaluate(READ_NUMBER) == FRAMES - 3


def test_speed_sound_and_whole_screen_have_keys_and_buttons(window: Window, reference: str) -> None:
    page = window("officer").open(f"/recordings/{reference}")
    page.keyboard.press("]")
    assert page.evaluate("document.querySelector('video').playbackRate") == 1.5
    page.keyboard.press("[")
    page.keyboard.press("[")
    assert page.evaluate("document.querySelector('video').playbackRate") == 0.5
    page.keyboard.press("s")
    assert page.get_by_role("button", name="Sound on").is_visible()
    assert page.get_by_role("slider", name="Position").get_attribute("aria-valuetext").startswith("0:00.000 of 0:0")  # type: ignore[union-attr]


def test_sound_alone_offers_nothing_that_is_of_pictures(window: Window, shelf: Shelf, footage: Footage) -> None:
    body = footage.of("speech.m4a").read_bytes()
    made = shelf.playing(body, content_type="audio/mp4", streams=[SOUND], kind=RecordingKind.INTERVIEW)
    page = window("officer").open(f"/recordings/{made}")
    page.click("summary:has-text('Keys')")
    for words in ("One frame back", "One frame on", "Whole screen", "Save this frame"):
        assert page.get_by_role("button", name=words).count() == 0, words
    assert page.get_by_text("one frame on").count() == page.get_by_text("whole screen").count() == 0
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 0.1")
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '.', bubbles: true }))")
    assert not page.evaluate("document.querySelector('video').paused")


def test_opening_the_page_is_no_viewing_and_watching_is_one(world: World, window: Window, reference: str) -> None:
    def viewings() -> int:
        with world.house.reading() as session:
            subject = session.scalars(select(Recording.id)).one()
            return sum(line.type.value.endswith(".viewed") for line in history(session, subject))

    page = window("officer").open(f"/recordings/{reference}")
    page.wait_for_load_state("networkidle")
    assert viewings() == 0
    page.keyboard.press(".")
    wait_for(page, "document.querySelector('[data-frame]').textContent.startsWith('2 ')")
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 0.5")
    page.keyboard.press("End")
    until(lambda: viewings() == 1, what="the viewing")
    assert viewings() == 1


def test_the_sound_is_drawn_and_small_pictures_come_only_once_it_is_opened(
    window: Window, shelf: Shelf, footage: Footage, reference: str, tmp_path: Path
) -> None:
    peaks = json.dumps({"version": 1, "per_second": 10, "channels": 1, "peaks": [[-60, 60] * 40]}).encode()
    shelf.add_copy(reference, RenditionKind.WAVEFORM, peaks, "application/json", file="waveform.json")
    sheet = tmp_path / "sheet.jpg"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "color=red:s=1600x900", "-frames:v",
            "1", str(sheet),
        ],
        check=True, timeout=60,
    )  # fmt: skip
    cues = b"WEBVTT\n\n00:00:00.000 --> 00:00:09.000\nstoryboard-001.jpg#xywh=160,0,160,90\n"
    beside = {"storyboard-001.jpg": sheet.read_bytes()}
    shelf.add_copy(reference, RenditionKind.STORYBOARD, cues, "text/vtt", file="storyboard.vtt", beside=beside)
    page = window("officer").open(f"/recordings/{reference}")
    wait_for(page, IS_DRAWN)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.hover("[data-scrub]")
    assert page.locator("[data-peek] span").inner_text().startswith("0:0")
    assert not any("storyboard" in url for url in asked)
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 0.2")
    page.mouse.move(0, 0)
    page.hover("[data-scrub]")
    wait_for(page, "!document.querySelector('[data-peek] canvas').hidden")
    pixel = page.evaluate(
        "[...document.querySelector('[data-peek] canvas').getContext('2d').getImageData(5, 5, 1, 1).data]"
    )
    assert pixel[0] > 200
    assert pixel[1] < 60


def test_an_interview_without_pictures_plays_too(window: Window, shelf: Shelf, footage: Footage) -> None:
    body = footage.of("speech.m4a").read_bytes()
    reference = shelf.playing(body, content_type="audio/mp4", streams=[SOUND], kind=RecordingKind.INTERVIEW)
    page = window("officer").open(f"/recordings/{reference}")
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 0.3")
    assert not page.locator("[data-frame]").is_visible()


def test_it_plays_with_the_browsers_own_controls_without_javascript(window: Window, url: str, reference: str) -> None:
    page = window(java_script_enabled=False).page
    page.goto(f"{url}/sign-in")
    page.fill("#name", "officer")
    page.fill("#password", "purple otter lantern")
    page.click("main form button[type=submit] >> text=Sign in")
    page.goto(f"{url}/recordings/{reference}")
    assert page.locator("video[controls]").is_visible()
    assert not page.locator("[data-controls]").is_visible()


def test_what_cannot_be_opened_is_said_in_words(world: World, window: Window, reference: str) -> None:
    visit = window("officer")
    page = visit.open(f"/recordings/{reference}")
    with world.house.writing() as session:
        session.execute(update(Master).values(key="masters/00000000-0000-7000-8000-000000000000"))
    page.click('[data-do="toggle"]')
    page.wait_for_selector("[data-message]:not([hidden])")
    assert "load the page again" in page.inner_text("[data-message]").lower()
    visit.complaints.clear()
