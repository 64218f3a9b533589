"""Copies packets into MP4 and takes their fingerprints on the way."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer

from transcode.inside.opening import Master, Task
from transcode.inside.packets import Fingerprints, length_size

TELL_EVERY = 500


def run(task: Task) -> dict[str, Any]:
    """Copy the streams that `options` names from the master to `other`. `refused` where a packet does not fit."""
    wanted = [int(index) for index in task.options["streams"]]  # type: ignore[attr-defined] # the parent's own list
    try:
        with Master(task).opened() as master, _created(task) as copy:
            return _copied(task, master, copy, wanted)
    except av.FFmpegError as error:
        return {"refused": str(error)[:500]}


def _created(task: Task) -> OutputContainer:
    return av.open(task.other, mode="w", format="mp4", options={"movflags": str(task.options["movflags"])})


def _copied(task: Task, master: InputContainer, copy: OutputContainer, wanted: list[int]) -> dict[str, Any]:
    outgoing = {index: copy.add_stream_from_template(master.streams[index]) for index in wanted}
    lengths = {
        index: length_size(_codec(master.streams[index]), master.streams[index].codec_context.extradata)
        for index in wanted
    }
    start = max(master.start_time or 0, 0)
    prints = Fingerprints()
    for number, packet in enumerate(master.demux([master.streams[index] for index in wanted])):
        index = packet.stream_index
        if packet.size == 0 or (packet.pts is None and packet.dts is None):
            continue
        prints.take(wanted.index(index), _codec(packet.stream), bytes(packet), lengths[index])
        if number % TELL_EVERY == 0 and packet.dts is not None:
            task.tell(int(packet.dts * packet.time_base * 1_000_000))
        _shift(packet, start)
        packet.stream = outgoing[index]
        copy.mux(packet)
    return {"packets": prints.told(), "start_us": start}


def _codec(stream: Any) -> str:
    return str(stream.codec_context.codec.canonical_name)


def _shift(packet: Any, start: int) -> None:
    """Let the copy begin at zero, as every player expects; the difference is kept beside it."""
    if packet.pts is None:
        # Where pictures are not reordered, and only then do we copy, decoding and showing order are one.
        packet.pts = packet.dts
    earlier = round(Fraction(start, 1_000_000) / packet.time_base)
    packet.pts -= earlier
    if packet.dts is not None:
        packet.dts -= earlier
