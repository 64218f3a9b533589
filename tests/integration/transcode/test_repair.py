"""Recordings whose camera lost power before it wrote the index: what can be had of them is had, and said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from evidence.models import Master
from evidence.vocabulary import Condition, Playability, RenditionKind, RenditionMethod, RenditionState
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import repair
from transcode.examination import NO_COPY_NO_PICTURES
from transcode.making import Source, Work
from transcode.mending import Hope, Mender
from transcode.plan import Plan, decide
from transcode.probe import examine
from transcode.ranges import FileRanges, ReadAhead
from transcode.repaired import Repaired, make_repaired
from transcode.scratch import scratch
from transcode.settings import TranscodeSettings


@pytest.fixture
def camera(workroom: Workroom) -> Camera:
    """One camera, whose recordings lie in the house."""
    return Camera(workroom)


class Camera:
    """Docks recordings of one device, and has them looked at without the queue."""

    def __init__(self, workroom: Workroom) -> None:
        self.workroom, self.settings = workroom, workroom.settings

    def docks(self, path: Path, *, label: str = "cam-1") -> Any:
        """A recording that was examined."""
        recording = self.workroom.keeps(path, label=label)
        self.workroom.examines(recording)
        return recording

    def hope(self, path: Path, recording: Any) -> Hope | None:
        """What a look says."""
        with FileRanges(path) as ranges:
            return Mender(self.workroom.house, self.settings, Event()).hope(recording, ReadAhead(ranges))

    def repairs(self, path: Path, hope: Hope) -> Repaired:
        """Make the copy."""
        body = path.read_bytes()
        with scratch(self.settings, needed=0) as folder, FileRanges(path) as ranges:
            source = Source(
                ranges=ranges, stream=lambda: iter([body]), sha256=hashlib.sha256(body).hexdigest(), size=len(body)
            )
            plan = repair.plan(hope.facts, hope.repair, longest_hours=1)
            work = Work(
                plan=plan,
                facts=hope.facts,
                condition=Condition.DAMAGED,
                source=source,
                folder=folder,
                settings=self.settings,
            )
            done = make_repaired(work, hope.repair)
            with FileRanges(done.made.playback) as copy:
                found = examine(copy, self.settings)
            assert found.verdict.condition is Condition.SOUND
            return done


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("no-moov-repeats.mp4", 50, 50),
        ("no-moov-hevc-repeats.mp4", 49, 50),
        ("cut-repeats.mp4", 20, 28),
        ("reserved.mp4", 20, 28),
        ("torn.mp4", 20, 50),
    ],
)
def test_what_says_itself_how_to_decode_it_needs_nobody(
    name: str, least: int, most: int, camera: Camera, footage: Footage
) -> None:
    path = footage.of(name)
    recording = camera.workroom.keeps(path)
    hope = camera.hope(path, recording)
    assert hope is not None
    assert (hope.repair.sibling, hope.repair.rate, hope.repair.rate_from) == ("", (25, 1), "stream")
    done = camera.repairs(path, hope)
    assert least <= done.outcome["pictures"] <= most
    assert done.made.checked.agreement.copy_frames == done.outcome["pictures"]
    assert done.made.packets is None
    assert done.made.poster is not None
    assert "times are estimated at 25 a second" in done.outcome["says"]


def test_what_was_reserved_and_never_written_is_not_counted_as_lost(camera: Camera, footage: Footage) -> None:
    path = footage.of("reserved.mp4")
    hope = camera.hope(path, camera.workroom.keeps(path))
    assert hope is not None
    outcome = camera.repairs(path, hope).outcome
    assert outcome["bytes_blank"] > 100_000
    assert outcome["bytes_used"] > 0.5 * (outcome["bytes_total"] - outcome["bytes_blank"])
    assert "of what was written into the file" in outcome["says"]


def test_a_recording_cut_off_plays_from_its_repaired_copy(workroom: Workroom, camera: Camera, footage: Footage) -> None:
    path = footage.of("no-moov.mp4")
    whole = camera.docks(footage.of("reordered.mp4"))
    with workroom.working():
        sibling = workroom.settled(whole)
        workroom.finished(whole)
        recording = camera.docks(path)
        found = workroom.settled(recording)
        rows = workroom.finished(recording)
    assert (found.condition, found.playability) == (Condition.DAMAGED, Playability.PLAYABLE)
    assert not workroom.quarantined(recording)
    playback = rows[RenditionKind.PLAYBACK]
    assert (playback.method, playback.recipe) == (RenditionMethod.TRANSCODE, repair.RECIPE)
    assert set(rows) == set(RenditionKind)
    assert all(row.state is RenditionState.READY for row in rows.values())
    told = playback.facts["repair"]
    assert told["sibling"] == f"R{sibling.number:07d}"
    assert (told["pictures"], told["pictures_found"], told["rate_from"]) == (50, 50, "sibling")
    assert found.playability_reason == told["says"]
    assert told["says"].startswith("Repaired copy: 50 pictures recovered from ")
    assert told["says"].endswith(f"2.0 s of sound recovered, decoded as in R{sibling.number:07d}")
    assert json.loads(workroom.bytes_of(rows[RenditionKind.FRAMES]))["frames"] == 50
    assert workroom.history(recording)[-1] == "rendition.made"
    with workroom.house.reading() as session:
        master = session.get_one(Master, recording)
        kept = b"".join(workroom.house.masters.read(master.key, version_id=master.version_id))
    assert hashlib.sha256(kept).hexdigest() == master.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert master.packets_sha256 is None


def test_a_repair_that_fails_leaves_nothing_waiting_without_a_reason(
    workroom: Workroom, camera: Camera, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for flags in ("INDEX_FIRST", "FRAGMENTS"):
        monkeypatch.setattr(f"transcode.ffmpeg.{flags}", "+nonsense")
    with workroom.working():
        recording = camera.docks(footage.of("no-moov-repeats.mp4"))
        assert workroom.settled(recording).playability is Playability.UNPLAYABLE
        rows = workroom.finished(recording, within=40)
    assert {row.state for row in rows.values()} == {RenditionState.FAILED}
    assert rows[RenditionKind.POSTER].reason == NO_COPY_NO_PICTURES


def test_hevc_is_decoded_as_in_a_sibling(workroom: Workroom, camera: Camera, footage: Footage) -> None:
    whole = camera.docks(footage.of("hevc.mp4"))
    with workroom.working():
        workroom.finished(whole)
    path = footage.of("no-moov-hevc.mp4")
    hope = camera.hope(path, workroom.keeps(path))
    assert hope is not None
    assert hope.repair.sibling
    assert camera.repairs(path, hope).outcome["pictures"] >= 49


def test_another_camera_s_settings_are_not_forced_upon_it(workroom: Workroom, camera: Camera, footage: Footage) -> None:
    others = [camera.docks(footage.of("other-camera.mp4")), camera.docks(footage.of("reordered.mp4"), label="cam-2")]
    with workroom.working():
        for each in others:
            workroom.finished(each)
        recording = camera.docks(footage.of("no-moov.mp4"))
        found = workroom.settled(recording)
    assert (found.condition, found.playability) == (Condition.DAMAGED, Playability.UNPLAYABLE)
    assert "cut off" in (found.condition_reason or "")
    assert "(1 kept)" in (found.playability_reason or "")
    assert [each.reason for each in workroom.quarantined(recording)] == [found.condition_reason]


@pytest.mark.parametrize(
    "name", ["truncated.mp4", "truncated.mkv", "truncated.ts", "truncated.avi", "truncated-fragmented.mp4"]
)
def test_what_has_its_index_in_front_needs_no_repair(name: str, footage: Footage, settings: TranscodeSettings) -> None:
    with FileRanges(footage.of(name)) as ranges:
        found = examine(ranges, settings)
    assert isinstance(decide(found.facts, found.verdict.condition), Plan)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "sibling", "least", "most"),
    [
        ("truncated_no_moov_gopro.mp4", "gopro_karma_gpmf_tmcd.mp4", 140, 145),
        ("truncated_no_moov_zero_tail.mp4", "h264_aac_1080p30.mp4", 41, 60),
    ],
)
def test_real_cameras_recordings_are_repaired_as_their_siblings_are_decoded(
    name: str, sibling: str, least: int, most: int, camera: Camera, shared_media: Path
) -> None:
    workroom, whole = camera.workroom, camera.docks(shared_media / sibling)
    with workroom.working():
        workroom.settled(whole)
    path = shared_media / name
    hope = camera.hope(path, workroom.keeps(path))
    assert hope is not None
    done = camera.repairs(path, hope)
    assert least <= done.outcome["pictures"] <= most
    assert "sound not recovered" in done.outcome["says"]


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    ["truncated.mkv", "truncated_mid_packet.ts", "truncated_moov_first.mp4", "truncated_no_index.avi", "truncated.wav"],
)
def test_real_files_cut_short_play_as_far_as_they_go(
    name: str, shared_media: Path, settings: TranscodeSettings
) -> None:
    with FileRanges(shared_media / name) as ranges:
        found = examine(ranges, settings)
    assert isinstance(decide(found.facts, found.verdict.condition), Plan)


@pytest.mark.shared
def test_no_hostile_file_makes_the_look_fall(workroom: Workroom, camera: Camera, shared_media: Path) -> None:
    whole = camera.docks(shared_media / "gopro_karma_gpmf_tmcd.mp4")
    with workroom.working():
        workroom.settled(whole)
    recording, looked_at = workroom.keeps(shared_media / "hostile" / "only_ftyp.mp4"), 0
    for path in sorted((shared_media / "hostile").glob("*.m[op][v4]")):
        with FileRanges(path) as ranges:
            found = examine(ranges, workroom.settings) if ranges.size else None
        if found is not None and repair.worth_trying(found.verdict, found.signature, found.facts):
            assert camera.hope(path, recording) is None, path.name
            looked_at += 1
    assert looked_at > 5
