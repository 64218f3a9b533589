"""A witness with both kinds of key, and a log that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.tlog.keys import VerifierKey
from evidence.witness.desk import Witness
from evidence.witness.keys import make_keys
from evidence.witness.memory import Memory
from tests.support.logs import SmallLog

NAME = "witness.example.test/w1"


@pytest.fixture(scope="session")
def small_log() -> SmallLog:
    """A log whose keys the witness trusts."""
    return SmallLog()


@pytest.fixture
def witness(small_log: SmallLog, tmp_path: Path) -> Witness:
    """A witness that has signed nothing yet."""
    logs = [VerifierKey.parse(each) for each in small_log.vkeys()]
    return Witness(make_keys(tmp_path / "keys", NAME), logs, Memory(tmp_path / "state"))
