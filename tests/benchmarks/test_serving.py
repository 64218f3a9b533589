"""Media bytes through our own address, signed in and recorded, against the same bytes straight from the store.

The same reading program on both sides: one connection, pieces of 1 MiB, thrown away.
BENCH_SERVING_SECONDS, BENCH_ROUNDS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.film import film
from tests.benchmarks.reference import Spent, Store, run
from tests.benchmarks.scene import await_playable, dock, middle, rounds
from tests.benchmarks.sheet import Sheet
from tests.faults.cargo import chance_of, place_long_ago
from tests.faults.reckoning import s3_as_admin
from tests.faults.system import REPOSITORY, System

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

SECONDS = int(os.environ.get("BENCH_SERVING_SECONDS", "1080"))  # about 1 GiB
MIDDLE = 64 << 20  # bytes of one range out of the middle


def test_media_through_our_own_address(room: Callable[[float], Path], sheet: Sheet) -> None:
    place = room(4 * SECONDS / 900 + 4)
    path = film(place / "camera", "watched.mp4", seconds=SECONDS)
    place_long_ago(path, chance_of(1))
    size = path.stat().st_size
    with System(place / "data", [place / "dock"]) as system:
        dock(system, path.parent, "camera")
        recording, master = await_playable(system, "camera")
        token = system.command("token", "create", "--role", "supervisor")["token"]
        ours = f"{system.url}/api/v1/recordings/{recording.id}/media"
        key = {"Bucket": master.bucket, "Key": master.key, "VersionId": master.version_id}
        theirs = s3_as_admin(system).generate_presigned_url("get_object", Params=key, ExpiresIn=3600)
        bearer = {"Authorization": f"Bearer {token}"}
        half, part = size // 2, min(MIDDLE, size // 2)
        span = {"Range": f"bytes={half}-{half + part - 1}"}
        _compare(sheet, "the whole", size, (ours, bearer), (theirs, {}))
        _compare(sheet, "a range out of the middle", part, (ours, bearer | span), (theirs, span))
        cat = [Store(system.data).read(master.bucket, master.key).wall for _ in range(rounds(3))]
        whole = [_read(ours, bearer, size).wall for _ in range(rounds(3))]
        speeds = size / middle(whole) / 1e6, size / middle(cat) / 1e6
        sheet.add(
            "the whole, against s5cmd cat (several connections)", ours=speeds[0], reference=speeds[1], unit="MB/s"
        )


Address = tuple[str, dict[str, str]]


def _compare(sheet: Sheet, case: str, size: int, ours: Address, theirs: Address) -> None:
    """In turns."""
    mine: list[Spent] = []
    raw: list[Spent] = []
    for number in range(rounds(5)):
        turns = [(mine, ours), (raw, theirs)]
        for taken, address in turns if number % 2 == 0 else turns[::-1]:
            taken.append(_read(*address, size))
    walls = [middle([each.wall for each in taken]) for taken in (mine, raw)]
    sheet.add(
        f"{case} ({size / 1e6:.0f} MB), API against raw S3",
        ours=size / walls[0] / 1e6,
        reference=size / walls[1] / 1e6,
        unit="MB/s",
        limit=0.5,
        at_least=True,
        rounds_ours=[round(each.wall, 2) for each in mine],
        rounds_reference=[round(each.wall, 2) for each in raw],
    )


def _read(url: str, headers: dict[str, str], size: int) -> Spent:
    words = [f"{name}: {value}" for name, value in headers.items()]
    program = os.fspath(REPOSITORY / "tests" / "benchmarks" / "reader.py")
    return run([sys.executable, program, url, str(size), *words])
