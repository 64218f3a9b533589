"""Puts parts of a copy together, packet by packet, and says what one part holds. Nothing is decoded.

Pictures come from parts of our own making, each of which begins with a key frame; the sound comes from one file, made
in one go, so that no part adds an encoder's run-in of its own. The result is a file as the recipe makes it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256
from typing import Any

import av

from transcode.inside.cut import PARTS_FORMAT, shift_of
from transcode.inside.opening import Task, guarded

TELL_EVERY = 500


class NotJoined(ValueError):
    """The parts do not fit together."""


def look(task: Task) -> dict[str, Any]:
    """When each picture of the part at `path` is shown, in the master's ticks, and how its decoder is set up."""
    base = _base(task)
    try:
        with guarded(f"file:{task.path}", formats=PARTS_FORMAT) as part:
            config = sha256(bytes(part.streams.video[0].codec_context.extradata or b"")).hexdigest()
            return {"ticks": [tick * base.numerator for tick, _ in _pictures(part, base)], "config": config}
    except (av.FFmpegError, NotJoined, IndexError) as error:
        return {"refused": str(error)[:500]}


def run(task: Task) -> dict[str, Any]:
    """Write the parts and the sound that `options` names to `other`; how many pictures there are."""
    try:
        return {"frames": _join(task)}
    except (av.FFmpegError, NotJoined, IndexError) as error:
        return {"refused": str(error)[:500]}


def _join(task: Task) -> int:
    parts: Any = task.options["parts"]
    base, sound = _base(task), str(task.options["sound"] or "")
    flags = {"movflags": str(task.options["movflags"])}
    with av.open(task.other, mode="w", format="mp4", options=flags) as copy:
        with guarded(f"file:{parts[0]}", formats=PARTS_FORMAT) as first:
            # Set up before the first packet: whatever is added later would come too late for the header.
            stream = copy.add_stream_from_template(first.streams.video[0])
            stream.time_base = base
        sources = [_timed_pictures(task, parts, stream, base)]
        with guarded(f"file:{sound or parts[0]}", formats=None if sound else PARTS_FORMAT) as other:
            if sound:
                until: Any = task.options["until_us"]
                sources.append(_timed_sound(other, copy, until))
            return _mux(task, copy, heapq.merge(*sources, key=lambda each: each[0]))


def _mux(task: Task, copy: Any, packets: Iterator[tuple[Fraction, Any]]) -> int:
    frames = 0
    for number, (moment, packet) in enumerate(packets):
        frames += packet.stream.type == "video"
        if number % TELL_EVERY == 0:
            task.tell(int(moment * 1_000_000))
        copy.mux(packet)
    return frames


def _timed_pictures(task: Task, parts: list[str], stream: Any, base: Fraction) -> Iterator[tuple[Fraction, Any]]:
    """Pictures of every part in turn, each until the next one is shown."""
    start = round(Fraction(int(str(task.options["start_us"])), 1_000_000) / base)
    set_up, before, waiting = None, None, None
    for path in parts:
        with guarded(f"file:{path}", formats=PARTS_FORMAT) as part:
            extradata = bytes(part.streams.video[0].codec_context.extradata or b"")
            if set_up is not None and extradata != set_up:
                raise NotJoined("the parts were not encoded alike")
            set_up = extradata
            for tick, packet in _pictures(part, base):
                if before is not None and tick <= before:
                    raise NotJoined("a part begins before the one before it ends")
                if waiting is not None:
                    yield _placed(waiting, before, tick, start=start, stream=stream, base=base)
                before, waiting = tick, packet
    if waiting is not None and before is not None:
        duration = max(round(Fraction(waiting.duration or 0) * waiting.time_base / base), 1)
        yield _placed(waiting, before, before + duration, start=start, stream=stream, base=base)


def _placed(
    packet: Any, tick: int | None, following: int, *, start: int, stream: Any, base: Fraction
) -> tuple[Fraction, Any]:
    assert tick is not None  # noqa: S101 - for the type checker; each waiting packet has one
    packet.time_base = base
    packet.pts = packet.dts = tick - start
    packet.duration = following - tick
    packet.stream = stream
    return packet.pts * base, packet


def _pictures(part: Any, base: Fraction) -> Iterator[tuple[int, Any]]:
    """Each picture's packet with the time that the master gives it, in ticks of the master's time base."""
    shift = shift_of(base)
    for packet in part.demux(part.streams.video[0]):
        if not packet.size:
            continue
        moment = Fraction(packet.pts) * packet.time_base / base
        if moment.denominator != 1 or packet.pts != packet.dts:
            raise NotJoined("a picture is not where the master has it")
        yield int(moment) - shift, packet


def _timed_sound(source: Any, copy: Any, until_us: int | None) -> Iterator[tuple[Fraction, Any]]:
    outgoing = {}
    for stream in source.streams.audio:
        outgoing[stream.index] = copy.add_stream_from_template(stream)
    return _sound_packets(source, outgoing, None if until_us is None else Fraction(until_us, 1_000_000))


def _sound_packets(source: Any, outgoing: Any, until: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
    for packet in source.demux(*source.streams.audio):
        if not packet.size or packet.dts is None:
            continue
        moment = packet.dts * packet.time_base
        if until is None or moment < until:
            packet.stream = outgoing[packet.stream_index]
            yield moment, packet


def _base(task: Task) -> Fraction:
    told: Any = task.options["base"]
    return Fraction(*told)
