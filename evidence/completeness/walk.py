"""Goes along the log from its beginning: every leaf into the tree, every event held against its subject's last one."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, text

from evidence.completeness import closely, ranges, seen
from evidence.completeness.closely import Link
from evidence.completeness.ranges import NEXT, PLACE, SUBJECT, Bundle, Stretch
from evidence.completeness.tree import root_over
from evidence.custody.leaf import ZERO
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.merkle import HASH_SIZE, Frontier, Subtree
from evidence.tlog.tiles import WIDTH

if TYPE_CHECKING:
    from evidence.bootstrap import House

FIRST = (1).to_bytes(8, "big") + ZERO  # what the first event of a subject says: counter 1, after nothing
PLACES, HASHES = Struct(f"{SUBJECT}s{PLACE}s{NEXT}s"), Struct(f"{HASH_SIZE}s")
MOST = 1000  # findings kept of one kind: more are counted by nobody

EARLIER = text("""
SELECT e.leaf_hash FROM custody.event e
JOIN custody.leaf l ON l.ingest_no = e.ingest_no AND l.at = e.at
WHERE e.subject = :subject AND e.subject_no = :n AND l.seq < :seq
""")


class Walk:
    """The state of one walk. It begins at `start`, a multiple of 256; what lies before is taken from `subtree`."""

    def __init__(
        self,
        house: House,
        start: int,
        subtree: Subtree,
        *,
        head: Checkpoint | None,
        integrated: int,
        every_leaf: bool,
    ) -> None:
        self.size = start
        self.events: list[str] = []
        self.numbers: list[str] = []
        self.history: list[str] = []
        self.tiles: list[str] = []
        self.roots: list[str] = []
        self.seen: list[str] = []
        self.seen_sizes: set[int] = set()
        self.others: list[str] = []  # events that the store has otherwise: the signed root tells whose are right
        self.objects = self.read_back = 0
        self._house, self._start, self._integrated, self._every_leaf = house, start, integrated, every_leaf
        self._next: dict[bytes, bytes] = {}
        self._trunk, self._edge = _trunk(start, subtree), Frontier()
        self.earlier = seen.Roots(subtree, head)
        self._rows = _rows(start, subtree)

    @property
    def start(self) -> int:
        """The first event that the walk came past."""
        return self._start

    @property
    def frontier(self) -> Frontier:
        """The right edge of the tree so far."""
        return Frontier(self.size, self._trunk.nodes + self._edge.nodes)

    def take(self, stretch: Stretch) -> None:
        """Go on by one range. Where numbers are missing no place is certain, so the walk ends before it."""
        if stretch.gaps:
            self.numbers += [f"no event has the number {seq}" for seq in stretch.gaps]
            return
        _keep(self.tiles, stretch.in_store)
        _keep(self.others, [f"event {seq}: the store has another event under this number" for seq in stretch.others])
        self.objects, self.read_back = self.objects + stretch.objects, self.read_back + stretch.read_back
        for bundle in stretch.bundles:
            links = None
            if bundle.links is not None and not self._every_leaf:
                self._follow(bundle, bundle.links)
            else:
                links = self._look(bundle, self._events(bundle))
                self._follow_closely(bundle, links)
            self._grow(bundle, stretch)
            self._hold_seen(bundle, links)

    def _events(self, bundle: Bundle) -> Sequence[Row[Any]]:
        first = bundle.number * WIDTH
        with self._house.reading() as session:
            return ranges.events(session, first, first + bundle.members)

    def _look(self, bundle: Bundle, rows: Sequence[Row[Any]]) -> list[Link]:
        first = bundle.number * WIDTH
        found, links = closely.look(rows, origin=self._house.settings.log_origin)
        if bundle.links is None and not found:
            found = [f"events {first} to {first + bundle.members - 1} cannot be read as leaves by the database"]
        _keep(self.events, found)
        return links

    def _follow(self, bundle: Bundle, links: bytes) -> None:
        """The quick way: what an event says of its place must be, byte for byte, what the one before has told."""
        expected, hashes = self._next, HASHES.iter_unpack(bundle.tile)
        said = zip(PLACES.iter_unpack(links), hashes, strict=True)
        for at, ((subject, place, after), (leaf_hash,)) in enumerate(said):
            if place != expected.get(subject, FIRST):
                self._held(Link(subject, int.from_bytes(place[:8], "big"), place[8:]), bundle.number * WIDTH + at)
            expected[subject] = after + leaf_hash

    def _follow_closely(self, bundle: Bundle, links: Sequence[Link]) -> None:
        """The same for events that were looked at one by one; where one is gone, its place cannot be told."""
        if len(links) != bundle.members:
            for link in links:
                self._next.pop(link.subject, None)
            return
        for at, link in enumerate(links):
            expected = self._next.get(link.subject, FIRST)
            if link.prev is not None and link.n.to_bytes(8, "big") + link.prev != expected:
                self._held(link, bundle.number * WIDTH + at)
            after = (link.n + 1).to_bytes(8, "big")
            self._next[link.subject] = after + bundle.tile[at * HASH_SIZE : (at + 1) * HASH_SIZE]

    def _hold_seen(self, bundle: Bundle, links: Sequence[Link] | None) -> None:
        """What the events say they have seen, each once for a bundle; one by one where that is not right.

        `links`: of events that were looked at one by one already.
        """
        last = bundle.number * WIDTH + bundle.members - 1
        once = bundle.seen if links is None else None
        if once is not None and not any(self.earlier.fault(last, says) for says in once):
            self.seen_sizes |= {seen.size_of(says) for says in once}
            return
        if links is None:
            said = list(seen.said_by(seen.leaves_in(self._events(bundle))))
        else:
            said = [link.saw for link in links if link.saw is not None]
        self.seen_sizes |= {seen.size_of(says) for _, says in said}
        _keep(self.seen, [fault for seq, says in said if (fault := self.earlier.fault(seq, says))])

    def _held(self, link: Link, seq: int) -> None:
        """An event that does not follow what was seen: its subject may have begun before the walk did."""
        known = link.subject in self._next
        if not known and self._start and link.n > 1:
            words = {"subject": UUID(bytes=link.subject), "n": link.n - 1, "seq": seq}
            with self._house.reading() as session:
                if link.prev in [bytes(each) for each in session.scalars(EARLIER, words)]:
                    return
        _keep(self.history, [f"event {seq}, number {link.n} of its subject, does not follow the one before it"])

    def _grow(self, bundle: Bundle, stretch: Stretch) -> None:
        hashes = [bundle.tile[at : at + HASH_SIZE] for at in range(0, len(bundle.tile), HASH_SIZE)]
        start, before = bundle.number * WIDTH, 0
        end = start + len(hashes)
        for size in sorted(size for size in stretch.checkpoints if start < size < end):
            self._edge, before = self._edge.extend(hashes[before : size - start]), size - start
            self._hold_root(size, stretch)
        self.size = end
        if len(hashes) < WIDTH:
            self._edge = self._edge.extend(hashes[before:])
        else:
            root = root_over(hashes)
            self._up(0, root)
            self._trunk, self._edge = self._trunk.extend([root]), Frontier()
        # A full tile is part of the trunk before it has a root: the trunk folds it with those that it completes.
        if end in stretch.checkpoints:
            self._hold_root(end, stretch)

    def _hold_root(self, size: int, stretch: Stretch) -> None:
        """A recorded checkpoint over all the events that the walk has come past must have their root."""
        self.size = size
        root = self.frontier.root()
        self.earlier.learn(size, root)
        if stretch.checkpoints[size] != root:
            _keep(self.roots, [f"the checkpoint over {size} events has another root than these events"])

    def _up(self, level: int, node: bytes) -> None:
        """A full tile's root is a hash of the level above; a tile that it fills there is held against the store."""
        if level == len(self._rows):
            self._rows.append([])
        row = self._rows[level]
        row.append(node)
        if len(row) < WIDTH:
            return
        leaves = WIDTH ** (level + 2)
        end = self.size // leaves * leaves
        if end <= self._integrated:
            differs = ranges.tile_differs(self._house, level + 1, end // leaves - 1, b"".join(row))
            _keep(self.tiles, [differs] if differs else [])
        self._rows[level] = []
        self._up(level + 1, root_over(row))


def _trunk(start: int, subtree: Subtree) -> Frontier:
    """The edge over whole tiles, where a tile's root counts as one leaf."""
    nodes, at, tiles = [], 0, start // WIDTH
    for bit in reversed(range(tiles.bit_length())):
        if tiles >> bit & 1:
            end = at + (WIDTH << bit)
            nodes.append(subtree(at, end))
            at = end
    return Frontier(tiles, tuple(nodes))


def _rows(start: int, subtree: Subtree) -> list[list[bytes]]:
    """What stands in the unfinished tiles of level 1 and above."""
    rows: list[list[bytes]] = []
    span = WIDTH
    while start >= span:
        begin = start // (span * WIDTH) * span * WIDTH
        rows.append([subtree(at, at + span) for at in range(begin, start - span + 1, span)])
        span *= WIDTH
    return rows


def _keep(kept: list[str], found: Sequence[str]) -> None:
    kept += found[: max(0, MOST - len(kept))]
