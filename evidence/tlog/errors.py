"""TlogError
├── Malformed       the bytes are not of the form that they claim    refuse them
├── BadSignature    a key that is known did not sign this            call someone: something was changed
└── NotProved       the proof does not lead to the root              do not say that it is proved
"""

from __future__ import annotations

from evidence.errors import EvidenceError


class TlogError(EvidenceError):
    """A log, a proof or a note does not hold."""


class Malformed(TlogError):
    """The bytes are not of the form that they claim to be."""


class BadSignature(TlogError):
    """A signature under a known key is wrong: either the text or the signature was changed."""


class NotProved(TlogError):
    """What was to be proved does not follow from what was shown."""
