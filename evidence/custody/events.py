"""The closed list of what can happen, each with its sentence and its DPA 2018 s.62 operation. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from evidence.vocabulary import ActorKind

# What an event is about that is about no recording, device or person: the log and the system that keeps it.
SYSTEM: Final = UUID("00000000-0000-8000-8000-000000000001")


class Operation(StrEnum):
    """The operations that DPA 2018 s.62(1) wants logged; NONE for what is not one of them."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"
    NONE = "none"


class EventType(StrEnum):
    """`thing.happened`. A retired name stays here as a comment and is never used again."""

    DEVICE_SEEN = "device.seen"
    DEVICE_CLOSED = "device.closed"
    ARRIVAL_CLAIMED = "arrival.claimed"
    ARRIVAL_STORED = "arrival.stored"
    ARRIVAL_WITHDRAWN = "arrival.withdrawn"
    ARRIVAL_FAILED = "arrival.failed"
    MASTER_STORED = "master.stored"
    MASTER_OFFERED_AGAIN = "master.offered_again"
    RECORDING_REGISTERED = "recording.registered"
    RECORDING_EXAMINED = "recording.examined"
    RECORDING_QUARANTINED = "recording.quarantined"
    QUARANTINE_DECIDED = "quarantine.decided"
    OFFICER_ASSIGNED = "recording.officer_assigned"
    SIDECAR_REGISTERED = "sidecar.registered"
    SIDECAR_MATCHED = "sidecar.matched"
    RECEIPT_ISSUED = "receipt.issued"
    SOURCE_RELEASED = "source.released"
    FIXITY_FAILED = "fixity.failed"
    RENDITION_PLANNED = "rendition.planned"
    RENDITION_MADE = "rendition.made"
    RENDITION_FAILED = "rendition.failed"
    RENDITION_RETRIED = "rendition.retried"
    RENDITION_PART_MADE = "rendition.part_made"
    PACKETS_COUNTED = "packets.counted"
    RENDITION_VIEWED = "rendition.viewed"
    RENDITION_PART_VIEWED = "rendition.part_viewed"
    MASTER_VIEWED = "master.viewed"
    CLIP_REQUESTED = "clip.requested"
    CLIP_MADE = "clip.made"
    CLIP_FAILED = "clip.failed"
    CLIP_DOWNLOADED = "clip.downloaded"
    URGENCY_SET = "urgency.set"
    URGENCY_CLEARED = "urgency.cleared"
    HISTORY_READ = "history.read"
    DETAILS_READ = "recording.details_read"
    SEARCH_RUN = "search.run"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CLOSED = "incident.closed"
    AGENT_ENROLLED = "agent.enrolled"
    AGENT_REVOKED = "agent.revoked"
    ENROLMENT_OFFERED = "agent.enrolment_offered"
    PERSON_CREATED = "person.created"
    PERSON_CHANGED = "person.changed"
    SIGNED_IN = "person.signed_in"
    SIGN_IN_REFUSED = "person.sign_in_refused"
    SIGNED_OUT = "person.signed_out"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an event
    JOB_CANCELLED = "job.cancelled"
    JOB_RETRIED = "job.retried"
    HOST_DRAINED = "host.drained"
    HOST_RESUMED = "host.resumed"
    SYSTEM_STARTED = "system.started"
    HEADMAP_LOGGED = "log.headmap"
    LOG_VERIFIED = "log.verified"
    LOG_ROLLED_FORWARD = "log.rolled_forward"
    KEY_ROTATED = "key.rotated"
    KEY_REVOKED = "key.revoked"
    TIMESTAMP_RECEIVED = "timestamp.received"
    WITNESS_SILENT = "witness.silent"
    CENSUS_TAKEN = "census.taken"
    CENSUS_GAP = "census.gap"
    PACKAGE_MADE = "package.made"
    REPORT_MADE = "report.made"
    SEALED_ERASED = "sealed.erased"


SAYS: Mapping[EventType, tuple[str, Operation]] = {
    EventType.DEVICE_SEEN: ("{actor} saw {device} in {bay}, holding {files} files", Operation.COLLECTION),
    EventType.DEVICE_CLOSED: ("{actor} closed the session of {device}: {because}", Operation.NONE),
    EventType.ARRIVAL_CLAIMED: ("{actor} offered {name}, {size} bytes", Operation.COLLECTION),
    EventType.ARRIVAL_STORED: ("the bytes of {name} reached the store, not yet checked", Operation.COLLECTION),
    EventType.ARRIVAL_WITHDRAWN: ("{actor} withdrew {name}: {because}", Operation.COLLECTION),
    EventType.ARRIVAL_FAILED: ("{name} did not arrive whole: {because}", Operation.COLLECTION),
    EventType.MASTER_STORED: ("the master was read back, {size} bytes, and its digests agree", Operation.COLLECTION),
    EventType.MASTER_OFFERED_AGAIN: ("{actor} offered the same bytes again as {name}", Operation.COLLECTION),
    EventType.RECORDING_REGISTERED: ("registered as {reference} from {device}", Operation.COLLECTION),
    EventType.RECORDING_EXAMINED: ("examined: {condition}, {because}", Operation.NONE),
    EventType.RECORDING_QUARANTINED: ("set aside for a person: {because}", Operation.ALTERATION),
    EventType.QUARANTINE_DECIDED: ("{actor} decided the quarantine: {decision}", Operation.ALTERATION),
    EventType.OFFICER_ASSIGNED: ("{actor} named the recording officer", Operation.ALTERATION),
    EventType.SIDECAR_REGISTERED: ("metadata file {name} kept as evidence ({kind})", Operation.COLLECTION),
    EventType.SIDECAR_MATCHED: ("metadata file {name} read for this recording ({kind})", Operation.COMBINATION),
    EventType.RECEIPT_ISSUED: ("receipt {receipt} issued to {actor}", Operation.COLLECTION),
    EventType.SOURCE_RELEASED: ("{actor} let the source file go: {action}", Operation.ERASURE),
    EventType.FIXITY_FAILED: ("the stored bytes are not those that were offered: {because}", Operation.NONE),
    EventType.RENDITION_PLANNED: ("a {kind} copy is to be made ({method}): {because}", Operation.NONE),
    EventType.RENDITION_MADE: ("a {kind} copy is ready ({method})", Operation.ALTERATION),
    EventType.RENDITION_FAILED: ("the {kind} copy could not be made: {because}", Operation.NONE),
    EventType.RENDITION_RETRIED: ("{actor} asked again for the {kind} copy", Operation.ALTERATION),
    EventType.RENDITION_PART_MADE: (
        "the first {seconds} s of the {kind} copy can be watched, {parts} parts of {of_parts}",
        Operation.ALTERATION,
    ),
    EventType.PACKETS_COUNTED: (
        "the master's packets were counted: {packets} in {streams} streams, {because}",
        Operation.NONE,
    ),
    EventType.RENDITION_VIEWED: ("{actor} opened the {kind} copy", Operation.CONSULTATION),
    EventType.RENDITION_PART_VIEWED: (
        "{actor} opened the first {seconds} s of the {kind} copy, while the rest was made",
        Operation.CONSULTATION,
    ),
    EventType.MASTER_VIEWED: ("{actor} opened the master itself", Operation.CONSULTATION),
    EventType.CLIP_REQUESTED: ("{actor} asked for a {kind} of it, {clip}", Operation.CONSULTATION),
    EventType.CLIP_MADE: (
        "a {kind} was made of it, {clip}: {copied} packets are the master's own, {encoded} are encoded",
        Operation.ALTERATION,
    ),
    EventType.CLIP_FAILED: ("the {kind} {clip} could not be made: {because}", Operation.NONE),
    EventType.CLIP_DOWNLOADED: ("{actor} took out the {kind} {clip}", Operation.DISCLOSURE),
    EventType.URGENCY_SET: ("{actor} marked it as urgent: {reason}", Operation.ALTERATION),
    EventType.URGENCY_CLEARED: ("{actor} ended the urgency: {reason}", Operation.ALTERATION),
    EventType.HISTORY_READ: ("{actor} read this history", Operation.CONSULTATION),
    EventType.DETAILS_READ: ("{actor} read the details", Operation.CONSULTATION),
    EventType.SEARCH_RUN: ("{actor} searched recordings, {found} on the page", Operation.CONSULTATION),
    EventType.INCIDENT_OPENED: ("incident opened ({kind}): {because}", Operation.NONE),
    EventType.INCIDENT_CLOSED: ("{actor} closed the incident ({kind})", Operation.ALTERATION),
    EventType.AGENT_ENROLLED: ("agent {name} enrolled as {kind}", Operation.NONE),
    EventType.AGENT_REVOKED: ("{actor} revoked agent {name}", Operation.NONE),
    EventType.ENROLMENT_OFFERED: ("{actor} made a one-time code for a {kind}", Operation.NONE),
    EventType.PERSON_CREATED: ("{actor} made an account with the role {role}", Operation.NONE),
    EventType.PERSON_CHANGED: ("{actor} changed an account: {change}", Operation.NONE),
    EventType.SIGNED_IN: ("{actor} signed in", Operation.NONE),
    EventType.SIGN_IN_REFUSED: ("a sign-in was refused: {because}", Operation.NONE),
    EventType.SIGNED_OUT: ("{actor} signed out", Operation.NONE),
    EventType.TOKEN_CREATED: ("{actor} made an API token with the role {role}", Operation.NONE),
    EventType.TOKEN_REVOKED: ("{actor} revoked an API token", Operation.NONE),
    EventType.JOB_CANCELLED: ("{actor} cancelled {task}", Operation.ALTERATION),
    EventType.JOB_RETRIED: ("{actor} asked again for {task}", Operation.ALTERATION),
    EventType.HOST_DRAINED: ("{actor} let the worker host {host} take no new work ({how})", Operation.NONE),
    EventType.HOST_RESUMED: ("{actor} let the worker host {host} take work again", Operation.NONE),
    EventType.SYSTEM_STARTED: ("{process} started, build {build}", Operation.NONE),
    EventType.HEADMAP_LOGGED: ("the log stood at {size} events of {entries} subjects", Operation.NONE),
    EventType.LOG_VERIFIED: ("{actor} verified the log of {size} events: {verdict}", Operation.NONE),
    EventType.LOG_ROLLED_FORWARD: (
        "{actor} rolled the log forward from {from_size} to {to_size} events, out of the store",
        Operation.NONE,
    ),
    EventType.KEY_ROTATED: ("{actor} put the log key {key} in force from event {from_size}", Operation.NONE),
    EventType.KEY_REVOKED: ("{actor} revoked the log key {key}: {because}", Operation.NONE),
    EventType.TIMESTAMP_RECEIVED: ("{authority} time-stamped the log at {size} events: {gen_time}", Operation.NONE),
    EventType.WITNESS_SILENT: ("the witness {witness} has not signed the log at {size} events", Operation.NONE),
    EventType.CENSUS_TAKEN: (
        "the store was counted: {found} of {expected} there, {missing} missing, {extra} unknown, {changed} changed",
        Operation.NONE,
    ),
    EventType.CENSUS_GAP: ("the count of the store found an object {gap}: {key}", Operation.NONE),
    EventType.PACKAGE_MADE: ("{actor} made the package {package} of {exhibits} exhibits", Operation.DISCLOSURE),
    EventType.REPORT_MADE: ("{actor} made a continuity report", Operation.DISCLOSURE),
    EventType.SEALED_ERASED: ("{actor} erased the sealed {field} of event {event}", Operation.ERASURE),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque reference goes into the log, the shown name only as a commitment."""

    kind: ActorKind
    id: str
    shown: str
    method: str = "none"

    @classmethod
    def system(cls, process: str) -> Actor:
        """The product itself, acting for nobody in particular."""
        return cls(ActorKind.SYSTEM, process, process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """Bytes that an event speaks of. Digests in hex; `packets`: SHA-256 of the packet manifest of these bytes."""

    role: str
    sha256: str
    size: int
    sha512: str | None = None
    tree: str | None = None
    version_id: str | None = None
    packets: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to one subject (a recording, a device, a person, the system).

    `facts` holds nothing personal: whole numbers, text, lists and mappings of them. What names a person goes
    into `personal`, field by field, and enters the log only as a salted commitment that can be erased.
    """

    type: EventType
    subject: UUID
    actor: Actor
    facts: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, str] = field(default_factory=dict)
    objects: Sequence[Object] = ()


def sentence(event_type: EventType, *, facts: Mapping[str, Any], actor: str) -> str:
    """What happened, as a person would say it: `1,048,576 bytes`. A fact that was not recorded shows as `?`."""
    said = {name: f"{fact:,}" if type(fact) is int else fact for name, fact in facts.items()}
    return SAYS[event_type][0].format_map(_Known({**said, "actor": actor}))


class _Known(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "?"
