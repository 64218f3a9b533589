"""A range of the log as the database has it, condensed by the database itself, and held against the store.

PostgreSQL computes every leaf hash again from the leaf's bytes, compares the columns beside it with what the leaf
says, and puts together what the tile and the bundle must be. So no leaf crosses the wire unless something is wrong.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DataError

from evidence.custody.leaf import hash_of
from evidence.database import ReadSession
from evidence.sequencing.reading import PARTIAL, tile_reader
from evidence.store.errors import ObjectMissing
from evidence.tlog.errors import Malformed
from evidence.tlog.merkle import HASH_SIZE
from evidence.tlog.tiles import WIDTH, decode_bundle, entries_path, tile_path

if TYPE_CHECKING:
    from evidence.bootstrap import House

# In bytes: the subject; what its event says of its place (counter, hash of the one before); the counter of the next.
SUBJECT, PLACE, NEXT = 16, 8 + 32, 8
LINK = SUBJECT + PLACE + NEXT

# Where the range lies among the events: with these the planner leaves out the other months.
BOUNDS = text("""
SELECT min(ingest_no) AS low, max(ingest_no) AS high, min(at) AS earliest, max(at) AS latest
FROM custody.leaf WHERE seq >= :first AND seq < :last
""")

CONDENSED = text(r"""
SELECT seq / 256 AS number, bool_and(agrees) AS agrees,
  string_agg(placed, ''::bytea ORDER BY seq) AS tile,
  string_agg(link, ''::bytea ORDER BY seq) AS links,
  md5(string_agg(substring(int4send(octet_length(leaf)) FROM 3) || leaf, ''::bytea ORDER BY seq)) AS bundle,
  bool_and(seen_size <= seq) AS seen_before,
  array_agg(DISTINCT int8send(seen_size) || decode(seen_root, 'hex')) AS seen
FROM (
  SELECT l.seq, e.leaf, l.leaf_hash AS placed, seen.size AS seen_size, seen.root AS seen_root,
    uuid_send(e.subject) || int8send(e.subject_no) || decode(said.prev, 'hex') || int8send(e.subject_no + 1) AS link,
    coalesce(sha256('\x00'::bytea || e.leaf) = l.leaf_hash AND l.leaf_hash = e.leaf_hash
      AND said.id = e.id::text AND said.type = e.type AND said.subj = e.subject::text
      AND said.n = e.subject_no::text AND said.log = :origin AND seen.size >= 0 AND octet_length(seen.root) = 64
      AND said.at = to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), false) AS agrees
  FROM custody.leaf l
  JOIN custody.event e ON e.ingest_no = l.ingest_no AND e.at = l.at
  CROSS JOIN LATERAL json_to_record(convert_from(e.leaf, 'UTF8')::json)
    AS said(id text, type text, subj text, n text, log text, at text, prev text, seen json)
  CROSS JOIN LATERAL json_to_record(said.seen) AS seen(size bigint, root text)
  WHERE l.seq >= :first AND l.seq < :last
    AND e.ingest_no BETWEEN :low AND :high AND e.at BETWEEN :earliest AND :latest) AS each
GROUP BY 1 ORDER BY 1
""")

# Some ten megabytes of leaves are put in order at a time: in memory rather than on the disk.
ROOM = text("SET LOCAL work_mem = '64MB'")
PLACED = text("""
SELECT seq / 256 AS number, string_agg(leaf_hash, ''::bytea ORDER BY seq) AS tile
FROM custody.leaf WHERE seq >= :first AND seq < :last GROUP BY 1 ORDER BY 1
""")
GAPS = text("""
SELECT n FROM generate_series(CAST(:first AS bigint), :last - 1) AS n
WHERE NOT EXISTS (SELECT FROM custody.leaf WHERE seq = n) ORDER BY n LIMIT 20
""")
NOT_HASHES = "does not hold the hashes of the events that it stands for"
NOT_LEAVES = "does not hold the leaves that were numbered"
CHECKPOINTS = text("SELECT size, root FROM custody.checkpoint WHERE size > :first AND size <= :last ORDER BY size")
EVENTS = text("""
SELECT l.seq, l.leaf_hash AS placed, e.id, e.subject, e.subject_no, e.type, e.at, e.leaf, e.leaf_hash
FROM custody.leaf l LEFT JOIN custody.event e ON e.ingest_no = l.ingest_no AND e.at = l.at
WHERE l.seq >= :first AND l.seq < :last ORDER BY l.seq
""")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Up to 256 neighbouring leaves: their hashes, their links, and the MD5 of the bundle, each in order.

    `links` and `digest` are None where the leaves must be looked at one by one. `seen` is what they say they have seen,
    each once; None where one says what came after it.
    """

    number: int
    tile: bytes
    links: bytes | None
    digest: str | None
    seen: tuple[bytes, ...] | None = None

    @property
    def members(self) -> int:
        """The leaves in it."""
        return len(self.tile) // HASH_SIZE


@dataclass(frozen=True, slots=True)
class Stretch:
    """One range: its bundles, its checkpoints' roots by size, numbers without an event, what is wrong in the store.

    `others`: the numbers under which the store has other events than the database. Of `objects` tiles and bundles,
    `read_back` were read back.
    """

    bundles: Sequence[Bundle]
    checkpoints: Mapping[int, bytes]
    gaps: tuple[int, ...]
    in_store: tuple[str, ...]
    others: tuple[int, ...]
    objects: int
    read_back: int


@dataclass(frozen=True, slots=True)
class Differs:
    """How one object of the store differs from the database, and the numbers of the events that it has otherwise."""

    words: str
    others: tuple[int, ...] = ()


def read(house: House, first: int, last: int, *, integrated: int, signed: int, back: bool) -> Stretch:
    """The leaves from `first` (the beginning of a tile) up to, not including, `last`; and their tiles and bundles.

    `signed`: the size up to which the last, unfilled ones must be there. `back`: read all back. Raises StoreAway. What
    is missing or differs in the store is said in the answer.
    """
    words = {"first": first, "last": last}
    with house.reading() as session:
        checkpoints = {size: bytes(root) for size, root in session.execute(CHECKPOINTS, words)}
        bundles = [_bundle(row) for row in _condensed(session, words)]
        if sum(each.members for each in bundles) < last - first:
            bundles, gaps = _one_by_one(session, words, bundles)
        else:
            gaps = ()
    whole = [each for each in bundles if each.members == WIDTH]
    full = [each for each in whole if (each.number + 1) * WIDTH <= integrated]
    in_store, read_back = _in_store(house, full, read_back=back)
    ahead = _ahead(house, whole[len(full) :])
    parts = [
        each
        for each in bundles
        if (each.members < WIDTH or each.number >= integrated // WIDTH) and each.number * WIDTH < signed
    ]
    at_edge = [each for part in parts for each in _part_differs(house, part, signed - part.number * WIDTH)]
    found = (*in_store, *ahead, *at_edge)
    others = sorted({seq for each in found for seq in each.others})
    said, objects = tuple(each.words for each in found), 2 * (len(full) + len(parts))
    return Stretch(bundles, checkpoints, gaps, said, tuple(others), objects, read_back + 2 * len(parts))


def events(session: ReadSession, first: int, last: int) -> Sequence[Row[Any]]:
    """The events of a range with everything beside them, to be looked at one by one."""
    return session.execute(EVENTS, {"first": first, "last": last}).all()


def _condensed(session: ReadSession, words: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """One row a bundle; none where a leaf is not even JSON, which then is looked at one by one."""
    bounds = session.execute(BOUNDS, words).one()
    session.execute(ROOM)
    origin = session.info["log_origin"]
    where = {"low": bounds.low, "high": bounds.high, "earliest": bounds.earliest, "latest": bounds.latest}
    try:
        with session.begin_nested():
            return session.execute(CONDENSED, {**words, **where, "origin": origin}).all()
    except DataError:
        return []


def _bundle(row: Row[Any]) -> Bundle:
    tile = bytes(row.tile)
    if not row.agrees or row.links is None or len(row.links) != len(tile) // HASH_SIZE * LINK:
        return Bundle(row.number, tile, None, None)
    seen = tuple(map(bytes, row.seen)) if row.seen_before else None
    return Bundle(row.number, tile, bytes(row.links), row.bundle, seen)


def _one_by_one(
    session: ReadSession, words: Mapping[str, Any], condensed: Sequence[Bundle]
) -> tuple[list[Bundle], tuple[int, ...]]:
    """The bundles out of the numbers alone, where events are gone or cannot be read; and the numbers without one."""
    known = {each.number: each for each in condensed}
    bundles = []
    for number, tile in session.execute(PLACED, words):
        whole = known.get(number)
        same = whole is not None and whole.tile == bytes(tile)
        bundles.append(whole if whole is not None and same else Bundle(number, bytes(tile), None, None))
    return bundles, tuple(session.scalars(GAPS, words))


def _in_store(house: House, bundles: Sequence[Bundle], *, read_back: bool) -> tuple[list[Differs], int]:
    """What differs between the store and the database in full tiles and bundles; and how many were read back.

    The store says of each object which MD5 it computed. One that says another than the database has, or none, is read
    back; so are all where that was asked for, and in any case one tile and one bundle, drawn by lot.
    """
    if not bundles:
        return [], 0
    first, last = bundles[0].number, bundles[-1].number
    there = _listed(house, tile_path(0, first), tile_path(0, last), last - first)
    there |= _listed(house, entries_path(first), entries_path(last), last - first)
    drawn, count = random.SystemRandom().choice(bundles), 0
    found: list[Differs | None] = []
    for each in bundles:
        tile, entries = tile_path(0, each.number), entries_path(each.number)
        certain = not read_back and each is not drawn
        if not (certain and there.get(tile) == hashlib.md5(each.tile, usedforsecurity=False).hexdigest()):
            found.append(_tile_differs(house, each))
            count += 1
        if not (certain and each.digest is not None and there.get(entries) == each.digest):
            found.append(_bundle_differs(house, each))
            count += 1
    return [each for each in found if each], count


def _ahead(house: House, bundles: Sequence[Bundle]) -> list[Differs]:
    """What differs in tiles and bundles beyond those that must be there: they may be missing, and not be others.

    The sequencer stores them before the database says that they are integrated.
    """
    if not bundles:
        return []
    first, last = bundles[0].number, bundles[-1].number
    there = _listed(house, tile_path(0, first), tile_path(0, last), last - first)
    there |= _listed(house, entries_path(first), entries_path(last), last - first)
    found = [_tile_differs(house, each) for each in bundles if tile_path(0, each.number) in there]
    found += [_bundle_differs(house, each) for each in bundles if entries_path(each.number) in there]
    return [each for each in found if each]


def _listed(house: House, first: str, last: str, between: int) -> dict[str, str]:
    """The objects of the store from one key to another, with their digests."""
    folder = first[: first.index("/", len("tile/")) + 1]
    # A list begins after what is named: the key without its last figure stands just before it.
    # And one more than there should be ends it.
    listed = house.custody.digests(folder, after=first[:-1], at_once=min(between + 2, 1000))
    return dict(takewhile(lambda each: each[0] <= last, listed))


def tile_differs(house: House, level: int, number: int, hashes: bytes) -> str | None:
    """What is wrong with one full tile in the store, if anything is."""
    path = tile_path(level, number)
    try:
        stored = house.custody.get(path)
    except ObjectMissing:
        return f"{path} is not in the store"
    return None if stored == hashes else f"{path} {NOT_HASHES}"


def _tile_differs(house: House, bundle: Bundle) -> Differs | None:
    path = tile_path(0, bundle.number)
    try:
        stored = house.custody.get(path)
    except ObjectMissing:
        return Differs(f"{path} is not in the store")
    return None if stored == bundle.tile else _held(f"{path} {NOT_HASHES}", bundle, _hashes_in(stored))


def _bundle_differs(house: House, bundle: Bundle) -> Differs | None:
    path = entries_path(bundle.number)
    try:
        hashes = [hash_of(leaf) for leaf in decode_bundle(house.custody.get(path))]
    except ObjectMissing:
        return Differs(f"{path} is not in the store")
    except Malformed as error:
        return Differs(f"{path} {NOT_LEAVES}: {error}")
    same = hashes == _hashes_in(bundle.tile)
    return None if same else _held(f"{path} {NOT_LEAVES}", bundle, hashes)


def _part_differs(house: House, bundle: Bundle, width: int) -> list[Differs]:
    """What is wrong with the tile and the bundle that hold the first `width` events of this one, and perhaps more."""
    width, get = min(WIDTH, width), tile_reader(house.custody)
    tile, entries = tile_path(0, bundle.number, width), entries_path(bundle.number, width)
    found = []
    ours = _hashes_in(bundle.tile)[:width]
    for path, wrong in ((tile, NOT_HASHES), (entries, NOT_LEAVES)):
        name = path if width == WIDTH else PARTIAL + path
        try:
            body = get(path)
            theirs = _hashes_in(body) if path == tile else [hash_of(leaf) for leaf in decode_bundle(body)]
        except ObjectMissing:
            found.append(Differs(f"{name} is not in the store"))
        except Malformed as error:
            found.append(Differs(f"{name} {wrong}: {error}"))
        else:
            # A database that was set back has fewer, which others say; the object may be a later, wider one.
            theirs = theirs[: len(ours)]
            found += [] if ours == theirs else [_held(f"{name} {wrong}", bundle, theirs, of=len(ours))]
    return found


def _held(wrong: str, bundle: Bundle, theirs: Sequence[bytes], *, of: int | None = None) -> Differs:
    """The hashes of an object against those of the database, one by one. Where there are fewer no place is certain."""
    ours = _hashes_in(bundle.tile)[:of]
    if len(ours) != len(theirs):
        return Differs(f"{wrong}: {len(theirs)} leaves instead of {len(ours)}")
    pairs = enumerate(zip(ours, theirs, strict=True), start=bundle.number * WIDTH)
    others = tuple(seq for seq, (mine, other) in pairs if mine != other)
    return Differs(f"{wrong}: event {', '.join(map(str, others[:5]))}", others)


def _hashes_in(tile: bytes) -> list[bytes]:
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
