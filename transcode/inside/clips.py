"""Answers for clips: `index` a master, `clip`, `still` and `sound` make a file of it, `read` looks at what was made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from transcode.inside import clip_index, clip_writing
from transcode.inside.clip_frames import SCREEN, Disordered, Dressing
from transcode.inside.clip_sound import copied_sound, frames, placed, samples
from transcode.inside.guards import MAX_PIXELS
from transcode.inside.opening import Master, Task, guarded
from transcode.inside.packets import Counter
from transcode.inside.tables import Reading

SAMPLE_CODERS = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le"}


def run(task: Task) -> dict[str, Any]:
    """Do what the file that `options` names tells. `refused` where the bytes could not be worked on, `disordered` where
    pictures cannot be told apart by their times or by counting packets.
    """
    told = json.loads(Path(str(task.options["told"])).read_bytes())
    try:
        return DOES[told["do"]](replace(task, options=told))
    except Disordered:
        return {"disordered": True}
    except (av.FFmpegError, ValueError) as error:
        return {"refused": str(error)[:500]}


def _still(task: Task) -> dict[str, Any]:
    """One picture, upright and in full size, as a PNG without loss."""
    told: Any = task.options["pictures"]
    film = clip_writing.Film(task, told)
    # Words are drawn in 4:2:0; without them the picture goes straight into colours of a screen.
    dressed = Dressing({**told, "format": "yuv420p" if told.get("burn") else SCREEN}, film.base)
    [(_, picture)] = list(dressed.of(film.decoded(film.ticks, told["start"])))
    shot = picture.reformat(format="rgb24")
    coder = av.CodecContext.create("png", "w")
    coder.width, coder.height, coder.pix_fmt, coder.time_base = shot.width, shot.height, "rgb24", Fraction(1, 25)
    shot.pts, shot.time_base = 0, Fraction(1, 25)
    data = b"".join(bytes(packet) for packet in [*coder.encode(shot), *coder.encode(None)])
    Path(task.other).write_bytes(data)
    return {"width": shot.width, "height": shot.height}


def _sound(task: Task) -> dict[str, Any]:
    """Sound tracks alone: AAC packets as they are, or exactly the samples between the two moments."""
    told: Any = task.options
    begins, stops = Fraction(*told["begins"]), Fraction(*told["stops"])
    with av.open(task.other, mode="w", format=str(told["container"])) as made:
        adding = copied_sound if told["copied"] else None
        tracks = [
            adding(task, made, each, begins) if adding else _pcm(task, made, each, begins, stops)
            for each in told["sounds"]
        ]
        for packet in clip_writing.in_order(tracks):
            made.mux(packet)
    return {}


def _pcm(task: Task, made: Any, told: dict[str, Any], begins: Fraction, stops: Fraction) -> Iterator[Any]:
    rate, layout, form = int(told["rate"]), _layout(task, told), str(told["form"])
    stream = made.add_stream(SAMPLE_CODERS[form], rate=rate, layout=layout)

    def packets() -> Iterator[Any]:
        for frame in frames(samples(task, told, begins, stops, form=form, layout=layout), rate, form, layout):
            yield from placed(stream.encode(frame), stream)
        yield from placed(stream.encode(None), stream)

    return packets()


def _layout(task: Task, told: dict[str, Any]) -> str:
    """The master's own arrangement of channels: from one to another, samples would be mixed."""
    plain = {1: "mono", 2: "stereo"}.get(int(told["channels"]))
    if plain is not None:
        return plain
    with Master(task).opened() as master:
        context: Any = master.streams[int(told["index"])].codec_context
        return str(context.layout.name)


def _read(task: Task) -> dict[str, Any]:
    """What was made, read through and every picture decoded."""
    decoded = faults = 0
    with guarded(f"file:{task.path}") as container:
        reading = Reading(Counter(container))
        streams = reading.counter.streams
        for stream in streams:
            if stream.type == "video":
                stream.codec_context.options, stream.codec_context.thread_count = {"max_pixels": str(MAX_PIXELS)}, 1
        for packet in container.demux(streams):
            film = packet.stream.type == "video"
            reading.counter.take(packet, look=not film)
            if packet.size and packet.pts is not None:
                reading.take(packet, streams.index(packet.stream))
            try:
                found = packet.decode() if film else []
            except (av.FFmpegError, ValueError):
                found, faults = [], faults + 1
            for frame in found:
                reading.counter.saw(packet.stream_index, frame)
                decoded += 1
    return {**reading.told(), "decoded": decoded, "faults": faults}


DOES = {
    "index": clip_index.run,
    "decoded": clip_index.decoded,
    "hashes": clip_index.hashes,
    "clip": clip_writing.write,
    "still": _still,
    "sound": _sound,
    "read": _read,
}
