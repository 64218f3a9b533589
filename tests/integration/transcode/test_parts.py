"""A copy made in parts is the copy that one worker makes: every picture at its time, and no seam in either track."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from evidence.vocabulary import Condition, RenditionMethod
from tests.support.numbered import numbered, numbers, packet_times
from transcode import pieces
from transcode.making import Source, Work, ask, hold_against, make, progress_of, streams_of
from transcode.plan import Plan, decide
from transcode.probe import examine
from transcode.ranges import FileRanges
from transcode.said import ReadingSaid
from transcode.segments import Cut, Room, Survey, cuts, start_of, survey_of
from transcode.settings import TranscodeSettings

ROOM = Room(seconds=4, slots=1)
HEVC = ("-c:v", "libx265", "-tag:v", "hvc1", "-c:a", "aac", "-x265-params")
MPEG2 = ("-c:v", "mpeg2video", "-g", "15", "-q:v", "2", "-c:a", "mp2")
STEADY = ("-b:v", "3M", "-minrate", "3M", "-maxrate", "3M", "-bufsize", "1M")
FILMS = {
    "closed.mp4": (*HEVC, "log-level=none:keyint=40:open-gop=0"),
    "open.mp4": (*HEVC, "log-level=none:keyint=40:open-gop=1"),
    "open.ts": (*MPEG2, "-bf", "2"),
    # At a steady rate, so that no packet of the program stream holds two pictures, as on a recorder's disc.
    "open.mpg": (*MPEG2[:4], *STEADY, "-bf", "2", "-c:a", "mp2", "-f", "vob"),
    "interlaced.ts": (*MPEG2, "-flags", "+ildct+ilme", "-field_order", "tt"),
    "reordered.avi": ("-c:v", "mpeg4", "-vtag", "XVID", "-bf", "2", "-g", "50", "-q:v", "2", "-c:a", "libmp3lame"),
    "all-keys.avi": ("-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_s16le"),
    "windows.asf": ("-c:v", "wmv2", "-q:v", "2", "-g", "30", "-c:a", "wmav2"),
    "late-sound.mkv": (*HEVC, "log-level=none:keyint=40", "-af", "asetpts=PTS+0.4/TB"),
}
SLOWLY = ("open.mpg", "all-keys.avi", "windows.asf", "late-sound.mkv")


@dataclass
class Bench:
    """One master on the table, with its plan."""

    work: Work
    survey: Survey
    base: Fraction
    said: ReadingSaid

    @property
    def cuts(self) -> tuple[Cut, ...]:
        picture = self.work.facts.pictures[0]
        found = cuts(self.survey, ROOM, lead=picture.interlaced)
        assert isinstance(found, tuple), found
        return found

    def in_parts(self, name: str) -> tuple[Path, list[str]]:
        """Every part in a folder of its own, the sound, and all together."""
        parts = [pieces.make_part(self.at(f"{name}-{each.number}"), each, self.base) for each in self.cuts]
        sound = pieces.make_sound(self.at(f"{name}-sound"), start_us=start_of(self.said))
        whole = pieces.put_together(
            self.at(f"{name}-whole"), [each.path for each in parts], sound.path,
            base=self.base, start_us=start_of(self.said),
        )  # fmt: skip
        return whole, [each.config for each in parts]

    def at(self, name: str) -> Work:
        folder = self.work.folder / name
        folder.mkdir()
        return replace(self.work, folder=folder)


def coded(path: Path) -> tuple[str, str | None]:
    """By what its pictures are encoded: a part that fell back to the container's own codec would count right, too."""
    with av.open(str(path)) as film:
        context = film.streams.video[0].codec_context
        return context.name, context.profile


@contextmanager
def bench(path: Path, settings: TranscodeSettings, folder: Path) -> Iterator[Bench]:
    with FileRanges(path) as ranges:
        yield laid_out(path.read_bytes(), ranges, settings, folder)


def laid_out(body: bytes, ranges: FileRanges, settings: TranscodeSettings, folder: Path) -> Bench:
    found = examine(ranges, settings)
    assert found.facts is not None
    plan = decide(found.facts, found.verdict.condition)
    assert isinstance(plan, Plan)
    assert plan.method is RenditionMethod.TRANSCODE, plan.reason
    source = Source(ranges=ranges, stream=lambda: iter([body]), sha256=hashlib.sha256(body).hexdigest(), size=len(body))
    work = Work(
        plan=plan, facts=found.facts, condition=found.verdict.condition, source=source, folder=folder, settings=settings
    )
    said = ask(work, ReadingSaid, task="tables", phase="reading", options={"streams": streams_of(plan)})
    surveyed = survey_of(said, plan.picture or 0)
    assert surveyed is not None
    return Bench(work, *surveyed, said)


def test_a_part_says_how_much_of_the_part_is_done(
    tmp_path: Path, settings: TranscodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole recording it would be little even at the end, and what is left would be told far too long."""
    name = next(iter(FILMS))
    path = numbered(tmp_path / name, *FILMS[name], seconds=12, rate="30000/1001" if name.endswith("ts") else "25")
    lengths: list[int | None] = []

    def heard(work: Work, phase: str, length_ms: int | None = None) -> Callable[[str], None]:
        lengths.append(length_ms)
        return progress_of(work, phase, length_ms)

    monkeypatch.setattr(pieces, "progress_of", heard)
    said: list[float | None] = []
    with bench(path, settings, tmp_path) as table:
        cut = table.cuts[0]
        pieces.make_part(table.at("said"), cut, table.base)
        work = replace(table.work, report=lambda _phase, done, *_: said.append(done))
        take = progress_of(work, "encoding a part", lengths[0])
    assert lengths == [pytest.approx((cut.frames - 1) * 1000 / (30000 / 1001 if name.endswith("ts") else 25), abs=2)]
    take(f"out_time_us={(lengths[0] or 0) * 500}")
    take("progress=continue")
    assert said == [pytest.approx(0.5, abs=0.01)]


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.slow if each in SLOWLY else ()) for each in FILMS]
)
def test_parts_make_the_copy_that_one_worker_makes(name: str, tmp_path: Path, settings: TranscodeSettings) -> None:
    path = numbered(tmp_path / name, *FILMS[name], seconds=12, rate="30000/1001" if name.endswith("ts") else "25")
    with bench(path, settings, tmp_path) as table:
        assert table.work.condition is Condition.SOUND
        whole, configs = table.in_parts("first")
        assert len(configs) >= 2
        assert len(set(configs)) == 1
        checked, copy, _ = hold_against(table.work, table.said, whole, complaints=False)
        assert checked.agreement.exact
        assert copy.times_us
        alone = tmp_path / "alone"
        alone.mkdir()
        one = make(replace(table.work, folder=alone)).playback
        pictures, sound = packet_times(whole, "video"), packet_times(whole, "audio")
        assert [at for at, _ in pictures] == pytest.approx([at for at, _ in packet_times(one, "video")], abs=2e-3)
        theirs = packet_times(one, "audio")
        assert [at for at, _ in sound] == pytest.approx([at for at, _ in theirs], abs=2e-3)
        assert [lasts for _, lasts in sound] == pytest.approx([lasts for _, lasts in theirs], abs=2e-3)
        for track in (pictures, sound):
            gaps = [round(later - at - lasts, 6) for (at, lasts), (later, _) in pairwise(track)]
            assert not any(abs(gap) > 1e-3 for gap in gaps), name
        assert coded(whole) == coded(one)
        assert numbers(whole) == numbers(one)
        assert numbers(whole) == numbers(path)
