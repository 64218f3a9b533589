"""The ingest receipt: a signed statement of what was received, where it lies and until when it is locked.

Issued in the transaction that registers the master, never before. A source is let go only against one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from evidence import clock
from evidence.custody import ledger
from evidence.custody.canonical import canonical
from evidence.custody.events import Actor, Event, EventType, Object
from evidence.database import WriteSession
from evidence.identifiers import new_id
from evidence.models import Arrival, Master, Receipt
from evidence.sequencing.reading import want_checkpoint
from ingest.errors import KeyRefused


class ReceiptKey:
    """The Ed25519 key that signs receipts. Its id is the first 16 hex digits of SHA-256 of the public key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: Ed25519PublicKey = private.public_key()
        self.public_raw = self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = hashlib.sha256(self.public_raw).hexdigest()[:16]

    @classmethod
    def load(cls, path: Path) -> ReceiptKey:
        """Read the key. Raises KeyRefused where it is missing, not Ed25519, or open to others."""
        try:
            held = path.read_bytes()
            mode = path.stat().st_mode
        except OSError as error:
            raise KeyRefused(f"the receipt key {path} cannot be read: {error.strerror}") from error
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyRefused(f"the receipt key {path} is open to others: chmod 600 it")
        try:
            private = load_pem_private_key(held, password=None)
        except ValueError as error:
            raise KeyRefused(f"the receipt key {path} is not a private key in PEM form") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyRefused(f"the receipt key {path} is not an Ed25519 key")
        return cls(private)

    @classmethod
    def make(cls, path: Path) -> ReceiptKey:
        """Make a new key in a file of its own, readable by its owner only."""
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        return cls(private)

    def sign(self, body: bytes) -> bytes:
        """The signature (RFC 8032) over the body."""
        return self._private.sign(body)


def issue_receipt(session: WriteSession, arrival: Arrival, master: Master, *, key: ReceiptKey, by: Actor) -> Receipt:
    """Sign what is now so, keep the bytes as signed, and write the event."""
    receipt_id, issued_at = new_id(), clock.now()
    body = canonical(_statement(arrival, master, receipt_id=str(receipt_id), issued_at=issued_at))
    receipt = Receipt(
        id=receipt_id,
        arrival_id=arrival.id,
        master_id=master.id,
        body=body,
        signature=key.sign(body),
        key_id=key.key_id,
        issued_at=issued_at,
    )
    session.add(receipt)
    session.flush()
    said = Object(role="receipt", sha256=hashlib.sha256(body).hexdigest(), size=len(body))
    facts = {"receipt": str(receipt_id), "key": key.key_id, "arrival": str(arrival.id)}
    ledger.record(
        session,
        Event(type=EventType.RECEIPT_ISSUED, subject=master.id, actor=by, facts=facts, objects=[said]),
    )
    want_checkpoint(session)  # the agent waits for the proof before it lets the source go
    return receipt


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """Bytes, the signature over them, and the id of the key that made it."""

    body: bytes
    signature: bytes
    key_id: str

    def as_message(self) -> dict[str, str]:
        """As it travels to an agent."""
        return {
            "body_b64": base64.b64encode(self.body).decode(),
            "signature_b64": base64.b64encode(self.signature).decode(),
            "key_id": self.key_id,
        }


def as_message(receipt: Receipt) -> dict[str, str]:
    """A receipt as it travels to an agent."""
    return SignedStatement(receipt.body, receipt.signature, receipt.key_id).as_message()


def _statement(arrival: Arrival, master: Master, *, receipt_id: str, issued_at: datetime) -> dict[str, object]:
    return {
        "v": 1,
        "kind": "ingest-receipt",
        "receipt_id": receipt_id,
        "arrival_id": str(arrival.id),
        "recording_id": str(master.id),
        "agent_id": str(arrival.agent_id),
        "session_id": str(arrival.session_id),
        "name_b64": base64.b64encode(arrival.name_raw).decode(),
        "size": master.size,
        "sha256": master.sha256,
        "sha512": master.sha512,
        "tree": master.tree,
        "bucket": master.bucket,
        "key": master.key,
        "version_id": master.version_id,
        "lock_mode": master.lock_mode,
        "lock_until": clock.as_text(master.lock_until),
        "verified_at": clock.as_text(master.verified_at),
        "issued_at": clock.as_text(issued_at),
    }
