"""Showing names and words from outside without letting them act. Pure.

Whatever hides, reorders or breaks a line becomes an escape: control and format characters, separators other
than a plain space, private and unassigned characters, lone surrogates, bytes that are not UTF-8.
"""

from __future__ import annotations

from typing import Final

# Letters and marks that draw nothing, and that Python nevertheless calls printable.
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(name: bytes) -> str:
    r"""Show a name. No two names are shown alike, so nothing is lost.

    A byte that is not UTF-8 becomes `\xff`, a hidden character `\n`, `\u202e` or `\U000e0001`, a backslash `\\`.
    """
    return shown_text(name.decode("utf-8", "surrogateescape").replace("\\", "\\\\"))


def shown_text(text: str) -> str:
    """Show words from a sidecar or a tag in the same way; a backslash in them stays one backslash."""
    if text.isprintable() and _BLANK_LETTERS.isdisjoint(text):
        return text
    return "".join(map(_visible, text))


def _visible(letter: str) -> str:
    if letter.isprintable() and letter not in _BLANK_LETTERS:
        return letter
    code = ord(letter)
    if letter in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[letter]
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as `surrogateescape` carries it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
