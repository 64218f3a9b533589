"""The messages between agent and server, as values: what is sent, and what an answer must hold. Pure.

An answer that does not hold what it must is treated like no answer at all (ServerAway): it is tried again, and
nothing is concluded from it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from ingest.agent.digests import Digests
from ingest.agent.errors import ServerAway
from ingest.agent.names import as_b64

BASE = "/api/dock/v1"
SIGN_IN_PREFIX = b"continuity-dock-v1\n"
LISTING_PAGE = 500  # entries of a listing, or file states, in one message
STATUS_PAGE = 200  # arrivals or receipts asked about in one message
LOST_PAGE = 50  # lost receipts told of between two other things
SMALLEST_PART = 16 << 20  # bytes
MOST_PARTS = 9000  # under the store's limit of 10,000

Json = Mapping[str, Any]


class FileState(StrEnum):
    """Where one file stands, in the words of the dock wall."""

    LISTED = "listed"
    SETTLING = "settling"
    WAITING = "waiting"
    READING = "reading"
    SENDING = "sending"
    CHECKING = "checking"
    RECEIPTED = "receipted"
    GONE = "gone"
    REFUSED = "refused"


class ArrivalState(StrEnum):
    """Where one arrival stands on the server."""

    SENDING = "sending"
    STORED = "stored"
    VERIFYING = "verifying"
    RECEIPTED = "receipted"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


def part_size_for(size: int) -> int:
    """Bytes in each part but the last: at least 16 MiB, whole MiB, and at most 9,000 parts."""
    needed = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-needed // (1 << 20)) << 20)


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """One of the server's keys for receipts, pinned at enrolment: 32 raw bytes of Ed25519."""

    key_id: str
    public_key: bytes

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        return cls(text_in(answer, "key_id"), octets_in(answer, "public_key"))


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The server's answer to an enrolment."""

    agent_id: str
    receipt_keys: tuple[ReceiptKey, ...]

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        return cls(text_in(answer, "agent_id"), tuple(map(ReceiptKey.read, list_in(answer, "receipt_keys"))))


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A receipt, or the log's keys, as it came: nothing in it is believed before its signature has been checked."""

    body: bytes
    signature: bytes
    key_id: str

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        return cls(octets_in(answer, "body_b64"), octets_in(answer, "signature_b64"), text_in(answer, "key_id"))


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part the store already holds."""

    number: int
    size: int
    etag: str

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        return cls(whole_in(answer, "number"), whole_in(answer, "size"), text_in(answer, "etag"))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one arrival stands, why, and its receipt where there is one."""

    arrival_id: str
    state: ArrivalState
    reason: str | None
    receipt: SignedStatement | None

    @classmethod
    def read(cls, answer: Json, arrival_id: str | None = None) -> Self:
        """From JSON; the id is taken from the request where the answer does not repeat it."""
        state = text_in(answer, "state")
        if state not in set(ArrivalState):
            raise ServerAway(f"The server speaks of a state this agent does not know ({state[:40]}).")
        return cls(
            arrival_id or text_in(answer, "arrival_id"),
            ArrivalState(state),
            answer.get("reason"),
            SignedStatement.read(answer["receipt"]) if answer.get("receipt") else None,
        )


@dataclass(frozen=True, slots=True)
class Offered:
    """The server's answer to an offer."""

    standing: Standing
    part_size: int
    single: bool
    stored: Mapping[int, StoredPart]

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        parts = map(StoredPart.read, list_in(answer, "stored_parts"))
        part_size = whole_in(answer, "part_size")
        if part_size <= 0 or part_size % (1 << 20):
            raise ServerAway(f"The server asks for parts of {part_size} bytes, which are not whole MiB.")
        stored = {part.number: part for part in parts}
        return cls(Standing.read(answer), part_size, bool(answer.get("single")), stored)

    @property
    def is_whole(self) -> bool:
        """Whether the store has the finished object: then the server names parts without their ETags."""
        return bool(self.stored) and not any(part.etag for part in self.stored.values())


@dataclass(frozen=True, slots=True)
class PartUrl:
    """Where one part goes: the address and exactly the headers to send with it."""

    number: int
    url: str
    headers: Mapping[str, str]

    @classmethod
    def read(cls, answer: Json) -> Self:
        """From JSON."""
        headers = answer.get("headers") or {}
        return cls(whole_in(answer, "number"), text_in(answer, "url"), {str(k): str(v) for k, v in headers.items()})


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file's standing as the wall shows it."""

    name: bytes
    state: FileState
    bytes_sent: int
    reason: str | None
    now_called: bytes | None = None

    def as_json(self) -> Json:
        """As it travels."""
        said = {
            "name_b64": as_b64(self.name),
            "state": self.state.value,
            "bytes_sent": self.bytes_sent,
            "reason": self.reason,
        }
        return said if self.now_called is None else {**said, "now_called_b64": as_b64(self.now_called)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One file offered to the server; digests only where the file has been read already."""

    session_id: str
    name: bytes
    size: int
    mtime_ns: int
    priority: int
    digests: Digests | None = None

    def as_json(self) -> Json:
        """As it travels."""
        known = self.digests
        return {
            "session_id": self.session_id,
            "name_b64": as_b64(self.name),
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "priority": self.priority,
            "sha256": known.sha256 if known else None,
            "sha512": known.sha512 if known else None,
            "tree": known.tree if known else None,
        }


def completion(digests: Digests, sent: Mapping[int, tuple[str, str]]) -> Json:
    """The message that ends an upload; `sent` has each part's ETag and SHA-256 by its number."""
    return {
        "size": digests.size,
        "sha256": digests.sha256,
        "sha512": digests.sha512,
        "tree": digests.tree,
        "parts": [
            {"number": number, "etag": etag, "sha256": sha256} for number, (etag, sha256) in sorted(sent.items())
        ],
    }


def _bad(key: str) -> ServerAway:
    return ServerAway(f"The server's answer is not one this agent understands ({key}).")


def text_in(answer: Json, key: str) -> str:
    """A text in an answer. Raises ServerAway."""
    value = answer.get(key)
    if not isinstance(value, str):
        raise _bad(key)
    return value


def whole_in(answer: Json, key: str) -> int:
    """A whole number, not negative, in an answer. Raises ServerAway."""
    value = answer.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _bad(key)
    return value


def list_in(answer: Json, key: str) -> Sequence[Json]:
    """A list of objects in an answer. Raises ServerAway."""
    value = answer.get(key)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _bad(key)
    return value


def octets_in(answer: Json, key: str) -> bytes:
    """Raw bytes, from base64, in an answer. Raises ServerAway."""
    try:
        return base64.b64decode(text_in(answer, key), validate=True)
    except binascii.Error as error:
        raise _bad(key) from error
