"""Tiles and bundles: their names, what is made when, and how little is read."""

from __future__ import annotations

import pytest

from evidence.tlog.errors import Malformed
from evidence.tlog.merkle import EMPTY_ROOT, inclusion_proof, leaf_hash, root_of, verify_inclusion
from evidence.tlog.tiles import (
    Tile,
    TileTree,
    bundles_for,
    decode_bundle,
    encode_bundle,
    entries_path,
    parse_tile_path,
    tile_path,
    tiles_for,
)

SIZE = 70_000  # the example of the specification
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZE)]


@pytest.fixture(scope="module")
def tiles() -> dict[str, bytes]:
    """All tiles of the log, by path."""
    stored = {}
    rows = {0: LEAVES}
    for level in (1, 2):
        below = rows[level - 1]
        rows[level] = [root_of(below[at : at + 256]) for at in range(0, len(below) - 255, 256)]
    for tile in tiles_for(0, SIZE):
        first = tile.number * 256
        stored[tile.path] = b"".join(rows[tile.level][first : first + tile.width])
    return stored


def reading(tiles: dict[str, bytes]) -> tuple[TileTree, list[str]]:
    """The tree, and the list of what it has read."""
    read: list[str] = []

    def give(path: str) -> bytes:
        read.append(path)
        return tiles[path]

    return TileTree(give, SIZE), read


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (1, 1000, 256, "tile/1/x001/000"),
        (63, 1_234_067, 256, "tile/63/x001/x234/067"),
        (0, 1_234_067, 1, "tile/0/x001/x234/067.p/1"),
        (2, 7, 255, "tile/2/007.p/255"),
    ],
)
def test_a_tile_s_name_is_the_specification_s(level: int, number: int, width: int, path: str) -> None:
    assert tile_path(level, number, width) == path
    assert parse_tile_path(path) == Tile(level, number, width)


def test_a_bundle_s_name_is_the_specification_s_and_names_no_tile_of_hashes() -> None:
    assert entries_path(1_234_067) == "tile/entries/x001/x234/067"
    assert entries_path(5, 17) == "tile/entries/005.p/17"
    assert parse_tile_path("tile/entries/005.p/17") is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/x000/001",
        "tile/00/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/001.p/256",
        "tile/0/001.p/0",
        "tile/0/001.p/07",
        "tile/0/001.p/300",
        "tile/100/001",
        "tile/0/001\n",
        "tile/0/٠٠١",
        "tile/-1/001",
        "checkpoint",
    ],
)
def test_other_names_are_refused(path: str) -> None:
    with pytest.raises(Malformed):
        parse_tile_path(path)


@pytest.mark.parametrize(("number", "width"), [(-1, 256), (0, 0), (0, 257)])
def test_there_is_no_name_for_a_tile_that_cannot_be(number: int, width: int) -> None:
    with pytest.raises(Malformed):
        tile_path(0, number, width)


def test_a_log_of_70_000_has_the_tiles_that_the_specification_counts() -> None:
    made = tiles_for(0, SIZE)
    assert [each for each in made if each.level == 0 and each.full] == [Tile(0, number) for number in range(273)]
    assert [each for each in made if each.level and each.full] == [Tile(1, 0)]
    assert [each for each in made if not each.full] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]


def test_a_log_of_256_has_a_full_tile_and_a_partial_one_above() -> None:
    assert tiles_for(0, 256) == [Tile(0, 0), Tile(1, 0, 1)]


@pytest.mark.parametrize(
    ("old", "new", "made"),
    [
        (0, 0, []),
        (5, 5, []),
        (5, 7, [Tile(0, 0, 7)]),
        (255, 256, [Tile(0, 0), Tile(1, 0, 1)]),
        (256, 257, [Tile(0, 1, 1)]),
        (300, 600, [Tile(0, 1), Tile(0, 2, 88), Tile(1, 0, 2)]),
        (65_535, 65_536, [Tile(0, 255), Tile(1, 0), Tile(2, 0, 1)]),
    ],
)
def test_growing_makes_only_what_is_new(old: int, new: int, made: list[Tile]) -> None:
    assert tiles_for(old, new) == made
    assert bundles_for(old, new) == [each for each in made if each.level == 0]


def test_a_tile_knows_the_leaves_that_it_speaks_of() -> None:
    assert Tile(0, 273, 112).leaves == (69_888, 70_000)
    assert Tile(1, 1, 17).leaves == (65_536, 69_888)
    assert Tile(2, 0, 1).leaves == (0, 65_536)


def test_the_root_needs_one_tile_a_level(tiles: dict[str, bytes]) -> None:
    tree, read = reading(tiles)
    assert tree.root() == root_of(LEAVES)
    assert sorted(read) == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    tree.root()
    assert len(read) == 3


def test_a_proof_needs_two_tiles_more(tiles: dict[str, bytes]) -> None:
    tree, read = reading(tiles)
    root = tree.root()
    read.clear()
    proof = inclusion_proof(5, SIZE, tree.subtree)
    verify_inclusion(LEAVES[5], 5, SIZE, proof, root)
    assert sorted(read) == ["tile/0/000", "tile/1/000"]


def test_a_leaf_s_hash_is_read_from_its_tile(tiles: dict[str, bytes]) -> None:
    tree, read = reading(tiles)
    assert tree.leaf_hash(69_999) == LEAVES[-1]
    assert read == ["tile/0/273.p/112"]


def test_a_range_that_no_subtree_is_has_a_root_too(tiles: dict[str, bytes]) -> None:
    tree, _ = reading(tiles)
    assert tree.subtree(300, 1000) == root_of(LEAVES[300:1000])
    assert tree.subtree(7, 7) == EMPTY_ROOT


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (4, 3), (0, SIZE + 1)])
def test_a_range_outside_the_tree_is_refused(tiles: dict[str, bytes], start: int, end: int) -> None:
    with pytest.raises(Malformed):
        reading(tiles)[0].subtree(start, end)


def test_a_wider_tile_in_the_place_of_a_partial_one_serves_as_well() -> None:
    whole = b"".join(LEAVES[:256])
    assert TileTree(lambda _path: whole, 17).root() == root_of(LEAVES[:17])


@pytest.mark.parametrize("length", [0, 32, 17 * 32 - 1, 17 * 32 + 1, 257 * 32])
def test_a_tile_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(Malformed):
        TileTree(lambda _path: bytes(length), 17).root()


def test_what_the_reader_raises_goes_through() -> None:
    with pytest.raises(KeyError):
        TileTree({}.__getitem__, 17).root()


def test_only_so_many_tiles_are_kept_in_memory(tiles: dict[str, bytes]) -> None:
    read = []
    tree = TileTree(lambda path: read.append(path) or tiles[path], SIZE, kept=1)  # type: ignore[func-returns-value]
    assert [tree.leaf_hash(index) for index in (0, 300, 0)] == [LEAVES[0], LEAVES[300], LEAVES[0]]
    assert read == ["tile/0/000", "tile/0/001", "tile/0/000"]


def test_the_empty_log_reads_nothing() -> None:
    assert TileTree({}.__getitem__, 0).root() == EMPTY_ROOT


@pytest.mark.parametrize("leaves", [[], [b""], [b"a", b"", b"c" * 65_535], [b"x"] * 256])
def test_a_bundle_holds_its_leaves(leaves: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(leaves)) == leaves


@pytest.mark.parametrize("leaves", [[b"c" * 65_536], [b"x"] * 257])
def test_a_bundle_has_its_limits(leaves: list[bytes]) -> None:
    with pytest.raises(Malformed):
        encode_bundle(leaves)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x00" * 257, b"\x00\x01ab"])
def test_a_bundle_that_does_not_end_with_a_leaf_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_bundle(data)
