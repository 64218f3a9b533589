"""The encoder of a copy made whole is killed, after the job had lost a worker: only what ended the encoder counts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import imageio_ffmpeg
import psutil
import pytest

from evidence import jobs
from evidence.models import Rendition
from evidence.vocabulary import RenditionKind, RenditionState
from tests.faults.cables import BRISK, Host
from tests.support.hosts import environment_of
from tests.support.house import until
from tests.support.workroom import Workroom
from transcode import results

SAID = {
    "CONTINUITY_TRANSCODE_SLOTS": "1",
    "CONTINUITY_TRANSCODE_ENCODER": "software",
    "CONTINUITY_TRANSCODE_QUALITY_FIRST": "0",
}


@pytest.fixture
def host(workroom: Workroom, tmp_path: Path) -> Iterator[Host]:
    """A host at work."""
    host = Host("north", None, environment_of(workroom.world) | SAID, tmp_path)
    host.start(**BRISK)
    yield host
    host.stop()


@pytest.fixture
def recording(workroom: Workroom, tmp_path: Path) -> UUID:
    """MPEG-2 in a transport stream, which no browser plays; it encodes for some seconds."""
    path = tmp_path / "interview.ts"
    source = "testsrc2=size=1280x720:rate=25:duration=12"
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"]
    made = ["-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "-q:v", "6", "-g", "25", str(path)]
    subprocess.run([*program, *made], check=True)
    return workroom.keeps(path)


def _encoder(host: Host, but: set[int]) -> psutil.Process | None:
    """A child that has become FFmpeg and encodes the copy, and none of those."""
    for each in host.encoders():
        with suppress(psutil.NoSuchProcess):
            if each.pid not in but and "libx264" in " ".join(each.cmdline()):
                return each
    return None


def _playback(workroom: Workroom, recording: UUID) -> Rendition:
    return next(row for row in workroom.rows(recording) if row.kind is RenditionKind.PLAYBACK)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [1, 2])
def test_a_worker_that_was_lost_before_does_not_count_as_a_killed_encoder(
    workroom: Workroom, host: Host, recording: UUID, kills: int
) -> None:
    workroom.examines(recording)
    seen: set[int] = set()
    seen.add(until(lambda: _encoder(host, seen), within=60, what="an encoder").pid)
    host.kill()
    host.start(**BRISK)
    for _ in range(kills):
        encoder = until(lambda: _encoder(host, seen), within=60, what="another encoder")
        seen.add(encoder.pid)
        encoder.kill()
    workroom.settled(recording, within=150)
    made = _playback(workroom, recording)
    assert made.state is (RenditionState.READY if kills == 1 else RenditionState.FAILED), made.reason
    assert ("signal 9" in (made.reason or "")) is (kills == 2)
    assert results.ENDED not in made.facts, "asked for again it begins anew"
    assert made.job_id is not None
    with workroom.house.reading() as session:
        assert jobs.status(session, [made.job_id])[made.job_id].attempt == 1 + kills + (kills == 1)
