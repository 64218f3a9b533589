"""From a registered master to something that plays: real database, store, queue and FFmpeg."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update

from evidence import clock
from evidence.custody.events import Actor
from evidence.jobs import JobStopped
from evidence.models import Incident, Master, Rendition, Sidecar
from evidence.store.keys import packets_key
from evidence.vocabulary import (
    Condition,
    IncidentKind,
    Playability,
    RenditionKind,
    RenditionMethod,
    RenditionState,
)
from tests.support.house import until
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode import making, pictures, render, sweep
from transcode.packets import digest_of, read_manifest
from transcode.render import render_again
from transcode.results import NO_COPY

PERSON = Actor.system("a supervisor of the test")


def stored_manifest(workroom: Workroom, recording: UUID, sha256: str = "") -> bytes:
    """A packet manifest as it lies in the store; the master's, unless another is named."""
    with workroom.house.reading() as session:
        digest = sha256 or session.get_one(Master, recording).packets_sha256
    assert digest is not None
    body = b"".join(workroom.house.renditions.read(packets_key(recording, digest)))
    assert digest_of(body) == digest
    return body


def objects_of(workroom: Workroom, recording: UUID, kind: str) -> dict[str, str]:
    """SHA-256 by role of everything that events of this kind name."""
    asked = text("SELECT leaf FROM custody.event WHERE subject = :subject AND type = :kind")
    with workroom.house.reading() as session:
        leaves = session.scalars(asked, {"subject": recording, "kind": kind}).all()
    return {each["role"]: each["sha256"] for leaf in leaves for each in json.loads(bytes(leaf))["obj"]}


def test_a_film_that_plays_is_served_as_it_is_and_pictured_afterwards(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("plain.mp4"))
    workroom.examines(recording)
    with workroom.working():
        found = workroom.settled(recording)
        rows = workroom.finished(recording)
    assert (found.condition, found.playability) == (Condition.SOUND, Playability.PLAYABLE)
    assert found.duration_ms == pytest.approx(2000, abs=60)
    assert found.media_facts["streams"]
    assert {kind for kind, row in rows.items() if row.state is RenditionState.READY} == set(RenditionKind)
    assert rows[RenditionKind.PLAYBACK].method is RenditionMethod.DIRECT
    assert rows[RenditionKind.PLAYBACK].key is None
    assert workroom.bytes_of(rows[RenditionKind.POSTER]).startswith(b"\xff\xd8")
    assert json.loads(workroom.bytes_of(rows[RenditionKind.WAVEFORM]))["channels"] == 1
    assert json.loads(workroom.bytes_of(rows[RenditionKind.FRAMES]))["frames"] == 50
    assert workroom.history(recording)[-1] == "packets.counted"
    manifest = read_manifest(stored_manifest(workroom, recording))
    assert [(each.header.kind, each.header.codec) for each in manifest.tracks] == [("video", "h264"), ("audio", "aac")]
    assert manifest.tracks[0].packets == 50
    assert objects_of(workroom, recording, "packets.counted") == {
        "packets.master": digest_of(stored_manifest(workroom, recording))
    }


def test_an_encoded_copy_brings_its_pictures_with_it(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("hevc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        workroom.settled(recording)
        rows = workroom.finished(recording)
    playback, board = rows[RenditionKind.PLAYBACK], rows[RenditionKind.STORYBOARD]
    assert playback.method is RenditionMethod.TRANSCODE
    assert playback.key == f"renditions/{recording}/playback/{playback.job_id}-0/playback.mp4"
    assert playback.master_sha256
    assert playback.argv[-1].startswith("pipe:")
    assert playback.tool["name"] == "ffmpeg"
    assert playback.facts["frames_exact"]
    assert board.key is not None
    assert board.key.endswith("storyboard.vtt")
    assert b"storyboard-001.jpg#xywh=0,0,160," in workroom.bytes_of(board)
    assert board.facts["sheets"][0]["key"] == board.key.replace("storyboard.vtt", "storyboard-001.jpg")
    assert all(row.state is RenditionState.READY for row in rows.values())
    planned = ["recording.examined", *["rendition.planned"] * 5, *["rendition.made"] * 5]
    assert workroom.history(recording)[-11:] == planned


def test_a_copied_film_is_pictured_from_its_master(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("h264.ts"))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is RenditionMethod.REMUX
    assert rows[RenditionKind.PLAYBACK].facts["packets_proven"]
    kinds = [each["kind"] for each in rows[RenditionKind.PLAYBACK].facts["packets"]]
    assert kinds == ["same_packets", "timing_equal", "configuration_equal"] * 2
    assert "packets.counted" not in workroom.history(recording)
    copy = rows[RenditionKind.PLAYBACK].packets_sha256
    assert copy is not None
    mine, theirs = (read_manifest(stored_manifest(workroom, recording, each)) for each in ("", copy))
    assert mine.tracks[0].payload != theirs.tracks[0].payload
    assert mine.tracks[0].neutral == theirs.tracks[0].neutral
    assert objects_of(workroom, recording, "rendition.made")["packets.copy"] == copy
    assert rows[RenditionKind.STORYBOARD].state is RenditionState.READY


@pytest.mark.parametrize(
    ("name", "condition", "words"),
    [
        ("empty.mp4", Condition.EMPTY, "empty"),
        ("hls.mp4", Condition.HOSTILE, "names other files"),
        ("text.mp4", Condition.UNKNOWN, "plain text"),
        ("no-index.mp4", Condition.DAMAGED, "cut off"),
        ("picture-bomb.mov", Condition.HOSTILE, "larger than any camera"),
    ],
)
def test_what_cannot_be_played_is_kept_and_set_aside(
    name: str, condition: Condition, words: str, workroom: Workroom, footage: Footage
) -> None:
    recording = workroom.keeps(footage.of(name))
    workroom.examines(recording)
    with workroom.working():
        found = workroom.settled(recording)
    assert (found.condition, found.playability) == (condition, Playability.UNPLAYABLE)
    (aside,) = workroom.quarantined(recording)
    assert words in aside.reason
    assert not workroom.rows(recording)
    assert workroom.history(recording)[-2:] == ["recording.examined", "recording.quarantined"]


def test_damage_that_only_a_whole_look_shows_brings_an_encoded_copy(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = bytearray(footage.of("index-first.mp4").read_bytes())
    for place in range(len(body) - 2500, len(body) - 2000):
        body[place] ^= 0x5A  # behind the pictures that the first look decodes
    path = footage.folder / "late-damage.mp4"
    path.write_bytes(body)
    recording = workroom.keeps(path)
    workroom.examines(recording)
    with workroom.working():
        assert workroom.settled(recording).playability is Playability.PLAYABLE
        rows = until(lambda: _two_copies(workroom, recording), within=90, what="a second copy")
    assert workroom.recording(recording).condition is Condition.DAMAGED
    assert {row.method for row in rows} == {RenditionMethod.DIRECT, RenditionMethod.TRANSCODE}


def _two_copies(workroom: Workroom, recording: object) -> list[Rendition] | None:
    rows = [row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK]  # type: ignore[arg-type]
    return rows if len([row for row in rows if row.state is RenditionState.READY]) == 2 else None


def test_a_copy_that_fails_says_why_and_a_person_can_ask_again(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = workroom.keeps(footage.of("hevc.mp4"))
    workroom.examines(recording)
    with monkeypatch.context() as broken:
        broken.setattr("transcode.ffmpeg.INDEX_FIRST", "+nonsense")
        broken.setattr("transcode.ffmpeg.FRAGMENTS", "+nonsense")
        with workroom.working():
            found = workroom.settled(recording)
            rows = workroom.finished(recording, within=40)
    assert found.playability is Playability.FAILED
    row = rows[RenditionKind.PLAYBACK]
    beside = {kind: each.state for kind, each in rows.items() if kind is not RenditionKind.PLAYBACK}
    assert beside == dict.fromkeys(beside, RenditionState.READY), "what is shown beside it is made of the master"
    assert row.state is RenditionState.FAILED
    assert row.reason
    assert "making the playback copy" in row.reason
    (aside,) = workroom.quarantined(recording)
    assert aside.reason == found.playability_reason == f"{NO_COPY}: {row.reason}."
    with workroom.house.writing() as session:
        render_again(session, row.id, by=PERSON)
    with workroom.working():
        assert workroom.settled(recording).playability is Playability.PLAYABLE
        numbered = workroom.finished(recording)[RenditionKind.FRAMES]
    assert numbered.facts["replaces"] == rows[RenditionKind.FRAMES].sha256, "pictures are numbered by what plays"
    assert "rendition.retried" in workroom.history(recording)
    assert "rendition.failed" in workroom.history(recording)


def test_a_copy_that_does_not_fit_is_encoded_instead(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transcode.errors import OutputUntrue

    def untrue(_work: making.Work) -> making.Made:
        raise OutputUntrue(("packets of stream 0 are not the master's",))

    monkeypatch.setattr(making, "_copied", untrue)
    recording = workroom.keeps(footage.of("h264.mkv"))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is RenditionMethod.TRANSCODE
    assert "copying did not succeed" in rows[RenditionKind.PLAYBACK].why


def test_bytes_that_are_not_the_master_s_are_an_incident(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = workroom.keeps(footage.of("hevc.mp4"))
    workroom.examines(recording)
    honest = workroom.house.masters.read
    other = footage.of("asp.avi").read_bytes()
    monkeypatch.setattr(workroom.house.masters, "read", lambda *_, **__: iter([other]))
    with workroom.working():
        found = workroom.settled(recording)
        rows = workroom.finished(recording, within=40)
    assert found.playability is Playability.FAILED
    assert all("the store gave bytes with SHA-256" in (row.reason or "") for row in rows.values())
    with workroom.house.reading() as session:
        (incident,) = session.scalars(select(Incident).where(Incident.kind == IncidentKind.FIXITY_FAILED)).all()
    assert incident.recording_id == recording
    monkeypatch.setattr(workroom.house.masters, "read", honest)


def test_a_result_whose_lease_was_lost_is_not_written(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker took the job over while this one was at work: nothing commits, and nothing is left behind."""
    recording = workroom.keeps(footage.of("h264.ts"))
    workroom.examines(recording)
    lost: list[str] = []
    honest = render.make

    def overtaken(work: making.Work) -> making.Made:
        made = honest(work)
        if not lost:
            lost.append("once")
            with workroom.house.writing() as session:
                session.execute(
                    update(Rendition).where(Rendition.recording_id == recording).values(reason="still waiting")
                )
                session.connection().exec_driver_sql(
                    "UPDATE procrastinate_jobs SET attempts = attempts + 1 WHERE task_name = 'transcode.render'"
                )
        return made

    monkeypatch.setattr(render, "make", overtaken)
    with workroom.working():
        until(lambda: lost, within=60, what="the take-over")
        until(lambda: "rendition.planned" in workroom.history(recording), what="a plan")
    rows = [row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK]
    assert [row.state for row in rows] == [RenditionState.WANTED]
    assert "rendition.made" not in workroom.history(recording)


def test_the_sweep_nudges_rows_whose_job_is_gone(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("h264.flv"))
    long_ago = clock.now() - timedelta(hours=1)
    with workroom.house.writing() as session:
        workroom_row = workroom.recording(recording)
        session.merge(workroom_row).registered_at = long_ago
    with workroom.house.writing() as session:
        assert sweep.nudge_recordings(session) == 1
        assert sweep.nudge_recordings(session) == 0
    with workroom.working():
        workroom.settled(recording)
        rows = workroom.finished(recording)
    with workroom.house.writing() as session:
        for row in rows.values():
            kept = session.get_one(Rendition, row.id)
            kept.state, kept.asked_at = RenditionState.WANTED, long_ago
        session.connection().exec_driver_sql("DELETE FROM procrastinate_jobs")
    with workroom.house.writing() as session:
        assert sweep.nudge_renditions(session) == 1, "what is shown beside it comes with the copy, or after it"
    with workroom.working():
        assert all(row.state is RenditionState.READY for row in workroom.finished(recording).values())


def test_a_clip_whose_key_came_later_is_encrypted_and_not_unknown(workroom: Workroom, footage: Footage) -> None:
    recording = workroom.keeps(footage.of("sealed.mkv"))
    key = workroom.keeps(footage.of("key.key"), label="other")
    workroom.examines(recording)
    with workroom.working():
        assert workroom.settled(recording).condition is Condition.UNKNOWN
        with workroom.house.writing() as session:
            session.add(
                Sidecar(
                    master_id=key,
                    recording_id=recording,
                    device_label="cam-1",
                    name_raw=b"key.key",
                    name_shown="key.key",
                    kind="axis-key",
                    facts={"encrypted": True},
                )
            )
        with workroom.house.writing() as session:
            assert sweep.nudge_recordings(session) == 1
        until(lambda: workroom.recording(recording).condition is Condition.ENCRYPTED, what="the new word")


def test_a_render_that_is_called_off_leaves_the_row_waiting(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called_off(_work: making.Work) -> making.Made:
        raise JobStopped("called off")

    monkeypatch.setattr(render, "make", called_off)
    recording = workroom.keeps(footage.of("hevc.mp4"))
    workroom.examines(recording)
    with workroom.working():
        until(lambda: workroom.recording(recording).playability is Playability.PREPARING, what="a plan")
    rows = [row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK]
    assert [row.state for row in rows] == [RenditionState.WANTED]


def test_what_cannot_be_pictured_is_still_counted(
    workroom: Workroom, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LARGEST_FILE", 1)  # no picture fits: the first child is ended by its limit
    recording = workroom.keeps(footage.of("silent.mp4"))
    workroom.examines(recording)
    with workroom.working():
        rows = workroom.finished(recording)
    assert rows[RenditionKind.POSTER].state is RenditionState.FAILED
    assert read_manifest(stored_manifest(workroom, recording)).packets == 50
    assert workroom.history(recording)[-1] == "packets.counted"
