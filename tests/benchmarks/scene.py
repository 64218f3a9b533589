"""A running system to measure: files appear on its dock, and records and journal say when each step was reached."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select

from evidence.models import Arrival, Master, Receipt, Recording
from ingest.agent import clock as agent_clock
from tests.faults.cargo import MIB, chance_of, place_long_ago, write_noise
from tests.faults.reckoning import ask_journals, opened
from tests.faults.system import System

WITHIN = 1800.0  # seconds for anything; a run that takes longer is broken, not slow


def rounds(default: int) -> int:
    """How often each measurement is made, in turns: BENCH_ROUNDS."""
    return int(os.environ.get("BENCH_ROUNDS", default))


def mib(name: str, default: int) -> int:
    """A size from the environment in MiB, in bytes."""
    return int(os.environ.get(name, default)) * MIB


def make_files(folder: Path, sizes: Sequence[int]) -> list[Path]:
    """Files of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    chance, made = chance_of(len(sizes)), []
    for number, size in enumerate(sizes):
        path = folder / f"{number:05}.bin"
        write_noise(path, size, chance)
        made.append(path)
    return made


def renew(files: Sequence[Path]) -> None:
    """Make other files of these at once: new first bytes, and an hour old again. They stay in the page cache."""
    chance = chance_of(time.time_ns())
    for path in files:
        with path.open("r+b") as file:
            file.write(chance.randbytes(min(4096, path.stat().st_size)))
        place_long_ago(path, chance)


def dock(system: System, folder: Path, device: str) -> None:
    """A folder becomes a docked camera, whole and at once."""
    folder.rename(system.docks[0] / device)


def undock(system: System, device: str, folder: Path) -> None:
    """The camera is taken away again."""
    (system.docks[0] / device).rename(folder)


def began_at(system: System, device: str) -> datetime:
    """When the agent took up the first of a device's files."""
    [(text,)] = ask_journals(system, "SELECT min(claimed_at) FROM files WHERE label = ?", device)
    return agent_clock.from_text(text)


def await_count(system: System, question: Select[int], count: int, what: str) -> None:
    """Wait until a count in the records is reached. Looks four times a second, which costs next to nothing."""
    with opened(system) as house:

        def is_reached() -> bool:
            time.sleep(0.25)
            with house.reading() as session:
                return (session.scalar(question) or 0) >= count

        system.until(is_reached, within=WITHIN, what=what)


def await_stored(system: System, device: str, count: int) -> datetime:
    """When the last of a device's files was stored; waits for it."""
    of_it = Arrival.device_label == device
    stored = select(func.count()).select_from(Arrival).where(of_it, Arrival.stored_at.is_not(None))
    await_count(system, stored, count, f"{count} stored files")
    return _moment(system, select(func.max(Arrival.stored_at)).where(of_it))


def await_receipted(system: System, device: str, count: int) -> datetime:
    """When the last of a device's receipts was issued; waits for it."""
    of_it = Arrival.device_label == device
    receipts = select(func.count()).select_from(Receipt).join(Arrival).where(of_it)
    await_count(system, receipts, count, f"{count} receipts")
    return _moment(system, select(func.max(Receipt.issued_at)).join(Arrival).where(of_it))


def await_playable(system: System, device: str) -> tuple[Recording, Master]:
    """The one recording of a device once it can be watched, and its master."""
    of_it = Recording.device_label == device
    playable = select(func.count()).select_from(Recording).where(of_it, Recording.playable_at.is_not(None))
    await_count(system, playable, 1, "a playable recording")
    with opened(system) as house, house.reading() as session:
        recording = session.scalars(select(Recording).where(of_it)).one()
        return recording, session.get_one(Master, recording.id)


def seconds(later: datetime | None, earlier: datetime) -> float:
    """From one moment to another, both of this machine."""
    assert later is not None
    return (later - earlier).total_seconds()


def _moment(system: System, question: Select[Any]) -> datetime:
    with opened(system) as house, house.reading() as session:
        found = session.scalar(question)
    assert isinstance(found, datetime)
    return found


def middle(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
