"""Quality is checked: every recipe has a record above its floor, and the gauge can fail. Real FFmpeg, real footage."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest

import transcode
from evidence.store import StoreSettings
from evidence.vocabulary import RenditionKind
from tests.support import quality
from tests.support.house import World
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import ffmpeg
from transcode.plan import RECIPE
from transcode.probe import examine
from transcode.quality import records
from transcode.quality.gauge import Pair, gauge_of, measure
from transcode.quality.records import Case, NoRecord, build_of, faults, fingerprint, record_of
from transcode.quality.samples import Sample, early, spread, unsought, whole
from transcode.ranges import FileRanges
from transcode.settings import TranscodeSettings

BAD = {**ffmpeg.PICTURE_RECIPE, "crf": 44, "preset": "ultrafast"}
NOT_ENCODED = {"pictures-1", "clip-2"}
"""Still pictures, which are looked at and not played; and clips, whose few encoded pictures are held against the
master's one by one, with a floor of their own, where clips are tested."""


def recipes() -> set[str]:
    """Every version of a recipe that the workroom's modules name."""
    names = [each.name for each in pkgutil.iter_modules(transcode.__path__) if each.name != "inside"]
    modules = [importlib.import_module(f"transcode.{name}") for name in names]
    named = [(name, value) for each in modules for name, value in vars(each).items() if name.endswith("RECIPE")]
    return {value for _, value in named if isinstance(value, str)} - NOT_ENCODED


def test_every_recipe_was_measured_and_keeps_its_floor() -> None:
    assert {"playback-2", "repair-2"} <= recipes()
    for recipe in recipes():
        assert faults(record_of(recipe), fingerprint()) == []


def test_the_record_is_of_the_tool_that_is_built_in_and_of_every_kind_of_footage(settings: TranscodeSettings) -> None:
    tool, record = ffmpeg.tool(settings), record_of(RECIPE)
    of_this = {each.gauge: each for each in record.measured if each.build == build_of(tool)}
    assert set(of_this) == {gauge_of(tool, settings), "ssim"}, "the built-in FFmpeg was never measured: `make quality`"
    for measured in of_this.values():
        assert [each.case for each in measured.cases] == [name.partition(".")[0] for name in quality.FOOTAGE]


def test_a_recipe_without_a_record_or_altered_in_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRecord, match="make quality"):
        record_of("playback-99")
    record = record_of(RECIPE)
    assert "new version" in faults(record, "another")[0]
    assert "no measurement" in faults(record.model_copy(update={"measured": ()}), fingerprint())[0]
    measured = record.measured[0]
    spoilt = measured.model_copy(update={"cases": (Case(case="motion", frames=60, mean=50, least=99),)})
    (said,) = faults(record.model_copy(update={"measured": (spoilt,)}), fingerprint())
    assert said == f"{RECIPE}, motion: 50 on average, the floor is {record.floors[measured.gauge].mean:.4g}"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where masters are made, each once: some take longer to make than to measure."""
    return tmp_path_factory.mktemp("films")


@pytest.mark.parametrize("name", ["burned-in-time.mp4", "interlaced.ts", "wavering-rate.mp4"])
def test_the_record_is_what_is_measured_here_and_now(
    name: str, settings: TranscodeSettings, films: Path, tmp_path: Path
) -> None:
    record, gauge = record_of(RECIPE), gauge_of(ffmpeg.tool(settings), settings)
    found = quality.measured(quality.film(films, name), tmp_path / "work", settings)
    assert found.gauge == gauge
    assert found.mean >= record.floors[gauge].mean
    written = [each for measured in record.measured if measured.gauge == gauge for each in measured.cases]
    kept = next(each for each in written if each.case == name.partition(".")[0])
    assert found.frames == kept.frames
    assert abs(found.mean - kept.mean) < (3 if gauge == "vmaf" else 0.01)


@pytest.mark.parametrize("gauge", ["vmaf", "ssim"])
def test_the_gauge_can_fail(
    gauge: records.Gauge, settings: TranscodeSettings, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe that is bad on purpose falls below the floor, by either gauge."""
    if gauge == "vmaf" and gauge_of(ffmpeg.tool(settings), settings) != "vmaf":
        pytest.skip("this FFmpeg has no libvmaf")
    monkeypatch.setattr(ffmpeg, "PICTURE_RECIPE", BAD)
    found = quality.measured(quality.film(films, "burned-in-time.mp4"), tmp_path / "work", settings, gauge)
    case = Case(case="burned-in-time", frames=found.frames, mean=found.mean, least=found.least)
    assert records.below(case, record_of(RECIPE).floors[gauge])


def test_picture_stands_beside_picture_wherever_a_sample_begins(
    settings: TranscodeSettings, films: Path, tmp_path: Path
) -> None:
    """Off by one would show at once: each picture of this footage is another."""
    path = quality.film(films, "motion.mp4")
    plan, made = quality.copied(path, tmp_path / "work", settings)
    pair = Pair(plan=plan, master=path, copy=made.playback, folder=tmp_path)
    times = [number * 1_000_000 // 30 for number in range(60)]
    sought, counted = spread(times, times), unsought(spread(times, times))
    assert len(sought) == 3
    by_seeking, _ = measure(pair, sought, settings, cpu_seconds=60)
    by_counting, _ = measure(pair, counted, settings, cpu_seconds=60)
    assert by_seeking is not None
    assert by_counting is not None
    assert by_seeking.frames == by_counting.frames == 24
    assert by_seeking.mean == pytest.approx(by_counting.mean, abs=0.5)
    wrong = tuple(replace(each, in_copy=(each.in_copy or 0) + 1 / 30) for each in sought)
    off_by_one, _ = measure(pair, wrong, settings, cpu_seconds=60)
    assert off_by_one is not None
    assert off_by_one.mean < by_seeking.mean - 20


def test_a_container_without_times_is_not_entered_in_its_middle(settings: TranscodeSettings, tmp_path: Path) -> None:
    """An AVI with reordered pictures shows another picture after a seek: a good copy would read as a bad one."""
    path = tmp_path / "reordered.avi"
    scene = ("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=5", "-c:v", "mpeg4", "-bf", "2", "-q:v", "4", "-g", "60")
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-v", "error", *scene, str(tmp_path / "scene.avi")], check=True, timeout=60)
    again = ("-stream_loop", "3", "-i", str(tmp_path / "scene.avi"), "-c", "copy", str(path))
    subprocess.run([program, "-v", "error", *again], check=True, timeout=60)
    with FileRanges(path) as ranges:
        facts = examine(ranges, settings).facts
    assert facts is not None
    assert not facts.seeks
    plan, made = quality.copied(path, tmp_path / "work", settings)
    pair = Pair(plan=plan, master=path, copy=made.playback, folder=tmp_path)
    times = [number * 40_000 for number in range(made.checked.agreement.copy_frames)]
    reading, _ = measure(pair, early(times, times), settings, cpu_seconds=60)
    assert reading is not None
    assert reading.frames == 24
    assert reading.mean > 84
    assert early([0, 1], [0]) == ()
    assert early([0, 40], [0, 40]) == (Sample(0, 0, 2),)


def test_what_cannot_be_compared_is_no_reading(settings: TranscodeSettings, films: Path, tmp_path: Path) -> None:
    assert spread([0, 1, 2], [0, 1]) == spread([], []) == ()
    assert spread([0, 40], [0, 40]) == (Sample(0, 0, 2),)
    path = quality.film(films, "wavering-rate.mp4")
    plan, made = quality.copied(path, tmp_path / "work", settings)
    pair = Pair(plan=plan, master=path, copy=made.playback, folder=tmp_path)
    assert measure(pair, whole(4000), settings, cpu_seconds=60)[0] is None
    assert measure(replace(pair, master=tmp_path / "none"), whole(4), settings, cpu_seconds=60)[0] is None


@pytest.fixture
def workroom(
    database_url: str, store_settings: StoreSettings, tmp_path: Path, settings: TranscodeSettings
) -> Iterator[Workroom]:
    """A house with a workroom in it, which looks at the first two copies and at no others."""
    world = World(database_url, store_settings, tmp_path)
    yield Workroom(world, settings.model_copy(update={"quality_one_in": 10**12, "quality_first": 2}))
    world.close()


def test_copies_are_looked_at_until_enough_were(workroom: Workroom, footage: Footage) -> None:
    found = []
    with workroom.working():
        for name in ("hevc.mp4", "asp.avi", "odd.avi"):
            recording = workroom.keeps(footage.of(name))
            workroom.examines(recording)
            found.append(workroom.finished(recording)[RenditionKind.PLAYBACK].facts)
    assert [("quality" in each) for each in found] == [True, True, False]
    told = found[0]["quality"]
    assert told["below"] == ""
    assert told["gauge"] in ("vmaf", "ssim")
    assert (told["frames"], told["build"]) == (24, build_of(ffmpeg.tool(workroom.settings)))
    assert 0 < told["cpu_ms"] < 20_000
    assert found[0]["ending"] == "clean"


def test_a_copy_below_the_floor_is_said_to_be_and_is_still_served(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ffmpeg, "PICTURE_RECIPE", {**BAD, "crf": 51})
    with workroom.working():
        recording = workroom.keeps(footage.of("hevc.mp4"))
        workroom.examines(recording)
        row = workroom.finished(recording)[RenditionKind.PLAYBACK]
    assert row.state == "ready"
    assert "the floor is" in row.facts["quality"]["below"]
    assert any("quality" in remark for remark in row.facts["remarks"]), json.dumps(row.facts)
