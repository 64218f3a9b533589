"""Watching the beginning of a recording in a real browser while the rest is made: it goes on as the whole, in place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.conftest import Window
from tests.support.browser import wait_for
from tests.support.numbered import numbered
from tests.support.recordings import Shelf

pytestmark = pytest.mark.browser

PLAYS = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "0", "-g", "25", "-c:a", "aac", "-shortest")
FRAGMENTS = ("-movflags", "+frag_keyframe+empty_moov+default_base_moof+global_sidx+delay_moov")


def test_the_page_changes_over_to_the_whole_at_the_place_where_one_is(
    window: Window, shelf: Shelf, tmp_path: Path
) -> None:
    begins = numbered(tmp_path / "begins.mp4", *PLAYS, *FRAGMENTS, seconds=6).read_bytes()
    whole = numbered(tmp_path / "whole.mp4", *PLAYS, *FRAGMENTS, seconds=12).read_bytes()
    reference = shelf.recording(b"an old codec", officer="4821")
    shelf.begin(reference, begins, ready=4, of_parts=8, covered_ms=6_000)
    page = window("officer").open(f"/recordings/{reference}")
    assert "The first 0:06 can be watched" in page.inner_text("#standing")
    wait_for(page, "document.querySelector('video').src.includes('/beginning?made=')")
    page.click('[data-do="toggle"]')
    wait_for(page, "document.querySelector('video').currentTime > 2")
    page.click('[data-do="toggle"]')
    place = page.evaluate("document.querySelector('video').currentTime")
    shelf.become_whole(reference, whole)
    wait_for(page, "document.querySelector('video').src.includes('/media?view=')")
    wait_for(page, f"Math.abs(document.querySelector('video').currentTime - {place}) < 0.05")
    wait_for(page, "document.querySelector('video').duration > 11")
    page.keyboard.press("End")
    wait_for(page, "document.querySelector('video').currentTime > 11")
