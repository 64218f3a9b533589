"""HTTP as the agent speaks it: kept-alive connections, no redirects, no proxies, growing pauses, errors with reasons.

Two pools, because they go to different places under different trust: the control channel to the server, and the
parts to the store at the addresses the server signed.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from ingest.agent import patience
from ingest.agent.errors import (
    AgentRevoked,
    ArrivalFailed,
    ArrivalGone,
    PartsMissing,
    Refused,
    ServerAway,
    ServerFault,
    SessionUnknown,
    Stopping,
)
from ingest.agent.settings import Settings

SOFTWARE = "continuity-agent/1"
LARGEST_ANSWER = 16 << 20  # bytes; the server never says more at once
TRY_AGAIN = frozenset({408, 425, 429, 502, 503, 504})
QUICK_TRIES = 3


class Unauthorised(Refused):
    """The token has run out: get another and ask again."""


def pool(settings: Settings, *, timeout: float) -> urllib3.PoolManager:
    """Connections that are kept, enough of them for every thread; https by the system's authorities or `ca_file`."""
    trust = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    return urllib3.PoolManager(
        num_pools=8,
        maxsize=settings.concurrent_files + settings.upload_threads + 4,
        block=False,
        retries=False,
        timeout=urllib3.Timeout(connect=10, read=timeout),
        headers={"User-Agent": SOFTWARE},
        ssl_context=trust,
    )


class Wire:
    """Asks the server for JSON and gives back JSON, or one of our errors."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._base = settings.enrolled_server()
        self._pool = pool(settings, timeout=60)
        self._stop = stop

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        tries: int = QUICK_TRIES,
    ) -> Mapping[str, Any]:
        """Ask once, and again after short pauses where the server is busy or away.

        Every message of the protocol may be repeated; enrolment, whose code works once, passes `tries=1`.
        Raises ServerAway, Refused and its kinds, AgentRevoked, Stopping.
        """
        return persist(lambda: self._once(method, path, body, token), self._stop, tries=tries)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, token: str | None) -> Mapping[str, Any]:
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        payload = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            payload = json.dumps(body, separators=(",", ":")).encode()
        try:
            answer = self._pool.request(
                method, self._base + path, body=payload, headers=headers, redirect=False, preload_content=False
            )
            try:
                content = answer.read(LARGEST_ANSWER)
                answer.drain_conn()
            finally:
                answer.release_conn()
        except HTTPError as error:
            raise ServerAway(f"The server at {self._base} does not answer ({cause_of(error)}).") from error
        return understand(answer.status, content)


def persist(attempt: Callable[[], Mapping[str, Any]], stop: threading.Event, *, tries: int) -> Mapping[str, Any]:
    """Repeat an attempt that the server did not take up, with short growing pauses."""
    for failures in range(1, tries + 1):
        if stop.is_set():
            raise Stopping
        try:
            return attempt()
        except (ServerAway, ServerFault):
            if failures == tries:
                raise
        if stop.wait(patience.pause_after(failures, first=0.2, most=2.0)):
            raise Stopping
    raise ServerAway("The server was not asked.")


def understand(status: int, content: bytes) -> Mapping[str, Any]:
    """An answer as JSON, or the error that it stands for."""
    if status in TRY_AGAIN:
        raise ServerAway(f"The server is not ready (HTTP {status}{_detail(content)}).")
    try:
        answer = json.loads(content) if content else {}
    except ValueError:
        raise ServerAway(f"Something that is not the server answered (HTTP {status}, not JSON).") from None
    if not isinstance(answer, dict):
        raise ServerAway(f"Something that is not the server answered (HTTP {status}).")
    if 200 <= status < 300:
        return answer
    raise _problem(status, answer)


def _detail(content: bytes) -> str:
    try:
        answer = json.loads(content)
    except ValueError:
        return ""
    detail = answer.get("detail") or answer.get("title") if isinstance(answer, dict) else None
    return f": {detail}" if detail else ""


def _problem(status: int, answer: Mapping[str, Any]) -> Exception:
    """One problem+json as one of our errors."""
    kind = str(answer.get("type", "about:blank"))
    detail = str(answer.get("detail") or answer.get("title") or f"HTTP {status}")
    name = kind.rsplit("/", 1)[-1]
    if status >= 500:
        return ServerFault(detail, status=status, kind=kind)
    if status == 401:
        return Unauthorised(detail, status=status, kind=kind)
    if name == "agent-revoked":
        return AgentRevoked(f"The server no longer lets this agent in: {detail}")
    if name == "parts-missing":
        missing = [number for number in answer.get("missing", []) if isinstance(number, int)]
        return PartsMissing(detail, status=status, kind=kind, missing=missing)
    kinds: dict[str, type[Refused]] = {
        "arrival-gone": ArrivalGone,
        "arrival-failed": ArrivalFailed,
        "session-unknown": SessionUnknown,
    }
    return kinds.get(name, Refused)(detail, status=status, kind=kind)


def cause_of(error: Exception) -> str:
    """A transport error in a few words, without addresses that may be signed."""
    words = {
        "NewConnectionError": "connection refused or host unreachable",
        "ConnectTimeoutError": "no connection within 10 s",
        "ReadTimeoutError": "no answer in time",
        "NameResolutionError": "its name cannot be resolved",
        "SSLError": "its certificate is not trusted or the encryption failed",
        "ProtocolError": "the connection broke",
    }
    return words.get(type(error).__name__, type(error).__name__)


def host_of(url: str) -> str:
    """Host and port of an address: what may be shown of a signed one."""
    return urlsplit(url).netloc
