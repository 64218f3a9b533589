"""EvidenceError
└── CompletenessError
    └── CountFailed     the store could not be counted to its end     look at the store; it is counted again
"""

from __future__ import annotations

from evidence.errors import EvidenceError


class CompletenessError(EvidenceError):
    """It could not be found out whether all is there."""


class CountFailed(CompletenessError):
    """The store could not be counted to its end."""
