"""What one sidecar states, before anyone believes it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any, ClassVar, Final

from pydantic import ConfigDict

from evidence.vocabulary import RecordingKind
from ingest.findings import Finding, FindingList
from ingest.sidecars.kinds import SidecarKind
from ingest.stated import LONDON, StatedTime

# Names are bytes; in a row of JSON they are base64, whatever they hold.
_BYTES_AS_BASE64: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place on the earth in degrees (WGS 84), with its moment or the seconds into the recording."""

    latitude: float
    longitude: float
    at: datetime | None = None
    after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """How many positions a sidecar gives, and the first and last of them. `capped`: not all were read."""

    count: int
    first: Position
    last: Position
    capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDigest:
    """A digest that a sidecar claims for a file; `name` as written there, None for the file it lies beside."""

    __pydantic_config__: ClassVar[ConfigDict] = _BYTES_AS_BASE64

    algorithm: str
    hex: str
    name: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarFacts:
    """What a sidecar states. Texts are as stated, shortened where endless and safe to show.

    `whole_recording`: it speaks of a recording that may have several clips, so its times are not one clip's.
    `complete`: whether the source says that it has handed everything over; None where it does not say.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _BYTES_AS_BASE64

    kind: SidecarKind
    name: bytes
    describes: RecordingKind | None = None
    whole_recording: bool = False
    make: str | None = None
    model: str | None = None
    serial: str | None = None
    officer: str | None = None
    officer_id: str | None = None
    started: StatedTime | None = None
    stopped: StatedTime | None = None
    triggered: StatedTime | None = None
    time_zone: str | None = None
    title: str | None = None
    reference: str | None = None
    custody_reference: str | None = None
    interview_type: str | None = None
    channels: tuple[str, ...] = ()
    category: str | None = None
    category_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    note: str | None = None
    positions: Track | None = None
    digests: tuple[ClaimedDigest, ...] = ()
    encrypted: bool = False
    key_id: str | None = None
    complete: bool | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sidecar on the table: its bytes, the recording asked about, and the findings as they are made."""

    kind: SidecarKind
    name: bytes
    body: bytes
    recording: bytes | None = None
    force_zone: tzinfo = LONDON
    findings: FindingList = field(default_factory=FindingList)

    def states(self, **values: Any) -> SidecarFacts:
        """Close the sheet: what was read, with every finding made on the way."""
        facts = SidecarFacts(kind=self.kind, name=self.name)
        return replace(facts, **values, findings=self.findings.settled())


class TrackMaker:
    """Counts positions as they are met and keeps the first and the last."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Position | None = None
        self.last: Position | None = None

    def add(self, position: Position | None) -> None:
        """Take one position; None (an unreadable one) is passed over."""
        if position is None:
            return
        self.count += 1
        self.first = self.first or position
        self.last = position

    def track(self, *, capped: bool = False) -> Track | None:
        """The track so far; None without a single position."""
        if self.first is None or self.last is None:
            return None
        return Track(count=self.count, first=self.first, last=self.last, capped=capped)
