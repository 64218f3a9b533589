"""Finds the sound in a file that has no index: what lies between its pictures, as a sibling's sound is decoded.

AAC does not say how long a frame is, but a decoder that is set up for it knows when one has ended, and goes on with
the next (ISO 14496-3, 4.4.2.1: each raw_data_block ends by itself on a whole byte). Samples that are not packed have
a fixed size and decode out of anything: what they tell of themselves is measured (likeness.py). Where something else
lies between the pictures the decoder refuses it, and nothing is made of it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from transcode.inside.likeness import FLAT, Evidence
from transcode.inside.mdat import Bytes, Walk

PACKED: Final = ("aac", "mp3")
SOUNDS: Final = (*PACKED, *FLAT)
LARGEST_GAP: Final = 1 << 20
"""More than this between two pictures is no sound that belongs to them."""
Setup = dict[str, Any]


def setup_of(stream: Any) -> Setup | None:
    """How a decoder is set up for this sound; nothing where it is of a kind that cannot be found without an index."""
    context = stream.codec_context
    if context is None or context.codec.canonical_name not in SOUNDS:
        return None
    return {
        "codec": context.codec.canonical_name,
        "config": base64.b64encode(bytes(context.extradata or b"")).decode(),
        "rate": context.sample_rate,
        "channels": context.channels,
    }


class Between:
    """Decodes what lies between pictures. `taken` and `lost`: bytes that were sound, and that were not."""

    def __init__(self, raw: Bytes, setup: Setup) -> None:
        self.raw, self.setup = raw, setup
        self.taken = self.lost = 0
        self.left = b""
        self.frames: list[Any] = []
        self.evidence = Evidence(setup["codec"], setup["channels"]) if setup["codec"] in FLAT else None
        self.decoder = self._decoder()

    def _decoder(self) -> Any:
        decoder: Any = av.CodecContext.create(self.setup["codec"], "r")
        decoder.extradata = base64.b64decode(self.setup["config"]) or None
        decoder.sample_rate = self.setup["rate"]
        decoder.layout = "mono" if self.setup["channels"] == 1 else "stereo"
        decoder.thread_count = 1
        # Other bytes than sound may look like it to a decoder that forgives; this one does not.
        decoder.options = {"err_detect": "explode"}
        return decoder

    def take(self, place: int, length: int) -> None:
        """What lies here is sound, or it is not."""
        if not length:
            return
        data = self.raw.at(place, length) if length <= LARGEST_GAP else b""
        if not data.strip(b"\x00"):
            self.lost += length
            return
        if self.evidence is not None:
            data = self.left + data
            whole = len(data) - len(data) % (FLAT[self.setup["codec"]] * self.setup["channels"])
            data, self.left = data[:whole], data[whole:]
            self.evidence.keep(data)
        try:
            frames = self.decoder.decode(av.Packet(data)) if data else []
        except (av.FFmpegError, ValueError):
            self.lost += length
            self.decoder = self._decoder()
            return
        self.taken += length
        self.frames += frames

    def told(self) -> dict[str, float]:
        """How much of it was sound, and where it has no form of its own, what speaks for that."""
        found = {"sound_taken": self.taken, "sound_lost": self.lost}
        return found | (self.evidence.told() if self.evidence is not None else {})

    def decoded(self) -> Iterator[Any]:
        """The frames that were decoded since the last time."""
        frames, self.frames = self.frames, []
        yield from frames


class Track:
    """Writes the sound between pictures into a file, as plain samples, no further than the pictures have come."""

    def __init__(self, copy: OutputContainer, sound: Between, walk: Walk) -> None:
        layout = "mono" if sound.setup["channels"] == 1 else "stereo"
        self.copy, self.sound, self.walk = copy, sound, walk
        self.stream: Any = copy.add_stream("pcm_s16le", rate=sound.setup["rate"], layout=layout)
        self.base = Fraction(1, sound.setup["rate"])
        self.resampler = AudioResampler(format="s16", layout=layout, rate=sound.setup["rate"])
        self.units, self.samples, self.ends = walk.units(), 0, walk.place

    def write_to(self, place: int) -> None:
        """Everything that lies before this place."""
        while self.walk.place < place:
            unit = next(self.units, None)
            if unit is None:
                break
            _, body, gap = unit
            self.sound.take(self.walk.place - 4 - len(body) - gap, gap)
            self.ends = self.walk.place
            self._write()

    def close(self) -> dict[str, float]:
        """What lies behind the last picture too; what there was of sound."""
        self.write_to(self.sound.raw.size)
        self.sound.take(self.ends, self.sound.raw.size - self.ends)
        self._write()
        for packet in self.stream.encode(None):
            self.copy.mux(packet)
        return {"sound_samples": self.samples, **self.sound.told()}

    def _write(self) -> None:
        for frame in self.sound.decoded():
            for plain in self.resampler.resample(frame):
                plain.pts, plain.time_base = self.samples, self.base
                self.samples += plain.samples
                for packet in self.stream.encode(plain):
                    self.copy.mux(packet)
