"""Looks at a master without reading it through: container, streams, the first pictures and sounds, the index."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from transcode.inside.guards import MAX_PIXELS, READ_AHEAD_BYTES, READ_AHEAD_OF_FILE
from transcode.inside.opening import Master, Readable, Task

FIRST_PACKETS = 120
MOST_PACKETS = 20 * FIRST_PACKETS
MOST_PACKETS_AHEAD = 20 * MOST_PACKETS
"""Where a track begins late."""
INDEX_ENTRIES = 4_000_000
FEW_TAGS = 100
BOXES = 24
Seen = dict[int, list[tuple[int, int | None]]]


def run(task: Task) -> dict[str, Any]:
    """What the parent turns into MediaFacts, or `refused` with FFmpeg's reason."""
    master = Master(task)
    try:
        container = master.opened()
    except (av.FFmpegError, ValueError) as error:
        return {"refused": str(error)[:500]}
    with container:
        streams = [_stream(stream, task.size) for stream in container.streams]
        _look_at_first_packets(container, streams, late=master.late)
        found: dict[str, Any] = {
            "container": container.format.name,
            "duration_ms": _milliseconds(container.duration),
            "start_ms": _milliseconds(container.start_time),
            "size": task.size,
            "streams": streams,
            "tags": _tags(container.metadata),
            "chapters": len(container.chapters()),
            "late": master.late,
        }
    return {**found, **(_boxes(master.bytes, task.size) if "mp4" in found["container"] else {})}


def _milliseconds(microseconds: int | None) -> int | None:
    return None if microseconds is None else microseconds // 1000


def _tags(metadata: dict[str, str]) -> dict[str, str]:
    return {str(key)[:100]: str(value)[:1000] for key, value in list(metadata.items())[:FEW_TAGS]}


def _fraction(value: Fraction | None) -> list[int] | None:
    return [value.numerator, value.denominator] if value else None


def _seconds(ticks: int | None, base: Fraction | None) -> int | None:
    return None if ticks is None or not base else int(ticks * base * 1000)


def _stream(stream: Stream, size: int) -> dict[str, Any]:
    """One stream's facts, as its header has them."""
    # A stream of no known codec has no context, whatever PyAV's annotations say.
    context: Any = stream.codec_context
    facts: dict[str, Any] = {
        "index": stream.index,
        "kind": stream.type,
        "codec": context.codec.canonical_name if context is not None else None,
        "profile": stream.profile if context is not None else None,
        "time_base": _fraction(stream.time_base),
        "duration_ms": _seconds(stream.duration, stream.time_base),
        "frames": stream.frames,
        "language": stream.language,
        "attached_picture": bool(stream.disposition & Disposition.attached_pic),
        "default": bool(stream.disposition & Disposition.default),
    }
    if stream.type == "video" and context is not None:
        facts |= _picture(stream)
    if stream.type == "audio" and context is not None:
        facts |= {"channels": context.channels, "sample_rate": context.sample_rate, "layout": context.layout.name}
    return facts | _index(stream, size)


def _picture(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "width": context.width,
        "height": context.height,
        "pixel_format": context.pix_fmt,
        "sample_aspect": _fraction(stream.sample_aspect_ratio),
        "rate": _fraction(stream.average_rate),
        "reordered": bool(context.has_b_frames),
    }


def _index(stream: Stream, size: int) -> dict[str, Any]:
    """What the container's own index says: frames, the widest gap, unevenness, and bytes that are not there."""
    entries = stream.index_entries
    count = len(entries)
    if stream.type not in ("video", "audio") or count < 2 or count > INDEX_ENTRIES:
        return {"indexed": 0}
    gaps: set[int] = set()
    last, beyond = None, 0
    for entry in entries:
        beyond += entry.pos + entry.size > size
        if last is not None:
            gaps.add(entry.timestamp - last)
        last = entry.timestamp
    return {
        "indexed": count,
        "beyond_end": beyond,
        "widest_gap_ms": _seconds(max(gaps), stream.time_base),
        "uneven": max(gaps) - min(gaps) > 1,
    }


def _look_at_first_packets(container: InputContainer, streams: list[dict[str, Any]], *, late: bool) -> None:
    """Decode the first picture and the first sound, and see in which order pictures are shown.

    `late`: one of them comes late, and is waited for as long as reading ahead waited.
    """
    for stream in container.streams.video:
        # A codec context made for decoding does not take over the container's guard.
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.codec_context.thread_count = 1
    seen: Seen = {}
    try:
        size, begins = 0, None
        for count, packet in enumerate(container.demux()):
            begins = packet.pos if begins is None else begins
            ahead = late and count < MOST_PACKETS_AHEAD and size < READ_AHEAD_BYTES
            if packet.size == 0 or not (count < MOST_PACKETS or ahead) or _is_padded(packet, begins, size):
                break
            size += packet.size
            _take(packet, streams[packet.stream_index], seen.setdefault(packet.stream_index, []))
            if _enough(streams, seen):
                break
    except av.FFmpegError as error:
        for facts in streams:
            facts.setdefault("fault", str(error)[:300])
    _ask_for_held_back(container, [streams[index] for index in seen])
    for index, times in seen.items():
        _order(streams[index], times)


def _is_padded(packet: Any, begins: int | None, size: int) -> bool:
    """So much of a transport stream that is in no packet has been read past that one still awaited may never come."""
    placed = packet.stream.container.format.name == "mpegts" and begins is not None and packet.pos is not None
    return placed and packet.pos - begins > size + READ_AHEAD_OF_FILE


def _ask_for_held_back(container: InputContainer, streams: list[dict[str, Any]]) -> None:
    """A decoder that puts pictures in order holds back the first ones: of a few, every one."""
    for facts in filter(_may_show, streams):
        context: Any = container.streams[facts["index"]].codec_context
        if context is not None:
            _decode(partial(context.decode, None), facts)


def _take(packet: Any, facts: dict[str, Any], times: list[tuple[int, int | None]]) -> None:
    if packet.pts is not None:
        times.append((packet.pts, packet.dts))
    else:
        facts["untimed"] = True
    if not _may_show(facts):
        return
    _decode(packet.decode, facts)


def _may_show(facts: dict[str, Any]) -> bool:
    """It is of pictures or sound, and nothing of it has been decoded yet."""
    return facts["kind"] in ("video", "audio") and not facts.get("decoded") and not facts["attached_picture"]


def _decode(given: Callable[[], list[Any]], facts: dict[str, Any]) -> None:
    """What the first picture or sound says that the decoder gives."""
    try:
        frames = given()
    except (av.FFmpegError, ValueError) as error:
        facts.setdefault("fault", str(error)[:300])
        return
    if frames:
        facts["decoded"] = True
        facts["first_ms"] = _seconds(frames[0].pts, frames[0].time_base)
        facts |= _first_picture(frames[0]) if facts["kind"] == "video" else {}


def _first_picture(frame: Any) -> dict[str, Any]:
    return {
        "rotation": int(frame.rotation),
        "interlaced": bool(frame.interlaced_frame),
        "width": frame.width,
        "height": frame.height,
        "pixel_format": frame.format.name,
    }


def _enough(streams: list[dict[str, Any]], seen: Seen) -> bool:
    wanted = [facts for facts in streams if facts["kind"] in ("video", "audio") and not facts["attached_picture"]]
    pictures = [facts for facts in wanted if facts["kind"] == "video"]
    return all(facts.get("decoded") for facts in wanted) and all(
        len(seen.get(facts["index"], ())) >= FIRST_PACKETS for facts in pictures
    )


def _order(facts: dict[str, Any], times: list[tuple[int, int | None]]) -> None:
    shown = [pts for pts, _ in times]
    if facts["kind"] != "video" or len(shown) < 2:
        return
    if shown != sorted(shown):
        facts["reordered"] = True
    if not facts["indexed"]:
        # A picture of the last group may still be missing here, so its neighbours are not compared.
        steps = {later - earlier for earlier, later in pairwise(sorted(shown)[: max(2, len(shown) - 16)])}
        facts["uneven"] = max(steps) - min(steps) > 1
        facts["widest_gap_ms"] = _seconds(max(steps), Fraction(*facts["time_base"]) if facts["time_base"] else None)


def _boxes(raw: Readable, size: int) -> dict[str, bool]:
    """Whether an MP4's index stands before its media, and whether it goes on in fragments (ISO 14496-12, 4.2)."""
    kinds: list[bytes] = []
    place = 0
    while place + 8 <= size and len(kinds) < BOXES:
        raw.seek(place)
        head = raw.read(16)
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        if length < 8:
            break
        kinds.append(kind)
        place += length
    index, media = (kinds.index(kind) if kind in kinds else BOXES for kind in (b"moov", b"mdat"))
    return {"index_first": index < media, "fragmented": b"moof" in kinds}
