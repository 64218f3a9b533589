"""The shapes of what the JSON API says. Times are ISO 8601 in UTC; sizes are bytes; durations milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field

from evidence.vocabulary import (
    AgentKind,
    Condition,
    IncidentKind,
    Playability,
    QuarantineDecision,
    RecordingKind,
    RenditionKind,
    RenditionMethod,
    RenditionState,
    Role,
)

T = TypeVar("T")


class Shape(BaseModel):
    """Base of every answer: read from our own values, never changed afterwards."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Asked(BaseModel):
    """Base of every request body: unknown members are refused, so that a spelling mistake is not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Shape):
    """An error (RFC 9457)."""

    type: str = Field(description="A stable path that names the kind of error", examples=["/problems/not-found"])
    title: str
    status: int
    detail: str = Field(description="What went wrong and what to do, in words for a person")
    request_id: str = Field(default="", description="The number under which the log has the rest")
    errors: list[dict[str, str]] = Field(default=[], description="What is wrong with which member, by JSON pointer")
    sign_in: str = Field(default="", description="Where a person signs in, if that is what is missing")


class PageOf(Shape, Generic[T]):
    """One page of a list. `next` is the path of the one after it, also given as a Link header."""

    items: list[T]
    next: str | None = None


class RecordingItem(Shape):
    """One recording as lists show it."""

    id: UUID
    reference: str = Field(examples=["R0000123"])
    title: str
    name: str = Field(description="The file's name on the device, made safe to show")
    kind: RecordingKind
    device: str
    camera_serial: str | None
    officer: str | None
    captured_at: datetime | None = Field(description="Read from the device's words; not corrected")
    captured_as_stated: str | None = Field(description="The device's own words")
    registered_at: datetime
    duration_ms: int | None
    size: int
    sha256: str
    condition: Condition
    playability: Playability
    playability_reason: str | None
    in_quarantine: bool
    fixity_failed: bool


class MasterFacts(Shape):
    """The bytes as received."""

    sha256: str
    sha512: str
    tree: str = Field(description="RFC 6962 root over chunks of 1 MiB")
    size: int
    version_id: str
    lock_mode: str
    lock_until: datetime
    stored_at: datetime
    verified_at: datetime


class RenditionFacts(Shape):
    """One working copy, with how it was made.

    `ending` is the word for how the child ended that made it; `quality` what was measured of a sample of it;
    `repair` what was recovered, and by whose settings, where the master could not be played; `clock` what the copy made
    of a master's clock that starts again on the way; `remarks` what was noticed when it was held against the master.
    """

    kind: RenditionKind
    method: RenditionMethod
    why: str
    state: RenditionState
    reason: str | None
    size: int | None
    sha256: str | None
    content_type: str | None
    master_sha256: str
    argv: list[Any]
    tool: dict[str, Any]
    made_at: datetime | None
    ending: str | None = Field(default=None, validation_alias=AliasPath("facts", "ending"))
    quality: dict[str, Any] | None = Field(default=None, validation_alias=AliasPath("facts", "quality"))
    repair: dict[str, Any] | None = Field(default=None, validation_alias=AliasPath("facts", "repair"))
    recovered: dict[str, Any] | None = Field(default=None, validation_alias=AliasPath("facts", "recovered"))
    clock: str | None = Field(default=None, validation_alias=AliasPath("facts", "clock"))
    remarks: list[str] = Field(default=[], validation_alias=AliasPath("facts", "remarks"))


class OfferedFacts(Shape):
    """One occasion on which these bytes were brought."""

    at: datetime
    dock: str
    bay: str
    device: str
    name: str
    released_at: datetime | None
    released_how: str | None
    receipt: UUID | None


class SidecarFacts(Shape):
    """A metadata file kept beside the recording."""

    master_id: UUID
    name_shown: str
    kind: str
    facts: dict[str, Any]


class QuarantineFacts(Shape):
    """One quarantine of a recording."""

    id: UUID
    code: str
    reason: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    decision: QuarantineDecision | None
    note: str | None


class EventFacts(Shape):
    """One event of the custody log."""

    id: UUID
    number: int = Field(description="Its number among this recording's events")
    log_number: int = Field(description="Its number in the whole log")
    at: datetime
    type: str
    operation: str = Field(description="The operation by DPA 2018 s.62, or none")
    sentence: str
    actor: str
    facts: Mapping[str, Any]


class ReceiptFacts(Shape):
    """A signed receipt, as it was given to the agent."""

    receipt_id: UUID
    arrival_id: UUID
    body_b64: str
    signature_b64: str
    key_id: str
    issued_at: datetime


class ReceiptAsked(Asked):
    """A receipt to be checked."""

    body_b64: str = Field(max_length=20_000)
    signature_b64: str = Field(max_length=200)
    key_id: str = Field(max_length=64)


class ReceiptVerdict(Shape):
    """Whether a receipt is ours and still true."""

    genuine: bool = Field(description="Signed by this system's key, and the very bytes that were issued")
    held: bool = Field(description="The record has its digest and size, and the store has that version now, locked")
    reason: str
    recording: str | None = Field(description="Its reference, where the caller may see the recording")


class SearchAsked(Asked):
    """What is looked for. Empty members do not narrow the list."""

    text: str = Field(default="", max_length=200)
    kind: RecordingKind | None = None
    condition: Condition | None = None
    playability: Playability | None = None
    in_quarantine: bool = False
    captured_from: AwareDatetime | None = None
    captured_until: AwareDatetime | None = None
    after: str | None = Field(default=None, max_length=200)
    limit: int = Field(default=50, ge=1, le=200)


class BayFacts(Shape):
    """What stands in one bay. `safe` is true only where every listed file has a receipt."""

    name: str
    session: UUID
    device: str
    serial: str | None
    safe: bool
    word: str
    detail: str
    advice: str
    percent: int | None


class DockFacts(Shape):
    """One dock or suite."""

    id: UUID
    name: str
    kind: AgentKind
    seen_at: datetime | None
    silent: bool
    backlog_bytes: int
    bytes_per_second: float | None
    open_incidents: int
    bays: list[BayFacts]


class IncidentItem(Shape):
    """What needs a person's attention."""

    id: UUID
    kind: IncidentKind
    title: str
    reason: str
    advice: str
    dock: str | None
    bay: str | None
    device: str | None
    recording: str | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_because: str | None


class NoteAsked(Asked):
    """Why, in words that are recorded."""

    note: str = Field(min_length=5, max_length=1000)


class DecisionAsked(NoteAsked):
    """A decision about a quarantined recording."""

    decision: QuarantineDecision


class QuarantineItem(Shape):
    """A recording set aside."""

    id: UUID
    reference: str
    title: str
    name: str
    device: str
    size: int
    condition: Condition
    code: str
    reason: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    decision: QuarantineDecision | None
    note: str | None


class JobFacts(Shape):
    """One piece of background work."""

    id: int
    task: str
    queue: str
    state: str
    attempt: int
    phase: str | None
    fraction: float | None
    speed: float | None
    failure: str | None
    cancelled_by: str | None


class QueueFacts(Shape):
    """One queue and why things wait in it."""

    queue: str
    name: str
    waiting: int
    later: int
    running: int
    failed: int
    oldest_seconds: float | None
    ready_in_seconds: float | None
    because: str


class WorkFacts(Shape):
    """Background work as it stands."""

    queues: list[QueueFacts]
    workers: int
    missing_layers: list[str]


class Done(Shape):
    """It is done."""

    done: bool = True


class TokenItem(Shape):
    """An API token; its text is not kept."""

    id: UUID
    label: str
    role: Role
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenAsked(Asked):
    """A token to be made."""

    label: str = Field(min_length=2, max_length=100)
    role: Role
    days: int = Field(default=90, ge=1, le=730)


class TokenMade(TokenItem):
    """A token with its text, this once."""

    token: str


class HealthFacts(Shape):
    """Whether what the system needs answers."""

    database: bool
    store: bool
    workers: int
    reasons: list[str]
