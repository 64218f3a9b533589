"""From what went wrong with an arrival to what its agent is told (problem+json, RFC 9457)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse

from api.errors import PROBLEM
from evidence.store.errors import StoreError
from ingest.errors import (
    AgentRefused,
    ArrivalGone,
    CodeRefused,
    IngestError,
    MessageRefused,
    PartsMissing,
    SessionUnknown,
)

# Type of error -> status, kind, title.
ANSWERS: dict[type[Exception], tuple[int, str, str]] = {
    CodeRefused: (403, "code-refused", "The enrolment code is not accepted"),
    AgentRefused: (401, "agent-unknown", "The agent is not known"),
    MessageRefused: (422, "message-refused", "The message does not hold together"),
    SessionUnknown: (422, "session-unknown", "The docking session is not known"),
    ArrivalGone: (409, "arrival-gone", "Offer the file again"),
    PartsMissing: (409, "parts-missing", "Parts have not reached the store"),
}


def install(app: FastAPI) -> None:
    """Answer this room's and the store's errors, wherever in the application they come up."""

    async def refused(_request: Request, error: Exception) -> JSONResponse:
        return ingest_answer(error)

    async def away(_request: Request, error: Exception) -> JSONResponse:
        body = _body(503, "store-away", "Try again in a minute", str(error))
        return JSONResponse(body, 503, {"Retry-After": "10"}, media_type=PROBLEM)

    app.add_exception_handler(IngestError, refused)
    app.add_exception_handler(StoreError, away)


def ingest_answer(error: Exception) -> JSONResponse:
    """The answer to one error of the intake room."""
    status, kind, title = ANSWERS.get(type(error), (500, "fault", "Something went wrong here"))
    if isinstance(error, AgentRefused) and error.revoked:
        status, kind, title = 403, "agent-revoked", "The agent has been revoked"
    body = _body(status, kind, title, str(error))
    if isinstance(error, PartsMissing):
        body["missing"] = error.missing
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def _body(status: int, kind: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail}
