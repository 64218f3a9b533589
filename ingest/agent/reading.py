"""The one read of a source: bytes go into borrowed memory, through every digest, and on to whoever sends them.

The digests are of exactly the bytes that are sent, because both come from the same memory. Whether these were the
file's bytes is asked of the system afterwards: a file that changed meanwhile is read again later.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass

from ingest.agent.budget import Budget, Loan
from ingest.agent.digests import CHUNK, Digester, Digests
from ingest.agent.errors import SourceChanged
from ingest.agent.sighting import Source, unreadable


@dataclass(frozen=True, slots=True)
class Part:
    """One part in memory; whoever takes it gives it back."""

    number: int
    loan: Loan
    hashed: Future[None] | None = None

    def give_back(self) -> None:
        """Return the memory, once nobody hashes it any more."""
        if self.hashed is not None:
            wait([self.hashed])
        self.loan.give_back()


class Reading:
    """Reads one open source from its first byte to its last, once.

    `aside` is an executor of one thread that takes the costliest digest off the reader, for files of many parts.
    """

    def __init__(self, source: Source, budget: Budget, aside: Executor | None = None) -> None:
        self._source, self._budget, self._aside = source, budget, aside
        self._last: Future[None] | None = None
        self._file = io.FileIO(source.handle, "rb", closefd=False)
        self._digester = Digester()
        self._update = self._digester.update if aside is None else self._digester.update_but_sha512

    def parts(self, part_size: int) -> Iterator[Part]:
        """Every part in order, full but for the last; one empty part for an empty file. Raises SourceError."""
        self._to_the_beginning()
        left = self._source.identity.size
        number = 0
        while left or not number:
            number += 1
            loan = self._budget.borrow(min(part_size, left))
            try:
                self._fill(loan.view)
            except BaseException:
                loan.give_back()
                raise
            left -= len(loan.view)
            if self._aside is not None:
                self._last = self._aside.submit(self._digester.update_sha512, loan.view)
            yield Part(number, loan, self._last)
        self._check_ended()

    def _to_the_beginning(self) -> None:
        """An earlier reading of the same handle, for its digests alone, left it at its end."""
        try:
            self._file.seek(0)
        except OSError as error:
            raise unreadable(error) from error

    def digests(self) -> Digests:
        """The digests of what has been read."""
        if self._last is not None:
            self._last.result()
        return self._digester.digests()

    def _fill(self, view: memoryview) -> None:
        """Read until the memory is full, each chunk through the digests while the processor still has it at hand."""
        start = 0
        while start < len(view):
            try:
                octets = self._file.readinto(view[start : start + CHUNK])
            except OSError as error:
                raise unreadable(error) from error
            if not octets:
                raise SourceChanged(
                    f"The file ended at {self._digester.size} bytes; {self._source.identity.size} were expected."
                )
            self._update(view[start : start + octets])
            start += octets

    def _check_ended(self) -> None:
        try:
            more = self._file.read(1)
        except OSError as error:
            raise unreadable(error) from error
        if more:
            raise SourceChanged(f"The file grew beyond {self._source.identity.size} bytes while it was read.")


def read_through(source: Source, budget: Budget) -> Digests:
    """Read a source for its digests alone."""
    reading = Reading(source, budget)
    for part in reading.parts(4 * CHUNK):
        part.give_back()
    return reading.digests()
