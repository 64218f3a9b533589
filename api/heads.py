"""HEAD is answered as GET is, but for the body (RFC 9110, 9.3.2), by every route that does not answer it by itself."""

from __future__ import annotations

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Live pages have no end: there is nothing to say of them without saying it all.
LIVE = {"/docks/events"}


class Heads:
    """Asks for the page and keeps its body back. Who may ask, and what is recorded of it, is as for GET."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or _is_answered(scope):
            await self.app(scope, receive, send)
            return

        async def emptied(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, emptied)


def _is_answered(scope: Scope) -> bool:
    routes = scope["app"].router.routes
    return scope["path"] in LIVE or any(route.matches(scope)[0] is Match.FULL for route in routes)
