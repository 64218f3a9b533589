"""One event as the log holds it: bytes in, a checked leaf out. Pure; begin with `read_leaf`.

The members are those of docs/package-format.md, section 1. What stands in `facts` depends on the type, and is held
against its model when it is written (`evidence.custody.facts`), not when it is read: a reader must be able to read
what an older or newer writer put there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from evidence.custody.canonical import LARGEST, NotCanonical, canonical, read_canonical
from evidence.custody.shapes import Count, Digest, Id, Moment
from evidence.errors import NotALeaf, NotAnEvent

FORMAT: Final = 1
LONGEST: Final = 65_535
ZERO: Final = bytes(32)
EMPTY_ROOT: Final = hashlib.sha256(b"").hexdigest()


_Text = Annotated[str, StringConstraints(min_length=1)]
_Whole = ConfigDict(strict=True, extra="forbid", frozen=True)


class Seen(BaseModel):
    """The newest checkpoint that the writer knew: the event is not older than it."""

    model_config = _Whole

    size: Count
    root: Digest

    @model_validator(mode="after")
    def _nothing_has_one_root(self) -> Self:
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ValueError("size 0 has the root of the empty tree")
        return self


class LeafActor(BaseModel):
    """Who acted: what kind, and an opaque reference."""

    model_config = _Whole

    kind: _Text
    ref: str


class LeafAuth(BaseModel):
    """How the actor was known; more may stand beside the method."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    method: _Text


class LeafObject(BaseModel):
    """Bytes that the event speaks of: size in bytes, digests in hex."""

    model_config = _Whole

    role: _Text
    sha256: Digest
    size: Count
    sha512: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")] | None = None
    tree: Digest | None = None
    version_id: str | None = None
    packets: Digest | None = None

    @model_validator(mode="after")
    def _absent_or_there(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("a member that is not known is left out")
        return self


class Leaf(BaseModel):
    """One event: what happened, to what, by whom, when, and what came before."""

    model_config = _Whole

    v: Annotated[int, Field(ge=FORMAT, le=FORMAT)]
    log: _Text
    id: Id
    type: _Text
    at: Moment
    subj: Id
    n: Annotated[int, Field(ge=1, le=LARGEST)]
    prev: Digest
    seen: Seen
    s62: Literal["collection", "alteration", "consultation", "disclosure", "combination", "erasure", "none"]
    actor: LeafActor
    auth: LeafAuth
    obj: list[LeafObject]
    facts: dict[str, Any]
    sealed: dict[str, Digest]

    @model_validator(mode="after")
    def _the_first_follows_nothing(self) -> Self:
        if (self.n == 1) != (self.prev == ZERO.hex()):
            raise ValueError("event 1 of a subject follows nothing, and every other one something")
        return self


def hash_of(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf), as RFC 6962 has it."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def write_leaf(members: Mapping[str, Any]) -> bytes:
    """The bytes of one leaf. Raises NotAnEvent where `read_leaf` would refuse them, NotCanonical for odd text."""
    body = canonical(members)
    if len(body) > LONGEST:
        raise NotAnEvent(f"{members['type']} cannot be recorded: {len(body)} bytes are more than a leaf may have")
    try:
        Leaf.model_validate(members)
    except ValidationError as error:
        raise NotAnEvent(f"{members['type']} cannot be recorded: {_first_fault(error)}") from error
    return body


def read_leaf(body: bytes) -> Leaf:
    """Read the bytes of one leaf. Raises NotALeaf for any other bytes, with the first thing that is wrong."""
    if len(body) > LONGEST:
        raise NotALeaf(f"{len(body)} bytes are more than a leaf may have ({LONGEST})")
    try:
        return Leaf.model_validate(read_canonical(body))
    except NotCanonical as error:
        raise NotALeaf(f"these bytes are no leaf: {error}") from error
    except ValidationError as error:
        raise NotALeaf(f"these bytes are no leaf: {_first_fault(error)}") from error


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
