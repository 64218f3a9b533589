"""A yard for each test: a database of its own, and worker processes that end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.integration.evidence.jobs.yard import Yard


@pytest.fixture
def yard(database_url: str, tmp_path: Path) -> Iterator[Yard]:
    """A database, worker processes on demand, and the book that they write."""
    made = Yard(database_url, tmp_path)
    yield made
    made.close()


@pytest.fixture
def session(yard: Yard) -> Iterator[Session]:
    """A session that the test commits itself."""
    with Session(yard.engine) as opened:
        yield opened
