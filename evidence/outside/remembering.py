"""A signer that remembers what it signed last, and signs nothing that does not extend it.

Its memory is a small file of its own, not the database: whoever rolls the database back, or steals it, does not
take the signer back with it. Origin, size and root; written whole and flushed before a signature leaves.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evidence.outside.errors import KeyUnusable, WouldFork
from evidence.outside.keys import open_keys
from evidence.outside.writing import write_whole
from evidence.settings import EvidenceSettings
from evidence.tlog.checkpoint import Checkpoint
from evidence.tlog.errors import Malformed, NotProved
from evidence.tlog.keys import VerifierKey
from evidence.tlog.merkle import EMPTY_ROOT, verify_consistency
from evidence.tlog.note import NoteSignature
from evidence.tlog.signing import Signer

MEMORY = "memory.json"
Prove = Callable[[int, int], Sequence[bytes]]


class _Memory(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: str
    size: int = Field(ge=0)
    root: str = Field(pattern=r"^[0-9a-f]{64}$")


class RememberingSigner:
    """Signs with another signer's keys (evidence.tlog.signing.Signer), and never goes back.

    `prove(old, new)` gives the consistency proof between two sizes; it is asked where the caller brings none.
    """

    def __init__(self, keys: Signer, memory: Path, prove: Prove) -> None:
        self._keys = keys
        self._memory = memory
        self._prove = prove

    def vkeys(self) -> list[VerifierKey]:
        """The public halves of the keys that sign."""
        return self._keys.vkeys()

    def sign(self, checkpoint: Checkpoint, *, at: int, proof: Sequence[bytes] | None = None) -> list[NoteSignature]:
        """Sign what extends the last. Raises WouldFork for anything else, KeyUnusable without a memory."""
        with _alone(self._memory):
            last = recall(self._memory)
            if checkpoint != last:
                self._refuse_fork(last, checkpoint, proof)
            # Signed first and remembered second, and only then handed out: a death between leaves an older memory
            # and a signature that nobody has.
            signatures = self._keys.sign(checkpoint, at=at)
            if checkpoint != last:
                _keep(self._memory, checkpoint)
            return signatures

    def _refuse_fork(self, last: Checkpoint, asked: Checkpoint, proof: Sequence[bytes] | None) -> None:
        if asked.origin != last.origin:
            raise WouldFork(last=last.size, asked=asked.size, because=f"that was the log {last.origin}")
        if asked.size < last.size:
            raise WouldFork(last=last.size, asked=asked.size, because="the log has gone back")
        if asked.size == last.size:
            raise WouldFork(last=last.size, asked=asked.size, because="the root is another one")
        if last.size == 0:
            return
        path = self._prove(last.size, asked.size) if proof is None else proof
        try:
            verify_consistency(last.size, asked.size, path, last.root, asked.root)
        except NotProved as error:
            raise WouldFork(last=last.size, asked=asked.size, because=f"it does not extend that: {error}") from error


def open_signer(settings: EvidenceSettings, prove: Prove) -> RememberingSigner:
    """The log's signer, with the keys and the memory that the settings name. Raises KeyUnusable."""
    keys = open_keys(settings)
    memory = keys.folder / MEMORY
    recall(memory)
    return RememberingSigner(keys, memory, prove)


def recall(memory: Path) -> Checkpoint:
    """What was signed last. Raises KeyUnusable where there is no memory: a signer without one is not to be trusted."""
    try:
        kept = _Memory.model_validate_json(memory.read_bytes())
        return Checkpoint(kept.origin, kept.size, bytes.fromhex(kept.root))
    except OSError as error:
        raise KeyUnusable(
            f"the signer's memory {memory} cannot be read ({error.strerror}): put it back, or give the newest"
            " checkpoint to `continuity custody keys remember`"
        ) from error
    except (ValidationError, Malformed) as error:
        raise KeyUnusable(f"{memory} is not the memory of a signer") from error


def begin_memory(memory: Path, origin: str) -> None:
    """The memory of a signer that has signed nothing. Raises FileExistsError where there is one."""
    if memory.exists():
        raise FileExistsError(f"{memory} is there already")
    _keep(memory, Checkpoint(origin, 0, EMPTY_ROOT))


def remember(memory: Path, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into the memory, where there is none or an older one. Raises WouldFork for a step back."""
    with _alone(memory):
        if memory.exists():
            last = recall(memory)
            if last.origin != checkpoint.origin or last.size > checkpoint.size:
                raise WouldFork(
                    last=last.size, asked=checkpoint.size, because="the memory is further, or another log's"
                )
            if last.size == checkpoint.size and last.root != checkpoint.root:
                raise WouldFork(last=last.size, asked=checkpoint.size, because="the root is another one")
        _keep(memory, checkpoint)


def _keep(memory: Path, checkpoint: Checkpoint) -> None:
    kept = _Memory(origin=checkpoint.origin, size=checkpoint.size, root=checkpoint.root.hex())
    write_whole(memory, kept.model_dump_json().encode() + b"\n")


@contextmanager
def _alone(memory: Path) -> Iterator[None]:
    """One signer at a time, over all processes of this machine."""
    try:
        handle = memory.with_suffix(".lock").open("a")
    except OSError as error:
        raise KeyUnusable(f"the signer's memory {memory} cannot be locked: {error.strerror}") from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
