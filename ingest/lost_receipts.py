"""Receipts that agents keep and that we do not know any more: this database was restored from an older copy.

Where the source is still docked its agent offers it again, and nothing is missing. Where it was let go or taken away,
the agent shows us the receipt: it says where in the store the bytes are, and becomes an incident for a person.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from sqlalchemy import select

from evidence.bootstrap import House
from evidence.custody.canonical import NotCanonical, read_canonical
from evidence.database import ReadSession
from evidence.incidents import Trouble, open_incident
from evidence.models import Agent, Arrival, Receipt
from evidence.register import identity_of, lock_identity, master_with
from evidence.store.errors import MasterMissing
from evidence.vocabulary import IncidentKind
from ingest.enrolment import actor_of
from ingest.errors import MessageRefused
from ingest.gaps import gap_subject
from ingest.names import shown
from ingest.receipt import ReceiptKey, SignedStatement

TEXTS = ("receipt_id", "name_b64", "sha256", "bucket", "key", "version_id", "verified_at")
GONE = {"deleted": "deleted from its device", "moved": "moved away from its device", None: "not docked any more"}
SIGNED = "The receipt is signed with this system's key."
UNSIGNED = "The signature on the receipt could not be checked with this system's key: look at it before you rely on it."
HELD = (
    "Its bytes are in the store: object {key}, version {version_id}, of the bucket {bucket}, SHA-256 {sha256}. "
    "Nothing deletes them. Fetch them and hand them in again (run-book restore, step 5)."
)
NOT_HELD = (
    "The store does NOT hold its bytes as object {key} of the bucket {bucket} (SHA-256 {sha256}). Keep the device, or "
    "the place its files were moved to, from use, and look for a second copy of the store (run-book restore)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A receipt that an agent shows: its device, and how the source was let go, if it was."""

    signed: SignedStatement
    device_label: str
    let_go: str | None


def unknown_of(house: House, agent: Agent, receipts: Sequence[UUID]) -> list[UUID]:
    """Those of these receipts that are not committed as this agent's."""
    with house.reading() as session:
        known = _known(session, agent, receipts)
    return [each for each in dict.fromkeys(receipts) if each not in known]


def report_lost(house: House, agent: Agent, lost: Lost, *, key: ReceiptKey) -> bool:
    """Open an incident for a receipt that we do not know. True where we do, or hold its bytes as a recording since.

    Raises MessageRefused for what is no receipt of this agent's, StoreError where the store cannot be asked.
    """
    said = _read(lost.signed.body, agent)
    receipt_id = UUID(said["receipt_id"])
    is_held = _is_held(house, said)
    name_raw = _octets(said["name_b64"])
    with house.writing() as session:
        if receipt_id in _known(session, agent, [receipt_id]):
            return True
        identity = identity_of(said["sha256"], said["size"], device_label=lost.device_label, name_raw=name_raw)
        # Whoever takes the same bytes in holds this too: either it is a master by now, or its receipt closes the gap.
        lock_identity(session, identity)
        if master_with(session, identity) is None:
            trouble = Trouble(
                kind=IncidentKind.NOT_STORED,
                subject=gap_subject(agent.id, lost.device_label, name_raw),
                reason=_reason(lost, said, name_raw, is_signed=_is_signed(lost.signed, key)),
                advice=(HELD if is_held else NOT_HELD).format(**said),
                agent_id=agent.id,
            )
            open_incident(session, trouble, by=actor_of(agent))
    return False


def _reason(lost: Lost, said: Mapping[str, Any], name_raw: bytes, *, is_signed: bool) -> str:
    return (
        f"{shown(name_raw)} of {lost.device_label} ({said['size']} bytes) was taken in at {said['verified_at']} and is "
        f"{GONE[lost.let_go]}. This system no longer knows its receipt {said['receipt_id']}, nor the recording: its "
        f"database was restored from an older copy. {SIGNED if is_signed else UNSIGNED}"
    )


def _known(session: ReadSession, agent: Agent, receipts: Sequence[UUID]) -> set[UUID]:
    own = select(Receipt.id).join(Arrival, Arrival.id == Receipt.arrival_id)
    return set(session.scalars(own.where(Receipt.id.in_(receipts), Arrival.agent_id == agent.id)))


def _read(body: bytes, agent: Agent) -> Mapping[str, Any]:
    try:
        said: Any = read_canonical(body)
    except NotCanonical as error:
        raise MessageRefused(f"what was sent is no receipt: {error}") from error
    if not isinstance(said, dict) or said.get("kind") != "ingest-receipt" or said.get("agent_id") != str(agent.id):
        raise MessageRefused("what was sent is no receipt of this agent's")
    if not all(isinstance(said.get(each), str) for each in TEXTS) or not isinstance(said.get("size"), int):
        raise MessageRefused("the receipt does not say what a receipt says")
    try:
        UUID(said["receipt_id"])
    except ValueError as error:
        raise MessageRefused("the receipt has no number") from error
    return said


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MessageRefused("the receipt names no file") from error


def _is_signed(signed: SignedStatement, key: ReceiptKey) -> bool:
    try:
        key.public.verify(signed.signature, signed.body)
    except InvalidSignature:
        return False
    return signed.key_id == key.key_id


def _is_held(house: House, said: Mapping[str, Any]) -> bool:
    """Whether the store has an object of this size there. Its bytes are read when they are handed in again."""
    if said["bucket"] != house.masters.bucket:
        return False
    try:
        found = house.masters.head(said["key"], version_id=said["version_id"])
    except MasterMissing:
        return False
    return bool(found.size == said["size"])
