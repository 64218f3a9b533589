"""What a package says of itself: the values, and the files in `custody/` that they become. Pure.

docs/package-format.md, section 4, is the format.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from evidence.custody.canonical import canonical

FORMAT = 1
Revealed = Mapping[str, Mapping[str, tuple[bytes, str]]]  # event id -> field -> salt, value


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterFile:
    """A master in the package, as the register has it. Digests in lower-case hex."""

    path: str
    sha256: str
    sha512: str
    size: int

    def as_json(self) -> dict[str, Any]:
        """Its members."""
        return {"path": self.path, "sha256": self.sha256, "sha512": self.sha512, "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingFile:
    """A working copy in the package. `packets`: SHA-256 of the packet manifests of master and copy."""

    path: str
    kind: str
    method: str
    sha256: str
    size: int
    packets: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Its members."""
        both = None if self.packets is None else {"master": self.packets[0], "copy": self.packets[1]}
        return {
            "path": self.path,
            "kind": self.kind,
            "method": self.method,
            "sha256": self.sha256,
            "size": self.size,
            "packets": both,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """One recording in the package. `condition` is said to a person; no check rests on it."""

    recording: UUID
    reference: str
    condition: str
    master: MasterFile
    working: tuple[WorkingFile, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Its members."""
        return {
            "recording": str(self.recording),
            "reference": self.reference,
            "master": self.master.as_json(),
            "working": [each.as_json() for each in self.working],
        }


@dataclass(frozen=True, slots=True)
class Numbered:
    """One event by its number in the log, its leaf exactly as hashed."""

    seq: int
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Earlier:
    """A checkpoint that some event names in `seen`, and how the package's checkpoint follows it."""

    size: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """That a recording stood at event `n` when the head map was made: its place in the map."""

    recording: UUID
    n: int
    seq: int
    leaf_hash: bytes
    index: int
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMap:
    """The head map of size `size`: which event logged it, its key, and each exhibit's place in it."""

    event: int
    key: bytes
    size: int
    entries: int
    ends: tuple[End, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A time-stamp over a checkpoint: the request, the answer, the authority's certificates, the note."""

    name: str
    note: bytes
    query: bytes
    response: bytes
    certificates: bytes = b""
    gen_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything of a package but the media. `proofs` are whole proof files, by `seq`."""

    log: str
    made: str
    size: int
    exhibits: tuple[Exhibit, ...]
    events: tuple[Numbered, ...]
    proofs: Mapping[int, bytes]
    checkpoint: bytes
    head_map: HeadMap
    revealed: Revealed = field(default_factory=dict)
    seen: tuple[Earlier, ...] = ()
    stamps: tuple[Stamp, ...] = ()
    packets: Mapping[str, bytes] = field(default_factory=dict)
    policy: bytes = b""


def contents_json(of: Contents) -> bytes:
    """What the package claims."""
    return line(
        {
            "v": FORMAT,
            "log": of.log,
            "made": of.made,
            "size": of.size,
            "complete_at": of.head_map.size,
            "exhibits": [each.as_json() for each in of.exhibits],
        }
    )


def events_jsonl(events: Sequence[Numbered]) -> bytes:
    """One line an event, in the order of the log."""
    ordered = sorted(events, key=lambda each: each.seq)
    return b"".join(line({"seq": each.seq, "leaf": as_base64(each.leaf)}) for each in ordered)


def revealed_json(revealed: Revealed) -> bytes:
    """Personal values with their salts."""
    return line(
        {
            event: {name: {"salt": salt.hex(), "value": value} for name, (salt, value) in fields.items()}
            for event, fields in revealed.items()
            if fields
        }
    )


def seen_json(seen: Sequence[Earlier]) -> bytes:
    """How the checkpoint follows each earlier one that an event names."""
    return line(
        [
            {"size": each.size, "root": each.root.hex(), "proof": [as_base64(one) for one in each.proof]}
            for each in sorted(seen, key=lambda each: each.size)
        ]
    )


def headmap_json(of: HeadMap) -> bytes:
    """Where each exhibit ended."""
    ends = [
        {
            "recording": str(each.recording),
            "n": each.n,
            "seq": each.seq,
            "leaf_hash": each.leaf_hash.hex(),
            "index": each.index,
            "proof": [as_base64(one) for one in each.proof],
        }
        for each in of.ends
    ]
    return line({"event": of.event, "key": of.key.hex(), "size": of.size, "entries": of.entries, "proofs": ends})


def line(value: Any) -> bytes:
    """One canonical JSON value and a line feed."""
    return canonical(value) + b"\n"


def as_base64(data: bytes) -> str:
    """Standard base64, as text."""
    return base64.b64encode(data).decode()
