"""Settings: what is unknown, unsafe or contradictory is refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.agent.errors import SettingsRefused
from ingest.agent.settings import Dock, Kind, Release, Settings, from_environment


def test_the_environment_is_read_and_arguments_win() -> None:
    environment = {
        "CONTINUITY_AGENT_SERVER": "https://evidence.example",
        "CONTINUITY_AGENT_DOCKS": os.pathsep.join(["/docks/a", "/docks/b"]),
        "CONTINUITY_AGENT_SUITES": "/suites",
        "CONTINUITY_AGENT_RELEASE": "delete",
        "CONTINUITY_AGENT_BANDWIDTH_MIB_PER_SECOND": "2.5",
        "CONTINUITY_DATA_DIR": "not ours",
    }
    settings = from_environment(environment, sweep_seconds=9.0)
    assert settings.docks == (
        Dock(Path("/docks/a")),
        Dock(Path("/docks/b")),
        Dock(Path("/suites"), Kind.SUITE),
    )
    assert (settings.release, settings.bandwidth_mib_per_second) == (Release.DELETE, 2.5)
    assert settings.sweep_seconds == 9.0


def test_by_default_nothing_is_let_go() -> None:
    assert from_environment({}).release is Release.KEEP


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SWEEP_SECOND", "5", "SWEEP_SECONDS"),
        ("SWEEP_SECONDS", "soon", "give a number"),
        ("SWEEP_SECONDS", "0", "out of bounds"),
        ("CONCURRENT_FILES", "2.5", "whole number"),
        ("RELEASE", "burn", "keep, delete or move"),
        ("RELEASE", "move", "RELEASED_TO"),
        ("RELEASED_TO", "/away", "not `move`"),
        ("ALLOW_PLAIN_HTTP", "perhaps", "yes or no"),
        ("BUFFER_MIB", "8", "out of bounds"),
        ("SERVER", "evidence.example", "http(s)"),
        ("SERVER", "http://evidence.example", "use https"),
        ("SERVER", "https://me:secret@evidence.example", "user name"),
        ("LOG_LEVEL", "loud", "debug"),
    ],
)
def test_what_is_not_understood_is_refused_in_words(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsRefused, match=words.replace("(", r"\(").replace(")", r"\)")):
        from_environment({f"CONTINUITY_AGENT_{name}": value})


def test_this_host_may_be_spoken_to_without_https() -> None:
    for address in ("http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"):
        assert Settings(server=address).enrolled_server() == address
    assert Settings(server="http://api:8000", allow_plain_http=True).server


def test_folders_that_would_feed_themselves_are_refused(tmp_path: Path) -> None:
    dock = Dock(tmp_path / "dock")
    for wrong in (
        {"state": tmp_path / "dock" / "state"},
        {"docks": (dock, Dock(tmp_path / "dock" / "inner"))},
        {"release": Release.MOVE, "released_to": tmp_path / "dock" / "done"},
    ):
        with pytest.raises(SettingsRefused):
            Settings(**{"state": tmp_path / "state", "docks": (dock,), **wrong})  # type: ignore[arg-type]


def test_a_dock_reached_through_a_link_is_the_same_dock(tmp_path: Path) -> None:
    (tmp_path / "dock").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "dock")
    with pytest.raises(SettingsRefused):
        Settings(state=tmp_path / "link" / "state", docks=(Dock(tmp_path / "dock"),))
