"""What two packet manifests say of each other: the same packets, the same times, the same decoder settings. Pure.

The rules are those at the end of section 5 of docs/package-format.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from evidence.package.inquiry import Contradicted
from evidence.package.stated import PacketManifest, Track
from evidence.tlog.merkle import HASH_SIZE, leaf_hash, root_of

CLOSE = 1000  # microseconds: containers round times
PRIMING = 3  # first packets of a sound that only fill the decoder: nobody hears when they are
UPRIGHT = [65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30]  # the matrix that turns nothing (ISO 14496-12, 8.3.2)
GAPS_NAMED = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found, in words; whether it speaks against a copy that was made without coding anew."""

    words: str
    contradicts: bool


def compared(master: PacketManifest, copy: PacketManifest) -> Compared:
    """Compare stream by stream. Raises Contradicted where a manifest disagrees with itself.

    A difference speaks against the copy's pictures; against its sound only where it has no pictures.
    """
    for each in (*master.streams, *copy.streams):
        _hold_together(each)
    counts = "video" if any(each.kind == "video" for each in copy.streams) else "audio"
    said, against = [], False
    pairs = _paired(master.streams, copy.streams)
    for theirs, ours in pairs:
        words, differs = _track(ours, theirs) if ours else ("the master has no such stream", True)
        said.append(f"{theirs.kind}: {words}")
        against = against or (differs and theirs.kind == counts)
    left_out = len(master.streams) - sum(ours is not None for _, ours in pairs)
    if left_out:
        said.append(f"the copy leaves out {left_out} of the master's streams")
    return Compared("; ".join(said) or "neither has a stream to compare", against)


def _paired(master: Sequence[Track], copy: Sequence[Track]) -> list[tuple[Track, Track | None]]:
    """Each stream of the copy with the master's: by neutral root, then by kind and order."""
    free, found = list(master), dict[int, Track]()
    for by_root in (True, False):
        for place, theirs in enumerate(copy):
            alike = [
                ours for ours in free if ours.kind == theirs.kind and (not by_root or ours.neutral == theirs.neutral)
            ]
            if place not in found and alike:
                found[place] = alike[0]
                free = [each for each in free if each is not alike[0]]
    return [(theirs, found.get(place)) for place, theirs in enumerate(copy)]


def _track(master: Track, copy: Track) -> tuple[str, bool]:
    if master.codec != copy.codec:
        return f"encoded again ({copy.codec} from {master.codec})", True
    places, words = _places(master, copy)
    whole = master.neutral == copy.neutral
    if not places and not whole:
        return words, True
    on_time, timing = _times(master, copy, places)
    altered = _altered(master, copy)
    # Where the container writes the packets in another way, it writes the configuration in another way too.
    differs = not whole or not on_time or bool(altered and master.payload == copy.payload)
    return ", ".join([words, timing, *(altered or ["decoder configuration equal"])]), differs


def _places(master: Track, copy: Track) -> tuple[Sequence[int], str]:
    """Which of the master's packets the copy's are, and that in words; none where they are others."""
    if master.payload == copy.payload:
        return range(copy.packets), f"all {copy.packets} packets are the master's"
    if master.neutral == copy.neutral:
        return range(copy.packets), f"all {copy.packets} packets are the master's, but for what containers add"
    ours, theirs = _neutral(master), _neutral(copy)
    begins = _run(b"".join(ours), b"".join(theirs))
    if begins is not None:
        last = begins + len(theirs) - 1
        return range(begins, last + 1), f"packets {begins} to {last} of the master's {len(ours)}, counted from 0"
    places = _in_order(ours, theirs)
    if places and len(places) == len(theirs):
        missing = ", ".join(_gaps(places, len(ours)))
        return places, f"{len(theirs)} of the master's {len(ours)} packets, counted from 0; missing: {missing}"
    return (), f"NOT the master's packets ({len(theirs)} packets, the master has {len(ours)})"


def _neutral(track: Track) -> list[bytes]:
    return [bytes.fromhex(each) for each in (track.hashes if track.neutral_hashes is None else track.neutral_hashes)]


def _run(ours: bytes, theirs: bytes) -> int | None:
    """Where the copy's packets stand in the master without a gap."""
    place = ours.find(theirs) if theirs else -1
    while place % HASH_SIZE and place > 0:
        place = ours.find(theirs, place + 1)
    return place // HASH_SIZE if place >= 0 else None


def _in_order(ours: Sequence[bytes], theirs: Sequence[bytes]) -> list[int]:
    places: list[int] = []
    for place, each in enumerate(ours):
        if len(places) < len(theirs) and each == theirs[len(places)]:
            places.append(place)
    return places


def _gaps(places: Sequence[int], packets: int) -> Iterator[str]:
    missing = [(before + 1, after - 1) for before, after in pairwise((-1, *places, packets)) if after > before + 1]
    yield from (f"{first}" if first == last else f"{first} to {last}" for first, last in missing[:GAPS_NAMED])
    if len(missing) > GAPS_NAMED:
        yield "and more"


def _times(master: Track, copy: Track, places: Sequence[int]) -> tuple[bool, str]:
    """Whether packets are shown as far from each other as the master's; a copy may begin elsewhere."""
    apart = [theirs - master.pts[place] for place, theirs in zip(places, copy.pts, strict=True)]
    middle = median_low(apart) if apart else 0
    off = [abs(each - middle) for each in apart]
    if max(off, default=0) <= CLOSE:
        return True, "timing equal within 1 ms"
    if copy.kind == "audio" and max(off[PRIMING:], default=0) <= CLOSE:
        return True, "timing equal within 1 ms but for the first packets, which only fill the decoder"
    return False, f"timing NOT equal: shown up to {max(off) / 1000:g} ms from the master's times"


def _altered(master: Track, copy: Track) -> list[str]:
    parts = [
        ("decoder configuration", master.config != copy.config),
        ("size of the picture", (master.width, master.height) != (copy.width, copy.height)),
        ("turn of the picture", (master.matrix or UPRIGHT) != (copy.matrix or UPRIGHT)),
        ("kind of sound", (master.rate, master.channels) != (copy.rate, copy.channels)),
    ]
    return [f"{name} NOT equal" for name, differs in parts if differs]


def _hold_together(track: Track) -> None:
    neutral = track.hashes if track.neutral_hashes is None else track.neutral_hashes
    lists = (track.hashes, neutral, track.dts, track.pts)
    if {len(each) for each in lists} != {track.packets}:
        raise Contradicted("a packet manifest does not list as many packets as it counts")
    if track.keys != sorted(set(track.keys)) or any(each >= track.packets for each in track.keys):
        raise Contradicted("a packet manifest names key pictures that are not there")
    hashes = [bytes.fromhex(each) for each in track.hashes]
    times = zip(hashes, track.dts, track.pts, strict=True)
    timed = [each + _eight(dts) + _eight(pts) for each, dts, pts in times]
    roots = (_root(hashes), _root([bytes.fromhex(each) for each in neutral]), _root(timed))
    if roots != (track.payload, track.neutral, track.timed):
        raise Contradicted("the roots of a packet manifest are not over the packets that it lists")


def _eight(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)


def _root(leaves: Sequence[bytes]) -> str:
    return root_of([leaf_hash(each) for each in leaves]).hex()
