"""Which job serves which waiting row. Pure; the sweep and the first ask use the same words."""

from __future__ import annotations

from uuid import UUID

from evidence.jobs import JobRequest
from evidence.models import Arrival

VERIFY = "ingest.verify"
PROBE = "transcode.probe"
VERIFY_PRIORITY = 80
PROBE_PRIORITY = 70
URGENT = 100


def verify_request(arrival: Arrival) -> JobRequest:
    """Read an arrival's stored bytes back. Live custody goes first."""
    priority = VERIFY_PRIORITY + min(max(arrival.priority, 0), URGENT - VERIFY_PRIORITY)
    return JobRequest(task=VERIFY, args={"arrival": str(arrival.id)}, queue="verify", priority=priority)


def probe_request(recording: UUID, *, priority: int) -> JobRequest:
    """Examine a recording's master. Named here, done in the transcode room: rooms hand over by rows and jobs."""
    urgent = PROBE_PRIORITY + min(max(priority, 0), URGENT - PROBE_PRIORITY)
    return JobRequest(task=PROBE, args={"recording": str(recording)}, queue="verify", priority=urgent)
