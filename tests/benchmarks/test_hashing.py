"""The agent's three digests over memory, against `openssl dgst -sha256` and against hashlib's SHA-256 alone."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.agent.digests import Digester
from tests.benchmarks.reference import openssl_sha256
from tests.benchmarks.scene import make_files, middle
from tests.benchmarks.sheet import Sheet
from tests.faults.cargo import MIB

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

SIZE = 256 * MIB
ROUNDS = 7


def test_hashing(room: Callable[[float], Path], sheet: Sheet) -> None:
    [path] = make_files(room(2) / "camera", [SIZE])
    body = path.read_bytes()
    ours, alone, openssl = [], [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: Digester().update(body)))
        alone.append(_timed(lambda: hashlib.sha256(body)))
        openssl.append(openssl_sha256([path]).wall)
    speeds = [SIZE / middle(times) / 1e6 for times in (ours, alone, openssl)]
    sheet.add("SHA-256, SHA-512 and tree, against SHA-256 alone", ours=speeds[0], reference=speeds[1], unit="MB/s")
    sheet.add("the same, against openssl dgst -sha256", ours=speeds[0], reference=speeds[2], unit="MB/s")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
