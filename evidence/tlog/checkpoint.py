"""A checkpoint: what a log says about itself at one size (C2SP tlog-checkpoint, without extension lines). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.tlog.errors import Malformed
from evidence.tlog.merkle import HASH_SIZE
from evidence.tlog.strict import LARGEST, base64_of, read_base64, read_lines, read_number


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which log, how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or any(character < " " for character in self.origin):
            raise Malformed(f"{self.origin[:120]!r} is not the name of a log")
        if not 0 <= self.size <= LARGEST:
            raise Malformed(f"a log has not {self.size} leaves")
        if len(self.root) != HASH_SIZE:
            raise Malformed(f"a root of {len(self.root)} bytes")

    def text(self) -> bytes:
        """The text that is signed: origin, size and root, a line each."""
        return f"{self.origin}\n{self.size}\n{base64_of(self.root)}\n".encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """The checkpoint in the text of a note. Raises Malformed; extension lines are refused, nobody cosigns them."""
    lines = read_lines(text)
    if len(lines) != 3:
        raise Malformed(f"a checkpoint has three lines, not {len(lines)}")
    return Checkpoint(lines[0], read_number(lines[1]), read_base64(lines[2]))
