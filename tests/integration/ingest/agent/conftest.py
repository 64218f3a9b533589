"""Fixtures for the agent: the real front desk on loopback, real servers behind it, docks that are folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ingest.agent.bench import Bench, FrontDesk
from tests.support.house import World


@pytest.fixture
def desk(world: World) -> Iterator[FrontDesk]:
    """The front desk, open."""
    made = FrontDesk(world)
    made.open()
    yield made
    made.close()


@pytest.fixture
def bench(desk: FrontDesk, tmp_path: Path) -> Bench:
    """An enrolled dock bench."""
    made = Bench(desk, tmp_path)
    made.enrol()
    return made
