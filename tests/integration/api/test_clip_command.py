"""`continuity clip`: asked for at a terminal, made by a worker, written to a file, and recorded."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from evidence.custody.ledger import history
from evidence.jobs import Lane
from evidence.models import Recording
from tests.support.house import World
from tests.support.media import Footage
from tests.support.recordings import SOUND, VIDEO, Shelf
from transcode import tasks
from transcode.settings import TranscodeSettings

FILM = ({**VIDEO, "index": 0, "pixel_format": "yuv420p", "decoded": True}, {**SOUND, "index": 1, "decoded": True})


def environment(world: World) -> dict[str, str]:
    """The settings of this house, as a command reads them."""
    told = {name: getattr(world.settings, name) for name in world.settings.model_fields_set}
    plain = {name: each.get_secret_value() if isinstance(each, SecretStr) else str(each) for name, each in told.items()}
    return {**os.environ, **{f"CONTINUITY_{name.upper()}": each for name, each in plain.items()}}


def run(world: World, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "api", "clip", *words], capture_output=True, text=True, check=False, timeout=120,
        env=environment(world),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else " ".join((done.stdout + done.stderr).split())


def test_a_clip_is_made_and_written_and_both_are_recorded(
    world: World, shelf: Shelf, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = Footage(tmp_path_factory.mktemp("footage")).of("ntsc.mp4").read_bytes()
    reference = shelf.playing(body, streams=FILM)
    shelf.add_frames(reference, frames=90, step=1001, timescale=30000)
    out = tmp_path / "cut.mp4"
    settings = TranscodeSettings(scratch=tmp_path / "scratch")
    with world.working(tasks.tasks(world.house, settings), [Lane(("clips",), 1)]):
        # From the thirteenth frame (0.4004 s) to before the forty-sixth (1.5015 s).
        said = json.loads(
            run(world, reference, "--from", "0.4", "--to", "0:01.501", "--out", str(out), "--json", "--write-time")
        )
    assert said["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (said["facts"]["pictures"]["first"], said["facts"]["pictures"]["asked"]) == (12, 33)
    with world.house.reading() as session:
        subject = session.scalars(select(Recording.id)).one()
        lines = [line for line in history(session, subject) if line.type.value.startswith("clip.")]
    assert [line.type.value for line in lines] == ["clip.requested", "clip.made", "clip.downloaded"]
    assert lines[2].actor.startswith("command line")
    assert "is there already" in run(world, reference, "--from", "1", "--to", "2", "--out", str(out), code=1)
    assert "frames 1 to 90" in run(world, reference, "--from", "1", "--to", "91", code=1)
    assert "There is no recording" in run(world, "R0009999", "--from", "1", "--to", "2", code=1)
