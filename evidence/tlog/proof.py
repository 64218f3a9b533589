"""A proof that can be handed over: place of a leaf, its path, and the checkpoint that it leads to (C2SP tlog-proof)."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import Malformed
from evidence.tlog.merkle import HASH_SIZE, verify_inclusion
from evidence.tlog.note import LARGEST_NOTE, parse_note
from evidence.tlog.strict import LARGEST, base64_of, read_base64, read_lines, read_number

HEADER = "c2sp.org/tlog-proof@v1"
LARGEST_PROOF = 2 * LARGEST_NOTE  # bytes
MOST_HASHES = 63  # as many levels as a log can have


@dataclass(frozen=True, slots=True)
class LogProof:
    """That a leaf stands at `index` of the log. `extra` is proved by nothing."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= LARGEST:
            raise Malformed(f"there is no leaf {self.index}")
        if len(self.hashes) > MOST_HASHES or any(len(each) != HASH_SIZE for each in self.hashes):
            raise Malformed("the proof is not a list of hashes, one a level")

    def checkpoint(self) -> Checkpoint:
        """The checkpoint that the path leads to; who signed it is for a policy to judge. Raises Malformed."""
        return parse_checkpoint(parse_note(self.checkpoint_note).text)

    def verify(self, leaf_hash: bytes) -> Checkpoint:
        """Check that the leaf leads to the checkpoint's root; the checkpoint. Raises NotProved."""
        checkpoint = self.checkpoint()
        verify_inclusion(leaf_hash, self.index, checkpoint.size, self.hashes, checkpoint.root)
        return checkpoint

    def encode(self) -> bytes:
        """The proof as a file `.tlog-proof` holds it."""
        lines = [HEADER]
        if self.extra:
            lines.append(f"extra {base64_of(self.extra)}")
        lines += [f"index {self.index}", *(base64_of(each) for each in self.hashes)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint_note

    @classmethod
    def parse(cls, data: bytes) -> LogProof:
        """Read a proof; nothing in it is checked but its form. Raises Malformed."""
        if len(data) > LARGEST_PROOF:
            raise Malformed(f"a proof of {len(data)} bytes")
        head, empty, note = data.partition(b"\n\n")
        if not empty:
            raise Malformed("no empty line between the proof and its checkpoint")
        header, *lines = read_lines(head + b"\n")
        if header != HEADER:
            raise Malformed(f"{header[:60]!r} is not the first line of a proof")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = read_base64(lines.pop(0).removeprefix("extra "))
            if not extra:
                raise Malformed("the line for extra data is empty")
        if not lines or not lines[0].startswith("index "):
            raise Malformed("the proof names no index")
        proof = cls(
            read_number(lines[0].removeprefix("index ")), tuple(read_base64(each) for each in lines[1:]), note, extra
        )
        proof.checkpoint()
        return proof
