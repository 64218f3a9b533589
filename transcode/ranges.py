"""Reads a master in fewer, larger pieces when it is read in order."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from transcode.child import Ranges

AHEAD: Final = 8 << 20


class ReadAhead:
    """Ranges whose next piece is fetched together with the one that is asked for, while reading goes straight on."""

    def __init__(self, source: Ranges) -> None:
        self._source = source
        self.size = source.size
        self._start, self._kept = 0, b""
        self.fetched = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at a place, less than asked at the end only."""
        end = min(offset + length, self.size)
        if not (self._start <= offset and end <= self._start + len(self._kept)):
            straight_on = bool(self._kept) and offset == self._start + len(self._kept)
            wanted = max(length, AHEAD) if straight_on else length
            self._kept = self._source.read_at(offset, min(wanted, self.size - offset))
            self._start = offset
            self.fetched += len(self._kept)
        begin = offset - self._start
        return self._kept[begin : begin + length]


class FileRanges:
    """A file of ours as ranges, open while it is used as a context."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.size = path.stat().st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes at a place, less than asked at the end only."""
        self._file.seek(offset)
        return self._file.read(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
