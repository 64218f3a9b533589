"""A nursery for sequencers: one warm process that starts a new one for each line it is given, and prints its pid.

    python -m tests.faults.sequencers DATABASE_URL STORE_SETTINGS KEYS

A fork takes milliseconds where a start takes seconds, so hundreds can be killed in minutes.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evidence.logs import start_logging
from evidence.sequencing.errors import MustHalt
from evidence.sequencing.sequencer import Pace, Sequencer
from evidence.store import StoreSettings
from tests.support.log import log_house, log_keys

PACE = Pace(look=0.02, checkpoint=0.05, again=0.05)
ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Starts sequencers. Whoever asks for one kills it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self) -> int:
        """A new sequencer; its pid."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("start\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(database_url: str, store: StoreSettings, folder: Path) -> Iterator[Nursery]:
    """A nursery for one log; what its sequencers say goes into the folder."""
    settings = folder / "store.pickle"
    settings.write_bytes(pickle.dumps(store))
    command = [sys.executable, "-m", "tests.faults.sequencers", database_url, str(settings), str(folder)]
    with (folder / "sequencers.log").open("ab") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        )
    try:
        yield Nursery(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def main() -> None:
    """Fork one for each line; end with the last line."""
    database_url, settings, folder = sys.argv[1:]
    store = pickle.loads(Path(settings).read_bytes())  # noqa: S301 - written by the test that started us
    for _ in sys.stdin:
        _reap()
        pid = os.fork()
        if pid == 0:
            _sequence(database_url, store, Path(folder))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _reap() -> None:
    """Let those go that were killed."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _sequence(database_url: str, store: StoreSettings, folder: Path) -> None:
    start_logging(process=f"sequencer {os.getpid()}")
    house = log_house(database_url, store)
    try:
        Sequencer(house, log_keys(house, folder), PACE).run(threading.Event())
    except MustHalt as reason:
        sys.stderr.write(f"halted: {reason}\n")
        sys.stderr.flush()
    finally:
        os._exit(4)


if __name__ == "__main__":
    main()
