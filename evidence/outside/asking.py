"""One POST to somebody outside: limited in time and in size, never followed elsewhere, never repeated here."""

from __future__ import annotations

import time
from dataclasses import dataclass

import urllib3
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from evidence.outside.errors import Unreachable

# Nobody whom we ask has more to say than a token with its chain: 64 KiB, with room.
MOST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `content_type` in lower case and without parameters."""

    status: int
    content_type: str
    body: bytes


class Asker:
    """Asks over HTTP. Safe to use from several threads."""

    def __init__(self, *, within: float = 10.0) -> None:
        self._within = within
        self._pool = PoolManager(num_pools=16, retries=False, timeout=Timeout(connect=within / 2, read=within))

    def post(self, url: str, body: bytes, *, content_type: str) -> Answer:
        """Post and read the whole answer. Raises Unreachable after `within` seconds, or where it is too long."""
        end = time.monotonic() + self._within
        headers = {"Content-Type": content_type, "User-Agent": "continuity"}
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=headers, redirect=False, preload_content=False, decode_content=False
            )
            try:
                said = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Answer(response.status, said, _read(response, url, end))
            finally:
                # A connection with unread bytes would hand them to the next question.
                response.close()
                response.release_conn()
        except (HTTPError, OSError, ValueError) as error:
            raise Unreachable(url, f"{type(error).__name__}: {str(error)[:300]}") from error


def _read(response: urllib3.BaseHTTPResponse, url: str, end: float) -> bytes:
    parts, size = [], 0
    # Piece by piece as it comes: a peer that sends one byte a second keeps within every single time-out.
    while piece := response.read1(16 * 1024):
        parts.append(piece)
        size += len(piece)
        if size > MOST:
            raise Unreachable(url, f"the answer is longer than {MOST} bytes")
        if time.monotonic() > end:
            raise Unreachable(url, "the answer did not end in time")
    return b"".join(parts)
