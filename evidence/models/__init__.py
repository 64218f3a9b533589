"""Tables, one noun a file. Importing this package registers them all on the declarative base."""

from __future__ import annotations

from evidence.models.agent import Agent, AgentChallenge, AgentToken, EnrolmentCode
from evidence.models.arrival import Arrival
from evidence.models.child_ending import ChildEnding
from evidence.models.docking_session import DockingSession, ListedFile
from evidence.models.incident import Incident
from evidence.models.master import Master, Provenance, Receipt
from evidence.models.person import ApiToken, Person, SignedIn, SignInAttempt
from evidence.models.recording import Quarantine, Recording, Sidecar
from evidence.models.rendition import Rendition

__all__ = [
    "Agent",
    "AgentChallenge",
    "AgentToken",
    "ApiToken",
    "Arrival",
    "ChildEnding",
    "DockingSession",
    "EnrolmentCode",
    "Incident",
    "ListedFile",
    "Master",
    "Person",
    "Provenance",
    "Quarantine",
    "Receipt",
    "Recording",
    "Rendition",
    "Sidecar",
    "SignInAttempt",
    "SignedIn",
]
