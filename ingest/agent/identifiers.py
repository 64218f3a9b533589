"""Identifiers the agent makes itself: UUIDv7 for docking sessions."""

from __future__ import annotations

import secrets
from uuid import UUID

from ingest.agent import clock


def new_id() -> UUID:
    """A fresh UUIDv7 (RFC 9562, 5.7): sorts by creation time and tells nothing else."""
    milliseconds = int(clock.now().timestamp() * 1000) & (1 << 48) - 1
    random = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)
