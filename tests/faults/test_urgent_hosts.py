"""One urgent copy made in parts by two hosts, one of which is killed in the middle: every part once, one whole copy."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import imageio_ffmpeg
import pytest

from evidence import jobs
from evidence.jobs import CurrentJob
from evidence.vocabulary import RenditionKind, RenditionState, SegmentState, UrgencyReason
from tests.faults.cables import BRISK, Host
from tests.support.cast import TEST
from tests.support.hosts import environment_of
from tests.support.house import until
from tests.support.workroom import Workroom
from transcode import parts, raising
from transcode.nudges import SEGMENT

SAID = {
    "CONTINUITY_TRANSCODE_SLOTS": "1",
    "CONTINUITY_TRANSCODE_PARTS_FROM_MINUTES": "0.2",
    "CONTINUITY_TRANSCODE_PART_SECONDS": "8",
}


@pytest.fixture
def two_hosts(workroom: Workroom, tmp_path: Path) -> Iterator[dict[str, Host]]:
    """Two hosts at work."""
    made = {name: Host(name, None, environment_of(workroom.world) | SAID, tmp_path) for name in ("north", "south")}
    for host in made.values():
        host.start(**BRISK)
    until(lambda: _up(workroom) >= set(made), within=120, what="both hosts at work")
    yield made
    for host in made.values():
        host.stop()


def _up(workroom: Workroom) -> set[str]:
    with workroom.house.reading() as session:
        return {
            each.host
            for each in jobs.hosts(session)
            if any(all(lane["worker"] is not None for lane in line.lanes) for line in each.processes)
        }


def _encoding(workroom: Workroom) -> CurrentJob | None:
    with workroom.house.reading() as session:
        found = [each for each in jobs.running(session) if each.task == SEGMENT and each.phase == "encoding a part"]
    return found[0] if found else None


@pytest.fixture
def recording(workroom: Workroom, tmp_path: Path) -> UUID:
    """A film that no browser plays."""
    path = tmp_path / "interview.avi"
    source = "testsrc2=size=1280x720:rate=25:duration=48"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", source,
            "-c:v", "mpeg4", "-q:v", "6", "-g", "50", "-vtag", "XVID", str(path),
        ],
        check=True,
    )  # fmt: skip
    return workroom.keeps(path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_dead_host_s_parts_are_made_elsewhere_and_once(
    workroom: Workroom, two_hosts: dict[str, Host], recording: UUID
) -> None:
    with workroom.house.writing() as session:
        raising.set_urgency(session, recording, UrgencyReason.CUSTODY, until=None, note="", by=TEST)
    workroom.examines(recording)
    struck = until(lambda: _encoding(workroom), within=120, what="a part under way")
    two_hosts[str(struck.host)].kill()
    made = workroom.finished(recording, within=300)[RenditionKind.PLAYBACK]
    assert made.state is RenditionState.READY, made.reason
    assert made.facts["made_in"]["parts"] >= 4, made.why
    assert made.facts["frames"] == made.facts["master_frames"] == 48 * 25
    with workroom.house.reading() as session:
        found = parts.parts_of(session, made)
        stands = jobs.status(session, [struck.id])
    assert all(part.state is SegmentState.READY for part in found)
    assert stands[struck.id].attempt >= 1, "the part that was struck was taken up again"
    assert workroom.history(recording).count("rendition.made") == len(workroom.rows(recording))
