"""Writes a clip: the master's own packets where they can be, encoded pictures and sound where they cannot.

Pictures of both kinds lie in one MP4 track whose header holds two pairs of parameter sets: the master's, and ours
under a number that the master does not use. Copied packets are not touched, not even to be renumbered.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from typing import Any, Final

import av

from transcode.inside.clip_frames import Dressing, by_count, by_sight, by_ticks, reading_from
from transcode.inside.clip_sound import copied_sound, encoded_sound
from transcode.inside.lettering import COLOURS
from transcode.inside.opening import Master, Task
from transcode.inside.packets import every_packet, neutral, unit_type

THREADS: Final = 2
"""Always as many, so that the same recipe gives the same bytes on every machine."""
CRF: Final = "18"
RECIPE: Final = {"preset": "veryfast", "crf": CRF, "bf": "0", "g": "25", "sc_threshold": "0"}
PROFILES: Final = {66: "baseline", 77: "main"}
"""What ours must not go beyond where the master's header promises no more (H.264, annex A)."""
EXTENDED: Final = (100, 110, 122, 144)
"""Profiles whose avcC says more of itself at its end (ISO 14496-15, 5.3.3.1.2)."""
CHROMA_AND_DEPTH: Final = b"\xfd\xf8\xf8\x00"
"""4:2:0 with eight bits, and no extensions of sequence sets: other masters are not copied from."""
TELL_EVERY: Final = 25


def write(task: Task) -> dict[str, Any]:
    """Write the clip that `options` describes to `other`."""
    told: Any = task.options
    begins, stops = Fraction(*told["begins"]), Fraction(*told["stops"])
    with av.open(task.other, mode="w", format="mp4", options={"movflags": "+faststart"}) as clip:
        # Every track is added before the first packet: the header is written with it.
        tracks = [Film(task, told["pictures"]).into(clip)] if told.get("pictures") else []
        for each in told["sounds"]:
            if each["copied"]:
                tracks.append(copied_sound(task, clip, each, begins))
            else:
                tracks.append(encoded_sound(task, clip, each, begins, stops))
        for packet in in_order(tracks):
            clip.mux(packet)
    return {}


def in_order(tracks: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """Packets of several tracks as a player reads them: by the time at which they are decoded."""
    return heapq.merge(*tracks, key=lambda each: each.dts * each.time_base)


class Film:
    """The pictures of one clip. `ticks`: when each is shown in the master, in units of `base` seconds."""

    def __init__(self, task: Task, told: dict[str, Any]) -> None:
        self.task, self.told = task, told
        self.ticks: list[int] = told["ticks"]
        self.base = Fraction(*told["base"])
        self.head, self.tail = int(told["head"]), int(told["tail"])
        # When the copied packets are shown, in decoding order.
        self.middle: list[int] = told["middle"]
        following = [*self.ticks[1:], int(told["ends"])]
        self.lasting = {at: then - at for at, then in zip(self.ticks, following, strict=True)}

    def into(self, clip: Any) -> Iterator[Any]:
        """Add the track; its packets in decoding order."""
        return self._mixed(clip) if self.middle else self._encoded(clip)

    def _encoded(self, clip: Any) -> Iterator[Any]:
        """Every picture through the encoder."""
        pictures = Dressing(self.told, self.base).of(self.decoded(self.ticks, self.told["start"]))
        first = next(pictures)
        stream = clip.add_stream("libx264")
        self.set_up(stream.codec_context, first[1], {**RECIPE, "profile": "high", "threads": str(THREADS)})
        stream.time_base = self.base

        def packets() -> Iterator[Any]:
            for tick, picture in chain([first], pictures):
                yield from self._placed(stream.encode(self.timed(tick, picture)), stream)
            yield from self._placed(stream.encode(None), stream)

        return packets()

    def _placed(self, packets: Iterable[Any], stream: Any) -> Iterator[Any]:
        for packet in packets:
            packet.stream = stream
            packet.duration = self.lasting[packet.pts + self.ticks[0]]
            yield packet

    def _mixed(self, clip: Any) -> Iterator[Any]:
        """Encoded edges around the master's own packets."""
        with Master(self.task).opened() as master:
            source = master.streams[int(self.told["index"])]
            stream = clip.add_stream_from_template(source)
            tail_at = len(self.ticks) - self.tail
            own = source.codec_context
            head = Edge(self, own).of(self.ticks[: self.head], self.told["start"])
            tail = Edge(self, own).of(self.ticks[tail_at:], self.told["tail_start"])
            sets = [bytes.fromhex(each) for each in self.told["sets"]]
            ours = head.sets or tail.sets
            if head.sets and tail.sets and head.sets != tail.sets:
                raise ValueError("the encoder set itself up differently before and after")
            lengths = int(self.told["lengths"]) or 4
            stream.codec_context.extradata = header([*sets, *ours], lengths)
            stream.time_base = self.base
        shown = [*self.ticks[: self.head], *self.middle, *self.ticks[tail_at:]]
        return self._in_order(stream, shown, chain(head.shots(lengths), self._copied(), tail.shots(lengths)))

    def _in_order(self, stream: Any, shown: list[int], shots: Iterator[tuple[bytes, bool]]) -> Iterator[Any]:
        """Packets with their times: shown when the master shows them, decoded as late as that allows."""
        moments = sorted(shown)
        delay = max(moment - at for moment, at in zip(moments, shown, strict=True))
        for number, (data, key) in enumerate(shots):
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = stream, self.base, key
            packet.pts = shown[number] - self.ticks[0]
            packet.dts = moments[number] - delay - self.ticks[0]
            packet.duration = self.lasting[shown[number]]
            if number % TELL_EVERY == 0:
                self._tell(shown[number])
            yield packet

    def _copied(self) -> Iterator[tuple[bytes, bool]]:
        """The master's packets as they lie there; with lengths before units where it has start codes."""
        due = iter(self.middle)
        at = next(due, None)
        with Master(self.task).opened() as master:
            source = master.streams[int(self.told["index"])]
            reading_from(master, source, self.told["start"])
            for packet in every_packet(master, [source]):
                if at is None:
                    return
                if packet.pts != at or not packet.size:
                    continue
                data = bytes(packet)
                yield (data if self.told["lengths"] else neutral("h264", data, 0)[0]), packet.is_keyframe
                at = next(due, None)
        if at is not None:
            raise ValueError(f"the packet shown at tick {at} was not found again")

    def decoded(self, ticks: Sequence[int], start: int | None) -> Iterator[Any]:
        with Master(self.task).opened() as master:
            source = master.streams[int(self.told["index"])]
            if self.told["seen"]:
                yield from by_sight(master, source, self.told, self.base)
            elif self.told["counted"]:
                yield from by_count(master, source, self.told, self.base)
            else:
                yield from by_ticks(master, source, ticks, start)

    def timed(self, tick: int, picture: Any) -> Any:
        self._tell(tick)
        picture.pts, picture.time_base, picture.pict_type = tick - self.ticks[0], self.base, 0
        return picture

    def set_up(self, coder: Any, picture: Any, options: dict[str, str]) -> None:
        coder.width, coder.height, coder.pix_fmt = picture.width, picture.height, picture.format.name
        coder.time_base, coder.framerate = self.base, Fraction(*self.told["rate"])
        coder.options, coder.thread_count = options, THREADS
        if self.told.get("aspect"):
            coder.sample_aspect_ratio = Fraction(*self.told["aspect"])
        for name in COLOURS:
            setattr(coder, name, getattr(picture, name))

    def _tell(self, tick: int) -> None:
        self.task.tell(int((tick - self.ticks[0]) * self.base * 1_000_000))


class Edge:
    """Pictures before or after the copied packets, encoded in the master's own form under numbers of their own."""

    def __init__(self, film: Film, own: Any) -> None:
        self.film, self.own = film, own
        self.sets: list[bytes] = []
        self._shots: list[tuple[bytes, bool]] = []

    def of(self, ticks: Sequence[int], start: int | None) -> Edge:
        """Encode these pictures. There are fewer than lie between two pictures that decoding can begin at."""
        coder: Any = None
        for picture in self.film.decoded(ticks, start) if ticks else ():
            if coder is None:
                coder = av.CodecContext.create("libx264", "w")
                self.film.set_up(coder, picture, self._options())
                self._like_the_master(coder)
            self._keep(coder.encode(self.film.timed(picture.pts, picture)))
        self._keep(coder.encode(None) if coder is not None else [])
        return self

    def shots(self, lengths: int) -> Iterator[tuple[bytes, bool]]:
        """Their packets in order, units behind lengths of so many bytes."""
        return ((relengthened(data, lengths), key) for data, key in self._shots)

    def _options(self) -> dict[str, str]:
        number = int(self.film.told["set_number"])
        profile = PROFILES.get(int(self.film.told["profile"]), "high")
        told = f"sps-id={number}:threads={THREADS}"
        return {**RECIPE, "g": "250", "profile": profile, "x264-params": told}

    def _like_the_master(self, coder: Any) -> None:
        for name in COLOURS:
            setattr(coder, name, getattr(self.own, name))
        if self.own.sample_aspect_ratio:
            coder.sample_aspect_ratio = self.own.sample_aspect_ratio

    def _keep(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            data, sets = neutral("h264", bytes(packet), 0)
            self._shots.append((data, packet.is_keyframe))
            for unit in sets:
                if unit not in self.sets:
                    self.sets.append(unit)


def header(sets: Sequence[bytes], lengths: int) -> bytes:
    """The avcC (ISO 14496-15, 5.3.3.1) of all these parameter sets: the profile of the first, the highest level."""
    sequences = [each for each in sets if unit_type("h264", each) == 7]
    pictures = [each for each in sets if unit_type("h264", each) == 8]
    if not sequences or not pictures:
        raise ValueError("there are no parameter sets to begin with")
    first, level = sequences[0], max(each[3] for each in sequences)
    made = bytes([1, first[1], first[2], level, 0xFC | (lengths - 1), 0xE0 | len(sequences)]) + _listed(sequences)
    made += bytes([len(pictures)]) + _listed(pictures)
    return made + (CHROMA_AND_DEPTH if first[1] in EXTENDED else b"")


def _listed(units: Sequence[bytes]) -> bytes:
    return b"".join(len(each).to_bytes(2, "big") + each for each in units)


def relengthened(data: bytes, lengths: int) -> bytes:
    """A packet whose units stand behind four bytes of length, behind `lengths` bytes instead."""
    if lengths == 4:
        return data
    made, place = bytearray(), 0
    while place + 4 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        made += size.to_bytes(lengths, "big") + data[place + 4 : place + 4 + size]
        place += 4 + size
    return bytes(made)
