"""The player's table of frames, run where it runs: in the browser, on even and uneven recordings."""

from __future__ import annotations

import json
import random

import pytest

from api import assets
from tests.journeys.conftest import Window
from transcode.timing import frame_table

pytestmark = pytest.mark.browser

ASK = """async ([url, told]) => {
  const { FrameTable } = await import(url);
  const table = new FrameTable(told), wrong = [];
  for (let n = 0; n < table.length; n += 1) {
    const asked = [table.at(table.timeOf(n)), table.at(table.seekTo(n)), table.at(Number(table.timeOf(n).toFixed(6)))];
    if (asked.some((found) => found !== n)) wrong.push([n, ...asked]);
  }
  return { length: table.length, wrong: wrong.slice(0, 5), before: table.at(-1), after: table.at(1e9) };
}"""


def uneven(seed: int, count: int = 400) -> list[int]:
    """Times of frames as a camera with a changing rate writes them."""
    chance, at, ticks = random.Random(seed), 0, [0]  # noqa: S311 - the same every time, on purpose
    for _ in range(count - 1):
        at += chance.choice([1, 2, 500, 1001, 1001, 1001, 1500, 90_000])
        ticks.append(at)
    return ticks


@pytest.mark.parametrize(
    ("ticks", "timescale"),
    [
        (list(range(0, 300 * 1001, 1001)), 30_000),
        (list(range(700, 700 + 300 * 512, 512)), 12_800),
        (uneven(1), 30_000),
        (uneven(2), 90_000),
        ([0, 40, 80, 10_000], 1000),
        ([7], 1000),
    ],
)
def test_every_frame_is_found_by_its_own_time_and_by_where_it_is_sought(
    window: Window, ticks: list[int], timescale: int
) -> None:
    page = window().open("/sign-in")
    told = json.loads(frame_table(ticks, timescale))
    found = page.evaluate(ASK, [assets.url_of("js/player/frames.js"), told])
    assert found == {"length": len(ticks), "wrong": [], "before": 0, "after": len(ticks) - 1}
