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
from evidence.access import Action, Resource, decide
from evidence.custody.canonical import NotCanonical, read_canonical
from evidence.database import ReadSession
from evidence.identifiers import recording_reference
from evidence.models import Master, Receipt, Recording
from ingest.receipt import ReceiptKey

router = APIRouter(prefix="/receipts", tags=["Receipts"])

Seeing = Annotated[Caller, Depends(may(Action.SEE_RECORDING))]


@router.post("/verify", responses=problems(400), summary="Check a receipt")
def verify(request: Request, desk: AtDesk, caller: Seeing, asked: ReceiptAsked) -> ReceiptVerdict:
    """Whether a receipt was issued here, byte for byte, and whether its master is still held as it says."""
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
        return _verdict(session, caller, body, said)


def _verdict(session: ReadSession, caller: Caller, body: bytes, said: dict[str, Any]) -> ReceiptVerdict:
    row = session.scalars(select(Receipt).where(Receipt.body == body)).first()
    if row is None:
        return _no("It is signed, and no receipt like it was issued.")
    master = session.get(Master, row.master_id)
    held = master is not None and (master.sha256, master.size) == (said.get("sha256"), said.get("size"))
    recording = session.get(Recording, row.master_id)
    sees = (
        recording is not None
        and decide(caller.asker, Action.SEE_RECORDING, Resource(officer=recording.officer_id)).allow
    )
    reference = recording_reference(recording.number) if recording is not None and sees else None
    reason = "Issued here, and the master is held." if held else "Issued here, and the master is NOT held as it says."
    return ReceiptVerdict(genuine=True, held=held, reason=reason, recording=reference)


def _no(reason: str) -> ReceiptVerdict:
    return ReceiptVerdict(genuine=False, held=False, reason=reason, recording=None)


def _decoded(text: str, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("This is not base64.", pointer=f"/{name}") from error
