"""Reads a file through: when each picture is shown, how long each sound runs, and its packets counted."""

from __future__ import annotations

from typing import Any

import av
from av.container import InputContainer

from transcode.inside import probe
from transcode.inside.opening import Master, Task
from transcode.inside.packets import Counter, every_packet

MICROSECONDS = 1_000_000
TELL_EVERY = 2000


def run(task: Task) -> dict[str, Any]:
    """Read the streams that `options` names, or all of them. `refused` where it cannot be opened.

    With `look` in `options` it is looked at as a master is, too: one child of ours for both, where both are wanted.
    """
    wanted: Any = task.options.get("streams")
    try:
        with Master(task).opened() as container:
            reading = Reading(Counter(container))
            reading.read(container, wanted if wanted is not None else [s.index for s in container.streams], task)
    except av.FFmpegError as error:
        return {"refused": str(error)[:500]}
    looked = {"looked_at": probe.run(task)} if task.options.get("look") else {}
    return {**reading.told(), **reading.counter.behind(task), **looked}


class Reading:
    """What one pass over a file has found. Times in microseconds, ticks in the pictures' own timescale."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.times: list[int] = []
        self.ticks: list[int] = []
        self.decoded_at: list[int] = []
        self.untimed = False
        self.start_us: int | None = None
        self.timescale = 0
        self.sound_us: dict[int, int] = {}
        self._bases: dict[int, tuple[int, int]] = {}

    def read(self, container: InputContainer, wanted: list[int], task: Task) -> None:
        """Every packet of the wanted streams, in order; of the others only the count is kept."""
        streams = [container.streams[index] for index in wanted]
        others = [stream for stream in self.counter.streams if stream.index not in wanted]
        for number, packet in enumerate(every_packet(container, [*streams, *others])):
            self.counter.take(packet)
            if packet.size == 0 or packet.stream_index not in wanted or (packet.pts is None and packet.dts is None):
                continue
            self.take(packet, wanted.index(packet.stream_index))
            if number % TELL_EVERY == 0 and packet.dts is not None:
                task.tell(self._microseconds(packet.dts, packet))

    def take(self, packet: Any, key: int) -> None:
        """One packet; `key` is its stream's place among the wanted ones."""
        moment = packet.pts if packet.pts is not None else packet.dts
        at = self._microseconds(moment, packet)
        self.start_us = at if self.start_us is None else min(self.start_us, at)
        if packet.stream.type != "video":
            ends = self._microseconds(moment + (packet.duration or 0), packet)
            self.sound_us[key] = max(self.sound_us.get(key, 0), ends)
        elif not packet.is_discard:
            # An edit list may cut off pictures that are in the file only to decode the others by.
            self._show(packet, moment)

    def _show(self, packet: Any, moment: int) -> None:
        numerator, self.timescale = self._base(packet)
        self.times.append(self._microseconds(moment, packet))
        self.ticks.append(moment * numerator)
        self.untimed |= packet.pts is None
        if packet.dts is not None:
            self.decoded_at.append(self._microseconds(packet.dts, packet))

    def _microseconds(self, ticks: int, packet: Any) -> int:
        numerator, denominator = self._base(packet)
        return round(ticks * numerator * MICROSECONDS / denominator)

    def _base(self, packet: Any) -> tuple[int, int]:
        """What a tick of the packet's stream is, in seconds. Asked once a stream: PyAV makes a Fraction each time."""
        base = self._bases.get(packet.stream_index)
        if base is None:
            made = packet.time_base
            base = self._bases[packet.stream_index] = (made.numerator, made.denominator)
        return base

    def told(self) -> dict[str, Any]:
        """For the parent. AVI says only when pictures are decoded, which is as evenly spaced."""
        by_decoding = self.untimed and len(self.decoded_at) == len(self.times)
        return {
            "times_us": self.decoded_at if by_decoding else self.times,
            "ticks": self.ticks,
            "timescale": self.timescale,
            "start_us": self.start_us or 0,
            "sound_us": [self.sound_us[key] for key in sorted(self.sound_us)],
            "counted": self.counter.told(),
        }
