"""What stands in a transport stream behind the last packet of its pictures and sound, packet by packet.

Null packets and fill are no part of a recording. Other data is said to be there; pictures and sound under numbers that
were not known when the stream was opened are said not to be shown, and so is what nobody can read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from transcode.inside.opening import Readable

LEAST = 1 << 15
"""Bytes, and a twentieth of the file: a shorter end without a packet is what containers close with."""
BLOCK = 1 << 20
LENGTH, STEPS = 188, (188, 192, 204)
"""ISO 13818-1, 2.4.3.2; a packet begins every 192 bytes on discs, every 204 where it was broadcast."""
SEEN = 2 * max(STEPS) + 1
PACKET = re.compile(b"G(?:%s)" % b"|".join(b"(?=.{%d}(G).{%d}G)" % (each - 1, each - 1) for each in STEPS), re.DOTALL)
"""Where a packet begins; the group is where the next one does."""
NULL = 0x1FFF
FILL = b"\x00\xff"
BEGINS = re.compile(rb"\x00\x00\x01[\xc0-\xef\xfd]")
"""A PES packet of pictures or sound (ISO 13818-1, table 2-22)."""
PRIVATE = b"\x00\x00\x01\xbd"
SOUNDS = (b"\x0b\x77", b"\x7f\xfe\x80\x01")
"""How AC-3 and DTS begin, which are sent as private data."""


def behind(raw: Readable, begins: int, size: int, *, shown: Collection[int], data: Collection[int]) -> dict[str, str]:
    """What is to be said of the bytes from `begins` on: that it was read no further (`ended_early`), or what else
    there is (`beside`). `shown`: the numbers of the streams that were read, `data`: of others that were known.
    """
    least, rest = max(LEAST, size // 20), size - begins
    if not begins or rest < least:
        return {}
    end = _End(shown, data)
    end.read(raw, begins)
    share = f"{round(100 * rest / size)}%"
    if end.media or end.unknown >= least:
        return {"ended_early": f"its last {share} hold nothing readable of the pictures and sound that it begins with"}
    if end.other >= least:
        told = f"the last {share} of the master are other data, in which no pictures and no sound are found"
        return {"beside": told}
    return {}


class _End:
    """Bytes of a file's end: `unknown` are of no packet that can be read, or of one that is of what is `shown` and
    yet was not read; `other` neither fill nor `shown`, and `media` says that pictures or sound begin among them.
    """

    def __init__(self, shown: Collection[int], data: Collection[int]) -> None:
        self.media, self.unknown, self.other = False, 0, 0
        self._shown, self._data = frozenset(shown), frozenset(data)

    def read(self, raw: Readable, begins: int) -> None:
        raw.seek(begins)
        kept = b""
        while not self.media and (more := raw.read(BLOCK)):
            kept = self._take(kept + more)
        self._skip(kept)

    def _take(self, read: bytes) -> bytes:
        """The packets of what was read; what is left of it, too short to know whether a packet begins there."""
        place, known = 0, len(read) - SEEN + 1
        while place < known and not self.media:
            found = PACKET.search(read, place)
            begins = found.start() if found else known
            self._skip(read[place : min(begins, known)])
            if found is None or begins >= known:
                return read[known:]
            self._packet(read[begins : begins + LENGTH])
            place = found.start(found.lastindex or 0)
        return read[place:]

    def _skip(self, lost: bytes) -> None:
        lost = lost.strip(FILL)
        for each in FILL:
            # What lies between bytes of something, too.
            lost = lost.replace(bytes([each]) * LENGTH, b"")
        self.unknown += len(lost)

    def _packet(self, packet: bytes) -> None:
        number = (packet[1] & 31) << 8 | packet[2]
        if number == NULL:
            return
        if packet[1] & 0x80 or packet[3] & 0xC0:
            # Broken on its way, or scrambled.
            self.unknown += len(packet)
        elif number in self._shown:
            # Nothing came of it. There is a little of this behind any last packet, whose headers it did not count.
            self.unknown += len(_payload(packet))
        else:
            self.other += len(packet)
            if packet[1] & 0x40 and number not in self._data:
                self.media = _is_media(_payload(packet))


def _payload(packet: bytes) -> bytes:
    """A packet without its header and its adaptation field; nothing where that is all there is."""
    return packet[5 + packet[4] if packet[3] & 0x20 else 4 :] if packet[3] & 0x10 else b""


def _is_media(payload: bytes) -> bool:
    """Pictures or sound begin here."""
    if BEGINS.match(payload):
        return True
    # The ninth byte says how long the rest of the header is (ISO 13818-1, 2.4.3.6).
    return payload.startswith(PRIVATE) and len(payload) > 8 and payload.startswith(SOUNDS, 9 + payload[8])
