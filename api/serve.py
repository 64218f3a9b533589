"""Serves pages, JSON API and dock protocol from one process."""

from __future__ import annotations

import threading

import uvicorn

from api.app import create_app
from api.starting import say_started_when_it_can
from evidence.logs import start_logging

# An open live page would otherwise keep a stopping server alive for ever.
GRACE = 3  # seconds


def serve(*, host: str, port: int) -> None:
    """Listen until told to stop."""
    start_logging(process="api")
    app, stop = create_app(), threading.Event()
    say_started_when_it_can(app.state.desk.house, "api", stop)
    uvicorn.run(
        app,
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
    stop.set()
