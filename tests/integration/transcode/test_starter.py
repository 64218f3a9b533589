"""The process out of which all children come: what they get of it, and what becomes of them when it or we end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.walls import wall_for_python
from transcode import child, starter
from transcode.child import Command, Listener
from transcode.ending import Ending, How
from transcode.errors import ChildBroke

WALL = wall_for_python(file_size=1 << 20, may_read=("/proc",))


@pytest.fixture(autouse=True)
def _own_starter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None that another test began, and none left behind."""
    begun: list[starter.Starter] = []
    monkeypatch.setattr(starter, "_starters", begun)
    yield
    for each in begun:
        each.close()


def shell(script: str, listener: Listener | None = None, *, seconds: float = 20) -> Ending:
    return child.run(Command(argv=("/bin/sh", "-c", script), wall=WALL, seconds=seconds), listener)


def test_a_child_has_its_pipes_and_nothing_of_the_starter_s() -> None:
    told = shell("exec ls /proc/self/fd").output.split()
    assert set(told) <= {b"0", b"1", b"2", b"3", b"4"}, "3 is what ls itself reads; the report is closed by then"


def test_a_child_has_a_session_of_its_own_and_dies_of_signals_that_the_starter_ignores() -> None:
    ending = shell("kill -TERM $$; sleep 20")
    assert (ending.how, ending.code) == (How.SIGNAL, signal.SIGTERM)


def test_children_of_many_threads_are_told_apart() -> None:
    with ThreadPoolExecutor(8) as pool:
        endings = list(pool.map(lambda number: shell(f"echo {number}; exit {number}"), range(40)))
    assert [int(each.output) for each in endings] == list(range(40))
    assert [each.code for each in endings] == list(range(40))
    assert len(starter._starters) == 1


def _when_it_speaks(do: Callable[[], None]) -> Listener:
    return Listener(output=lambda _said: do())


def test_the_end_of_the_starter_is_no_word_about_the_master_and_the_next_child_has_another() -> None:
    first = starter.starter()
    with pytest.raises(ChildBroke) as broke:
        shell("echo $$; exec sleep 20", _when_it_speaks(lambda: os.kill(first.pid, signal.SIGKILL)))
    assert broke.value.try_again
    assert broke.value.ending.how is How.LOST
    assert shell("echo well").output == b"well\n"
    assert starter.starter() is not first


def test_a_starter_that_hangs_is_ended_and_another_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "PATIENCE", 1.0)
    first = starter.starter()
    os.kill(first.pid, signal.SIGSTOP)
    # A child that could not be begun is begun by the next starter; who asks meanwhile waits no longer.
    assert shell("echo well").output == b"well\n"
    assert not first.lives
    second = starter.starter()
    with pytest.raises(ChildBroke) as broke:
        shell("echo $$; exec sleep 20", _when_it_speaks(lambda: os.kill(second.pid, signal.SIGSTOP)), seconds=2)
    assert broke.value.ending.how is How.LOST
    assert not second.lives


def test_the_children_of_a_starter_end_with_it() -> None:
    said: list[int] = []
    first = starter.starter()

    def take(data: bytes) -> None:
        said.append(int(data))
        os.kill(first.pid, signal.SIGKILL)

    with pytest.raises(ChildBroke):
        shell("echo $$; exec sleep 20", Listener(output=take))
    _await_end(said[0])


def test_a_starter_ends_when_nobody_wants_children_any_more() -> None:
    pid = starter.starter().pid
    starter.starter().close()
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_has_started_many_is_replaced_when_its_last_child_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "MOST_STARTS", 2)
    first = starter.starter()
    stopping, begun = threading.Event(), threading.Event()
    listener = Listener(stopping=stopping, output=lambda _said: begun.set())
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(shell, "echo; exec sleep 20", listener)
        assert begun.wait(10)
        shell("exit 0")
        assert starter.starter() is not first
        assert first.lives, "a child of it still runs"
        stopping.set()
        assert long.result().how is How.STOPPED
    for _ in range(2):
        shell("exit 0")
    starter.starter()
    assert not first.lives


def _await_end(pid: int) -> None:
    end = time.monotonic() + 10
    while True:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            assert time.monotonic() < end, "the child outlived its starter"
            time.sleep(0.02)
            continue
        return
