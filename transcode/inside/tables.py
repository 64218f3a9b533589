"""When each frame is shown: of a copy, and how that agrees with its master."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import Any

import av
from av.container import InputContainer

from transcode.inside.opening import Master, Task, guarded
from transcode.inside.packets import Fingerprints, length_size

MICROSECONDS = 1_000_000


def run(task: Task) -> dict[str, Any]:
    """Read the copy at `other` through, and the master where `options` says `compare`."""
    try:
        with guarded(f"file:{task.other}") as copy:
            told = _read(copy, [stream.index for stream in copy.streams])
    except av.FFmpegError as error:
        return {"refused": str(error)[:500]}
    found = {"copy": told.public(), "packets": told.prints.told()}
    if not task.options.get("compare"):
        return found
    with Master(task).opened() as master:
        picture = task.options["picture"]
        start = max(master.start_time or 0, 0)
        mine = _read(master, [int(picture)] if isinstance(picture, int) else [], fingerprints=False)
    return {**found, "master": mine.public(), "agreement": agreement(mine.moments(), told.times, start)}


class Reading:
    """One file read through: when its pictures are shown, in microseconds, and how long each sound runs."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self.ticks: list[int] = []
        self.decoded_at: list[int] = []
        self.untimed = False
        self.timescale = 0
        self.sound_us: dict[int, int] = {}
        self.prints = Fingerprints()

    def show(self, at: int, ticks: int) -> None:
        """One picture, at a time in microseconds and in the stream's own ticks."""
        self.times.append(at)
        self.ticks.append(ticks)

    def moments(self) -> list[int]:
        """When pictures are shown. AVI says only when they are decoded, which is as evenly spaced."""
        return self.decoded_at if self.untimed and len(self.decoded_at) == len(self.times) else self.times

    def public(self) -> dict[str, Any]:
        """For the parent: the table as steps of equal length, so that an even recording is one line."""
        ticks = sorted(self.ticks)
        return {
            "frames": len(ticks),
            "timescale": self.timescale,
            "first": ticks[0] if ticks else 0,
            "steps": steps(ticks),
            "last_us": max(self.times, default=0),
            "sound_us": list(self.sound_us.values()),
        }


def steps(ticks: list[int]) -> list[list[int]]:
    """Differences between neighbours, as [difference, how often in a row]."""
    told: list[list[int]] = []
    for earlier, later in pairwise(ticks):
        if told and told[-1][0] == later - earlier:
            told[-1][1] += 1
        else:
            told.append([later - earlier, 1])
    return told


def _read(container: InputContainer, wanted: list[int], *, fingerprints: bool = True) -> Reading:
    reading = Reading()
    streams = [container.streams[index] for index in wanted]
    lengths = {s.index: length_size(s.codec_context.codec.canonical_name, s.codec_context.extradata) for s in streams}
    for packet in container.demux(streams):
        moment = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or moment is None:
            continue
        stream, base = packet.stream, packet.time_base
        if fingerprints:
            codec = stream.codec_context.codec.canonical_name
            reading.prints.take(wanted.index(stream.index), codec, bytes(packet), lengths[stream.index])
        at = round(moment * base.numerator * MICROSECONDS / base.denominator)
        if stream.type == "video":
            # An edit list may cut pictures off that are in the file only to decode the others by.
            if not packet.is_discard:
                reading.show(at, moment * base.numerator)
                reading.untimed |= packet.pts is None
                reading.timescale = base.denominator
                if packet.dts is not None:
                    reading.decoded_at.append(round(packet.dts * base.numerator * MICROSECONDS / base.denominator))
        else:
            length = round((packet.duration or 0) * base.numerator * MICROSECONDS / base.denominator)
            reading.sound_us[stream.index] = max(reading.sound_us.get(stream.index, 0), at + length)
    return reading


def agreement(master: list[int], copy: list[int], start: int) -> dict[str, int]:
    """How many of the master's frames the copy shows at their own times, and how far off the worst one is.

    Times in microseconds. A copy begins at zero, so either the container's beginning or the first frame is the
    same moment in both; the better of the two counts.
    """
    if not master or not copy:
        return {"master_frames": len(master), "copy_frames": len(copy), "strangers": len(copy), "worst_us": 0}
    shifts = {start, min(master) - min(copy), 0}
    best = min((_compare(sorted(master), sorted(copy), shift) for shift in shifts), key=lambda found: found)
    strangers, worst = best
    found = {"master_frames": len(master), "copy_frames": len(copy), "strangers": strangers, "worst_us": worst}
    if strangers and len(master) == len(copy):
        both = zip(sorted(master), sorted(copy), strict=True)
        found["worst_us"] = max(abs((mine - min(master)) - (theirs - min(copy))) for mine, theirs in both)
    return found


def _compare(master: list[int], copy: list[int], shift: int) -> tuple[int, int]:
    strangers = worst = 0
    for moment in copy:
        place = bisect_left(master, moment + shift)
        near = [abs(master[each] - moment - shift) for each in (place - 1, place) if 0 <= each < len(master)]
        if min(near) > 1000:
            strangers += 1
        else:
            worst = max(worst, min(near))
    return strangers, worst
