"""The shared test media, where they are there: every camera file and every hostile one, with a table of outcomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evidence.vocabulary import Condition, RenditionMethod
from transcode.errors import OutputUntrue, RenderFailed
from transcode.making import Source, Work, make
from transcode.plan import Plan, Unplayable, decide, fallback
from transcode.probe import Examination, examine
from transcode.ranges import FileRanges
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings

pytestmark = pytest.mark.shared

# Genuine, and not for playing: 250 megapixels in one picture; frames so many years apart that no MP4 can hold them.
BEYOND_REASON = {"hostile/png_bomb_track.mov", "hostile/pts_gap_years.mp4"}
MOST_MEMORY = 1 << 30


@pytest.fixture(scope="module")
def expected(shared_media: Path) -> dict[str, Any]:
    """What the makers of the set found, by file name."""
    files: dict[str, Any] = json.loads((shared_media / "expected.json").read_text())["files"]
    return {name: facts for name, facts in files.items() if (shared_media / name).is_file()}


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    """Lines that are printed when the module is done."""
    lines: list[str] = []
    yield lines
    print("\n".join(lines))  # noqa: T201 - the table is the point


def outcome(path: Path, settings: TranscodeSettings) -> tuple[Examination, Plan | Unplayable]:
    """What is found and decided."""
    with FileRanges(path) as ranges:
        found = examine(ranges, settings)
    return found, decide(found.facts, found.verdict.condition)


@pytest.mark.timeout(600)
def test_every_clean_camera_file_gets_a_plan(
    shared_media: Path, expected: dict[str, Any], settings: TranscodeSettings, table: list[str]
) -> None:
    clean = [name for name, facts in expected.items() if facts["decode"]["result"] == "clean" and "/" not in name]
    assert len(clean) > 50
    for name in clean:
        found, plan = outcome(shared_media / name, settings)
        assert isinstance(plan, Plan), f"{name}: {plan.reason}"
        assert found.verdict.condition is Condition.SOUND, f"{name}: {found.verdict.sentence}"
        assert found.ending.peak_memory < MOST_MEMORY
        table.append(f"{name[-40:]:40} {plan.method:10} {found.ending.seconds:5.2f} s  {plan.reason[:80]}")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_clean_file_becomes_playable(
    shared_media: Path, expected: dict[str, Any], settings: TranscodeSettings, table: list[str]
) -> None:
    clean = [name for name, facts in expected.items() if facts["decode"]["result"] == "clean"]
    for name in clean:
        if name in BEYOND_REASON or name.startswith("names/"):
            continue
        found, plan = outcome(shared_media / name, settings)
        assert isinstance(plan, Plan), f"{name}: {plan.reason}"
        if plan.method is RenditionMethod.DIRECT:
            continue
        made = made_of(shared_media / name, found, plan, settings)
        assert not made.startswith("!"), f"{name}: {made}"
        table.append(f"{name[-40:]:40} {made}")


def made_of(path: Path, found: Examination, plan: Plan, settings: TranscodeSettings) -> str:
    """Make the copy as the story would, with its one fall-back; a line about it, with `!` where none came of it."""
    assert found.facts is not None
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    for attempt in (plan, fallback(found.facts, "copying did not succeed")):
        with scratch(settings, needed=0) as folder, FileRanges(path) as ranges:
            work = Work(
                plan=attempt,
                facts=found.facts,
                condition=found.verdict.condition,
                source=Source(ranges=ranges, stream=lambda: iter([body]), sha256=digest, size=len(body)),
                folder=folder,
                settings=settings,
            )
            try:
                made = make(work)
            except (RenderFailed, OutputUntrue) as error:
                said = f"! {error}"
                if attempt.method is RenditionMethod.REMUX:
                    continue
                return said
            frames = made.checked.agreement
            exact = "exact" if frames.exact else "; ".join(made.checked.remarks)
            return f"{attempt.method:10} {frames.copy_frames:5} frames, {exact}"
    return "! nothing"
