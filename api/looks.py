"""How states of a recording are shown: a look, and the words beside it. Never by colour alone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from evidence.vocabulary import (
    ArrivalState,
    ClipKind,
    Condition,
    Playability,
    RecordingKind,
    RenditionKind,
    RenditionMethod,
    RenditionState,
    UrgencyReason,
)

KINDS: Final[Mapping[RecordingKind, str]] = {
    RecordingKind.BODY_WORN: "Body-worn video",
    RecordingKind.INTERVIEW: "Interview",
    RecordingKind.OTHER: "Other",
}

CONDITIONS: Final[Mapping[Condition, tuple[str, str]]] = {
    Condition.UNEXAMINED: ("busy", "Not examined yet"),
    Condition.SOUND: ("good", "Intact"),
    Condition.DAMAGED: ("bad", "Damaged"),
    Condition.EMPTY: ("bad", "Empty"),
    Condition.UNKNOWN: ("warn", "Unknown format"),
    Condition.HOSTILE: ("bad", "Hostile"),
    Condition.ENCRYPTED: ("warn", "Encrypted"),
}

PLAYABILITIES: Final[Mapping[Playability, tuple[str, str]]] = {
    Playability.WAITING: ("busy", "Waiting to be prepared"),
    Playability.PREPARING: ("busy", "Being prepared"),
    Playability.PLAYABLE: ("good", "Plays"),
    Playability.UNPLAYABLE: ("warn", "Cannot be played"),
    Playability.FAILED: ("bad", "Preparation failed"),
}

CLIP_KINDS: Final[Mapping[ClipKind, str]] = {
    ClipKind.CLIP: "Clip",
    ClipKind.STILL: "Still picture",
    ClipKind.SOUND: "Sound",
}

RENDITION_KINDS: Final[Mapping[RenditionKind, str]] = {
    RenditionKind.PLAYBACK: "Copy for playing",
    RenditionKind.POSTER: "Still picture",
    RenditionKind.STORYBOARD: "Storyboard",
    RenditionKind.WAVEFORM: "Drawing of the sound",
    RenditionKind.FRAMES: "Table of frames",
}

RENDITION_METHODS: Final[Mapping[RenditionMethod, str]] = {
    RenditionMethod.DIRECT: "The master itself; nothing is copied",
    RenditionMethod.REMUX: "Packets copied unchanged into another container",
    RenditionMethod.TRANSCODE: "Encoded anew for playing",
    RenditionMethod.PICTURES: "Made from the pictures and sound",
}

RENDITION_STATES: Final[Mapping[RenditionState, tuple[str, str]]] = {
    RenditionState.WANTED: ("busy", "Waiting"),
    RenditionState.MAKING: ("busy", "Being made"),
    RenditionState.READY: ("good", "Ready"),
    RenditionState.FAILED: ("bad", "Failed"),
}

URGENCY_REASONS: Final[Mapping[UrgencyReason, str]] = {
    UrgencyReason.CUSTODY: "A person is in custody",
    UrgencyReason.CHARGED: "A person has been charged",
    UrgencyReason.COMPLAINT: "It is part of a complaint",
    UrgencyReason.HOLD: "It is under a hold",
}

JOBS: Final[Mapping[str, str]] = {
    "ingest.verify": "Reading back what a dock sent",
    "transcode.probe": "Examining a recording",
    "transcode.render": "Making a copy for playing",
    "transcode.segment": "Making a part of a copy",
    "transcode.join": "Putting the parts of a copy together",
    "transcode.beginning": "Putting together what can be watched already",
    "transcode.pictures": "Making still pictures, storyboard and drawing of the sound",
    "transcode.clip": "Cutting a clip",
}

ARRIVAL_STATES: Final[Mapping[ArrivalState, str]] = {
    ArrivalState.SENDING: "on its way to the store",
    ArrivalState.STORED: "stored, to be read back",
    ArrivalState.VERIFYING: "being read back",
    ArrivalState.RECEIPTED: "with a receipt",
    ArrivalState.FAILED: "failed",
    ArrivalState.WITHDRAWN: "withdrawn",
}
