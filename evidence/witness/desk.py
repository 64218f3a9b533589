"""Answers a submission, in the words of C2SP tlog-witness. Each refusal has the status that the protocol gives it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evidence import clock
from evidence.tlog.errors import Malformed
from evidence.tlog.keys import VerifierKey
from evidence.tlog.note import signature_line
from evidence.tlog.signing import SigningKey, cosign
from evidence.witness.memory import Memory, Turn
from evidence.witness.submission import Seen, Submission, extends, is_signed, parse_submission

PLAIN = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = PLAIN


class Witness:
    """The keys that sign, the logs that are known, and the memory. Safe to use from several threads."""

    def __init__(self, keys: Sequence[SigningKey], logs: Iterable[VerifierKey], memory: Memory) -> None:
        self.keys = tuple(keys)
        self.memory = memory
        self.logs: dict[str, list[VerifierKey]] = {}
        for key in logs:
            self.logs.setdefault(key.name, []).append(key)

    def add_checkpoint(self, body: bytes) -> Reply:
        """Sign a checkpoint that extends the last one, or say why not."""
        try:
            submission = parse_submission(body)
        except Malformed as error:
            return _refusal(400, str(error))
        origin = submission.checkpoint.origin
        if origin not in self.logs:
            return _refusal(404, "this witness does not know that log")
        if not is_signed(submission.note, self.logs[origin]):
            return _refusal(403, "no key that this witness trusts for the log has signed this checkpoint")
        if submission.old > submission.checkpoint.size:
            return _refusal(400, "the old size is above the size of the checkpoint")
        with self.memory.turn() as turn:
            return self._extend(submission, turn)

    def _extend(self, submission: Submission, turn: Turn) -> Reply:
        checkpoint = submission.checkpoint
        seen = turn.seen(checkpoint.origin)
        if submission.old != seen.size:
            return _known(seen)
        if checkpoint.size == seen.size and checkpoint.root != seen.root:
            return _known(seen)
        if not extends(submission, seen):
            return _refusal(422, f"the proof does not lead from {seen.size} to {checkpoint.size}")
        at = int(clock.now().timestamp())
        # Signed before it is remembered, answered after: whatever breaks between leaves an old memory and no answer,
        # or a new memory and no answer. Both are safe, and the log asks again.
        lines = b"".join(signature_line(cosign(checkpoint, key, at)) for key in self.keys)
        turn.remember(checkpoint.origin, Seen(checkpoint.size, checkpoint.root))
        return Reply(200, lines)


def _known(seen: Seen) -> Reply:
    return Reply(409, f"{seen.size}\n".encode(), SIZE)


def _refusal(status: int, words: str) -> Reply:
    return Reply(status, words.encode("utf-8", "replace") + b"\n")
