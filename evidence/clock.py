"""The only source of time on the server. Every time is aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one place that asks


def as_text(moment: datetime) -> str:
    """A moment as `YYYY-MM-DDThh:mm:ss.ffffffZ`, the one form used in the custody log and receipts.

    Raises ValueError for a naive time: a time without a zone is not a fact.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be recorded")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """Read an ISO 8601 time that names its zone. Raises ValueError where it does not."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say its time zone")
    return moment.astimezone(UTC)
