"""What can go wrong at a dock.

AgentError
├── SettingsRefused          a setting is unknown, unsafe or contradicts another   put right, start again
├── NotEnrolled              this host has no identity for this server             enrol
├── IdentityUnsafe           the device key is missing, readable by others or bad  put right, enrol again
├── StateInUse               another agent works with this state folder            stop one of them
├── JournalAway              the journal cannot be written                         nothing is copied until it can
├── AgentRevoked             the server no longer lets this agent in               a person decides
├── AgentFault               a fault of the agent's own                            logged whole; tried again
├── Stopping                 the agent was told to stop                            taken up again at next start
├── Refused                  the server refused one request, with its reason       a person, or try again later
│   ├── ArrivalGone          the server no longer knows the arrival                offer again
│   ├── SessionUnknown       the server does not know the docking session           describe the device again
│   ├── PartsMissing         the store lacks parts that were sent                  send them again
│   ├── ServerFault          the server has a fault with this one request           tried again later
│   └── ArrivalFailed        stored bytes were not what was sent                   offer again
├── Away                     try again, with growing pauses
│   ├── ServerAway           no answer from the server, or not a usable one
│   └── StoreAway            the store does not take parts
├── ReceiptLost              the server no longer knows a kept receipt             offer again; tell a person
├── SourceKept               the server says why a source must not be let go now   keep it, and ask again
├── ReceiptRefused           a receipt is forged or speaks of other bytes          never trusted; incident
└── SourceError              about one file on the device
    ├── NotAFile             a link, pipe, device or folder: listed, never opened  refused
    ├── TooLargeForBuffer    its parts do not fit the memory set aside             waits for a setting
    ├── SourceBusy           a program on this host writes to it                   wait
    ├── SourceChanged        grew, shrank or was replaced while it was read        wait, then read again
    ├── SourceGone           no longer there                                       gone
    └── SourceUnreadable     the device or the system will not give the bytes      try again
"""

from __future__ import annotations

from collections.abc import Sequence


class AgentError(Exception):
    """Anything the agent knows how to speak of; `reason` is a sentence a person can act on."""

    exit_code = 1

    @property
    def reason(self) -> str:
        """The sentence shown on the wall, in `status` and in the log."""
        return str(self)


class SettingsRefused(AgentError):
    """A setting is unknown, unsafe or contradicts another."""

    exit_code = 2


class NotEnrolled(AgentError):
    """No identity in the state folder."""

    exit_code = 3


class IdentityUnsafe(AgentError):
    """The key or the identity beside it cannot be used."""

    exit_code = 3


class AgentRevoked(AgentError):
    """The server says this agent may no longer speak."""

    exit_code = 4


class StateInUse(AgentError):
    """Another agent holds the state folder."""

    exit_code = 5


class JournalAway(AgentError):
    """The journal cannot be read or written, so nothing may be copied."""

    exit_code = 5


class AgentFault(AgentError):
    """A fault of the agent's own, which nobody foresaw."""

    def __init__(self, fault: BaseException) -> None:
        super().__init__(f"An unexpected fault of the agent ({type(fault).__name__}: {fault}).")


class Stopping(AgentError):
    """The agent was told to stop; work under way is taken up at the next start."""

    def __init__(self) -> None:
        super().__init__("The agent is stopping; this is taken up again when it starts.")


class Refused(AgentError):
    """The server refused one request.

    `status` is the HTTP status, `kind` the problem type, `detail` the server's own words.
    """

    def __init__(self, detail: str, *, status: int, kind: str) -> None:
        super().__init__(f"The server refused: {detail}")
        self.status, self.kind, self.detail = status, kind, detail


class ArrivalGone(Refused):
    """The server no longer knows the arrival: offer the file again."""


class SessionUnknown(Refused):
    """The server does not know the docking session, or no longer: describe the device again."""


class PartsMissing(Refused):
    """The store lacks these part numbers."""

    def __init__(self, detail: str, *, status: int, kind: str, missing: Sequence[int]) -> None:
        super().__init__(detail, status=status, kind=kind)
        self.missing = tuple(missing)


class ServerFault(Refused):
    """The server met a fault of its own over this request; others may well go through."""


class ArrivalFailed(Refused):
    """The stored object could not be verified: offer the file again."""


class Away(AgentError):
    """Something needed does not answer; it is tried again with growing pauses."""

    exit_code = 6


class ServerAway(Away):
    """The server does not answer, or not with anything this agent understands."""


class StoreAway(Away):
    """The store does not take parts."""


class ReceiptLost(AgentError):
    """The server no longer knows a receipt that was kept: its database was restored from an older copy."""


class SourceKept(AgentError):
    """The receipt stands, and the server wants the source kept for now: the reason is its own."""


class ReceiptRefused(AgentError):
    """The receipt is not one this agent may act on."""


class SourceError(AgentError):
    """About one file on the device; the name is not repeated in the sentence."""


class NotAFile(SourceError):
    """Not an ordinary file: listed as refused, never opened for reading."""


class TooLargeForBuffer(SourceError):
    """One part of this file is larger than the memory the agent may use."""

    def __init__(self, *, part: int, budget: int) -> None:
        super().__init__(
            f"Its parts are {part >> 20} MiB and the agent may hold {budget >> 20} MiB: "
            f"raise CONTINUITY_AGENT_BUFFER_MIB to {part >> 20} or more and start the agent again."
        )
        self.part, self.budget = part, budget


class SourceBusy(SourceError):
    """A program on this host has the file open for writing."""


class SourceChanged(SourceError):
    """The file is not the one that was settled."""


class SourceGone(SourceError):
    """The file or its device is no longer there."""


class SourceUnreadable(SourceError):
    """The bytes cannot be read now."""
