"""Notes that no maker puts into a proof: the package's checkpoint, and not the bytes of `custody/checkpoint.txt`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from tests.support.package_log import Signer
from tests.support.package_maker import Made, seal

Files = dict[str, bytes]
Note = Callable[[list[bytes]], list[bytes]]


def _flipped(line: bytes) -> bytes:
    """A signature line with one bit of its last byte changed."""
    start, _, blob = line.rstrip(b"\n").rpartition(b" ")
    data = bytearray(base64.b64decode(blob))
    data[-1] ^= 1
    return start + b" " + base64.b64encode(data) + b"\n"


def _by_a_stranger(lines: list[bytes]) -> list[bytes]:
    return [*lines, Signer("nobody.example", 4).line(1, bytes(32), 1).encode()]


# By what was done to the four lines of the note's text and the signature lines after them.
NOTES: Mapping[str, Note] = {
    "a bit of the log's ML-DSA signature": lambda lines: [*lines[:5], _flipped(lines[5]), *lines[6:]],
    "a bit of the log's Ed25519 signature": lambda lines: [*lines[:4], _flipped(lines[4]), *lines[5:]],
    "a bit of the last witness's signature": lambda lines: [*lines[:-1], _flipped(lines[-1])],
    "the ML-DSA signature left out": lambda lines: [*lines[:5], *lines[6:]],
    "a good line twice": lambda lines: [*lines, lines[4]],
    "lines in another order": lambda lines: [*lines[:4], *lines[:3:-1]],
    "a line of a stranger": _by_a_stranger,
}


def with_note_in_a_proof(made: Made, change: Note) -> Files:
    """The package with this done to the note in the proof of its first event, the manifests written anew."""
    path = min(path for path in made.files if path.startswith("custody/proofs/"))
    start, blank, note = made.files[path].partition(b"\n\n")
    return seal({**made.files, path: start + blank + b"".join(change(note.splitlines(keepends=True)))})
