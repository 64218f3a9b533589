"""Names as the device wrote them: raw bytes, never assumed to be UTF-8, one line when shown. Pure.

A name is the path below the device's own folder, its parts joined by `/` whatever the host's separator is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

SEPARATOR = os.fsencode(os.sep)


def from_path(relative: bytes) -> bytes:
    """The name that travels, from a path below the device's folder on this host."""
    return relative if SEPARATOR == b"/" else relative.replace(SEPARATOR, b"/")


def to_path(name: bytes) -> bytes:
    """The path below the device's folder on this host, from the name that travels."""
    return name if SEPARATOR == b"/" else name.replace(b"/", SEPARATOR)


def as_text(name: bytes) -> str:
    """The name for people: on one line, nothing invisible, and no two names alike.

    A plain name is shown as it is; in any other, backslashes are doubled and what cannot be shown is written
    as `\\xff`, `\\n` or `\\U0000202e`. So a label made from a name still tells two devices apart.
    """
    # surrogateescape marks each foreign byte, so that it can be spelt and the letters around it stay letters.
    text = name.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if letter.isprintable():
        return letter
    # Beyond ASCII always the long form, so that the letter U+0080 and the foreign byte 0x80 stay apart.
    return letter.encode("unicode_escape").decode("ascii") if letter < "\x80" else f"\\U{ord(letter):08x}"


def as_label(name: bytes) -> str:
    """A device's name as a label: as for people, at most 200 characters, and still no two alike."""
    text = as_text(name)
    if len(text) <= 200:
        return text
    return f"{text[:160]}… {hashlib.sha256(name).hexdigest()[:32]}"


def as_b64(name: bytes) -> str:
    """The name as it travels in JSON: standard base64 of the raw bytes."""
    return base64.b64encode(name).decode("ascii")


def from_b64(text: str) -> bytes:
    """The raw bytes of a name from JSON. Raises ValueError where the text is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:80]!r} is not base64") from error
