"""Tables, one noun a file. Importing this package registers them all on the declarative base."""

from __future__ import annotations

from evidence.models.agent import Agent, AgentChallenge, AgentToken, EnrolmentCode
from evidence.models.arrival import Arrival
from evidence.models.child_ending import ChildEnding
from evidence.models.clip import Clip
from evidence.models.docking_session import DockingSession, ListedFile
from evidence.models.incident import Incident
from evidence.models.master import Master, Provenance, Receipt
from evidence.models.person import ApiToken, KnownDevice, Person, SignedIn, SignInAttempt
from evidence.models.recording import Quarantine, Recording, Sidecar, SidecarBeside
from evidence.models.rendition import Rendition
from evidence.models.segment import PartialCopy, Segment
from evidence.models.urgency import Urgency

__all__ = [
    "Agent",
    "AgentChallenge",
    "AgentToken",
    "ApiToken",
    "Arrival",
    "ChildEnding",
    "Clip",
    "DockingSession",
    "EnrolmentCode",
    "Incident",
    "KnownDevice",
    "ListedFile",
    "Master",
    "PartialCopy",
    "Person",
    "Provenance",
    "Quarantine",
    "Receipt",
    "Recording",
    "Rendition",
    "Segment",
    "Sidecar",
    "SidecarBeside",
    "SignInAttempt",
    "SignedIn",
    "Urgency",
]
