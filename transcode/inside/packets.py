"""Fingerprints of packets that stay the same when only the container changes.

MP4 keeps H.264 with lengths before its units, a transport stream with start codes; ADTS puts a header before each
AAC frame. The fingerprint is of what is left: the coded pictures and sounds themselves.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

START_CODE = re.compile(rb"\x00\x00\x01")


class Fingerprints:
    """One running SHA-256 for each stream: the digest of its packets' digests, in their order."""

    def __init__(self) -> None:
        self._running: dict[int, Any] = {}
        self.counts: dict[int, int] = {}

    def take(self, key: int, codec: str, data: bytes, lengths: int) -> None:
        """One packet. `lengths` is the size of the H.264 length fields in bytes; 0 means start codes."""
        running = self._running.setdefault(key, hashlib.sha256())
        running.update(hashlib.sha256(plain(codec, data, lengths)).digest())
        self.counts[key] = self.counts.get(key, 0) + 1

    def told(self) -> dict[str, dict[str, Any]]:
        """By stream: digest (hex) and number of packets."""
        return {
            str(key): {"sha256": self._running[key].hexdigest(), "packets": self.counts[key]} for key in self.counts
        }


def length_size(codec: str, extradata: bytes | None) -> int:
    """Bytes of each length field as the stream's header says (ISO 14496-15, avcC and hvcC); 0 for start codes."""
    if not extradata or extradata[0] != 1:
        return 0
    if codec == "h264" and len(extradata) > 4:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 21:
        return (extradata[21] & 3) + 1
    return 0


def plain(codec: str, data: bytes, lengths: int) -> bytes:
    """The packet without what its container added."""
    if codec in ("h264", "hevc"):
        units = _by_lengths(data, lengths) if lengths else START_CODE.split(data)
        return b"".join(b"\x00\x00\x01" + unit for each in units if (unit := each.rstrip(b"\x00")))
    if codec == "aac" and len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return data[7 if data[1] & 1 else 9 :]
    return data


def _by_lengths(data: bytes, lengths: int) -> list[bytes]:
    units, place = [], 0
    while place + lengths <= len(data):
        size = int.from_bytes(data[place : place + lengths], "big")
        place += lengths
        units.append(data[place : place + size])
        place += size
    return units


def is_whole(data: bytes, lengths: int) -> bool:
    """The packet's length fields lead exactly to its end. Damage inside a unit is not seen."""
    place = 0
    while place + lengths <= len(data):
        place += lengths + int.from_bytes(data[place : place + lengths], "big")
    return place == len(data)
