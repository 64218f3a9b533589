"""Receipts: is this one ours, and is what it says still so?"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature
from fastapi import APIRouter, Depends, Request
from sqlalchemy import select

from api.authentication import Caller
from api.dependencies import AtDesk, may
from api.errors import BadRequest
from api.v1.conventions import problems
from api.v1.shapes import ReceiptAsked, ReceiptVerdict
from evidence import clock
from evidence.access import Action, Resource, decide
from evidence.bootstrap import House
from evidence.completeness.recordings import open_incidents
from evidence.custody.canonical import NotCanonical, read_canonical
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Master, Receipt, Recording
from evidence.store import Lock
from evidence.store.errors import MasterMissing
from ingest.receipt import ReceiptKey

router = APIRouter(prefix="/receipts", tags=["Receipts"])

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]


@router.post("/verify", responses=problems(400), summary="Check a receipt")
def verify(request: Request, desk: AtDesk, caller: Seeing, asked: ReceiptAsked) -> ReceiptVerdict:
    """Whether a receipt was issued here, byte for byte, and whether its master is in the store now as it says.

    The store is asked for the object, its version, size and lock; its bytes are not read.
    """
    body, signature = _decoded(asked.body_b64, "body_b64"), _decoded(asked.signature_b64, "signature_b64")
    key: ReceiptKey = request.app.state.docks.key
    if asked.key_id != key.key_id:
        return _no("It names a key that is not this system's.")
    try:
        key.public.verify(signature, body)
        said: dict[str, Any] = read_canonical(body)
    except InvalidSignature:
        return _no("The signature is not by this system's key over these bytes.")
    except NotCanonical as error:
        return _no(f"The signed bytes are not a receipt: {error}.")
    with desk.house.reading() as session:
        return _verdict(desk.house, session, caller, body, said)


def _verdict(house: House, session: ReadSession, caller: Caller, body: bytes, said: dict[str, Any]) -> ReceiptVerdict:
    row = session.scalars(select(Receipt).where(Receipt.body == body)).first()
    if row is None:
        return _no("It is signed, and no receipt like it was issued.")
    master = session.get(Master, row.master_id)
    because = "No record names its master" if master is None else _not_held(house, master, said)
    recording = session.get(Recording, row.master_id)
    sees = (
        recording is not None
        and decide(caller.asker, Action.SEE_RECORDING, Resource(officer=recording.officer_id)).allow
    )
    reference = recording_reference(recording.number) if recording is not None and sees else None
    if because is not None:
        reason = f"Issued here, and the master is NOT held as it says. {because}."
        return ReceiptVerdict(genuine=True, held=False, reason=reason, recording=reference)
    doubted = master is not None and open_incidents(session, master)
    reason = "Issued here, and the master is held." + (" An incident about it is open." if doubted else "")
    return ReceiptVerdict(genuine=True, held=True, reason=reason, recording=reference)


def _not_held(house: House, master: Master, said: dict[str, Any]) -> str | None:
    """Why the master is not held as its receipt says, by the record and by the store now. Raises StoreAway."""
    if (master.sha256, master.size) != (said.get("sha256"), said.get("size")):
        return "The record of it says other bytes"
    try:
        # Where the signed receipt says that it lies: the record may have been changed since.
        now = house.masters.head(str(said["key"]), version_id=str(said["version_id"]))
    except MasterMissing:
        return "The store does not have it"
    if now.size != said["size"]:
        return f"The store has {now.size} bytes in its place"
    if now.lock is None:
        return "The store does not lock it any more"
    promised = Lock(said["lock_mode"], clock.from_text(said["lock_until"]))
    return None if now.lock.keeps(promised) else "The store locks it less strictly, or not so long"


def _no(reason: str) -> ReceiptVerdict:
    return ReceiptVerdict(genuine=False, held=False, reason=reason, recording=None)


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("This is not base64.", pointer=f"/{name}") from error
