"""Closed lists: every word that is stored, with what it means. Pure."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person or a token may be."""

    OFFICER = "officer"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


class AgentKind(StrEnum):
    """Where an agent stands."""

    DOCK = "dock"
    SUITE = "suite"
    WORKSTATION = "workstation"


class ListedState(StrEnum):
    """What is known of one file that a device says it holds."""

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
    """One claimed file on its way to being a master."""

    SENDING = "sending"
    STORED = "stored"
    VERIFYING = "verifying"
    RECEIPTED = "receipted"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class MasterRole(StrEnum):
    """What a master's bytes are."""

    MEDIA = "media"
    SIDECAR = "sidecar"


class RecordingKind(StrEnum):
    """What sort of capture a recording is."""

    BODY_WORN = "body_worn"
    INTERVIEW = "interview"
    OTHER = "other"


class Condition(StrEnum):
    """What the examination of a master's bytes found."""

    UNEXAMINED = "unexamined"
    SOUND = "sound"
    DAMAGED = "damaged"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    HOSTILE = "hostile"
    ENCRYPTED = "encrypted"


class Playability(StrEnum):
    """Whether a person can watch or hear a recording now."""

    WAITING = "waiting"
    PREPARING = "preparing"
    PLAYABLE = "playable"
    UNPLAYABLE = "unplayable"
    FAILED = "failed"


class RenditionKind(StrEnum):
    """One technical form made from a master."""

    PLAYBACK = "playback"
    POSTER = "poster"
    STORYBOARD = "storyboard"
    WAVEFORM = "waveform"
    FRAMES = "frames"


class RenditionMethod(StrEnum):
    """How a rendition is made. DIRECT copies nothing: the master's own bytes are served."""

    DIRECT = "direct"
    REMUX = "remux"
    TRANSCODE = "transcode"
    PICTURES = "pictures"


class RenditionState(StrEnum):
    """How far a rendition is."""

    WANTED = "wanted"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


class ClipKind(StrEnum):
    """What a person has cut out of a recording."""

    CLIP = "clip"
    STILL = "still"
    SOUND = "sound"


class UrgencyReason(StrEnum):
    """Why a recording may not wait: a clock that the law has started, or somebody who is waiting on it."""

    CUSTODY = "custody"
    CHARGED = "charged"
    COMPLAINT = "complaint"
    HOLD = "hold"


class SegmentState(StrEnum):
    """How far one part of a copy is that many workers make together."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class IncidentKind(StrEnum):
    """What needs a person's attention."""

    NOT_STORED = "not_stored"
    UNPLUGGED = "unplugged"
    REFUSED_FILE = "refused_file"
    FIXITY_FAILED = "fixity_failed"
    SAME_NAME_OTHER_BYTES = "same_name_other_bytes"
    CLOCK_WRONG = "clock_wrong"
    AGENT_SILENT = "agent_silent"
    LOG_HALTED = "log_halted"
    LOG_BEHIND = "log_behind"
    LOG_DISAGREES = "log_disagrees"
    CENSUS_GAP = "census_gap"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_REFUSED = "timestamp_refused"
    WITNESS_SILENT = "witness_silent"
    WITNESS_REFUSES = "witness_refuses"
    TRUST_FILE_REFUSED = "trust_file_refused"


class HowEnded(StrEnum):
    """How a child that touches media ended: each way is a result of its own."""

    CLEAN = "clean"
    WITH_MESSAGES = "with_messages"
    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    TIMED_OUT = "timed_out"
    CPU_LIMIT = "cpu_limit"
    FILE_LIMIT = "file_limit"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MUCH_OUTPUT = "too_much_output"
    TOO_MUCH_READ = "too_much_read"
    NO_WALL = "no_wall"
    STOPPED = "stopped"
    LOST = "lost"


class QuarantineDecision(StrEnum):
    """A person's answer to a quarantined recording. Nothing is deleted by either."""

    KEEP = "keep"
    RELEASE = "release"


class ActorKind(StrEnum):
    """Who acts."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - a kind of actor, not a secret
    AGENT = "agent"
    SYSTEM = "system"


class LogKeyState(StrEnum):
    """What a key of the custody log is: what it has signed while in force counts for ever, unless it was revoked."""

    IN_FORCE = "in_force"
    RETIRED = "retired"
    REVOKED = "revoked"
