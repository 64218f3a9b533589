"""Places as people type them at a terminal, and the frames that they mean."""

from __future__ import annotations

import pytest

from api.clip_commands import frame_of
from api.trouble import KnownTrouble

# Fifty frames at 25 a second, then ten that are shown twice as long.
TABLE = {"timescale": 25, "first": 0, "frames": 61, "steps": [[1, 50], [2, 10]]}


@pytest.mark.parametrize(
    ("place", "ending", "frame"),
    [
        ("1", False, 0),
        ("61", True, 61),
        ("0:00.0", False, 0),
        ("0:01.0", False, 25),
        ("1.0", True, 25),
        ("1.01", False, 26),
        ("0:00:02.00", False, 50),
        ("2.16", False, 52),
        ("0:59", True, 61),
    ],
)
def test_a_place_is_a_number_from_one_or_a_time(place: str, frame: int, *, ending: bool) -> None:
    assert frame_of(place, TABLE, ending=ending) == frame


@pytest.mark.parametrize("place", ["0", "62", "-1", "soon", "1:2", "1e3", ""])
def test_other_words_are_refused(place: str) -> None:
    with pytest.raises(KnownTrouble):
        frame_of(place, TABLE, ending=False)
