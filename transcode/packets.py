"""Packet manifests: what a file's packets are, when they are shown and how their decoder is set up. Pure.

The form is that of docs/package-format.md, end of section 4. Roots are computed here, from the columns that a walled-in
child gave, so a manifest agrees with itself whoever wrote the master.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Literal

from evidence.tlog.errors import NotProved
from evidence.tlog.merkle import HASH_SIZE, Frontier, leaf_hash, node_hash, root_of, split

FORMAT: Final = 1
LARGEST: Final = 96 << 20
"""Bytes of the largest manifest: the child stops listing at 64 MiB, by its own reckoning."""
LATEST_US: Final = 2**53 - 1
UNSAID: Final = -(1 << 63)


class NotAManifest(ValueError):
    """The bytes, or what a child said, are not a packet manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What one stream's header says. Sizes in pixels, `rate` in samples a second; `config`: SHA-256 (hex).

    `decoder` is the same wherever a container keeps parameter sets, or empty; `index` is the stream's number in its
    file. Neither stands in a manifest.
    """

    kind: Literal["video", "audio"]
    codec: str
    config: str
    width: int = 0
    height: int = 0
    rate: int = 0
    channels: int = 0
    matrix: tuple[int, ...] | None = None
    decoder: str = ""
    index: int = -1


@dataclass(frozen=True, kw_only=True)
class Track:
    """One stream's packets. `hashes` are 32 bytes each, in decoding order; times in microseconds from the first.

    `neutral_hashes` is nothing where they are `hashes`. A track of too many packets has roots and no columns.
    """

    header: Header
    packets: int
    hashes: bytes = b""
    neutral_hashes: bytes | None = None
    dts: Sequence[int] = ()
    pts: Sequence[int] = ()
    keys: Sequence[int] = ()
    folded: tuple[bytes, bytes] | None = None

    def __post_init__(self) -> None:
        if self.folded is not None:
            if {len(root) for root in self.folded} != {HASH_SIZE}:
                raise NotAManifest("a root is no SHA-256 hash")
            return
        columns = [len(self.hashes), HASH_SIZE * len(self.dts), HASH_SIZE * len(self.pts)]
        columns += [len(self.neutral_hashes)] if self.neutral_hashes is not None else []
        if set(columns) != {HASH_SIZE * self.packets}:
            raise NotAManifest("a stream's columns are not of one length")

    @property
    def listed(self) -> bool:
        """The packets are named one by one."""
        return self.folded is None

    @property
    def compared(self) -> bytes:
        """The hashes that stay the same whatever the container."""
        return self.hashes if self.neutral_hashes is None else self.neutral_hashes

    @cached_property
    def payload(self) -> bytes:
        """The root over the packets as they lie in the file."""
        return self.folded[0] if self.folded else root_of([leaf_hash(each) for each in _each(self.hashes)])

    @cached_property
    def neutral(self) -> bytes:
        """The root over the packets without what containers add."""
        if self.folded:
            return self.folded[1]
        if self.neutral_hashes is None:
            return self.payload
        return root_of([leaf_hash(each) for each in _each(self.neutral_hashes)])

    @cached_property
    def timed(self) -> bytes:
        """The root over packets and their times."""
        moments = zip(_each(self.hashes), self.dts, self.pts, strict=True)
        return root_of([leaf_hash(each + _eight(dts) + _eight(pts)) for each, dts, pts in moments])

    def as_json(self) -> dict[str, Any]:
        """As it stands in a manifest. Raises NotAManifest where the packets are not listed."""
        if not self.listed:
            raise NotAManifest(f"{self.packets} packets are more than a manifest holds")
        header = self.header
        known = {"width": header.width, "height": header.height}
        if header.kind == "audio":
            known = {"rate": header.rate, "channels": header.channels}
        return {
            "kind": header.kind,
            "codec": header.codec,
            "config": header.config,
            **known,
            "matrix": list(header.matrix) if header.matrix else None,
            "packets": self.packets,
            "payload": self.payload.hex(),
            "neutral": self.neutral.hex(),
            "timed": self.timed.hex(),
            "hashes": [each.hex() for each in _each(self.hashes)],
            "neutral_hashes": None
            if self.neutral_hashes is None
            else [each.hex() for each in _each(self.neutral_hashes)],
            "dts": list(self.dts),
            "pts": list(self.pts),
            "keys": list(self.keys),
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """All moving pictures and sounds of one file, in its order. `ended_early`: why it was not read to its end."""

    tracks: tuple[Track, ...]
    ended_early: str = ""

    @property
    def packets(self) -> int:
        """How many packets there are in all."""
        return sum(track.packets for track in self.tracks)

    @property
    def listed(self) -> bool:
        """It can be written down."""
        return all(track.listed for track in self.tracks)

    def of(self, index: int) -> Track | None:
        """The track that is stream `index` of the file."""
        return next((track for track in self.tracks if track.header.index == index), None)

    def as_bytes(self) -> bytes:
        """The manifest in its canonical form. Raises NotAManifest where its packets are too many to be listed."""
        value = {"v": FORMAT, "streams": [track.as_json() for track in self.tracks]}
        # Whole numbers, hex and the plain names of codecs: for these, this is the canonical form of RFC 8785.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def read_manifest(body: bytes) -> Manifest:
    """A manifest from its bytes. Raises NotAManifest where they are not in the one form, or a root is wrong."""
    if len(body) > LARGEST:
        raise NotAManifest(f"{len(body)} bytes are more than a manifest has")
    try:
        manifest = Manifest(tuple(_track(each) for each in json.loads(body)["streams"]))
    except NotAManifest:
        raise
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise NotAManifest(f"not a packet manifest: {str(error)[:200]}") from error
    # The roots are computed anew, so bytes that come out the same have the right ones, the one form and our format.
    if manifest.as_bytes() != body:
        raise NotAManifest("a root is wrong, or the bytes are not in the one form")
    return manifest


def _track(told: dict[str, Any]) -> Track:
    named = ("kind", "codec", "config", "width", "height", "rate", "channels")
    header = Header(**{name: told[name] for name in named if name in told}, matrix=_matrix(told["matrix"]))
    other = told["neutral_hashes"]
    return Track(
        header=header,
        packets=int(told["packets"]),
        hashes=bytes.fromhex("".join(told["hashes"])),
        neutral_hashes=None if other is None else bytes.fromhex("".join(other)),
        dts=array("q", told["dts"]),
        pts=array("q", told["pts"]),
        keys=array("q", told["keys"]),
    )


def _matrix(told: Sequence[int] | None) -> tuple[int, ...] | None:
    if told is not None and len(told) != 9:
        raise NotAManifest("a display matrix has nine numbers")
    return None if told is None else tuple(told)


def times(dts: Sequence[int], pts: Sequence[int], *, numerator: int, denominator: int) -> tuple[array[int], array[int]]:
    """Ticks of a time base, UNSAID where the container is silent, as microseconds from the first packet.

    Where a container does not say when each packet is shown, or says that one is shown before it is decoded, as AVI
    may, the times of decoding count. Those that it leaves out at the beginning are put before the first that it
    gives, as far apart as that is from its neighbour.
    Raises NotAManifest for times that no whole number of JSON holds.
    """
    decoded = _filled(dts, pts)
    believed = all(at != UNSAID and (other == UNSAID or at >= other) for at, other in zip(pts, dts, strict=True))
    shown = pts if believed else decoded
    first = min(shown, default=0)
    return (
        _microseconds((at - decoded[0] for at in decoded), numerator, denominator),
        _microseconds((at - first for at in shown), numerator, denominator),
    )


def _filled(dts: Sequence[int], pts: Sequence[int]) -> list[int]:
    known = [place for place, at in enumerate(dts) if at != UNSAID]
    if not known:
        said = sorted(at for at in pts if at != UNSAID)
        return said if len(said) == len(pts) else [0] * len(pts)
    filled, first = list(dts), known[0]
    step = dts[first + 1] - dts[first] if len(known) > 1 and known[1] == first + 1 else 0
    for place in range(first):
        filled[place] = dts[first] - (first - place) * step
    for place in range(first + 1, len(filled)):
        if filled[place] == UNSAID:
            filled[place] = filled[place - 1]
    return filled


def _microseconds(ticks: Iterable[int], numerator: int, denominator: int) -> array[int]:
    if numerator <= 0 or denominator <= 0:
        raise NotAManifest("a time base is no fraction above zero")
    scale, whole = 2_000_000 * numerator, 2 * denominator
    found = [(scale * at + denominator) // whole for at in ticks]
    if found and (max(found) > LATEST_US or min(found) < -LATEST_US):
        raise NotAManifest("its times are beyond what any recording has")
    return array("q", found)


def range_proof(track: Track, first: int, end: int) -> list[bytes]:
    """Proof that packets `first` up to, not including, `end` stand there under the payload root: the roots of what lies
    beside them, from left to right. It tells nothing of the other packets but how many there are.

    Raises NotProved where there are no such packets.
    """
    if not 0 <= first < end <= track.packets or not track.listed:
        raise NotProved(f"a stream of {track.packets} packets has no packets {first} to {end - 1} to prove")
    leaves = [leaf_hash(each) for each in _each(track.hashes)]
    proof: list[bytes] = []

    def walk(start: int, stop: int) -> None:
        if start >= end or stop <= first:
            proof.append(Frontier().extend(leaves[start:stop]).root())
        elif not (first <= start and stop <= end):
            middle = split(start, stop)
            walk(start, middle)
            walk(middle, stop)

    walk(0, track.packets)
    return proof


def verify_range(hashes: Sequence[bytes], first: int, packets: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that these packet hashes are packets `first` and following of the `packets` under `root`.

    How many packets there are has to be known, as for every proof of RFC 6962. Raises NotProved.
    """
    end, rest = first + len(hashes), list(reversed(proof))
    if not 0 <= first < end <= packets:
        raise NotProved(f"a stream of {packets} packets has no packets {first} to {end - 1}")
    if any(len(each) != HASH_SIZE for each in (*hashes, *proof)):
        raise NotProved("a hash is not of 32 bytes")

    def walk(start: int, stop: int) -> bytes:
        if start >= end or stop <= first:
            if not rest:
                raise NotProved("the proof is too short")
            return rest.pop()
        if first <= start and stop <= end:
            return root_of([leaf_hash(each) for each in hashes[start - first : stop - first]])
        middle = split(start, stop)
        left = walk(start, middle)
        return node_hash(left, walk(middle, stop))

    if walk(0, packets) != root or rest:
        raise NotProved("these packets do not lead to the root")


def digest_of(body: bytes) -> str:
    """The name of a manifest: SHA-256 of its bytes, in hex."""
    return sha256(body).hexdigest()


def _each(column: bytes) -> list[bytes]:
    return [column[place : place + HASH_SIZE] for place in range(0, len(column), HASH_SIZE)]


def _eight(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)
