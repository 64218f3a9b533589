"""What must always hold, as named functions. Properties draw the values; these say what is true of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from evidence.custody.canonical import NotCanonical, canonical, read_canonical


def reads_back_as_itself(value: Any) -> None:
    """Writing and reading give the same value, and writing that gives the same bytes."""
    body = canonical(value)
    assert read_canonical(body) == value
    assert canonical(read_canonical(body)) == body


def has_one_form(value: Mapping[str, Any], *, shuffled: Mapping[str, Any]) -> None:
    """The order in which members were put together does not show."""
    assert canonical(value) == canonical(shuffled)


def says_what_it_means_or_refuses(body: bytes) -> None:
    """Bytes are read only where they are the one form of what they say; anything else is NotCanonical."""
    try:
        value = read_canonical(body)
    except NotCanonical:
        return
    assert canonical(value) == body


def differs_when_changed(value: Any, other: Any) -> None:
    """Different values never share their bytes, nor therefore their hash."""
    # True equals 1 in Python and is another thing in JSON, so types count as well.
    if _as_json(value) != _as_json(other):
        assert canonical(value) != canonical(other)


def is_an_unbroken_chain(leaves: Sequence[bytes]) -> None:
    """A subject's leaves are numbered from 1 without gap, and each names the hash of the one before."""
    assert leaves, "there is nothing to verify"
    before = bytes(32)
    for number, leaf in enumerate(leaves, start=1):
        said = read_canonical(leaf)
        assert (said["n"], said["prev"]) == (number, before.hex())
        before = hashlib.sha256(b"\x00" + leaf).digest()


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(member) for member in value]
    return (type(value).__name__, value)
