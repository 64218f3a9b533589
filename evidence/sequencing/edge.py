"""The right edge of the log as files: the tiles and the bundle that are not full yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.tlog.merkle import leaf_hash, root_of
from evidence.tlog.tiles import HEIGHT, WIDTH, encode_bundle, entries_path, tile_path


@dataclass(frozen=True, slots=True)
class Written:
    """One file of the log: its C2SP path and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """What of `size` events stands in no full tile: hashes by level (`rows[0]`: of leaves), and those leaves."""

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()
    leaves: tuple[bytes, ...] = ()

    def grown(self, leaves: Sequence[bytes]) -> tuple[Edge, list[Written]]:
        """The edge after more leaves, and the tiles and bundles that have become full, lowest level first."""
        edge, full = self, []
        while leaves:
            room = WIDTH - len(edge.leaves)
            edge, written = edge._filled(leaves[:room])
            full += written
            leaves = leaves[room:]
        return edge, full

    def partial(self) -> list[Written]:
        """The tiles and the bundle that are not full, as they are at this size."""
        files = [
            Written(tile_path(level, self._number(level), len(row)), b"".join(row))
            for level, row in enumerate(self.rows)
            if row
        ]
        if self.leaves:
            files.append(Written(entries_path(self._number(0), len(self.leaves)), encode_bundle(self.leaves)))
        return files

    def _number(self, level: int) -> int:
        return self.size >> HEIGHT * (level + 1)

    def _filled(self, leaves: Sequence[bytes]) -> tuple[Edge, list[Written]]:
        """With as many more leaves as the bundle has room for at most."""
        held = (*self.leaves, *leaves)
        rows = [list(row) for row in self.rows] or [[]]
        rows[0] += [leaf_hash(leaf) for leaf in leaves]
        number, written, level = self._number(0), [], 0
        if len(held) == WIDTH:
            written, held = [Written(entries_path(number), encode_bundle(held))], ()
        while len(rows[level]) == WIDTH:
            written.append(Written(tile_path(level, number), b"".join(rows[level])))
            if level + 1 == len(rows):
                rows.append([])
            rows[level + 1].append(root_of(rows[level]))
            rows[level] = []
            level, number = level + 1, number // WIDTH
        return Edge(self.size + len(leaves), tuple(tuple(row) for row in rows), held), written
