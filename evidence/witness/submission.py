"""What a log submits: the size it believes we know, a consistency proof, and its checkpoint. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.tlog.checkpoint import Checkpoint, parse_checkpoint
from evidence.tlog.errors import BadSignature, Malformed, NotProved
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import EMPTY_ROOT, verify_consistency
from evidence.tlog.note import Note, parse_note, verify
from evidence.tlog.strict import read_base64, read_lines, read_number

MOST_HASHES = 63
# Sixteen signatures of the largest kind, a proof, and a checkpoint: under 64 KiB, with room.
LARGEST = 128 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness last signed of one log; at first, the empty tree."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@dataclass(frozen=True, slots=True)
class Submission:
    """One request, read and not yet judged."""

    old: int
    proof: tuple[bytes, ...]
    note: Note
    checkpoint: Checkpoint


def parse_submission(body: bytes) -> Submission:
    """Read a request. Raises Malformed."""
    if len(body) > LARGEST:
        raise Malformed(f"a request of {len(body)} bytes")
    head, gap, note = body.partition(b"\n\n")
    if not gap:
        raise Malformed("no empty line between the proof and the checkpoint")
    first, *hashes = read_lines(head + b"\n")
    word, space, size = first.partition(" ")
    if (word, space) != ("old", " "):
        raise Malformed("the first line does not say the old size")
    if len(hashes) > MOST_HASHES:
        raise Malformed(f"{len(hashes)} hashes in a proof")
    proof = tuple(read_base64(line) for line in hashes)
    if any(len(each) != len(EMPTY_ROOT) for each in proof):
        raise Malformed("a line of the proof is no SHA-256 hash")
    parsed = parse_note(note)
    return Submission(read_number(size), proof, parsed, parse_checkpoint(parsed.text))


def is_signed(note: Note, keys: list[VerifierKey]) -> bool:
    """Whether at least one of these keys signed the note, and none of them wrongly. Others are passed over."""
    known = {(key.name, key.key_id): key for key in keys}
    signed = False
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        try:
            verify(note.text, signature, key)
        except BadSignature:
            return False
        signed = True
    return signed


def extends(submission: Submission, seen: Seen) -> bool:
    """Whether the checkpoint's tree begins with the tree that was seen, which is not empty or needs no proof."""
    if seen.size == 0:
        return not submission.proof
    checkpoint = submission.checkpoint
    try:
        verify_consistency(seen.size, checkpoint.size, submission.proof, seen.root, checkpoint.root)
    except NotProved:
        return False
    return True
