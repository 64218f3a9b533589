"""The one read: what happens to a file that is not what it was, and to the memory it is read into."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.agent.budget import Budget
from ingest.agent.errors import SourceChanged, SourceUnreadable, Stopping, TooLargeForBuffer
from ingest.agent.reading import Reading, read_through
from ingest.agent.sighting import look, opened

MIB = 1 << 20


def put(folder: Path, body: bytes) -> bytes:
    (folder / "clip.mp4").write_bytes(body)
    return os.fsencode(folder)


@pytest.fixture
def budget() -> Budget:
    return Budget(8 * MIB, threading.Event())


def test_the_digests_are_of_every_byte_once(tmp_path: Path, budget: Budget) -> None:
    body = os.urandom(5 * MIB + 3)
    with opened(put(tmp_path, body), b"clip.mp4") as source:
        assert read_through(source, budget).sha256 == hashlib.sha256(body).hexdigest()
        source.check_is(source.identity)


def test_with_another_thread_to_help_the_digests_are_the_same(tmp_path: Path, budget: Budget) -> None:
    with opened(put(tmp_path, os.urandom(7 * MIB + 3)), b"clip.mp4") as source, ThreadPoolExecutor(1) as aside:
        reading = Reading(source, budget, aside)
        for part in reading.parts(2 * MIB):
            part.give_back()
        helped = reading.digests()
    with opened(os.fsencode(tmp_path), b"clip.mp4") as source:
        assert read_through(source, budget) == helped


def test_parts_are_full_but_for_the_last_and_an_empty_file_has_one(tmp_path: Path, budget: Budget) -> None:
    for size, lengths in ((5 * MIB, [2 * MIB, 2 * MIB, MIB]), (2 * MIB, [2 * MIB]), (0, [0])):
        with opened(put(tmp_path, bytes(size)), b"clip.mp4") as source:
            found = []
            for part in Reading(source, budget).parts(2 * MIB):
                found.append((part.number, len(part.loan.view)))
                part.give_back()
        assert found == list(enumerate(lengths, start=1))


@pytest.mark.parametrize(("change", "words"), [(-1, "ended at"), (1, "grew beyond")])
def test_a_file_that_shrinks_or_grows_while_it_is_read(tmp_path: Path, budget: Budget, change: int, words: str) -> None:
    root = put(tmp_path, bytes(4 * MIB))
    with opened(root, b"clip.mp4") as source:
        parts = Reading(source, budget).parts(2 * MIB)
        next(parts).give_back()
        os.truncate(tmp_path / "clip.mp4", 4 * MIB + change)
        with pytest.raises(SourceChanged, match=words):
            list(parts)


def test_a_file_written_to_while_it_is_read_is_another_file(tmp_path: Path, budget: Budget) -> None:
    root = put(tmp_path, bytes(2 * MIB))
    with opened(root, b"clip.mp4") as source:
        before = source.identity
        read_through(source, budget)
        with (tmp_path / "clip.mp4").open("r+b") as file:
            file.write(b"other")
        with pytest.raises(SourceChanged, match="written to again"):
            source.check_is(before)


def test_a_file_replaced_while_it_is_read_is_still_whole_behind_its_handle(tmp_path: Path, budget: Budget) -> None:
    root = put(tmp_path, b"old" * MIB)
    with opened(root, b"clip.mp4") as source:
        (tmp_path / "new").write_bytes(b"new")
        (tmp_path / "new").replace(tmp_path / "clip.mp4")
        digests = read_through(source, budget)
        source.check_is(source.identity)
        seen = look(root, b"clip.mp4")
    assert digests.sha256 == hashlib.sha256(b"old" * MIB).hexdigest()
    assert seen is not None
    assert seen.identity != source.identity


def test_an_error_of_the_device_has_words(tmp_path: Path, budget: Budget) -> None:
    with opened(put(tmp_path, bytes(MIB)), b"clip.mp4") as source:
        reading = Reading(source, budget)
        os.dup2(os.open(tmp_path, os.O_RDONLY), source.handle)  # reading a folder fails like a broken device
        with pytest.raises(SourceUnreadable, match="cannot be read"):
            list(reading.parts(MIB))


def test_memory_is_lent_in_turn_and_never_beyond_the_budget(budget: Budget) -> None:
    first, second = budget.borrow(4 * MIB), budget.borrow(4 * MIB)
    served: list[int] = []

    def ask(size: int) -> None:
        loan = budget.borrow(size)
        served.append(size)
        loan.give_back()

    large = threading.Thread(target=ask, args=(8 * MIB,))
    large.start()
    small = threading.Thread(target=ask, args=(MIB,))
    while not budget.is_waited_for:
        threading.Event().wait(0.001)
    small.start()
    first.give_back()
    large.join(0.05)
    assert served == []
    second.give_back()
    large.join(5)
    small.join(5)
    assert served == [8 * MIB, MIB]


def test_a_part_larger_than_the_budget_says_which_setting_to_raise(budget: Budget) -> None:
    with pytest.raises(TooLargeForBuffer, match="BUFFER_MIB to 9"):
        budget.borrow(9 * MIB)


def test_waiting_for_memory_ends_at_the_stop_sign() -> None:
    stop = threading.Event()
    budget = Budget(MIB, stop)
    budget.borrow(MIB)
    stop.set()
    with pytest.raises(Stopping):
        budget.borrow(MIB)
