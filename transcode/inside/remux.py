"""Copies packets into MP4, and reads the master through on the way."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer

from transcode.inside.opening import Master, Task
from transcode.inside.packets import Counter, every_packet
from transcode.inside.tables import Reading

TELL_EVERY = 500
GOES_BACK = Fraction(1, 10)
"""Seconds; as `clip_numbers` has it, which is FFmpeg's own word."""
NEVER = -(1 << 63)


def run(task: Task) -> dict[str, Any]:
    """Copy the streams that `options` names from the master to `other`. `refused` where a packet does not fit, `lapped`
    where that is because the master's clock has started again.
    """
    wanted: Any = task.options["streams"]
    try:
        with Master(task).opened() as master, _created(task) as copy:
            reading = Reading(Counter(master))
            _copy(task, master, copy, wanted, reading)
    except _StartsAgain:
        return {"lapped": True}
    except av.FFmpegError as error:
        return {"refused": str(error)[:500]}
    return {**reading.told(), **reading.counter.behind(task)}


class _StartsAgain(Exception):
    """A packet is to be decoded long before the one that it follows."""


def _created(task: Task) -> OutputContainer:
    return av.open(task.other, mode="w", format="mp4", options={"movflags": str(task.options["movflags"])})


def _copy(task: Task, master: InputContainer, copy: OutputContainer, wanted: list[int], reading: Reading) -> None:
    outgoing = {index: copy.add_stream_from_template(master.streams[index]) for index in wanted}
    streams = [master.streams[index] for index in wanted]
    bare = {stream.index: BitStreamFilterContext("aac_adtstoasc", stream) for stream in streams if _has_headers(stream)}
    start = first_start(streams)
    back = {stream.index: int(GOES_BACK / (stream.time_base or 1)) for stream in streams}
    least = dict.fromkeys(wanted, NEVER)
    # What is not copied is read past anyway: counting it costs next to nothing.
    others = [stream for stream in reading.counter.streams if stream.index not in wanted]
    for number, packet in enumerate(every_packet(master, [*streams, *others])):
        index = packet.stream_index
        reading.counter.take(packet)
        if packet.size == 0 or index not in wanted or (packet.pts is None and packet.dts is None):
            continue
        reading.take(packet, wanted.index(index))
        if number % TELL_EVERY == 0 and packet.dts is not None:
            task.tell(int(packet.dts * packet.time_base * 1_000_000))
        _shift(packet, start)
        if packet.dts is not None:
            if packet.dts < least[index]:
                raise _StartsAgain
            least[index] = packet.dts - back[index]
        for each in bare[index].filter(packet) if index in bare else (packet,):
            each.stream = outgoing[index]
            copy.mux(each)


def _has_headers(stream: Any) -> bool:
    """It is AAC that says before each frame how it is coded. MP4 says it once, and its fragments take no other."""
    context = stream.codec_context
    return context is not None and context.codec.canonical_name == "aac" and not context.extradata


def first_start(streams: list[Any]) -> Fraction:
    """When the first of these streams begins, in seconds; data streams of a broadcast may begin long before."""
    begins = [stream.start_time * stream.time_base for stream in streams if stream.start_time is not None]
    # Below zero where a transport stream's clock wraps on the way; the run-in of AAC lies before a stream's start.
    return min(begins, default=Fraction(0))


def _shift(packet: Any, start: Fraction) -> None:
    """Let the copy begin at zero, as every player expects."""
    if packet.pts is None:
        # Where pictures are not reordered, and only then do we copy, decoding and showing order are one.
        packet.pts = packet.dts
    earlier = round(start / packet.time_base)
    packet.pts -= earlier
    if packet.dts is not None:
        packet.dts -= earlier
