"""Takes one stretch of a master's pictures out of it, packet by packet, into a small file of our own.

Every packet that is needed to decode the stretch is written, from a key frame on, with its own times. Only that part of
the master is read, where its container says where it lies; where it does not, reading begins earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.stream import Discard

from transcode.inside.opening import Master, Task
from transcode.inside.packets import every_packet

PARTS_FORMAT = "nut"
"""Keeps any codec's packets and any time base; nobody outside sends it, so no master is opened as one."""
SHIFT_SECONDS = 10
"""Added to every time while a part is under way, because the container has no times below zero."""
EARLIER_SECONDS = (0, 2, 10, 60)
TELL_EVERY = 500


class NotCut(ValueError):
    """The packets do not lie as they were surveyed."""


def run(task: Task) -> dict[str, Any]:
    """Write the stretch that `options` names to `other`; the times of its pictures. `refused` where it is not there."""
    try:
        return {"ticks": _cut(task)}
    except (av.FFmpegError, NotCut) as error:
        return {"refused": str(error)[:500]}


def shift_of(base: Fraction) -> int:
    """The shift in whole ticks of a time base."""
    return -(-SHIFT_SECONDS * base.denominator // base.numerator)


def _cut(task: Task) -> list[int]:
    for earlier in (*EARLIER_SECONDS, None):
        with Master(task).opened() as master:
            packets = _from_key(task, master, earlier)
            if packets is not None:
                return _write(task, packets)
    raise NotCut("its first key frame was not found again")


def _from_key(task: Task, master: Any, earlier: int | None) -> Iterator[Any] | None:
    """The packets from the key frame on; nothing where reading began too late to meet it."""
    index, begin = int(str(task.options["stream"])), int(str(task.options["begin"]))
    stream = master.streams[index]
    for other in master.streams:
        other.discard = Discard.default if other is stream else Discard.all
    if earlier is not None:
        place = begin // stream.time_base.numerator - int(earlier / stream.time_base)
        master.seek(place, stream=stream, backward=True)
    packets = (packet for packet in every_packet(master, [stream]) if packet.size)
    for packet in packets:
        if packet.pts is not None and _tick(packet) == begin:
            return _chained(packet, packets)
        if packet.dts is not None and packet.dts * packet.time_base.numerator > begin:
            return None
    return None


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _write(task: Task, packets: Iterator[Any]) -> list[int]:
    begin, first = int(str(task.options["begin"])), int(str(task.options["first"]))
    end: Any = task.options["end"]
    kept: list[int] = []
    with av.open(task.other, mode="w", format=PARTS_FORMAT) as part:
        stream, shift = None, 0
        for number, packet in enumerate(_needed(packets, begin, end)):
            tick = _tick(packet)
            if stream is None:
                stream, shift = part.add_stream_from_template(packet.stream), shift_of(packet.time_base)
                stream.time_base = packet.time_base
            if first <= tick and (end is None or tick < end):
                kept.append(tick)
            if number % TELL_EVERY == 0:
                task.tell(int((packet.pts - first) * packet.time_base * 1_000_000))
            packet.pts += shift
            packet.dts = None if packet.dts is None else packet.dts + shift
            packet.stream = stream
            part.mux(packet)
    return kept


def _needed(packets: Iterator[Any], begin: int, end: int | None) -> Iterator[Any]:
    """Without the leading pictures of the first key frame; with those of the one that ends the stretch, and with it."""
    ended = False
    for packet in packets:
        if packet.pts is None:
            raise NotCut("a picture has no time of its own")
        tick = _tick(packet)
        if ended and end is not None and tick > end:
            return
        ended = ended or tick == end
        if tick >= begin:
            yield packet
    if end is not None and not ended:
        raise NotCut("its last key frame was not found again")


def _tick(packet: Any) -> int:
    return int(packet.pts * packet.time_base.numerator)
