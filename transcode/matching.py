"""Holds the packets of a copy against those of its master, and says what is the same and what is not. Pure.

Three lines for each stream: whether its packets are the master's, whether they are shown when the master's are, and
whether a decoder is set up alike. A plain hash over a stream does not see the last two: doubled time stamps and a
rewritten picture size leave it as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from statistics import median_low
from typing import Any, Final

from evidence.tlog.merkle import HASH_SIZE
from transcode.packets import Header, Manifest, Track
from transcode.timing import SAME_US

PRIMING: Final = 3
"""Packets at the beginning of a sound that only fill the decoder; an edit list moves them and nobody hears it."""
GAPS_NAMED: Final = 5


class Kind(StrEnum):
    """What a finding says."""

    SAME_PACKETS = "same_packets"
    PACKETS_MISSING = "packets_missing"
    CLIP = "clip"
    NOT_THE_MASTERS = "not_the_masters"
    TIMING_EQUAL = "timing_equal"
    TIMING_ALTERED = "timing_altered"
    CONFIGURATION_EQUAL = "configuration_equal"
    DISPLAY_ALTERED = "display_altered"
    STREAM_MISSING = "stream_missing"
    NOT_COMPARED = "not_compared"


AGREE: Final = frozenset({Kind.SAME_PACKETS, Kind.TIMING_EQUAL, Kind.CONFIGURATION_EQUAL})


@dataclass(frozen=True, slots=True)
class Finding:
    """One line about one stream of the copy, numbered from 0 within it; -1: it is not there. `says` is for a person."""

    kind: Kind
    stream: int
    says: str
    numbers: Mapping[str, int] = field(default_factory=dict)

    def as_facts(self) -> dict[str, Any]:
        """For the rendition's row."""
        return {"kind": self.kind.value, "stream": self.stream, "says": self.says, **self.numbers}


def compare(master: Manifest, copy: Manifest, pairs: Iterable[tuple[Track, Track]] | None = None) -> list[Finding]:
    """Every finding, stream by stream of the copy. `pairs`: which stream of the copy is to be which of the master's;
    left out, each is held against the one that it is like, or the first of its kind.
    """
    held = list(pairs) if pairs is not None else _paired(master, copy)
    places = {id(track): number for number, track in enumerate(copy.tracks)}
    found = [finding for mine, theirs in held for finding in compare_track(mine, theirs, places[id(theirs)])]
    alone = set(places.values()) - {finding.stream for finding in found}
    found += [Finding(Kind.NOT_THE_MASTERS, number, "the master has no stream like it") for number in alone]
    names = _names(copy)
    told = [replace(each, says=f"{names[each.stream]}: {each.says}") for each in found]
    return [*sorted(told, key=lambda finding: finding.stream), *_left_out(master, [mine for mine, _ in held])]


def _names(manifest: Manifest) -> list[str]:
    """What a person calls each stream; numbered where there are several of a kind."""
    kinds = [track.header.kind for track in manifest.tracks]
    words = {"video": "pictures", "audio": "sound"}
    return [
        words[kind] + (f" {kinds[: place + 1].count(kind)}" if kinds.count(kind) > 1 else "")
        for place, kind in enumerate(kinds)
    ]


def _left_out(master: Manifest, held: Sequence[Track]) -> list[Finding]:
    """Streams of the master that are not in the copy at all."""
    kept = {id(track) for track in held}
    missing = [name for name, track in zip(_names(master), master.tracks, strict=True) if id(track) not in kept]
    return [Finding(Kind.STREAM_MISSING, -1, f"the master's {name} is not in the copy") for name in missing]


def _paired(master: Manifest, copy: Manifest) -> list[tuple[Track, Track]]:
    free, pairs = list(master.tracks), []
    for theirs in copy.tracks:
        like = [mine for mine in free if mine.header.kind == theirs.header.kind]
        same = [mine for mine in like if mine.packets and mine.neutral == theirs.neutral]
        if like:
            mine = (same or like)[0]
            free.remove(mine)
            pairs.append((mine, theirs))
    return pairs


def compare_track(master: Track, copy: Track, number: int) -> list[Finding]:
    """The findings on one stream."""
    packets, places = _packets(master, copy, number)
    if not places and packets.kind is not Kind.SAME_PACKETS:
        return [packets]
    timing = _timing(master, copy, places, number) if places else _uncounted(copy, number)
    return [packets, timing, _configuration(master, copy, number)]


def _uncounted(copy: Track, number: int) -> Finding:
    said = f"its {copy.packets:,} packets are too many for their times to be compared one by one"
    return Finding(Kind.NOT_COMPARED, number, said)


def _packets(master: Track, copy: Track, number: int) -> tuple[Finding, Sequence[int]]:
    """Whether packets are the master's, and at which of its places each of them stands."""
    count = copy.packets
    if not count or not master.packets:
        return Finding(Kind.NOT_COMPARED, number, "there are no packets to compare"), ()
    whole = range(count) if master.listed and copy.listed else ()
    if master.packets == count and master.payload == copy.payload:
        said = f"all {count:,} packets are the master's, byte for byte"
        return Finding(Kind.SAME_PACKETS, number, said, {"packets": count}), whole
    if master.packets == count and master.neutral == copy.neutral:
        said = f"all {count:,} packets are the master's, in the form of another container"
        return Finding(Kind.SAME_PACKETS, number, said, {"packets": count}), whole
    if not (master.listed and copy.listed):
        said = f"its {count:,} packets are not the master's {master.packets:,}"
        return Finding(Kind.NOT_THE_MASTERS, number, said), ()
    return _some_packets(master, copy, number)


def _some_packets(master: Track, copy: Track, number: int) -> tuple[Finding, Sequence[int]]:
    count = copy.packets
    begins = _run(master.compared, copy.compared)
    if begins is not None:
        last = begins + count - 1
        said = f"a clip, packets {begins} to {last} of the master's {master.packets:,}, counted from 0"
        return Finding(Kind.CLIP, number, said, {"first": begins, "last": last}), range(begins, last + 1)
    places, strangers = _in_order(master.compared, copy.compared)
    if strangers or not places:
        known = f"{count - strangers:,} of its {count:,} packets" if strangers < count else "none of its packets"
        said = f"not the master's packets; {known} occur in the master"
        return Finding(Kind.NOT_THE_MASTERS, number, said, {"strangers": strangers}), ()
    gaps = _gaps(places, master.packets)
    missing = master.packets - count
    at = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in gaps[:GAPS_NAMED])
    more = f" and {len(gaps) - GAPS_NAMED} more places" if len(gaps) > GAPS_NAMED else ""
    said = f"{count:,} of the master's {master.packets:,} packets; {missing:,} missing at {at}{more}"
    numbers = {"missing": missing, "first": gaps[0][0], "last": gaps[-1][1]}
    return Finding(Kind.PACKETS_MISSING, number, f"{said}, counted from 0", numbers), places


def _run(master: bytes, copy: bytes) -> int | None:
    """Where the copy's packets stand in the master without a gap between them."""
    place = master.find(copy)
    while place >= 0:
        if place % HASH_SIZE == 0:
            return place // HASH_SIZE
        place = master.find(copy, place + 1)
    return None


def _in_order(master: bytes, copy: bytes) -> tuple[list[int], int]:
    """The places of the copy's packets in the master, going forward; and how many do not occur there at all.

    Packets that all occur but in another order count as strangers from where the order breaks.
    """
    after: dict[bytes, list[int]] = {}
    for place in range(len(master) // HASH_SIZE - 1, -1, -1):
        after.setdefault(master[place * HASH_SIZE : (place + 1) * HASH_SIZE], []).append(place)
    places: list[int] = []
    strangers, reached = 0, -1
    for at in range(0, len(copy), HASH_SIZE):
        waiting = after.get(copy[at : at + HASH_SIZE], [])
        while waiting and waiting[-1] <= reached:
            waiting.pop()
        if waiting:
            reached = waiting.pop()
            places.append(reached)
        else:
            strangers += 1
    return places, strangers


def _gaps(places: Sequence[int], packets: int) -> list[tuple[int, int]]:
    """The runs of the master's packets that are not among `places`."""
    gaps, expected = [], 0
    for place in (*places, packets):
        if place > expected:
            gaps.append((expected, place - 1))
        expected = place + 1
    return gaps


def _timing(master: Track, copy: Track, places: Sequence[int], number: int) -> Finding:
    """Whether packets are shown as far from each other as the master's."""
    mine = [master.pts[place] for place in places]
    apart = [theirs - ours for theirs, ours in zip(copy.pts, mine, strict=True)]
    middle = median_low(apart)
    off = [abs(each - middle) for each in apart]
    worst = max(off)
    if worst <= SAME_US:
        return Finding(Kind.TIMING_EQUAL, number, f"timing equal{_within(worst)}", {"within_us": worst})
    later = off[PRIMING:]
    if copy.header.kind == "audio" and later and max(later) <= SAME_US:
        worst = max(later)
        said = f"timing equal{_within(worst)}, but for packets at the beginning that only fill the decoder"
        return Finding(Kind.TIMING_EQUAL, number, said, {"within_us": worst})
    moved = sum(each > SAME_US for each in off)
    factor = _factor(mine, copy.pts)
    if factor is not None:
        said = f"timing altered by a factor of {factor:.4g}; it plays at {1 / factor:.4g} of the master's speed"
        return Finding(Kind.TIMING_ALTERED, number, said, {"per_mille": round(factor * 1000), "moved": moved})
    many = "1 packet is" if moved == 1 else f"{moved:,} packets are"
    said = f"timing altered; {many} shown up to {worst / 1000:,.0f} ms away from the master's times"
    return Finding(Kind.TIMING_ALTERED, number, said, {"off_us": worst, "moved": moved})


def _within(microseconds: int) -> str:
    """In words, rounded up: nobody is told of a closer agreement than there is."""
    return f" within {-(-microseconds // 100) / 10:g} ms" if microseconds else ", to the microsecond"


def _factor(master: Sequence[int], copy: Sequence[int]) -> float | None:
    """What all times were multiplied by, in the order of showing; nothing where that was not what happened."""
    mine, theirs = sorted(master), sorted(copy)
    mine, theirs = [at - mine[0] for at in mine], [at - theirs[0] for at in theirs]
    if not mine[-1] or not theirs[-1]:
        return None
    factor = theirs[-1] / mine[-1]
    allowed = SAME_US * max(1.0, factor)
    near = all(abs(b - a * factor) <= allowed for a, b in zip(mine, theirs, strict=True))
    return factor if near and abs(factor - 1) > 1e-4 else None


def _configuration(master: Track, copy: Track, number: int) -> Finding:
    """Whether a decoder is set up alike, and pictures are turned alike."""
    mine, theirs = master.header, copy.header
    altered = []
    if (mine.width, mine.height) != (theirs.width, theirs.height):
        sizes = f"{theirs.width} by {theirs.height} instead of {mine.width} by {mine.height}"
        altered.append(f"pictures are shown {sizes} pixels large")
    if (mine.matrix or UPRIGHT)[:9] != (theirs.matrix or UPRIGHT)[:9]:
        altered.append("pictures are turned or moved in another way")
    if (mine.rate, mine.channels) != (theirs.rate, theirs.channels):
        altered.append(f"sound has {theirs.channels} channels at {theirs.rate} Hz, not {mine.channels} at {mine.rate}")
    moved = mine.config != theirs.config
    if mine.codec != theirs.codec or not _set_up_alike(mine, theirs):
        altered.append("the decoder is set up differently")
    if altered:
        said = f"{'display' if mine.kind == 'video' else 'sound'} altered: {', '.join(altered)}"
        return Finding(Kind.DISPLAY_ALTERED, number, said)
    form = ", in the form of another container" if moved else ""
    return Finding(Kind.CONFIGURATION_EQUAL, number, f"decoder configuration equal{form}")


def _set_up_alike(master: Header, copy: Header) -> bool:
    """The same parameter sets, wherever they are kept; where that is not known, the same bytes in the header.

    Sets that come with the packets count too: a header says nothing of them.
    """
    if master.decoder and copy.decoder:
        return master.decoder == copy.decoder
    return master.config == copy.config


UPRIGHT: Final = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
"""The display matrix that does nothing (ISO 14496-12, 8.3.2)."""
