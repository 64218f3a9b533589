"""Playback copies of real small recordings, made and held against their masters."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import av
import imageio_ffmpeg
import pytest

from evidence.jobs import JobStopped
from evidence.vocabulary import Condition, RenditionMethod
from tests.support.media import COPIED, ENCODED, PLAYS_AS_IT_IS, Footage
from transcode import ffmpeg
from transcode.errors import MasterChanged, OutputUntrue, RenderFailed, ScratchFull
from transcode.making import Made, Source, Work, make
from transcode.plan import Limits, Plan, decide
from transcode.probe import Examination, examine
from transcode.ranges import FileRanges
from transcode.scratch import clear_left_over, scratch
from transcode.settings import TranscodeSettings


class Table:
    """A master on the workroom's table."""

    def __init__(self, path: Path, settings: TranscodeSettings, folder: Path) -> None:
        self.path, self.settings, self.folder = path, settings, folder
        self.body = path.read_bytes()
        with FileRanges(path) as ranges:
            self.found: Examination = examine(ranges, settings)
        plan = decide(self.found.facts, self.found.verdict.condition)
        assert isinstance(plan, Plan), plan
        self.plan = plan

    def make(self, plan: Plan | None = None, *, sha256: str = "", stopping: Event | None = None) -> Made:
        """Make the copy, by the plan or by another. What is reported meanwhile is kept in `reported`."""
        self.reported: list[tuple[str, float | None, float | None]] = []
        assert self.found.facts is not None
        with FileRanges(self.path) as ranges:
            source = Source(
                ranges=ranges,
                stream=lambda: iter([self.body[:1000], self.body[1000:]]),
                sha256=sha256 or hashlib.sha256(self.body).hexdigest(),
                size=len(self.body),
            )
            work = Work(
                plan=plan or self.plan,
                facts=self.found.facts,
                condition=self.found.verdict.condition,
                source=source,
                folder=self.folder,
                settings=self.settings,
                stopping=stopping or Event(),
                report=lambda phase, fraction, speed=None: self.reported.append((phase, fraction, speed)),
            )
            return make(work)


@contextmanager
def on_the_table(footage: Footage, name: str, settings: TranscodeSettings) -> Iterator[Table]:
    with scratch(settings, needed=0) as folder:
        yield Table(footage.of(name), settings, folder)


@pytest.mark.parametrize("name", PLAYS_AS_IT_IS)
def test_what_plays_is_left_alone(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    with on_the_table(footage, name, settings) as table:
        assert table.found.verdict.condition is Condition.SOUND
        assert table.plan.method is RenditionMethod.DIRECT


@pytest.mark.parametrize("name", COPIED)
def test_copied_packets_are_the_master_s(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    with on_the_table(footage, name, settings) as table:
        made = table.make()
        assert table.plan.method is RenditionMethod.REMUX
        assert made.checked.packets_proven
        assert made.checked.agreement.exact
        assert made.playback.stat().st_size > 0
        assert bool(made.frames) == (table.plan.picture is not None)


FEW = [("one-picture.ts", 1), ("two-pictures.ts", 2), ("tiny.ts", 2), ("tiny-mpeg2.ts", 2)]
"""The tiny ones have fewer packets than FFmpeg counts before it takes a file for a transport stream."""


@pytest.mark.parametrize(("name", "number"), FEW)
def test_a_recording_of_a_few_pictures_is_one(
    name: str, number: int, footage: Footage, settings: TranscodeSettings
) -> None:
    """Its decoder holds back every one of them until it is told that no more come."""
    with on_the_table(footage, name, settings) as table:
        assert table.found.verdict.condition is Condition.SOUND, table.found.verdict
        with av.open(str(table.make().playback)) as container:
            assert len(list(container.decode(container.streams.video[0]))) == number


def test_an_encode_says_how_far_it_is_before_its_storyboard(footage: Footage, settings: TranscodeSettings) -> None:
    """FFmpeg itself says nothing until every output has begun; the only sheet begins when all of it was seen."""
    with on_the_table(footage, "asp.avi", settings) as table:
        table.make()
        assert table.plan.pictures is not None
        encoding = [(fraction, speed) for phase, fraction, speed in table.reported if phase == "encoding"]
        assert len([fraction for fraction, _ in encoding if fraction is not None and 0 < fraction < 0.9]) > 10
        speeds = [speed for _, speed in encoding if speed is not None]
        assert speeds
        assert all(0 < speed < 1000 for speed in speeds), "several pictures are heard at once"


def test_a_bare_stream_is_shown_at_its_rate(footage: Footage, settings: TranscodeSettings, tmp_path: Path) -> None:
    """Its pictures have no times at all; without any they would all be over in an instant."""
    bare = tmp_path / "bare.h264"
    told = ["-nostdin", "-v", "error", "-i", str(footage.of("ntsc.mp4")), "-map", "0:v", "-c", "copy", str(bare)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *told], check=True, capture_output=True)
    with scratch(settings, needed=0) as folder:
        made = Table(bare, settings, folder).make()
        with av.open(str(made.playback)) as container:
            base = container.streams.video[0].time_base
            times = sorted(float(each.pts * base) for each in container.demux(video=0) if each.size)
    steps = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert len(times) == 90
    assert steps == pytest.approx([1001 / 30000] * 89, abs=1e-3) or steps == pytest.approx([1 / 25] * 89, abs=1e-3)


@pytest.mark.parametrize("name", ENCODED)
def test_encoded_frames_are_the_master_s_at_the_master_s_times(
    name: str, footage: Footage, settings: TranscodeSettings
) -> None:
    with on_the_table(footage, name, settings) as table:
        made = table.make()
        assert table.plan.method is RenditionMethod.TRANSCODE
        assert made.checked.agreement.exact, made.checked
        assert not made.checked.remarks
        if table.plan.pictures is not None:
            assert made.poster
            assert made.storyboard
            assert len(made.sheets) == table.plan.pictures.sheets
        assert bool(made.waveform) == bool(table.plan.sounds)
        assert str(table.folder) not in json.dumps(made.argv)
        assert made.tool["version"]


@pytest.mark.parametrize("name", ["truncated.mp4", "truncated.mkv", "damaged.mp4"])
def test_of_a_damaged_master_is_made_what_can_be_had(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    with on_the_table(footage, name, settings) as table:
        made = table.make()
        assert table.found.verdict.condition is Condition.DAMAGED
        assert made.messages
        assert 0 < made.checked.agreement.copy_frames <= 50


def test_a_copy_that_was_cut_off_is_not_a_result(footage: Footage, settings: TranscodeSettings) -> None:
    with on_the_table(footage, "hevc.mp4", settings) as table:
        short = Limits(seconds=table.plan.limits.seconds, cpu_seconds=60, file_size=20_000)
        with pytest.raises(RenderFailed, match="more than this master can need"):
            table.make(replaced(table.plan, limits=short))


def test_a_copy_of_half_the_master_is_not_true(
    footage: Footage, settings: TranscodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg ends well and has left the second half out: only the comparison can see it."""
    whole = ffmpeg.arguments
    monkeypatch.setattr(ffmpeg, "arguments", lambda *told: ["-t", "1", *whole(*told)])
    with on_the_table(footage, "hevc.mp4", settings) as table, pytest.raises(OutputUntrue):
        table.make()


def test_other_bytes_than_the_master_s_are_never_worked_on(footage: Footage, settings: TranscodeSettings) -> None:
    with on_the_table(footage, "hevc.mp4", settings) as table, pytest.raises(MasterChanged):
        table.make(sha256="0" * 64)


@pytest.mark.parametrize("name", ["hevc.mp4", "h264.ts"])
def test_work_that_is_called_off_stops(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    stopping = Event()
    stopping.set()
    with on_the_table(footage, name, settings) as table, pytest.raises(JobStopped):
        table.make(stopping=stopping)


def test_scratch_is_gone_afterwards_and_that_of_the_dead_is_cleared(settings: TranscodeSettings) -> None:
    with scratch(settings, needed=1000) as folder:
        (folder / "master.bin").write_bytes(b"x")
        assert clear_left_over(settings) == 0
        assert folder.exists()
    assert not folder.exists()
    left = settings.scratch / "left-by-a-crash"
    left.mkdir()
    assert clear_left_over(settings) == 1
    assert not left.exists()


def test_whoever_works_next_clears_what_the_dead_left_while_others_work(settings: TranscodeSettings) -> None:
    """A host's other workers go on where one was killed, and start no new process for weeks."""
    with scratch(settings, needed=0) as mine:
        left = settings.scratch / "left-by-a-crash"
        (left / "deep").mkdir(parents=True)
        (left / "deep" / "master.bin").write_bytes(b"x")
        with scratch(settings, needed=0) as other:
            (other / "deep").mkdir()
            assert not left.exists()
            assert mine.exists()
    assert [each.name for each in settings.scratch.iterdir()] == ["door"]


def test_work_that_needs_more_room_than_there_is_waits(settings: TranscodeSettings) -> None:
    with pytest.raises(ScratchFull) as full, scratch(settings, needed=1 << 60):
        pass
    assert full.value.try_again


def replaced(plan: Plan, *, limits: Limits) -> Plan:
    from dataclasses import replace

    return replace(plan, limits=limits)
