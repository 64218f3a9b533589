"""Counts packets: one hash for each packet as it lies in the file, one for what is left of it without its container.

MP4 keeps H.264 with lengths before its units, a transport stream with start codes, delimiters and repeated parameter
sets; ADTS puts a header before each AAC frame. The neutral form is the same whichever of them it came from:
docs/package-format.md, end of section 4. Memory is bounded: what would not fit into a manifest is kept as roots only.
"""

from __future__ import annotations

import base64
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition

from transcode.inside.behind import behind
from transcode.inside.guards import MAX_PIXELS
from transcode.inside.opening import Master, Task
from transcode.inside.roots import Root

START_CODE = re.compile(rb"\x00\x00\x01")
LARGEST_MANIFEST = 64 << 20
COST = 101
"""Bytes of one packet in a manifest: a hash, two times, now and then an index, and what stands between."""
COST_OF_HASH = 67
UNSAID = -(1 << 63)
MOST_TRIES = 120
MOST_SETS = 512
TELL_EVERY = 2000
DROPPED = {"h264": frozenset({7, 8, 9}), "hevc": frozenset({32, 33, 34, 35})}
"""Parameter sets and delimiters of ITU-T H.264 table 7-1 and H.265 table 7-1: containers add and drop them."""
NO_SBR = b"\x56\xe5"
SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}


def run(task: Task) -> dict[str, Any]:
    """Count a file's packets. `refused` where it cannot be opened, `ended_early` where it broke on the way."""
    counter, broken = None, ""
    try:
        with Master(task).opened() as container:
            counter = Counter(container)
            for number, packet in enumerate(every_packet(container, counter.streams)):
                counter.take(packet)
                if number % TELL_EVERY == 0 and packet.dts is not None:
                    task.tell(int(packet.dts * packet.time_base * 1_000_000))
    except (av.FFmpegError, ValueError) as error:
        broken = str(error)[:500]
    if counter is None:
        return {"refused": broken}
    return {"counted": counter.told(), **({"ended_early": broken} if broken else counter.behind(task))}


def every_packet(container: InputContainer, streams: Sequence[Any]) -> Iterator[Any]:
    """Every packet of these streams. Of one that appears on the way PyAV gives none, and stumbles at the very end.

    Where no packet of a transport stream begins for 64 KiB, FFmpeg asks to be called again, and reads on.
    """
    tries = (container.size >> 16) + 1
    while True:
        try:
            with suppress(IndexError):
                yield from container.demux(*streams)
        except av.BlockingIOError:
            if not tries:
                raise
            tries -= 1
        else:
            return


class Counter:
    """All moving pictures and sounds of one file, packet by packet. Covers are no moving pictures."""

    def __init__(self, container: InputContainer) -> None:
        self.streams: list[Any] = [
            stream
            for stream in container.streams
            if stream.type in ("video", "audio") and not stream.disposition & Disposition.attached_pic
        ]
        # Clocks may start again on the way: where each packet lies tells which of them belong together.
        placed = bool(container.format.flags & int(Flags.ts_discont.value))  # type: ignore[call-overload]
        self._counted = {stream.index: _Stream(stream, placed=placed) for stream in self.streams}
        self._size, self._ends = container.size if placed else 0, 0
        self._known, self._shown = ({each.id for each in some} for some in (container.streams, self.streams))
        self._room = LARGEST_MANIFEST
        self._listed = True

    def take(self, packet: Any, *, look: bool = True) -> None:
        """One packet as the demuxer gave it. `look`: decode the first pictures here, for how they are turned."""
        stream = self._counted.get(packet.stream_index)
        if stream is None or not packet.size:
            return
        if packet.pos is not None:
            self._ends = max(self._ends, packet.pos + packet.size)
        self._room -= stream.take(packet, listed=self._listed)
        if self._room < 0 and self._listed:
            self._listed = False
            for each in self._counted.values():
                each.fold()
        if look and stream.wants_picture:
            stream.look(packet)

    def saw(self, index: int, frame: Any) -> None:
        """A picture that somebody decoded anyway."""
        self._counted[index].saw(frame)

    def behind(self, task: Task) -> dict[str, str]:
        """What is to be said of the part of the file behind the last packet, where its clock may start again."""
        return behind(Master(task).bytes, self._ends, self._size, shown=self._shown, data=self._known - self._shown)

    def told(self) -> list[dict[str, Any]]:
        """Each stream's header and columns, for the parent, which makes roots and the manifest of them."""
        return [each.told(listed=self._listed) for each in self._counted.values()]


class _Stream:
    """One stream's columns. `neutral` is nothing as long as it is the same as `hashes`.

    `placed`: note where in the file each packet lies; one that begins inside another's bytes has no place of its own.
    """

    def __init__(self, stream: Any, *, placed: bool = False) -> None:
        context: Any = stream.codec_context
        self.facts: dict[str, Any] = {
            "index": stream.index,
            "kind": stream.type,
            "codec": context.codec.canonical_name if context is not None else "unknown",
            "base": [stream.time_base.numerator, stream.time_base.denominator] if stream.time_base else [1, 1],
        }
        extradata = bytes(context.extradata or b"") if context is not None else b""
        self.facts["config"] = sha256(extradata).hexdigest()
        if context is not None and stream.type == "video":
            self.facts |= {"width": context.width, "height": context.height}
            context.options, context.thread_count = {"max_pixels": str(MAX_PIXELS)}, 1
        if context is not None and stream.type == "audio":
            self.facts |= {"rate": context.sample_rate, "channels": context.channels}
        self.codec = self.facts["codec"]
        self.lengths = length_size(self.codec, extradata)
        self.decoder = _Decoder(self.codec, extradata)
        self.count, self.tries = 0, 0 if stream.type == "video" and context is not None else MOST_TRIES
        self.hashes, self.neutral = bytearray(), None
        self.dts, self.pts, self.keys = array("q"), array("q"), array("I")
        self.places = array("q") if placed else None
        self.roots: tuple[Root, Root | None] = (Root(), None)

    neutral: bytearray | None

    def take(self, packet: Any, *, listed: bool) -> int:
        """One packet; what it costs in the manifest, in bytes."""
        data = bytes(packet)
        left, sets = neutral(self.codec, data, self.lengths)
        self.decoder.take(self.count, sets, data)
        mine = sha256(data).digest()
        theirs = mine if left is data else sha256(left).digest()
        self.count += 1
        if not listed:
            self._into_roots(mine, theirs)
            return 0
        cost = COST
        if self.neutral is None and theirs != mine:
            self.neutral = bytearray(self.hashes)
            cost += COST_OF_HASH * (self.count - 1)
        if self.neutral is not None:
            self.neutral += theirs
            cost += COST_OF_HASH
        self.hashes += mine
        self.dts.append(UNSAID if packet.dts is None else packet.dts)
        self.pts.append(UNSAID if packet.pts is None else packet.pts)
        if packet.is_keyframe:
            self.keys.append(self.count - 1)
        if self.places is not None:
            self.places.append(UNSAID if packet.pos is None else packet.pos)
        return cost

    def _into_roots(self, mine: bytes, theirs: bytes) -> None:
        payload, other = self.roots
        if other is None and theirs != mine:
            other = payload.copy()
        payload.take(mine)
        if other is not None:
            other.take(theirs)
        self.roots = (payload, other)

    def fold(self) -> None:
        """Too many packets for a manifest: keep roots, let the columns go."""
        theirs = self.neutral if self.neutral is not None else self.hashes
        for place in range(0, len(self.hashes), 32):
            self._into_roots(bytes(self.hashes[place : place + 32]), bytes(theirs[place : place + 32]))
        self.hashes, self.neutral = bytearray(), None
        self.dts, self.pts, self.keys, self.places = array("q"), array("q"), array("I"), None

    @property
    def wants_picture(self) -> bool:
        return self.tries < MOST_TRIES

    def look(self, packet: Any) -> None:
        self.tries += 1
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            return
        if frames:
            self.saw(frames[0])

    def saw(self, frame: Any) -> None:
        """How pictures are turned stands beside each of them: nine 32-bit numbers."""
        self.tries = MOST_TRIES
        for beside in frame.side_data:
            if beside.type.name == "DISPLAYMATRIX":
                self.facts.setdefault("matrix", array("i", bytes(beside)[:36]).tolist())

    def told(self, *, listed: bool) -> dict[str, Any]:
        told = {**self.facts, "packets": self.count, "decoder": self.decoder.told(), "listed": listed}
        if not listed:
            payload, other = self.roots
            return {**told, "payload": payload.hex(), "neutral": (other or payload).hex()}
        columns: dict[str, Any] = {"hashes": self.hashes, "dts": self.dts, "pts": self.pts, "keys": self.keys}
        if self.neutral is not None:
            columns["neutral_hashes"] = self.neutral
        if self.places is not None:
            columns["places"] = self.places
        return {**told, **{name: base64.b64encode(column).decode() for name, column in columns.items()}}


class _Decoder:
    """How a decoder is set up, whichever form its container keeps that in, and each packet at which that changes."""

    def __init__(self, codec: str, extradata: bytes) -> None:
        self.codec = codec
        self._running = sha256()
        self._last: dict[bytes, bytes] = {}
        self._changed: list[bytes] = []
        self._at = 0
        self._sound = ""
        if codec in SETS:
            self.take(0, parameter_sets(codec, extradata), b"")
        elif codec == "aac" and len(extradata) > 1:
            # "There is no SBR" (ISO 14496-3, 1.6.5) says no more than silence does, and not every container keeps it.
            rest = b"" if extradata[2:].rstrip(b"\x00") == NO_SBR else extradata[2:]
            self._sound = (extradata[:2] + rest).hex()

    def take(self, number: int, sets: list[bytes], data: bytes) -> None:
        if self.codec == "aac" and not self._sound and is_adts(data):
            self._sound = _as_configuration(data).hex()
        for unit in sets:
            name, value = set_name(self.codec, unit), sha256(unit).digest()
            if self._last.get(name) == value or len(self._last) > MOST_SETS:
                continue
            self._last[name] = value
            if number != self._at:
                self._close()
                self._at = number
            self._changed.append(name + value)

    def _close(self) -> None:
        self._running.update(self._at.to_bytes(8, "big") + b"".join(sorted(self._changed)))
        self._changed = []

    def told(self) -> str:
        """Empty where this is known of no codec but by its header."""
        if self.codec not in SETS:
            return self._sound
        self._close()
        return self._running.hexdigest() if self._last else ""


def length_size(codec: str, extradata: bytes | None) -> int:
    """Bytes of each length field as the stream's header says (ISO 14496-15, avcC and hvcC); 0 for start codes."""
    if not extradata or extradata[0] != 1:
        return 0
    if codec == "h264" and len(extradata) > 4:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 21:
        return (extradata[21] & 3) + 1
    return 0


def neutral(codec: str, data: bytes, lengths: int) -> tuple[bytes, list[bytes]]:
    """The packet without what its container added, and the parameter sets that were in it.

    The very same object where nothing was added; a packet whose lengths do not fit is left as it is.
    """
    if codec == "aac":
        return (data[7 if data[1] & 1 else 9 :] if is_adts(data) else data), []
    if codec not in DROPPED or (lengths and not is_whole(data, lengths)):
        return data, []
    units = _by_lengths(data, lengths) if lengths else _by_start_codes(data)
    kept, sets = [], []
    for unit in units:
        kind = unit_type(codec, unit)
        if kind in SETS[codec]:
            sets.append(unit)
        if kind not in DROPPED[codec]:
            kept.append(len(unit).to_bytes(4, "big") + unit)
    left = b"".join(kept)
    return (data if left == data else left), sets


def unit_type(codec: str, unit: bytes) -> int:
    """What a NAL unit is."""
    return unit[0] & 31 if codec == "h264" else (unit[0] >> 1) & 63


def _by_start_codes(data: bytes) -> list[bytes]:
    # No unit ends with a zero byte (H.264, 7.4.1): zeros before a start code belong to it.
    return [unit for each in START_CODE.split(data) if (unit := each.rstrip(b"\x00"))]


def _by_lengths(data: bytes, lengths: int) -> list[bytes]:
    units, place = [], 0
    while place + lengths <= len(data):
        size = int.from_bytes(data[place : place + lengths], "big")
        place += lengths
        units.append(data[place : place + size].rstrip(b"\x00"))
        place += size
    return [unit for unit in units if unit]


def is_whole(data: bytes, lengths: int) -> bool:
    """The packet's length fields lead exactly to its end. Damage inside a unit is not seen."""
    place = 0
    while place + lengths <= len(data):
        place += lengths + int.from_bytes(data[place : place + lengths], "big")
    return place == len(data)


def is_adts(data: bytes) -> bool:
    """An AAC frame with its ADTS header (ISO 14496-3, 1.A.2.2): the sync word, and a length that is the packet's."""
    if len(data) < 8 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return False
    return (int.from_bytes(data[3:6], "big") >> 5) & 0x1FFF == len(data)


def _as_configuration(data: bytes) -> bytes:
    """The AudioSpecificConfig that an ADTS header stands for: object type, frequency, channels."""
    kind, frequency = (data[2] >> 6) + 1, (data[2] >> 2) & 15
    channels = (data[2] & 1) << 2 | data[3] >> 6
    return (kind << 11 | frequency << 7 | channels << 3).to_bytes(2, "big")


def parameter_sets(codec: str, extradata: bytes) -> list[bytes]:
    """The parameter sets in a stream's header: avcC, hvcC, or units after start codes."""
    if not length_size(codec, extradata):
        units = _by_start_codes(extradata)
    else:
        units = _of_avcc(extradata) if codec == "h264" else _of_hvcc(extradata)
    return [unit for unit in units if unit_type(codec, unit) in SETS[codec]]


def _of_avcc(header: bytes) -> list[bytes]:
    units, place = [], 5
    for mask in (31, 255):
        if place >= len(header):
            break
        found, place = _sized(header, place + 1, header[place] & mask)
        units += found
    return units


def _of_hvcc(header: bytes) -> list[bytes]:
    units, place = [], 23
    for _ in range(header[22] if len(header) > 22 else 0):
        found, place = _sized(header, place + 3, int.from_bytes(header[place + 1 : place + 3], "big"))
        units += found
    return units


def _sized(header: bytes, place: int, count: int) -> tuple[list[bytes], int]:
    units = []
    for _ in range(count):
        size = int.from_bytes(header[place : place + 2], "big")
        unit = header[place + 2 : place + 2 + size].rstrip(b"\x00")
        place += 2 + size
        if unit:
            units.append(unit)
        if place >= len(header):
            break
    return units, place


def set_name(codec: str, unit: bytes) -> bytes:
    """Which parameter set a unit replaces: its type and, where it stands at a fixed place, its number."""
    kind = unit_type(codec, unit)
    at = {("h264", 7): 4, ("h264", 8): 1, ("hevc", 34): 2}.get((codec, kind))
    return bytes([kind]) + (_first_number(unit[at : at + 5]).to_bytes(4, "big") if at else b"")


def _first_number(data: bytes) -> int:
    """An Exp-Golomb number at the beginning (H.264, 9.1), as far as five bytes hold it."""
    bits = "".join(f"{byte:08b}" for byte in data)
    zeros = len(bits) - len(bits.lstrip("0"))
    return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1 if zeros < 16 else 0
