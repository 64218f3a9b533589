"""The files in a package's `custody/` as a checker reads them: closed shapes, held to the one form. Pure.

docs/package-format.md, section 4, is the format. What is not exactly so is Misstated, with the first thing wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from evidence.custody.canonical import NotCanonical, read_canonical
from evidence.custody.shapes import Count, Digest, Id, Moment, Signed
from evidence.package.bag import NAME
from evidence.tlog.errors import Malformed
from evidence.tlog.strict import read_base64


class Misstated(Exception):
    """A file of the package does not say what the format lets it say."""


def _in_base64(text: str) -> str:
    try:
        read_base64(text)
    except Malformed as error:
        raise ValueError(str(error)) from error
    return text


_Base64 = Annotated[str, AfterValidator(_in_base64)]
_Hash = Annotated[str, StringConstraints(min_length=44, max_length=44), AfterValidator(_in_base64)]
_Sha512 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
_Path = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$", max_length=400)]
_Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Log = Annotated[str, StringConstraints(pattern=r"^[^ ]{1,200}$")]
Stated = TypeVar("Stated")


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class StatedMaster(_Shape):
    """A master file."""

    path: _Path
    sha256: Digest
    sha512: _Sha512
    size: Count


class BothManifests(_Shape):
    """The packet manifests of a master and of a copy, by their SHA-256."""

    master: Digest
    copy_: Digest = Field(alias="copy")


class StatedCopy(_Shape):
    """A working copy."""

    path: _Path
    kind: _Text
    method: _Text
    sha256: Digest
    size: Count
    packets: BothManifests | None


class StatedExhibit(_Shape):
    """One recording."""

    recording: Id
    reference: _Reference
    master: StatedMaster
    working: list[StatedCopy]


class StatedContents(_Shape):
    """`contents.json`."""

    v: Annotated[int, Field(ge=1, le=1)]
    log: _Log
    made: Moment
    size: Count
    complete_at: Count
    exhibits: list[StatedExhibit]


class StatedEvent(_Shape):
    """One line of `events.jsonl`."""

    leaf: _Base64
    seq: Count


class Opening(_Shape):
    """One revealed value of `revealed.json`."""

    salt: Digest
    value: str


class StatedEarlier(_Shape):
    """One entry of `seen.json`."""

    proof: list[_Hash]
    root: Digest
    size: Count


class StatedEnd(_Shape):
    """One exhibit's place in the head map."""

    recording: Id
    n: Annotated[int, Field(ge=1, le=2**53 - 1)]
    seq: Count
    leaf_hash: Digest
    index: Count
    proof: list[_Hash]


class StatedHeadMap(_Shape):
    """`headmap.json`."""

    event: Count
    key: Digest
    size: Count
    entries: Count
    proofs: list[StatedEnd]


class Track(_Shape):
    """One stream of a packet manifest. Times in microseconds from the first packet."""

    kind: Annotated[str, StringConstraints(pattern="^(video|audio)$")]
    codec: _Text
    config: Digest
    width: Count | None = None
    height: Count | None = None
    rate: Count | None = None
    channels: Count | None = None
    matrix: Annotated[list[Signed], Field(min_length=9, max_length=9)] | None
    packets: Count
    payload: Digest
    neutral: Digest
    timed: Digest
    hashes: list[Digest]
    neutral_hashes: list[Digest] | None
    dts: list[Signed]
    pts: list[Signed]
    keys: list[Count]

    @model_validator(mode="after")
    def _absent_or_there(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set - {"matrix", "neutral_hashes"}):
            raise ValueError("a member that is not known is left out")
        return self


class PacketManifest(_Shape):
    """A packet manifest."""

    v: Annotated[int, Field(ge=1, le=1)]
    streams: list[Track]


CONTENTS = TypeAdapter(StatedContents)
EVENT = TypeAdapter(StatedEvent)
REVEALED = TypeAdapter(dict[Id, dict[str, Opening]])
SEEN = TypeAdapter(list[StatedEarlier])
HEAD_MAP = TypeAdapter(StatedHeadMap)
PACKETS = TypeAdapter(PacketManifest)


def read_stated(body: bytes, shape: TypeAdapter[Stated], *, ended: bool = True) -> Stated:
    """One canonical value and, where `ended`, its line feed. Raises Misstated."""
    if ended and not body.endswith(b"\n"):
        raise Misstated("it does not end in a line feed")
    try:
        value: Any = read_canonical(body[:-1] if ended else body)
        return shape.validate_python(value)
    except NotCanonical as error:
        raise Misstated(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise Misstated(f"{place}: {first['msg']}") from error
