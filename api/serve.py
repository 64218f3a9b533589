"""Serves pages, JSON API and dock protocol from one process."""

from __future__ import annotations

import uvicorn

from api.app import create_app
from evidence.logs import start_logging

# An open live page would otherwise keep a stopping server alive for ever.
GRACE = 3  # seconds


def serve(*, host: str, port: int) -> None:
    """Listen until told to stop."""
    start_logging(process="api")
    uvicorn.run(
        create_app(),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        http="httptools",
    )
