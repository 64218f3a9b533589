"""The sound of a clip: AAC packets as they lie in the master, or samples from exactly one moment to another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Final

import av

from transcode.inside.opening import Master, Task
from transcode.inside.packets import every_packet

BITRATE: Final = 128_000
JITTER: Final = Fraction(1, 40)
"""Seconds: containers that count in milliseconds round the time of each packet; a longer gap is a gap."""
LOST: Final = Fraction(1, 4)
"""Seconds of sound that may lie where other sound lies already: where a clock starts again, edges overlap."""
WIDTHS: Final = {"s16": 2, "s32": 4, "flt": 4, "u8": 1}


def copied_sound(task: Task, clip: Any, told: dict[str, Any], begins: Fraction) -> Iterator[Any]:
    """Add a track, and give `packets` packets from the one at `first_tick` on, untouched, at their time after `begins`.

    What begins before the in point gets a time below zero, and players leave out what lies there.
    """
    with Master(task).opened() as master:
        stream = clip.add_stream_from_template(master.streams[int(told["index"])])

    def packets() -> Iterator[Any]:
        left = int(told["packets"])
        with Master(task).opened() as master:
            source = master.streams[int(told["index"])]
            _near(master, begins, told)
            for packet in every_packet(master, [source]):
                if not packet.size or packet.pts is None or packet.pts < int(told["first_tick"]):
                    continue
                earlier = round(begins / packet.time_base)
                packet.pts, packet.dts = packet.pts - earlier, packet.pts - earlier
                packet.stream = stream
                yield packet
                left -= 1
                if not left:
                    return
        raise ValueError(f"{left} packets of sound were not found again")

    return packets()


def encoded_sound(task: Task, clip: Any, told: dict[str, Any], begins: Fraction, stops: Fraction) -> Iterator[Any]:
    """Add a track of AAC, and give its packets: exactly the samples between the two moments."""
    rate, channels = int(told["rate"]), int(told["channels"])
    layout = "mono" if channels == 1 else "stereo"
    stream = clip.add_stream("aac", rate=rate, layout=layout)
    stream.bit_rate = BITRATE

    def packets() -> Iterator[Any]:
        for frame in frames(samples(task, told, begins, stops, form="flt", layout=layout), rate, "flt", layout):
            yield from placed(stream.encode(frame), stream)
        yield from placed(stream.encode(None), stream)

    return packets()


def placed(packets: Any, stream: Any) -> Iterator[Any]:
    """Packets out of an encoder, for their track."""
    for packet in packets:
        packet.stream = stream
        yield packet


def frames(pieces: Iterator[bytes], rate: int, form: str, layout: str) -> Iterator[Any]:
    """Samples as frames that follow one another without a gap from zero on."""
    at, width = 0, WIDTHS[form] * av.AudioLayout(layout).nb_channels
    for piece in pieces:
        count = len(piece) // width
        frame = av.AudioFrame(format=form, layout=layout, samples=count)
        frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        at += count
        yield frame


def samples(
    task: Task, told: dict[str, Any], begins: Fraction, stops: Fraction, *, form: str, layout: str
) -> Iterator[bytes]:
    """Packed samples from one moment to another on the master's clock. Where the master has a gap, there is silence.

    `ends`: until when it has sound there by its packets, where not all of them can be decoded: the others are gaps.
    """
    rate, total = int(told["rate"]), round((stops - begins) * int(told["rate"]))
    width, at = WIDTHS[form] * av.AudioLayout(layout).nb_channels, 0
    silence, expected = (b"\x80" if form == "u8" else b"\0") * width, None
    lost = 0
    for place, data in _placed_samples(task, told, begins, form=form, layout=layout):
        start = expected if expected is not None and abs(place - expected) <= JITTER * rate else place
        expected = start + len(data) // width
        if start > at:
            gap = min(start, total) - at
            yield silence * gap
            at += gap
        lost += max(0, min(expected, at) - max(start, 0))
        if lost > LOST * rate:
            raise ValueError("the clock of the sound goes back on the way: some of it would be left out")
        fresh = data[(at - start) * width :][: (total - at) * width]
        if fresh:
            yield fresh
            at += len(fresh) // width
        if at >= total:
            return
    if told.get("ends"):
        yield silence * max(0, min(total, round((Fraction(*told["ends"]) - begins) * rate)) - at)


def _placed_samples(
    task: Task, told: dict[str, Any], begins: Fraction, *, form: str, layout: str
) -> Iterator[tuple[int, bytes]]:
    """Decoded samples, each lot with its place: samples after `begins`, below zero before it.

    A packet may hold several lots, and then only the first one has a time: the others follow on it.
    """
    rate = int(told["rate"])
    width, running = WIDTHS[form] * av.AudioLayout(layout).nb_channels, 0
    with Master(task).opened() as master:
        source = master.streams[int(told["index"])]
        source.codec_context.thread_count = 1
        _near(master, begins, told)
        turner = av.AudioResampler(format=form, layout=layout, rate=rate)
        follows: int | None = None
        past = bool(told.get("ends"))
        for frame in _on_one_clock(master, source, told.get("laps") or (), past=past):
            place = (
                round(begins * rate) * -1 + running if told.get("timeless") else _place(frame, begins, rate, follows)
            )
            for part in _resampled(turner, frame, past=past):
                running += part.samples
                yield place, bytes(part.planes[0])[: part.samples * width]
                place += part.samples
            follows = place


def _resampled(turner: Any, frame: Any, *, past: bool) -> list[Any]:
    try:
        found: list[Any] = turner.resample(frame)
    except (av.FFmpegError, ValueError):  # bytes that make no sense can claim another rate or other channels
        if not past:
            raise
        return []
    return found


def _decoded(packet: Any, *, past: bool) -> list[Any]:
    try:
        found: list[Any] = packet.decode()
    except av.FFmpegError:
        if not past:
            raise
        return []
    return found


def _on_one_clock(master: Any, source: Any, laps: Sequence[Sequence[int]], *, past: bool) -> Iterator[Any]:
    """Every decoded lot. `laps`: from which packet on how many ticks lead to the clock that it is to lie on. `past`:
    what does not decode is passed over.
    """
    following, ahead, number = list(laps), 0, 0
    for packet in every_packet(master, [source]):
        while packet.size and following and following[0][0] <= number:
            ahead = following.pop(0)[1]
        number += bool(packet.size)
        for frame in _decoded(packet, past=past):
            if frame.pts is not None:
                frame.pts += ahead
            yield frame


def _place(frame: Any, begins: Fraction, rate: int, follows: int | None) -> int:
    if frame.pts is None and follows is None:
        raise ValueError("a piece of sound has no time")
    if frame.pts is None:
        return follows or 0
    place: int = round((frame.pts * frame.time_base - begins) * rate)
    return place


def _near(master: Any, begins: Fraction, told: dict[str, Any]) -> None:
    """Let reading begin two seconds before the in point, where the container has an index to find that by."""
    early = int((begins - 2) * 1_000_000)
    if told.get("seeks") and early > 0:
        master.seek(early, backward=True)
