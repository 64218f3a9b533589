"""IngestError
├── CodeRefused         the enrolment code is unknown, used or out of date   make another
├── AgentRefused        the agent is unknown, revoked or signed wrongly      enrol again
├── MessageRefused      what the agent said does not hold together           mend the agent
├── SessionUnknown      that docking session is not known, or another's      describe the device
├── ArrivalGone         that arrival is finished or was given up             offer again
├── PartsMissing        parts of the file have not reached the store         send them
├── BytesDiffer         what the store holds is not what was offered         send again
└── KeyRefused          the receipt key cannot be used                       mend the setting
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID


class IngestError(Exception):
    """Something about an arrival is not as it must be."""


class CodeRefused(IngestError):
    """The enrolment code is unknown, has been used, or is out of date."""


class AgentRefused(IngestError):
    """The agent is unknown, revoked, or could not prove its key."""

    def __init__(self, reason: str, *, revoked: bool = False) -> None:
        super().__init__(reason)
        self.revoked = revoked


class MessageRefused(IngestError):
    """What the agent said does not hold together."""


class SessionUnknown(IngestError):
    """That docking session is not known here, not any more, or belongs to another agent."""

    def __init__(self) -> None:
        super().__init__("that docking session is not this agent's: describe the device first")


class ArrivalGone(IngestError):
    """That arrival is finished, was given up, or belongs to another agent."""

    def __init__(self, arrival: UUID) -> None:
        super().__init__(f"arrival {arrival} is not open: offer the file again")
        self.arrival = arrival


class PartsMissing(IngestError):
    """Parts of the file have not reached the store."""

    def __init__(self, missing: Sequence[int]) -> None:
        super().__init__(f"{len(missing)} parts have not reached the store")
        self.missing = list(missing)


class BytesDiffer(IngestError):
    """What was read back from the store is not what the agent read from the device."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeyRefused(IngestError):
    """The receipt key is missing, not Ed25519, or readable by others."""
