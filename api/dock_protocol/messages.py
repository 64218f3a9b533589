"""The shapes of what an agent says. Unknown members are refused: both sides speak one version."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from evidence.vocabulary import AgentKind, ListedState

NANOSECONDS = 2**63 - 1


def _from_base64(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("is not text")  # noqa: TRY004 - pydantic wants ValueError
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("is not base64") from error


def _plain(text: str) -> str:
    """Text that can be stored and shown: no zero character, no lone surrogate."""
    if "\x00" in text or any(0xD800 <= ord(each) <= 0xDFFF for each in text):
        raise ValueError("holds a character that cannot be kept")
    return text


Raw = Annotated[bytes, BeforeValidator(_from_base64)]
NameBytes = Annotated[Raw, Field(min_length=1, max_length=4096)]
Label = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_plain)]
Words = Annotated[str, Field(max_length=1000), AfterValidator(_plain)]
Size = Annotated[int, Field(ge=0, le=1 << 50)]
Modified = Annotated[int, Field(ge=-NANOSECONDS, le=NANOSECONDS)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Sha512 = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
Milliseconds = Annotated[int, Field(ge=-(2**53), le=2**53)]


class Message(BaseModel):
    """Base of each message."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Enrol(Message):
    """An agent asks to be taken in, with the code that an administrator gave."""

    code: Annotated[str, Field(max_length=100)]
    name: Label
    kind: AgentKind
    public_key: Raw
    software: Words = ""


class AskChallenge(Message):
    """An agent asks for something to sign."""

    agent_id: UUID


class AskToken(Message):
    """An agent proves its key."""

    agent_id: UUID
    nonce: Annotated[str, Field(max_length=100)]
    signature: Raw


class Device(Message):
    """What is known of the device itself."""

    label: Label
    serial: Words | None = None
    make: Words | None = None
    model: Words | None = None


class ListingLine(Message):
    """One file that the device holds."""

    name_b64: NameBytes
    size: Size
    mtime_ns: Modified
    refused: Words | None = None


class DeviceSeen(Message):
    """A device as it was connected, and a page of its listing."""

    bay: Label
    kind: AgentKind
    device: Device
    agent_time: Words | None = None
    device_time_as_stated: Words | None = None
    clock_offset_ms: Milliseconds | None = None
    clock_round_trip_ms: Milliseconds | None = None
    listing: Annotated[list[ListingLine], Field(max_length=1000)] = []
    listing_complete: bool = False


class FileState(Message):
    """How far one file has come."""

    name_b64: NameBytes
    state: ListedState
    bytes_sent: Size = 0
    reason: Words | None = None
    now_called_b64: NameBytes | None = None


class SessionState(Message):
    """How far a session's files have come."""

    state: Literal["present", "closed"]
    reason: Words | None = None
    files: Annotated[list[FileState], Field(max_length=1000)] = []


class Offer(Message):
    """One file is offered."""

    session_id: UUID
    name_b64: NameBytes
    size: Size
    mtime_ns: Modified
    priority: Annotated[int, Field(ge=0, le=20)] = 0
    sha256: Sha256 | None = None
    sha512: Sha512 | None = None
    tree: Sha256 | None = None


class PartWanted(Message):
    """One part that is about to be sent."""

    number: Annotated[int, Field(ge=1, le=10_000)]
    size: Annotated[int, Field(ge=0, le=5 << 30)]
    sha256: Sha256


class PartsWanted(Message):
    """Addresses are asked for."""

    parts: Annotated[list[PartWanted], Field(min_length=1, max_length=100)]


class PartSent(Message):
    """One part, as the store named it."""

    number: Annotated[int, Field(ge=1, le=10_000)]
    etag: Annotated[str, Field(max_length=200)]
    sha256: Sha256


class Complete(Message):
    """Everything is sent."""

    size: Size
    sha256: Sha256
    sha512: Sha512
    tree: Sha256
    parts: Annotated[list[PartSent], Field(max_length=10_000)] = []


class AskStanding(Message):
    """How far are these? `wait` seconds for something to change."""

    ids: Annotated[list[UUID], Field(max_length=200)]
    wait: Annotated[float, Field(ge=0, le=20)] = 0


class AskReceipts(Message):
    """Which of these receipts are not known?"""

    ids: Annotated[list[UUID], Field(max_length=200)]


class ReceiptLost(Message):
    """A receipt that was kept and is not known; how its source was let go, if it was."""

    body_b64: Annotated[Raw, Field(max_length=64 << 10)]
    signature_b64: Annotated[Raw, Field(max_length=200)]
    key_id: Annotated[str, Field(max_length=100)]
    device: Label
    let_go: Literal["deleted", "moved"] | None = None


class Withdraw(Message):
    """An offer is taken back."""

    reason: Words


class Released(Message):
    """The source was let go."""

    action: Literal["deleted", "moved"]
