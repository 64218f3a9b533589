"""What two packet manifests say of each other: the same packets, the same times, the same decoder settings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.package.inquiry import Contradicted
from evidence.package.stated import PacketManifest, Track
from evidence.tlog.merkle import leaf_hash, root_of

CLOSE = 1000  # microseconds: containers round times


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found, in words; whether it speaks against a copy that was made without coding anew."""

    words: str
    contradicts: bool


def compared(master: PacketManifest, copy: PacketManifest) -> Compared:
    """Compare stream by stream. Raises Contradicted where a manifest disagrees with itself."""
    for each in (*master.streams, *copy.streams):
        _hold_together(each)
    said, against = [], False
    for kind in ("video", "audio"):
        ours = [each for each in master.streams if each.kind == kind]
        theirs = [each for each in copy.streams if each.kind == kind]
        if len(ours) < len(theirs):
            said.append(f"the copy has {len(theirs)} {kind} streams and the master {len(ours)}")
            against = True
        for one, other in zip(ours, theirs, strict=False):
            words, differs = _track(one, other)
            said.append(f"{kind}: {words}")
            against = against or differs
    return Compared("; ".join(said) or "neither has a stream to compare", against)


def _track(master: Track, copy: Track) -> tuple[str, bool]:
    if master.payload == copy.payload:
        packets = f"all {copy.packets} packets are the master's"
    elif master.neutral == copy.neutral:
        packets = f"all {copy.packets} packets are the master's, but for what containers add"
    else:
        return f"the packets are other ones ({copy.codec} for {master.codec}: coded anew)", True
    wrong = [words for words, differs in _beside(master, copy) if differs]
    return ", ".join([packets, *(wrong or ["with the master's times and decoder settings"])]), bool(wrong)


def _beside(master: Track, copy: Track) -> list[tuple[str, bool]]:
    # Where the container writes the packets in another way, it writes the configuration in another way too.
    alike = master.config == copy.config or master.payload != copy.payload
    apart = max(_apart(master.pts, copy.pts), _apart(master.dts, copy.dts))
    shape = [(each.codec, each.width, each.height, each.rate, each.channels, each.matrix) for each in (master, copy)]
    return [
        (f"but their times differ by up to {apart / 1000:g} ms", apart > CLOSE),
        ("but their decoder settings differ", not alike),
        ("but the picture's size or turn, or the kind of sound, differs", shape[0] != shape[1]),
    ]


def _apart(one: Sequence[int], other: Sequence[int]) -> int:
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=0)


def _hold_together(track: Track) -> None:
    neutral = track.hashes if track.neutral_hashes is None else track.neutral_hashes
    lists = (track.hashes, neutral, track.dts, track.pts)
    if {len(each) for each in lists} != {track.packets}:
        raise Contradicted("a packet manifest does not list as many packets as it counts")
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
