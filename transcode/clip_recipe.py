"""What is to be cut out of a recording, and how: data, with one byte form and so one digest. Pure.

Places are counted in pictures (the first one's number from 0 in showing order, and the number after the last one's),
or, for sound, in microseconds from the beginning of the recording. A recipe names everything that its result depends
on but the tool: the same recipe gives the same bytes from the same build.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from evidence.custody.canonical import canonical
from evidence.vocabulary import ClipKind

RECIPE: Final = "clip-2"
"""Changes when the same places of the same master would come out differently."""
LONGEST_TEXT: Final = 60
FURTHEST: Final = 2**53 - 1
MOST_SOUNDS: Final = 16


def _written(text: str) -> str:
    """Words that can be drawn: the face of the letters has those of Latin-1."""
    plain = unicodedata.normalize("NFC", text).strip()
    if not plain.isprintable() or any(ord(each) > 255 for each in plain):
        raise ValueError("only printable letters of Western European languages can be written into a picture")
    return plain


def _moment(text: str) -> str:
    if text and datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a moment needs its zone")
    return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else ""


Written = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_written)]
Place = Annotated[int, Field(ge=0, le=FURTHEST)]


class Burn(BaseModel):
    """What is written into the pictures; empty text is not. `begins`: when the recording began, UTC; empty: unknown,
    and the time written is that from its beginning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: bool = False
    begins: Annotated[str, Field(max_length=40), AfterValidator(_moment)] = ""
    reference: Written = ""
    collar: Written = ""

    @property
    def lines(self) -> int:
        """How many lines that makes."""
        return bool(self.time) + bool(self.reference) + bool(self.collar)


class Recipe(BaseModel):
    """One clip, still picture or sound. `sounds`: numbers of the master's streams, in order. `table`: SHA-256 of the
    frame table that its numbers are of, where it took the place of that of another working copy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Literal["clip-1", "clip-2"] = RECIPE
    recording: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
    master_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    kind: ClipKind
    unit: Literal["frame", "microsecond"] = "frame"
    start: Place
    end: Place
    sounds: Annotated[tuple[Annotated[int, Field(ge=0, lt=10_000)], ...], Field(max_length=MOST_SOUNDS)] = ()
    burn: Burn = Burn()
    table: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the out point must lie after the in point")
        if self.unit == "microsecond" and self.kind is not ClipKind.SOUND:
            raise ValueError("pictures are counted in frames, and only sound in microseconds")
        if self.kind is ClipKind.STILL and (self.end != self.start + 1 or self.sounds):
            raise ValueError("a still picture is one frame, and has no sound")
        if self.kind is ClipKind.SOUND and (not self.sounds or self.burn.lines):
            raise ValueError("sound alone needs a sound track, and nothing can be written into it")
        if len(set(self.sounds)) != len(self.sounds):
            raise ValueError("a sound track is named twice")
        return self

    def told(self) -> dict[str, Any]:
        """The recipe as it is kept."""
        return self.model_dump(mode="json", exclude=None if self.table else {"table"})

    def as_bytes(self) -> bytes:
        """The recipe in its canonical form (RFC 8785)."""
        return canonical(self.told())

    @property
    def digest(self) -> str:
        """SHA-256 of that, in hex."""
        return sha256(self.as_bytes()).hexdigest()
