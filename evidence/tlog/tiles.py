"""The tree as files that never change: tiles of hashes and bundles of leaves, after C2SP tlog-tiles. Pure.

A tile holds 256 neighbouring hashes. On level 0 they are leaf hashes, on level L each is the root over a full
tile of level L-1. The last tile of a level may be partial; its width is then part of its name.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from evidence.tlog.errors import Malformed
from evidence.tlog.merkle import EMPTY_ROOT, HASH_SIZE, node_hash, split

HEIGHT = 8  # levels of the tree in one tile
WIDTH = 256  # hashes in a full tile, leaves in a full bundle
LONGEST_LEAF = 65_535  # bytes
TILE_NAME = re.compile(r"tile/(0|[1-9]\d?|entries)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


class Tile(NamedTuple):
    """One tile of hashes: `width` hashes from place `number * 256` of its level."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Its name below the log's prefix."""
        return tile_path(self.level, self.number, self.width)

    @property
    def full(self) -> bool:
        """Whether it will never grow again."""
        return self.width == WIDTH

    @property
    def leaves(self) -> tuple[int, int]:
        """The leaves that it speaks of: from, and up to but not including."""
        start = self.number * WIDTH
        return start << HEIGHT * self.level, (start + self.width) << HEIGHT * self.level


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """Where a tile lies: `tile/0/x001/234`, or `tile/0/x001/234.p/17` while it is partial."""
    return f"tile/{level}/{_numbered(number, width)}"


def entries_path(number: int, width: int = WIDTH) -> str:
    """Where a bundle of leaves lies: `tile/entries/x001/234`."""
    return f"tile/entries/{_numbered(number, width)}"


def parse_tile_path(path: str) -> Tile | None:
    """The tile that a name means; None where it names a bundle. Raises Malformed for any other name."""
    match = TILE_NAME.fullmatch(path)
    if match is None:
        raise Malformed(f"{path[:120]!r} names no tile")
    level, number, width = match[1], int(match[2].replace("x", "").replace("/", "")), int(match[3] or WIDTH)
    again = entries_path(number, width) if level == "entries" else tile_path(int(level), number, width)
    if again != path:
        raise Malformed(f"{path[:120]!r} is another name for {again!r}")
    return None if level == "entries" else Tile(int(level), number, width)


def _numbered(number: int, width: int) -> str:
    if number < 0 or not 1 <= width <= WIDTH:
        raise Malformed(f"no tile {number} is {width} wide")
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return "/".join(groups) + ("" if width == WIDTH else f".p/{width}")


def encode_bundle(leaves: Sequence[bytes]) -> bytes:
    """The leaves one after another, each with its length before it. Raises Malformed for too many or too long."""
    if len(leaves) > WIDTH:
        raise Malformed(f"{len(leaves)} leaves in one bundle")
    for leaf in leaves:
        if len(leaf) > LONGEST_LEAF:
            raise Malformed(f"a leaf of {len(leaf)} bytes")
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def decode_bundle(data: bytes) -> list[bytes]:
    """The leaves of a bundle. Raises Malformed where the lengths do not add up."""
    leaves: list[bytes] = []
    place = 0
    while place < len(data):
        begin = place + 2
        place = begin + int.from_bytes(data[place:begin], "big")
        if begin > len(data) or place > len(data) or len(leaves) == WIDTH:
            raise Malformed(f"the bundle of {len(data)} bytes does not end with a leaf")
        leaves.append(data[begin:place])
    return leaves


def tiles_for(old_size: int, new_size: int) -> list[Tile]:
    """The tiles that come into being as a tree grows, lowest level first: all full ones, and the new partial ones."""
    return [tile for level in range(_levels(new_size)) for tile in _tiles_of(level, old_size, new_size)]


def bundles_for(old_size: int, new_size: int) -> list[Tile]:
    """The bundles that come into being, as places and widths of level 0."""
    return list(_tiles_of(0, old_size, new_size))


def _levels(size: int) -> int:
    levels = 0
    while size >> HEIGHT * levels:
        levels += 1
    return levels


def _tiles_of(level: int, old_size: int, new_size: int) -> Iterator[Tile]:
    old, new = old_size >> HEIGHT * level, new_size >> HEIGHT * level
    if old < new:
        for number in range(old // WIDTH, new // WIDTH):
            yield Tile(level, number)
        if new % WIDTH:
            yield Tile(level, new // WIDTH, new % WIDTH)


class _Hashes:
    """One tile in memory; the levels between its hashes and its top are computed when asked for."""

    def __init__(self, data: bytes, width: int) -> None:
        self._rows = [[data[place : place + HASH_SIZE] for place in range(0, width * HASH_SIZE, HASH_SIZE)]]

    def node(self, height: int, place: int) -> bytes:
        """The node `height` levels above the tile's own hashes."""
        while len(self._rows) <= height:
            below = self._rows[-1]
            self._rows.append([node_hash(below[at - 1], below[at]) for at in range(1, len(below), 2)])
        return self._rows[height][place]


class TileTree:
    """A tree of `size` leaves, read from its tiles.

    `read` gives the bytes of a tile by its path, from a store or a database. For a partial tile it may give the
    same place of a later, wider tile. What it raises goes through. Tiles are read once while they are in use.
    """

    def __init__(self, read: Callable[[str], bytes], size: int, *, kept: int = 512) -> None:
        self.size = size
        self._read = read
        self._kept = kept
        self._tiles: OrderedDict[tuple[int, int], _Hashes] = OrderedDict()

    def root(self) -> bytes:
        """The root of the whole tree."""
        return self.subtree(0, self.size) if self.size else EMPTY_ROOT

    def leaf_hash(self, index: int) -> bytes:
        """The hash of one leaf."""
        return self.subtree(index, index + 1)

    def subtree(self, start: int, end: int) -> bytes:
        """MTH(D[start:end]). Raises Malformed outside the tree and for tiles of a wrong length."""
        if not 0 <= start <= end <= self.size:
            raise Malformed(f"a tree of {self.size} has no leaves {start} to {end}")
        return self._root_over(start, end) if start < end else EMPTY_ROOT

    def _root_over(self, start: int, end: int) -> bytes:
        length = end - start
        if length & (length - 1) == 0 and start % length == 0:
            return self._node(length.bit_length() - 1, start // length)
        middle = split(start, end)
        return node_hash(self._root_over(start, middle), self._root_over(middle, end))

    def _node(self, height: int, place: int) -> bytes:
        """The root over one whole subtree: 2^height leaves, the place-th of its height."""
        level, above = divmod(height, HEIGHT)
        number, inside = divmod(place << above, WIDTH)
        return self._tile(level, number).node(above, inside >> above)

    def _tile(self, level: int, number: int) -> _Hashes:
        known = self._tiles.get((level, number))
        if known is not None:
            self._tiles.move_to_end((level, number))
            return known
        wanted = Tile(level, number, min(WIDTH, (self.size >> HEIGHT * level) - number * WIDTH))
        data = self._read(wanted.path)
        if len(data) % HASH_SIZE or not wanted.width * HASH_SIZE <= len(data) <= WIDTH * HASH_SIZE:
            raise Malformed(f"{wanted.path} is {len(data)} bytes long")
        tile = self._tiles[level, number] = _Hashes(data, wanted.width)
        if len(self._tiles) > self._kept:
            self._tiles.popitem(last=False)
        return tile
