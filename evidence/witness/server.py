"""The witness over HTTP: `POST /add-checkpoint`, and `GET /` for whoever wants to know that it is there.

Limits: one body of 128 KiB that arrives within ten seconds, 64 connections at once, 30 seconds of silence on each.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from evidence.witness.desk import PLAIN, Reply, Witness
from evidence.witness.submission import LARGEST

CONNECTIONS = 64
SILENCE = 30  # seconds
BODY_WITHIN = 10  # seconds
log = logging.getLogger("witness")


class WitnessServer(ThreadingHTTPServer):
    """Listens, with a thread for each connection up to a limit; further ones are closed at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(address, Desk)

    def process_request(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int]
    ) -> None:
        """Begin a thread for one connection, where a place is free."""
        if not self._places.acquire(blocking=False):
            log.warning("more than %d connections: one is closed", CONNECTIONS)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(  # type: ignore[explicit-override]
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: tuple[str, int]
    ) -> None:
        """One connection, from its first request to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class Desk(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "continuity-witness"
    sys_version = ""
    timeout = SILENCE
    server: WitnessServer

    def do_POST(self) -> None:
        """A submission."""
        if self.path.partition("?")[0].rpartition("/")[2] != "add-checkpoint":
            self._give(Reply(404, b"a checkpoint is posted to add-checkpoint\n"), close=True)
            return
        body = self._body()
        if isinstance(body, Reply):
            self._give(body, close=True)
            return
        try:
            reply = self.server.witness.add_checkpoint(body)
        except Exception:
            log.exception("a submission could not be answered")
            reply = Reply(500, b"the witness is out of order; try again later\n")
        self._give(reply)

    def do_GET(self) -> None:
        """Who this is, and how far it has seen each log."""
        witness = self.server.witness
        said = {
            "witness": [key.vkey().text() for key in witness.keys],
            "logs": [{"origin": origin, "size": seen.size} for origin, seen in witness.memory.known().items()],
        }
        self._give(Reply(200, json.dumps(said).encode() + b"\n", "application/json"))

    def _body(self) -> bytes | Reply:
        stated = self.headers.get("Content-Length", "")
        if self.headers.get("Transfer-Encoding") or not stated.isascii() or not stated.isdecimal():
            return Reply(411, b"say the length of the body in Content-Length\n")
        if len(stated) > 9 or int(stated) > LARGEST:
            return Reply(413, f"a body has at most {LARGEST} bytes\n".encode())
        body, end = b"", time.monotonic() + BODY_WITHIN
        while len(body) < int(stated):
            piece = self.rfile.read1(int(stated) - len(body))
            if not piece or time.monotonic() > end:
                return Reply(400, b"the body did not arrive\n")
            body += piece
        return body

    def _give(self, reply: Reply, *, close: bool = False) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type or PLAIN)
        self.send_header("Content-Length", str(len(reply.body)))
        if close:
            # What was not read of this request would be taken for the next one.
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # type: ignore[explicit-override]
        """One line for each request."""
        log.info("%s %s", self.address_string(), format % args)
