"""What the JSON API says of worker hosts, and is told."""

from __future__ import annotations

from datetime import datetime

from api.v1.shapes import Asked, Shape


class CurrentJobFacts(Shape):
    """A job that runs now. `speed`: seconds of recording done in one second."""

    id: int
    task: str
    queue: str
    phase: str | None
    fraction: float | None
    speed: float | None
    running_seconds: float | None
    seconds_left: float | None
    cancelled_by: str | None


class DrainFacts(Shape):
    """Who drained a host, and when. `now`: it handed back what it had."""

    by: str
    at: datetime
    now: bool


class HostFacts(Shape):
    """One worker host. `state`: working, draining, drained, stopping or silent. `slots`: room by queues.

    `room_because` and `encodes_with` are its workers' own words: why so many encodes at once, and by what.
    """

    host: str
    state: str
    processes: list[int]
    slots: dict[str, int]
    jobs: list[CurrentJobFacts]
    speed: float | None
    started_at: datetime | None
    heard_seconds_ago: float | None
    drained: DrainFacts | None
    software: list[str]
    missing_layers: list[str]
    hardware_encoders: list[str] | None
    room_because: list[str]
    encodes_with: list[str]


class DrainAsked(Asked):
    """How to drain. `now`: hand back what it has, and do not finish it."""

    now: bool = False
