"""Numbers and base64 that can be written in one way only. Pure.

What can be written in two ways can be changed without being noticed: padding, the last bits of base64, and
noughts before a number are held to the one form.
"""

from __future__ import annotations

import base64
import binascii
import re

from evidence.tlog.errors import Malformed

LARGEST = 2**63 - 1
DECIMAL = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


def read_base64(text: str) -> bytes:
    """The bytes of standard base64 with its padding (RFC 4648, section 4). Raises Malformed."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed(f"{text[:60]!r} is not base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed(f"{text[:60]!r} is not the one way to write these bytes in base64")
    return data


def base64_of(data: bytes) -> str:
    """Bytes as standard base64."""
    return base64.b64encode(data).decode()


def read_number(text: str) -> int:
    """A number from 0 to 2^63-1 in decimal without noughts before it. Raises Malformed."""
    if DECIMAL.fullmatch(text) is None or int(text) > LARGEST:
        raise Malformed(f"{text[:60]!r} is not a number from 0 to 2^63-1")
    return int(text)


def read_lines(data: bytes) -> list[str]:
    """The lines of UTF-8 text, each ended by a line feed. Raises Malformed for other control characters."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}") from error
    if any(character < " " and character != "\n" for character in text):
        raise Malformed("a control character other than the line feed")
    if not text.endswith("\n"):
        raise Malformed("the last line does not end in a line feed")
    return text[:-1].split("\n")
