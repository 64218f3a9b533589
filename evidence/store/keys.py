"""Where each object lies. Pure.

Keys are ours alone: made of identifiers that are never used twice, in an alphabet that every S3 keeps as it
is. No name from outside gets into a key (some stores lose `a//b` from their lists, or the body of `a/`).
"""

from __future__ import annotations

import re
from uuid import UUID

SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
MASTERS, PROBE = "masters/", "probe/"  # the two top folders of the masters bucket
LONGEST = 800  # characters; S3 allows 1,024 bytes


class NotAKey(ValueError):
    """The text is outside the alphabet of keys."""


def check_key(key: str) -> str:
    """The key itself, when every segment is of our alphabet. Raises NotAKey."""
    segments = key.split("/")
    if len(key) > LONGEST or not all(SEGMENT.fullmatch(segment) for segment in segments):
        raise NotAKey(f"{key[:120]!r} is not a key of ours")
    return key


def master_key(master_id: UUID) -> str:
    """The key of a master: its own UUIDv7, used once and never again."""
    return check_key(f"{MASTERS}{master_id}")


def rendition_key(master_id: UUID, *, kind: str, job_id: int, attempt: int, file: str) -> str:
    """The key of one file of a rendition. It names job and attempt, so that two attempts never meet."""
    return check_key(f"{rendition_folder(master_id, kind=kind, job_id=job_id, attempt=attempt)}/{file}")


def rendition_folder(master_id: UUID, *, kind: str, job_id: int, attempt: int) -> str:
    """The prefix, without a slash at its end, under which one attempt keeps its files."""
    return check_key(f"renditions/{master_id}/{kind}/{job_id}-{attempt}")


def packets_key(master_id: UUID, sha256: str) -> str:
    """The key of a packet manifest of a master or of one of its copies: its own digest, so that whoever reads an event
    finds what it names.
    """
    return check_key(f"renditions/{master_id}/packets/{sha256}.json")


def probe_key(probe_id: UUID, what: str) -> str:
    """The key of a throw-away object of the start-up probe."""
    return check_key(f"{PROBE}{probe_id}/{what}")
