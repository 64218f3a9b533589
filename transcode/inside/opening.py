"""Opens a master with PyAV under the guards of design: containers by list, no protocol but a plain file,
pictures and streams bounded, tags that are not UTF-8 replaced.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import av
import av.logging
from av.container import InputContainer
from av.stream import Disposition, Stream

from transcode.inside.guards import (
    FORMATS,
    MAX_PIXELS,
    MAX_STREAMS,
    MOST_READ_AHEAD,
    READ_AHEAD_BYTES,
    READ_AHEAD_MICROSECONDS,
    READ_AHEAD_OF_FILE,
    SHORT,
    kind_of_short,
)

ONE_READ = 64 * 1024
BLOCK = 1024 * 1024
BLOCKS_KEPT = 24
_ASKED = struct.Struct("<QI")
_GIVEN = struct.Struct("<i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the parent tells a task. `path` names a scratch file; empty, bytes come over `reads_fd`.

    Files are made in `folder`, a copy at `other`.
    """

    progress_fd: int
    reads_fd: int
    size: int
    path: str = ""
    folder: str = ""
    other: str = ""
    options: dict[str, object] = field(default_factory=dict)

    def tell(self, microseconds: int) -> None:
        """Say how far the work is, in FFmpeg's own progress words."""
        os.write(self.progress_fd, f"out_time_us={microseconds}\nprogress=continue\n".encode())


class NotServed(RuntimeError):
    """The parent stopped serving: the end of this child, and no word about the master."""


class ServedFile:
    """A master read through the parent, range by range. It has no name that FFmpeg could find neighbours by."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._channel, self._size, self._place = descriptor, size, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def tell(self) -> int:
        """The place of the next read."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move. Nothing is read."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """The next bytes, to the end of their block at most; none at the end."""
        if self._place >= self._size or size == 0:
            return b""
        number, start = divmod(self._place, BLOCK)
        block = self._block(number)
        data = block[start:] if size < 0 else block[start : start + size]
        self._place += len(data)
        return data

    def _block(self, number: int) -> bytes:
        """One block of the master, kept for the next time: demuxers hop between streams."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        # Plain write and read: the wall refuses the socket calls.
        os.write(self._channel, _ASKED.pack(number * BLOCK, BLOCK))
        (given,) = _GIVEN.unpack(self._exactly(_GIVEN.size))
        block = self._exactly(given)
        if not block:
            raise NotServed
        self._blocks[number] = block
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            more = os.read(self._channel, length - len(data))
            if not more:
                raise NotServed
            data += more
        return bytes(data)


def prepare() -> None:
    """Load what Python and FFmpeg load late, and let FFmpeg's errors go to standard error."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        # `datasets` downloads and `__main__` is a program; the rest PyAV loads when it first meets a kind of stream.
        if module.name not in ("av.datasets", "av.__main__"):
            importlib.import_module(module.name)
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.ERROR)


class Readable(Protocol):
    """As much of a file as PyAV asks for."""

    def read(self, size: int = -1) -> bytes: ...

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int: ...

    def tell(self) -> int: ...


class _Bounded:
    """A file that seems to end once `most` bytes of it have been read, until it is let go."""

    def __init__(self, file: Readable, most: int) -> None:
        self._file, self._left = file, most
        self._held, self.ended = True, False
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none where it seems to end."""
        if self._held and self._left <= 0:
            self.ended = True
            return b""
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def let_go(self) -> None:
        """From now on it is as long as it is."""
        self._held = False


class Master:
    """The master that a task works on, however its bytes come."""

    def __init__(self, task: Task) -> None:
        self.bytes: Readable = Path(task.path).open("rb") if task.path else ServedFile(task.reads_fd, task.size)  # noqa: SIM115 - the child ends with it
        self._name = f"file:{task.path}" if task.path else None
        self.late = False
        """Some track was only known after reading far ahead, since its first packet comes late."""

    def opened(self) -> InputContainer:
        """As a container, read far ahead only where a track is not known without that.

        What reading ahead finds is a gift: where it would take too much of the file, the first look stands. Raises
        av.FFmpegError where it is refused.
        """
        container = self._opened()
        unknown = _unknown(container)
        if not unknown:
            return container
        far = _how_far(container)
        container.close()
        bounded = _Bounded(self.bytes, MOST_READ_AHEAD)
        container = self._opened(bounded, ahead=far)
        if bounded.ended:
            # It met an end that is none, and would go on from there.
            container.close()
            return self._opened()
        bounded.let_go()
        self.late = _unknown(container) < unknown
        return container

    def _opened(self, bounded: _Bounded | None = None, *, ahead: int = 0) -> InputContainer:
        self.bytes.seek(0)
        kind = kind_of_short(self.bytes.read(SHORT))
        self.bytes.seek(0)
        return guarded(bounded or self._name or self.bytes, kind=kind, ahead=ahead)


def _how_far(container: InputContainer) -> int:
    """Over how many microseconds to read ahead. Bytes that pad a stream are in no packet, so that FFmpeg, which counts
    what packets hold, would read on through all of them.
    """
    if not container.duration or container.size <= 0:
        return READ_AHEAD_MICROSECONDS
    return max(1, min(READ_AHEAD_MICROSECONDS, container.duration * READ_AHEAD_OF_FILE // container.size))


def _unknown(container: InputContainer) -> int:
    """How many tracks of pictures or sound nothing more is known of than that they are there."""
    return sum(_is_unknown(stream) for stream in container.streams)


def _is_unknown(stream: Stream) -> bool:
    # A stream of no known codec has no context, whatever PyAV's annotations say.
    context: Any = stream.codec_context
    if context is None or stream.disposition & Disposition.attached_pic:
        return False
    if stream.type == "video":
        return not context.width
    return stream.type == "audio" and not (context.sample_rate and context.channels)


def guarded(
    source: str | Readable, *, formats: str | None = None, kind: str | None = None, ahead: int = 0
) -> InputContainer:
    """Open a container with every guard on; `formats` for one of our own making, `kind` where it is known for certain.

    `ahead`: over so many microseconds it is looked for what its tracks are, where FFmpeg by itself would look over
    fewer. Raises av.FFmpegError.
    """
    guards = {
        "format_whitelist": formats or FORMATS,
        "protocol_whitelist": "file",
        "max_pixels": str(MAX_PIXELS),
        "max_streams": str(MAX_STREAMS),
    }
    if ahead:
        guards |= {"probesize": str(READ_AHEAD_BYTES), "analyzeduration": str(ahead)}
    return av.open(source, mode="r", format=kind, options=guards, metadata_errors="replace", buffer_size=ONE_READ)
