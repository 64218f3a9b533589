"""Measures whether bytes, read as plain samples, are sound: whether a sample follows from those before it.

Samples without a form of their own (PCM, A-law, mu-law) decode out of any bytes. Compressed bytes that are read so
are noise, as loud as the reading allows, and nothing follows from anything. How much of a signal's energy linear
prediction takes away tells them apart (Levinson-Durbin; ITU-T G.711 names the readings). Bytes of another plain kind
follow better where they are read as what they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler

FLAT: Final = {"pcm_s16le": 2, "pcm_s16be": 2, "pcm_u8": 1, "pcm_alaw": 1, "pcm_mulaw": 1}
"""Bytes of one sample."""
ORDER: Final = 4
BLOCK: Final = 512
LEAST_BLOCK: Final = 64
"""Samples that are looked at together, of one channel."""
MOST_PIECES: Final = 48
APART: Final = 1 << 14
FULL: Final = 32_768.0


class Evidence:
    """Pieces of what was taken for samples, from all over the recording, and what they tell."""

    def __init__(self, codec: str, channels: int) -> None:
        self.codec, self.channels = codec, channels
        self.pieces: list[bytes] = []
        self.every, self.seen = 1, 0

    def keep(self, data: bytes) -> None:
        """Whole samples that lie together. Of many pieces every second, every fourth and so on is kept."""
        length = 2 * BLOCK * self.channels
        for place in range(0, len(data), APART):
            if self.seen % self.every == 0:
                self.pieces.append(data[place : place + length])
            self.seen += 1
            if len(self.pieces) == 2 * MOST_PIECES:
                self.pieces, self.every = self.pieces[::2], 2 * self.every

    def told(self) -> dict[str, float]:
        """How many times more energy there is than prediction leaves, for this reading and for the best other one,
        and how loud this one is, of full scale; nothing where there was too little to tell by.
        """
        gain, level = self._read_as(self.codec)
        rival = max(self._read_as(other)[0] for other in FLAT if other != self.codec)
        return {"sound_gain": gain, "sound_rival": rival, "sound_level": level} if gain else {}

    def _read_as(self, codec: str) -> tuple[float, float]:
        energy, left, count = 0.0, 0.0, 0
        for piece in self.pieces:
            block = _samples(piece, codec, self.channels)[: BLOCK * self.channels : self.channels]
            if len(block) >= LEAST_BLOCK:
                mine, unforeseen = foretold(block)
                energy, left, count = energy + mine, left + unforeseen, count + len(block)
        return (energy + 1) / (left + 1) if count else 0.0, (energy / count) ** 0.5 / FULL if count else 0.0


def foretold(samples: Sequence[int]) -> tuple[float, float]:
    """The energy of samples around their mean, and what is left of it when each is foretold from those before."""
    mean = sum(samples) / len(samples)
    plain = [each - mean for each in samples]
    lags = [sum(a * b for a, b in zip(plain, plain[lag:], strict=False)) for lag in range(ORDER + 1)]
    left, weights = lags[0], [1.0]
    for order in range(1, ORDER + 1):
        if left <= 0:
            break
        turn = -sum(weight * lags[order - place] for place, weight in enumerate(weights)) / left
        longer = [*weights, 0.0]
        weights = [mine + turn * other for mine, other in zip(longer, reversed(longer), strict=True)]
        left *= 1 - turn * turn
    return lags[0], max(left, 0.0)


def _samples(data: bytes, codec: str, channels: int) -> array[int]:
    """Interleaved 16-bit samples, as a decoder of this name reads them."""
    layout = "mono" if channels == 1 else "stereo"
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8000, layout
    plain = AudioResampler(format="s16", layout=layout, rate=8000)
    whole = len(data) - len(data) % (FLAT[codec] * channels)
    read = array("h")
    for frame in decoder.decode(av.Packet(data[:whole])) if whole else ():
        for each in plain.resample(frame):
            read.frombytes(bytes(each.planes[0])[: 2 * channels * each.samples])
    return read
