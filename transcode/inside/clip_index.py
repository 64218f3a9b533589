"""Lists what a clip can be cut at: each picture's times and whether decoding can begin there, each sound's packets."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import av

from transcode.inside import clip_frames
from transcode.inside.fields import HEADER, IDR_SLICE, Fields
from transcode.inside.opening import Master, Task
from transcode.inside.packets import Counter, every_packet, length_size, neutral, parameter_sets, set_name

UNSAID = -(1 << 63)
KEY, IDR, HIDDEN, FIELD = 1, 2, 4, 8
"""IDR (ITU-T H.264, table 7-1): nothing that follows in decoding order refers to anything before it. HIDDEN: the packet
adds no picture to those shown. FIELD: it is half a picture; the second half is hidden, too.
"""
TELL_EVERY = 2000
MOST_SETS = 64


def run(task: Task) -> dict[str, Any]:
    """Index the picture stream `picture` (nothing where there is none) and every sound. `refused` where it broke."""
    try:
        with Master(task).opened() as container:
            index = Index(container, task.options.get("picture"))
            index.read(container, task)
    except (av.FFmpegError, ValueError) as error:
        return {"refused": str(error)[:500]}
    return index.told()


class Index:
    """One pass over a master."""

    def __init__(self, container: Any, picture: Any) -> None:
        self.counter = Counter(container)
        self.lines = {stream.index: _Line(stream) for stream in self.counter.streams}
        self.picture: int | None = picture if isinstance(picture, int) else None

    def read(self, container: Any, task: Task) -> None:
        """Every packet, in order."""
        for number, packet in enumerate(every_packet(container, self.counter.streams)):
            self.counter.take(packet)
            if not packet.size:
                continue
            self.lines[packet.stream_index].take(packet)
            if number % TELL_EVERY == 0 and packet.dts is not None:
                task.tell(int(packet.dts * packet.time_base * 1_000_000))

    def told(self) -> dict[str, Any]:
        """For the parent: the picture's line, the sounds' lines, and the packets counted."""
        sounds = [each.told() for each in self.lines.values() if each.kind == "audio"]
        picture = self.lines[self.picture].told() if self.picture in self.lines else None
        return {"picture": picture, "sounds": sounds, "counted": self.counter.told()}


def decoded(task: Task) -> dict[str, Any]:
    """When each picture of the stream `picture` is shown that the decoder gives, in that order."""
    ticks = array("q")
    with Master(task).opened() as container:
        stream = container.streams[int(str(task.options["picture"]))]
        for frame in clip_frames.decoded(container, stream):
            ticks.append(UNSAID if frame.pts is None else frame.pts)
            if len(ticks) % TELL_EVERY == 0 and frame.pts is not None:
                task.tell(int(frame.pts * frame.time_base * 1_000_000))
    return {"ticks": base64.b64encode(ticks).decode()}


def hashes(task: Task) -> dict[str, Any]:
    """SHA-256 of packets `first` up to `end` of each wanted stream, each without what containers add."""
    wanted: Any = task.options["wanted"]
    found = {int(index): bytearray() for index in wanted}
    seen = dict.fromkeys(found, 0)
    with Master(task).opened() as container:
        streams = [container.streams[index] for index in found]
        forms = {each.index: _form(each) for each in streams}
        for packet in every_packet(container, streams):
            if not packet.size:
                continue
            index = packet.stream_index
            first, end = wanted[str(index)]
            if first <= seen[index] < end:
                found[index] += sha256(neutral(forms[index][0], bytes(packet), forms[index][1])[0]).digest()
            seen[index] += 1
    return {"hashes": {index: base64.b64encode(each).decode() for index, each in found.items()}}


def _form(stream: Any) -> tuple[str, int]:
    context: Any = stream.codec_context
    codec = context.codec.canonical_name if context is not None else "unknown"
    return codec, length_size(codec, bytes(context.extradata or b"") if context is not None else b"")


class _Line:
    """One stream's packets in decoding order."""

    def __init__(self, stream: Any) -> None:
        context: Any = stream.codec_context
        self.index, self.kind = stream.index, stream.type
        self.codec = context.codec.canonical_name if context is not None else "unknown"
        self.base = [stream.time_base.numerator, stream.time_base.denominator] if stream.time_base else [1, 1]
        self.starts = stream.start_time or 0
        extradata = bytes(context.extradata or b"") if context is not None else b""
        self.lengths = length_size(self.codec, extradata)
        self.rate = int(context.sample_rate or 0) if context is not None and stream.type == "audio" else 0
        pace = stream.guessed_rate if stream.type == "video" else None
        self.pace = [pace.numerator, pace.denominator] if pace and pace > 0 else [0, 1]
        self.pts, self.dts, self.lasting, self.flags = array("q"), array("q"), array("q"), bytearray()
        self.sets: dict[bytes, bytes] = {}
        self.resets = False
        self.fields = Fields()
        if self.codec == "h264":
            self._learn(parameter_sets("h264", extradata))

    def take(self, packet: Any) -> None:
        self.pts.append(UNSAID if packet.pts is None else packet.pts)
        self.dts.append(UNSAID if packet.dts is None else packet.dts)
        self.lasting.append(packet.duration or 0)
        flags = (KEY if packet.is_keyframe else 0) | (HIDDEN if packet.is_discard else 0)
        if self.codec == "h264":
            data = bytes(packet)
            left, sets = neutral("h264", data, self.lengths)
            self._learn(sets)
            units = list(units_of(left, 4 if left is not data else self.lengths or 4))
            flags |= IDR if packet.is_keyframe and any(unit[0] & 31 == IDR_SLICE for unit in units) else 0
            alone, second = self.fields.take(units)
            flags |= (FIELD if alone else 0) | (HIDDEN if second else 0)
        self.flags.append(flags)

    def _learn(self, sets: list[bytes]) -> None:
        for unit in sets:
            self.fields.learn(unit)
            name = set_name("h264", unit)
            if self.sets.setdefault(name, unit) != unit or len(self.sets) > MOST_SETS:
                self.resets = True

    def told(self) -> dict[str, Any]:
        columns: dict[str, Any] = {"pts": self.pts, "dts": self.dts, "lasting": self.lasting, "flags": self.flags}
        return {
            "index": self.index,
            "codec": self.codec,
            "base": self.base,
            "starts": self.starts,
            "rate": self.rate,
            "pace": self.pace,
            "lengths": self.lengths,
            "sets": [each.hex() for each in self.sets.values()],
            "resets": self.resets,
            **{name: base64.b64encode(column).decode() for name, column in columns.items()},
        }


def units_of(data: bytes, width: int) -> Iterator[bytes]:
    """The beginnings of a packet's units, which stand behind their lengths of `width` bytes."""
    place = 0
    while place + width < len(data):
        size = int.from_bytes(data[place : place + width], "big")
        place += width
        yield data[place : place + min(size, HEADER)]
        place += size
