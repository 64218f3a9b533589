"""An agent whose docked device loses a file before it was taken: told at once, followed to its new name, missed."""

from __future__ import annotations

from datetime import timedelta

from ingest import reconcile
from ingest.agent.account import account_of
from tests.integration.ingest.agent.bench import Bench
from tests.support.house import until


def test_a_file_that_vanishes_from_a_docked_device_is_an_incident_until_it_is_back(bench: Bench) -> None:
    world = bench.desk.world
    with world.working(), bench.running():
        path, kept = bench.put("clip.mp4", b"clip", old=False), bench.folder / "kept"
        with path.open("ab"):  # while somebody writes to it, it is not taken
            until(lambda: [one for one in bench.listed("clip.mp4") if "still writing" in str(one.reason)], what="why")
            path.rename(kept)
            bench.await_state("clip.mp4", "gone")
        assert reconcile.mark_vanished(world.house, after=timedelta(0)) == 1
        assert [gap.state for gap in account_of(bench.settings.state).gaps] == ["gone"]
        assert bench.sessions()[0].closed_at is None
        kept.rename(path)
        bench.await_state("clip.mp4", "receipted")
        assert bench.open_incidents() == []


def test_a_file_that_is_renamed_on_a_docked_device_is_no_incident(bench: Bench) -> None:
    world = bench.desk.world
    with world.working(), bench.running():
        path = bench.put("clip.mp4", b"clip", old=False)
        with path.open("ab"):
            until(lambda: [one for one in bench.listed("clip.mp4") if "still writing" in str(one.reason)], what="why")
            path.rename(path.with_name("renamed.mp4"))
            bench.await_state("clip.mp4", "gone")
            until(lambda: bench.listed("renamed.mp4"), what="its new name")
            until(lambda: bench.listed("clip.mp4")[-1].now_called, what="where it went")
            assert reconcile.mark_vanished(world.house, after=timedelta(0)) == 0
        bench.await_state("renamed.mp4", "receipted")
        assert bench.await_state("clip.mp4", "receipted").reason is not None
    assert bench.open_incidents() == []


def test_a_file_that_vanished_while_the_agent_did_not_run_is_missed(bench: Bench) -> None:
    world = bench.desk.world
    with bench.running():
        path = bench.put("clip.mp4", b"clip", old=False)
        with path.open("ab"):
            until(lambda: [one for one in bench.listed("clip.mp4") if "still writing" in str(one.reason)], what="why")
    path.unlink()
    with bench.running():
        bench.await_state("clip.mp4", "gone")
    assert reconcile.mark_vanished(world.house, after=timedelta(0)) == 1
