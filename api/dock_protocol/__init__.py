"""HTTP for agents at docks and suites: who they are, what they offer, what they are told.

Bytes of video never come this way: they go straight to the store through addresses that are signed here.
Mounted below /api/dock/v1. Begin with routes.py.
"""

from __future__ import annotations

from fastapi import FastAPI

from api.dock_protocol import answers
from api.dock_protocol.routes import DockDesk, router
from evidence.bootstrap import House
from ingest.receipt import ReceiptKey
from ingest.settings import IngestSettings


def install(app: FastAPI, house: House, settings: IngestSettings) -> None:
    """Put the dock protocol into the application. Raises KeyRefused where receipts could not be signed."""
    app.state.docks = DockDesk(house=house, settings=settings, key=ReceiptKey.load(settings.receipt_key_file))
    answers.install(app)
    app.include_router(router)


__all__ = ["DockDesk", "install"]
