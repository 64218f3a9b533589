"""What every request passes before it reaches a page: its number, its origin, and the headers of its answer.

Plain ASGI: nothing here buffers, so media and live pages stream through untouched.
"""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders, State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import CrossSite, answer_for

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
# Agents sign in with their own keys and carry no cookie that another site could borrow.
DOCKS = "/api/dock/"
TOO_LARGE = "More was sent at once than is taken. Media goes to the store, not here; send the rest in smaller pieces."

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), display-capture=()",
}


def policy(nonce: str) -> str:
    """The content security policy of one answer. The nonce serves the page template's one inline line."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


class FrontDoor:
    """Numbers each request, refuses what another site's page sends, and sets the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        nonce, number = secrets.token_urlsafe(18), secrets.token_hex(8)
        note(state, csp_nonce=nonce, request_id=number)
        structlog.contextvars.bind_contextvars(request=number)

        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                if _is_limit_in_plain_text(message):
                    raise _LimitPassed
                begun = True
                _set_headers(MutableHeaders(scope=message), scope, nonce=nonce, number=number)
            await send(message)

        try:
            await self._let_in(scope, receive, guarded)
        except _LimitPassed:
            too_large = HTTPException(413, TOO_LARGE)
            await answer_for(Request(scope, receive), too_large)(scope, receive, guarded)
        except Exception as error:
            # Answered here, inside the headers. Half an answer cannot be mended: the connection is broken off,
            # so that the caller sees too few bytes and not a whole file that is not one.
            if begun:
                raise
            await answer_for(Request(scope, receive), error)(scope, receive, guarded)
        finally:
            structlog.contextvars.unbind_contextvars("request")

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if comes_from_elsewhere(scope):
            headers = Headers(scope=scope)
            raise CrossSite(says_nothing="origin" not in headers and "sec-fetch-site" not in headers)
        await self.app(scope, receive, send)


class _LimitPassed(Exception):
    """More was sent than is taken. Not an HTTPException: those are answered further in, where it is too late."""


def _is_limit_in_plain_text(message: Message) -> bool:
    """The limit on bodies answers in plain text; whoever asked gets the form of every other refusal instead."""
    return message["status"] == 413 and Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")


def note(state: MutableMapping[str, Any] | State, **facts: str) -> None:
    """Leave facts on the request's state, whichever of its two forms the server made."""
    for name, fact in facts.items():
        if isinstance(state, State):
            setattr(state, name, fact)
        else:
            state[name] = fact


def comes_from_elsewhere(scope: Scope) -> bool:
    """Whether a request that changes something was sent by another site's page.

    Browsers say so in Sec-Fetch-Site; where that is absent (plain http away from this machine) the Origin must
    be our own host. A page on another port of this host is "same-site", which is not us. A request with an
    Authorization header carries its own proof, which a browser never adds by itself.
    """
    headers = Headers(scope=scope)
    if scope["method"] in SAFE or "authorization" in headers or scope["path"].startswith(DOCKS):
        return False
    if site := headers.get("sec-fetch-site"):
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc != headers.get("host")


def _set_headers(headers: MutableHeaders, scope: Scope, *, nonce: str, number: str) -> None:
    for name, value in FIXED.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", policy(nonce))
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Request-ID"] = number
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
