"""Makes a file that can be opened out of one whose index was never written: the same units, with made-up times.

Three questions, each a run of its own: what an intact recording says of its pictures (`parameters`), whether there
is anything to be had in a broken one (`look`), and the whole of it (`write`).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import Any, Final

import av
from av.stream import Disposition

from transcode.inside.guards import MAX_PIXELS
from transcode.inside.mdat import Bytes, Walk, media_begins, sets_in
from transcode.inside.opening import Master, Task
from transcode.inside.sound import SOUNDS, Between, Setup, Track, setup_of
from transcode.inside.units import BEFORE, START_CODE, Reader, sets_of

CODECS: Final = ("h264", "hevc")
LOOK: Final = 64 << 20
LOOKED_AT: Final = 40
LARGEST_PICTURE: Final = 16 << 20
LARGEST_LOOK: Final = 64 << 20
FIRST: Final = 8
RATES: Final = (1, 240)
TELL_EVERY: Final = 200
SOUND_LOOKED_AT: Final = 120
"""Units between which sound is looked for, before it is believed."""


@dataclass(slots=True)
class Picture:
    """One picture's units behind start codes."""

    data: bytearray = field(default_factory=bytearray)
    key: bool = False
    has_slice: bool = False


def run(task: Task) -> dict[str, Any]:
    """Answer the question that `options` names. `refused` where nothing can be made of the bytes."""
    try:
        return {"parameters": _parameters, "look": _look, "write": _write}[str(task.options["do"])](task)
    except (av.FFmpegError, ValueError) as error:
        return {"refused": str(error)[:500]}


def _parameters(task: Task) -> dict[str, Any]:
    """What decoders of an intact recording are set up with, and its pace."""
    with Master(task).opened() as container:
        for stream in container.streams.video:
            context: Any = stream.codec_context
            name = context.codec.canonical_name if context is not None else ""
            if name in CODECS and not stream.disposition & Disposition.attached_pic:
                sets = sets_of(name, bytes(context.extradata or b""))
                sound = next((setup_of(each) for each in container.streams.audio), None)
                return {"codec": name, "sets": _plain(sets), "rate": _rate(stream.average_rate), "sound": sound}
    return {"refused": "it has no pictures whose units could be told"}


def _look(task: Task) -> dict[str, Any]:
    """Whether pictures can be found and decoded: with the parameter sets among them, else with those of `options`."""
    raw = Bytes(Master(task).bytes, task.size, LOOK)
    begins = media_begins(raw)
    sound: Any = task.options.get("sound")
    for codec in CODECS:
        sets = sets_in(raw, begins, codec)
        if sets:
            heard = _heard(raw, begins, codec, sets, sound)
            return {"own_sets": True, **_tried(raw, begins, codec, sets), **heard}
    codec, sets = _given(task)
    if not sets:
        return {"own_sets": False}
    return {"own_sets": False, **_tried(raw, begins, codec, sets), **_heard(raw, begins, codec, sets, sound)}


def _heard(raw: Bytes, begins: int, codec: str, sets: list[bytes], setup: Setup | None) -> dict[str, Any]:
    """Whether what lies between the first pictures is sound, as a sibling's decoder is set up for it."""
    if not setup or setup["codec"] not in SOUNDS:
        return {}
    walk = Walk(raw, Reader(codec, list(sets)), begins)
    sound = Between(raw, setup)
    for number, (_, body, gap) in enumerate(walk.units()):
        sound.take(walk.place - 4 - len(body) - gap, gap)
        if number > SOUND_LOOKED_AT:
            break
    return sound.told()


def _tried(raw: Bytes, begins: int, codec: str, sets: list[bytes]) -> dict[str, Any]:
    walk = Walk(raw, Reader(codec, list(sets)), begins)
    first = _some(pictures(walk), LOOKED_AT)
    told: dict[str, Any] = {"codec": codec, "sets": _plain(sets), "pictures": len(first), "decoded": 0, "faults": 0}
    decoder: Any = av.CodecContext.create(codec, "r")
    # Parameter sets of another camera may fit well enough for a decoder that forgives; this one does not.
    decoder.options, decoder.thread_count = {"max_pixels": str(MAX_PIXELS), "err_detect": "explode"}, 1
    for place, each in enumerate([*first, None]):
        data = None if each is None else av.Packet(bytes(_behind(sets) + each.data if not place else each.data))
        try:
            frames = decoder.decode(data)
        except (av.FFmpegError, ValueError):
            told["faults"] += 1
            continue
        told["decoded"] += len(frames)
        for frame in frames:
            told["faults"] += bool(frame.is_corrupt)
            told |= {"width": frame.width, "height": frame.height, "pixel_format": frame.format.name}
    return told | {
        "rate": _rate(decoder.framerate),
        "profile": decoder.profile,
        "reordered": bool(decoder.has_b_frames),
    }


def _write(task: Task) -> dict[str, Any]:
    """Every unit that can be found, into `other`, at the rate that `options` names."""
    raw, (codec, sets) = Bytes(Master(task).bytes, task.size), _given(task)
    begins = media_begins(raw)
    walk = Walk(raw, Reader(codec, list(sets)), begins)
    found = pictures(walk)
    first = _some(found, FIRST)
    if not first:
        return {"refused": "there are no pictures in it"}
    rate = Fraction(*task.options["rate"])  # type: ignore[misc]  # the parent wrote two numbers
    begin = _behind(sets) + b"".join(bytes(each.data) for each in first)
    setup: Any = task.options.get("sound")
    count, heard = 0, {}
    with _raw(begin, codec) as template, av.open(task.other, mode="w", format="mov") as copy:
        outgoing = copy.add_stream_from_template(template.streams.video[0])
        # The sound of the first pictures lies before those: a second walk hands out what lies between.
        track = Track(copy, Between(raw, setup), Walk(raw, Reader(codec, list(sets)), begins)) if setup else None
        for each in chain(first, found):
            packet = av.Packet(bytes(each.data))
            packet.time_base, packet.pts, packet.dts, packet.duration = 1 / rate, count, count, 1
            packet.is_keyframe, packet.stream = each.key, outgoing
            copy.mux(packet)
            count += 1
            if track is not None:
                track.write_to(walk.place)
            if count % TELL_EVERY == 0:
                task.tell(int(count / rate * 1_000_000))
        if track is not None:
            heard = track.close()
    told = walk.found
    return {
        **heard,
        "pictures": count,
        "total": raw.size - begins,
        "used": told.used,
        "blank": told.blank,
        "cut": int(told.cut),
    }


def pictures(walk: Walk) -> Iterator[Picture]:
    """Units gathered into pictures: what stands before a slice belongs to it, until the next picture begins."""
    before, current = BEFORE[walk.reader.codec], Picture()
    for unit, body, _ in walk.units():
        if current.has_slice and (unit.picture or unit.kind in before or len(current.data) > LARGEST_PICTURE):
            yield current
            current = Picture()
        elif len(current.data) > LARGEST_PICTURE:
            current = Picture()
        current.data += START_CODE + body
        current.has_slice |= unit.slice
        current.key |= unit.key
    if current.has_slice:
        yield current


def _some(found: Iterator[Picture], count: int) -> list[Picture]:
    """The first pictures, fewer where they are large: they are held in memory."""
    held: list[Picture] = []
    for each in found:
        held.append(each)
        if len(held) == count or sum(len(one.data) for one in held) > LARGEST_LOOK:
            break
    return held


def _raw(data: bytes, codec: str) -> Any:
    """The beginning as a raw stream, which says how a decoder is to be set up."""
    return av.open(io.BytesIO(data), mode="r", format=codec, options={"max_pixels": str(MAX_PIXELS)})


def _given(task: Task) -> tuple[str, list[bytes]]:
    sets: Any = task.options.get("sets", [])
    return str(task.options.get("codec", "")), [base64.b64decode(each) for each in sets]


def _behind(sets: list[bytes]) -> bytes:
    return b"".join(START_CODE + each for each in sets)


def _plain(sets: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode() for each in sets]


def _rate(rate: Fraction | None) -> list[int] | None:
    """Pictures a second, where somebody says so and a camera could."""
    if not rate or not RATES[0] <= rate <= RATES[1]:
        return None
    return [rate.numerator, rate.denominator]
