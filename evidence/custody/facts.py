"""What may be said of each kind of event: one closed shape a kind, checked before anything is written. Pure.

Numbers, digests, identifiers and words of closed lists, and no text that a person typed, that a device sent or that a
file's own content shaped: such words go into an event's `personal`, and so into the log only as a commitment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from evidence.custody.events import Event, EventType
from evidence.custody.facts_of_log import (
    CensusGap,
    CensusTaken,
    HeadmapLogged,
    KeyRevoked,
    KeyRotated,
    LogRolledForward,
    LogVerified,
    PackageMade,
    ReportMade,
    SealedErased,
    TimestampReceived,
    WitnessSilent,
)
from evidence.custody.shapes import (
    FIELD,
    AgentWord,
    ClipWord,
    CopyWord,
    Count,
    Digest,
    Facts,
    Id,
    KeyId,
    Label,
    MethodWord,
    RoleWord,
    Signed,
    TroubleWord,
    Word,
)
from evidence.errors import NotAnEvent
from evidence.vocabulary import Condition, QuarantineDecision, RecordingKind, Role, UrgencyReason

_FIELD: Final = re.compile(FIELD)
# What can be done to an account, in the words that its event says.
CHANGES: Final = (
    "chose a new password",
    "ended every other sign-in",
    "a new first password was made",
    "the account was (disabled|enabled again)",
    f"the role is now ({'|'.join(Role)})",
)


class DeviceSeen(Facts):
    """How many files a device listed, and how far the dock's clock was from the server's, in milliseconds."""

    files: Count
    clock_offset_ms: Signed | None = None


class Offered(Facts):
    """Bytes that an agent offers, brings or takes back: how many, in which session of a device."""

    size: Count
    session: Id


class MasterStored(Facts):
    """How many bytes were read back, and under which lock of the store they lie."""

    size: Count
    lock: Literal["GOVERNANCE", "COMPLIANCE"]


class OfferedAgain(Facts):
    """On which occasion the same bytes came again."""

    arrival: Id


class Registered(Facts):
    """How people name the recording, and what sort of capture it is."""

    reference: Annotated[str, StringConstraints(pattern=r"^R[0-9]{7,15}$")]
    kind: Annotated[RecordingKind, Field(strict=False)]


class Examined(Facts):
    """In which condition the bytes were found; the words for it are sealed, as the file's content shapes them."""

    condition: Annotated[Condition, Field(strict=False)]


class QuarantineDecided(Facts):
    """What a person decided, and what the recording had been set aside for."""

    decision: Annotated[QuarantineDecision, Field(strict=False)]
    code: Word


class OfficerAssigned(Facts):
    """The account of the officer, by its opaque id."""

    officer: Id


class SidecarRegistered(Facts):
    """What sort of metadata file."""

    kind: Word


class SidecarMatched(Facts):
    """What sort of metadata file, and which master holds it."""

    kind: Word
    sidecar: Id


class ReceiptIssued(Facts):
    """Which receipt, for which arrival, under which key."""

    receipt: Id
    key: KeyId
    arrival: Id


class SourceReleased(Facts):
    """How the source file was let go."""

    action: Literal["deleted", "moved"]
    arrival: Id


class RenditionPlanned(Facts):
    """Which copy is to be made, and how."""

    kind: CopyWord
    method: MethodWord
    recipe: Word


class RenditionMade(Facts):
    """Which copy was made of which bytes, how and by what."""

    kind: CopyWord
    method: MethodWord
    recipe: Word
    tool: Label | Literal[""]
    master_sha256: Digest


class PacketsCounted(Facts):
    """How many packets of moving pictures and sound there are, in how many streams."""

    streams: Count
    packets: Count


class OneCopy(Facts):
    """Which copy is meant."""

    kind: CopyWord


class Viewed(Facts):
    """Which copy was opened; `view` tells one viewing from another and names nobody."""

    kind: CopyWord
    view: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class OneClip(Facts):
    """Which clip, still or sound of the recording."""

    clip: Id
    kind: ClipWord


class ClipRequested(OneClip):
    """Which clip, and the SHA-256 of the recipe by which it is to be made."""

    recipe: Digest


class ClipMade(ClipRequested):
    """Which clip was made of which bytes by what, and how many of its packets are the master's own."""

    tool: Label
    master_sha256: Digest
    copied: Count
    encoded: Count


class ClipDownloaded(OneClip):
    """Which clip was taken out; `view` tells one occasion from another and names nobody."""

    view: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class PartMade(Facts):
    """How much of which copy can be watched, in seconds and in parts."""

    kind: CopyWord
    seconds: Count
    parts: Count
    of_parts: Count


class PartViewed(Viewed):
    """The same of a copy's beginning: how many seconds of it there were."""

    seconds: Count


class UrgencyFacts(Facts):
    """Why a recording is, or was, urgent."""

    reason: Annotated[UrgencyReason, Field(strict=False)]


class SearchRun(Facts):
    """How many recordings were shown."""

    found: Count


class IncidentFacts(Facts):
    """What kind of trouble."""

    kind: TroubleWord


class AgentEnrolled(Facts):
    """What the agent is, and the SHA-256 of its public key."""

    kind: AgentWord
    key_sha256: Digest


class EnrolmentOffered(Facts):
    """What the one-time code is for."""

    kind: AgentWord


class PersonCreated(Facts):
    """What the account may do."""

    role: RoleWord


class PersonChanged(Facts):
    """What was done to the account, in one of these sentences."""

    change: Annotated[str, StringConstraints(pattern=f"^({'|'.join(CHANGES)})$")]


class SignInRefused(Facts):
    """Why the sign-in was refused."""

    because: Literal["unknown name", "disabled account", "wrong password"]


class TokenCreated(Facts):
    """What the token may do."""

    role: RoleWord | Literal["wall display"]


class OneTask(Facts):
    """Which kind of work."""

    task: Word


class HostDrained(Facts):
    """Which worker host, and what becomes of the jobs that it has."""

    host: Label
    how: Literal["finishes what it has", "hands back what it has"]


class HostResumed(Facts):
    """Which worker host."""

    host: Label


class SystemStarted(Facts):
    """Which process of which build."""

    process: Word
    build: Label


FACTS: Final[Mapping[EventType, type[Facts]]] = {
    EventType.DEVICE_SEEN: DeviceSeen,
    EventType.DEVICE_CLOSED: Facts,
    EventType.ARRIVAL_CLAIMED: Offered,
    EventType.ARRIVAL_STORED: Offered,
    EventType.ARRIVAL_WITHDRAWN: Offered,
    EventType.ARRIVAL_FAILED: Facts,
    EventType.MASTER_STORED: MasterStored,
    EventType.MASTER_OFFERED_AGAIN: OfferedAgain,
    EventType.RECORDING_REGISTERED: Registered,
    EventType.RECORDING_EXAMINED: Examined,
    EventType.RECORDING_QUARANTINED: Facts,
    EventType.QUARANTINE_DECIDED: QuarantineDecided,
    EventType.OFFICER_ASSIGNED: OfficerAssigned,
    EventType.SIDECAR_REGISTERED: SidecarRegistered,
    EventType.SIDECAR_MATCHED: SidecarMatched,
    EventType.RECEIPT_ISSUED: ReceiptIssued,
    EventType.SOURCE_RELEASED: SourceReleased,
    EventType.FIXITY_FAILED: Facts,
    EventType.RENDITION_PLANNED: RenditionPlanned,
    EventType.RENDITION_MADE: RenditionMade,
    EventType.RENDITION_PART_MADE: PartMade,
    EventType.PACKETS_COUNTED: PacketsCounted,
    EventType.RENDITION_FAILED: OneCopy,
    EventType.RENDITION_RETRIED: OneCopy,
    EventType.RENDITION_VIEWED: Viewed,
    EventType.RENDITION_PART_VIEWED: PartViewed,
    EventType.MASTER_VIEWED: Viewed,
    EventType.CLIP_REQUESTED: ClipRequested,
    EventType.CLIP_MADE: ClipMade,
    EventType.CLIP_FAILED: OneClip,
    EventType.CLIP_DOWNLOADED: ClipDownloaded,
    EventType.URGENCY_SET: UrgencyFacts,
    EventType.URGENCY_CLEARED: UrgencyFacts,
    EventType.HISTORY_READ: Facts,
    EventType.DETAILS_READ: Facts,
    EventType.SEARCH_RUN: SearchRun,
    EventType.INCIDENT_OPENED: IncidentFacts,
    EventType.INCIDENT_CLOSED: IncidentFacts,
    EventType.AGENT_ENROLLED: AgentEnrolled,
    EventType.AGENT_REVOKED: Facts,
    EventType.ENROLMENT_OFFERED: EnrolmentOffered,
    EventType.PERSON_CREATED: PersonCreated,
    EventType.PERSON_CHANGED: PersonChanged,
    EventType.SIGNED_IN: Facts,
    EventType.SIGN_IN_REFUSED: SignInRefused,
    EventType.SIGNED_OUT: Facts,
    EventType.TOKEN_CREATED: TokenCreated,
    EventType.TOKEN_REVOKED: Facts,
    EventType.JOB_CANCELLED: OneTask,
    EventType.JOB_RETRIED: OneTask,
    EventType.HOST_DRAINED: HostDrained,
    EventType.HOST_RESUMED: HostResumed,
    EventType.SYSTEM_STARTED: SystemStarted,
    EventType.HEADMAP_LOGGED: HeadmapLogged,
    EventType.LOG_VERIFIED: LogVerified,
    EventType.LOG_ROLLED_FORWARD: LogRolledForward,
    EventType.KEY_ROTATED: KeyRotated,
    EventType.KEY_REVOKED: KeyRevoked,
    EventType.TIMESTAMP_RECEIVED: TimestampReceived,
    EventType.WITNESS_SILENT: WitnessSilent,
    EventType.CENSUS_TAKEN: CensusTaken,
    EventType.CENSUS_GAP: CensusGap,
    EventType.PACKAGE_MADE: PackageMade,
    EventType.REPORT_MADE: ReportMade,
    EventType.SEALED_ERASED: SealedErased,
}


def check_facts(event: Event) -> None:
    """Refuse an event that says what its kind may not say, or leaves out what it must. Raises NotAnEvent."""
    try:
        FACTS[event.type].model_validate(dict(event.facts))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "its facts"
        raise NotAnEvent(f"{event.type.value} cannot be recorded: {place}: {first['msg']}") from error
    if twice := sorted({"actor", *event.facts} & set(event.personal)):
        raise NotAnEvent(f"{event.type.value} cannot be recorded: {', '.join(twice)} is told twice")
    if odd := sorted(name for name in event.personal if not _FIELD.fullmatch(name)):
        raise NotAnEvent(f"{event.type.value} cannot be recorded: {odd[0][:80]!r} is not the name of a field")
