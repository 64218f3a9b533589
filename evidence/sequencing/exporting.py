"""Copies the whole published log into a folder, in the static layout of C2SP tlog-tiles, and checks what was copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from evidence.bootstrap import House
from evidence.errors import NoFolder, NotEmpty, NotFound
from evidence.sequencing.errors import ExportDiffers
from evidence.sequencing.integrating import SIDE_BY_SIDE, hashes_in
from evidence.sequencing.publishing import LATEST
from evidence.sequencing.reading import log_head, published_note, tile_reader
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.merkle import HASH_SIZE, leaf_hash
from evidence.tlog.tiles import TileTree, bundles_for, decode_bundle, encode_bundle, entries_path, tile_path, tiles_for

AT_ONCE = 64  # files on their way


@dataclass(frozen=True, slots=True)
class Exported:
    """What was copied: the checkpoint that it leads to, and how many files hold it."""

    checkpoint: Checkpoint
    files: int


def export_log(house: House, folder: Path) -> Exported:
    """Copy checkpoint, tiles and bundles into a folder that is empty or not there yet.

    Raises NotEmpty, NoFolder, NotFound where nothing is published, ExportDiffers where the copy does not
    lead to the checkpoint: a copy that proves nothing is not called one.
    """
    with house.reading() as session:
        head = log_head(session)
        note = published_note(session, head.size) if head else b""
    if head is None:
        raise NotFound("a published checkpoint")
    if not folder.parent.is_dir():
        raise NoFolder(str(folder.parent), wanted=folder.name)
    if folder.exists() and not folder.is_dir():
        raise NotEmpty(str(folder), found="a file, not a folder")
    folder.mkdir(exist_ok=True)
    if any(folder.iterdir()):
        raise NotEmpty(str(folder), found="there already and is not empty")
    files = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        wanted = _files(house, head.size)
        while several := list(islice(wanted, AT_ONCE)):
            files += sum(pool.map(lambda each: _copy(folder, *each), several))
    _write(folder / LATEST, note)
    _check(folder, head)
    return Exported(head, files + 1)


def _files(house: House, size: int) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Each file's path, and what gives its bytes: those of a partial one may have to be cut from a wider one."""
    read = tile_reader(house.custody)
    for tile in tiles_for(0, size):
        yield tile.path, lambda tile=tile: read(tile.path)[: tile.width * HASH_SIZE]  # type: ignore[misc]
    for bundle in bundles_for(0, size):
        path = entries_path(bundle.number, bundle.width)
        yield path, lambda path=path, width=bundle.width: encode_bundle(decode_bundle(read(path))[:width])  # type: ignore[misc]


def _copy(folder: Path, path: str, give: Callable[[], bytes]) -> int:
    _write(folder / path, give())
    return 1


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _check(folder: Path, head: Checkpoint) -> None:
    tree = TileTree(lambda path: (folder / path).read_bytes(), head.size)
    if tree.root() != head.root:
        raise ExportDiffers("the tiles that were copied do not lead to the root of the checkpoint")
    for bundle in bundles_for(0, head.size):
        leaves = decode_bundle((folder / entries_path(bundle.number, bundle.width)).read_bytes())
        tile = (folder / tile_path(0, bundle.number, bundle.width)).read_bytes()
        if [leaf_hash(leaf) for leaf in leaves] != hashes_in(tile):
            raise ExportDiffers(f"the leaves of bundle {bundle.number} are not those of its tile")
