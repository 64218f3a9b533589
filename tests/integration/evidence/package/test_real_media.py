"""A package of a recording that was really examined and copied: its packets are shown to be the master's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evidence.completeness.claims import Verdict
from evidence.outside.rotating import enter
from evidence.outside.rotating import make as make_keys
from evidence.package.check import check
from evidence.package.make import Order, make
from evidence.sequencing.sequencer import Sequencer
from evidence.store import StoreSettings
from evidence.tlog.policy import parse_policy
from evidence.vocabulary import RenditionKind, RenditionMethod
from tests.integration.evidence.package.conftest import MAKER
from tests.support.house import World
from tests.support.log import QUICK, sequencing
from tests.support.media import Footage
from tests.support.workroom import Workroom
from transcode.settings import TranscodeSettings


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Small true recordings."""
    return Footage(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def workroom(database_url: str, own_custody: StoreSettings, tmp_path: Path) -> Iterator[Workroom]:
    """A house with a workroom in it, and a log of its own."""
    world = World(database_url, own_custody, tmp_path)
    yield Workroom(world, TranscodeSettings(scratch=tmp_path / "scratch"))
    world.close()


def test_a_copy_in_another_container_is_shown_to_be_the_masters_packets(
    workroom: Workroom, footage: Footage, tmp_path: Path
) -> None:
    recording, out = workroom.keeps(footage.of("h264.mkv")), tmp_path / "package"
    keys = make_keys(tmp_path / "log-keys", workroom.house.settings.log_origin)
    enter(workroom.house, keys)
    with workroom.working():
        workroom.examines(recording)
        workroom.settled(recording)
        rows = workroom.finished(recording)
    assert rows[RenditionKind.PLAYBACK].method is RenditionMethod.REMUX
    with sequencing(Sequencer(workroom.house, keys, pace=QUICK)) as raised:
        make(workroom.house, Order(recordings=(recording,)), out, by=MAKER)
    assert not raised, raised
    policy = "".join([*(f"log {key.text()}\n" for key in keys.vkeys()), "quorum none\n"])
    checked = check(out, policy=parse_policy(policy.encode()))
    [working] = [each for each in checked.claims if each.claim == "working"]
    assert working.verdict is Verdict.PROVED, working
    assert "packets are the master's" in working.words
    assert checked.holds
    (tmp_path / "policy").write_text(policy)
    verify = [sys.executable, "-I", out / "custody/verify.py", "--json", "--policy", tmp_path / "policy", out]
    told = json.loads(subprocess.run(verify, capture_output=True, check=True, timeout=60).stdout)
    assert {(each["claim"], each["subject"]): each["verdict"] for each in told["claims"]} == {
        (each.claim, each.subject): each.verdict.value for each in checked.claims
    }
