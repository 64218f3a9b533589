"""The shared vectors of RFC 3161, where they are there, and an authority for a whole session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.authority import Authority


@pytest.fixture(scope="session")
def tokens_folder() -> Path:
    """`vectors/rfc3161` of the shared folder; skips where there is none."""
    beside = Path(__file__).resolve().parents[5] / "shared"
    folder = Path(os.environ.get("CONTINUITY_SHARED", beside)) / "vectors" / "rfc3161"
    if not folder.is_dir():
        pytest.skip("no shared vectors here (CONTINUITY_SHARED)")
    return folder


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority, whose certificates take half a second to make."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority(one_authority: Authority) -> Iterator[Authority]:
    """The authority, well-behaved until it is told otherwise."""
    yield one_authority
    one_authority.misbehaves = None
