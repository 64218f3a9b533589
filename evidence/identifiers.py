"""Identifiers: UUIDv7 for rows and objects, digests as lower-case hex. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from evidence import clock

SHA256_SHAPE = re.compile(r"[0-9a-f]{64}")


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562, 5.7): sorts by creation time and tells nothing else."""
    milliseconds = int(clock.now().timestamp() * 1000)
    tail = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return UUID(int=value)


class NotADigest(ValueError):
    """The text is not a SHA-256 in lower-case hex."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What names bytes: SHA-256 (lower-case hex) and size in bytes."""

    sha256: str
    size: int

    @classmethod
    def parse(cls, sha256: str, size: int) -> Self:
        """Check both at the door. Raises NotADigest or ValueError."""
        if not SHA256_SHAPE.fullmatch(sha256):
            raise NotADigest(f"{sha256[:80]!r} is not a SHA-256 in lower-case hex")
        if size < 0:
            raise ValueError(f"a size of {size} bytes cannot be")
        return cls(sha256, size)


def recording_reference(number: int) -> str:
    """How people name a recording: `R` and its running number, never the raw id."""
    return f"R{number:07d}"
