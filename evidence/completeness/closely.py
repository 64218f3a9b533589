"""Events looked at one by one, to say of each what is wrong with it; and the link that each leaves to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from evidence import clock
from evidence.completeness import seen
from evidence.custody.leaf import Leaf, hash_of, read_leaf
from evidence.errors import NotALeaf


@dataclass(frozen=True, slots=True)
class Link:
    """Where an event stands among those of its subject, and what it says it has seen, with its number in the log.

    `prev` is None where the leaf cannot be read, and then `saw` is too.
    """

    subject: bytes
    n: int
    prev: bytes | None
    saw: tuple[int, bytes] | None = None


def look(rows: Sequence[Row[Any]], *, origin: str) -> tuple[list[str], list[Link]]:
    """What is wrong with these events, a sentence for each fault; and their links, as far as they can be read."""
    found: list[str] = []
    links: list[Link] = []
    for row in rows:
        name = f"event {row.seq}"
        if row.leaf is None:
            found.append(f"{name} is gone from the database")
            continue
        leaf, fault = _read(row.leaf)
        found += [f"{name}: {words}" for words in ([fault] if fault else [])]
        if leaf is not None:
            found += [f"{name}: {words}" for words in _beside(row, leaf, origin)]
        found += [f"{name}: {words}" for words in _hashes(row)]
        prev = None if leaf is None else bytes.fromhex(leaf.prev)
        saw = None if leaf is None else (row.seq, seen.said(leaf))
        links.append(Link(row.subject.bytes, row.subject_no, prev, saw))
    return found, links


def _read(body: bytes) -> tuple[Leaf | None, str | None]:
    try:
        return read_leaf(bytes(body)), None
    except NotALeaf as error:
        return None, str(error)


def _beside(row: Row[Any], leaf: Leaf, origin: str) -> Iterator[str]:
    said = {
        "id": (leaf.id, str(row.id)),
        "subject": (leaf.subj, str(row.subject)),
        "counter": (leaf.n, row.subject_no),
        "type": (leaf.type, row.type),
        "time": (leaf.at, clock.as_text(row.at)),
        "log": (leaf.log, origin),
    }
    for name, (in_leaf, beside) in said.items():
        if in_leaf != beside:
            yield f"its leaf has the {name} {in_leaf}, and the row beside it {beside}"


def _hashes(row: Row[Any]) -> Iterator[str]:
    made = hash_of(bytes(row.leaf))
    if made != bytes(row.placed):
        yield "its bytes are not those that were given this number"
    if made != bytes(row.leaf_hash):
        yield "its bytes are not those of the hash beside it"
