"""The one byte form of an event or a receipt: RFC 8785 canonical JSON in a narrower profile. Pure.

Narrower: integers within ±(2^53-1) and no other numbers; text in NFC without control characters; member
names are ASCII, so that ordering by code point and by UTF-16 unit is the same thing; no deeper than 64.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

LARGEST = 2**53 - 1
# Lists and mappings within one another; far more than anything here has, and far less than any reader's stack.
DEEPEST = 64


class NotCanonical(ValueError):
    """The value has no canonical form here, or the bytes are not in it."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value. Raises NotCanonical for what the profile does not hold."""
    text = json.dumps(_checked(value, 0), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def read_canonical(body: bytes) -> Any:
    """Read canonical bytes back; refuses duplicate members and bytes that are not in the one form."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_members_once, parse_float=_no_floats)
        again = canonical(value)
    except NotCanonical:
        raise
    # Python has limits of its own, on digits and on depth; bytes beyond them are no leaf of ours either.
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"not JSON in UTF-8: {str(error)[:200]}") from error
    if again != body:
        raise NotCanonical("the bytes are JSON, but not in canonical form")
    return value


def _checked(value: Any, depth: int) -> Any:
    # What is met most often stands first, and the plain types before their kinds: asking for a kind takes long.
    match value:
        case str():
            return _checked_text(value)
        case None | bool():
            return value
        case int():
            return _checked_number(value)
        case dict() | list() | Mapping() | Sequence() if depth >= DEEPEST:
            raise NotCanonical(f"lists and mappings stand in one another more than {DEEPEST} deep")
        case dict() | Mapping():
            return {_checked_name(name): _checked(member, depth + 1) for name, member in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            return [_checked(member, depth + 1) for member in value]
        case _:
            raise NotCanonical(f"a {type(value).__name__} has no canonical form")


def _checked_text(text: str) -> str:
    # Printable ASCII is in every form and holds no control character: most text is, and is not looked at again.
    if text.isascii() and text.isprintable():
        return text
    if not unicodedata.is_normalized("NFC", text):
        raise NotCanonical("text is not in Unicode normal form C")
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise NotCanonical(f"text holds the character U+{ord(character):04X}")
    return text


def _checked_number(number: int) -> int:
    if abs(number) > LARGEST:
        raise NotCanonical(f"{number} is beyond ±(2^53-1)")
    return number


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isascii():
        raise NotCanonical(f"{name!r} is not a member name")
    return name if name.isprintable() else _checked_text(name)


def _members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("a member stands twice")
    return members


def _no_floats(text: str) -> Any:
    raise NotCanonical(f"{text} is not a whole number")
