"""The one table from what went wrong to what the caller is told.

ApiError
├── SignInNeeded     nobody is signed in                 pages: to the sign-in page; programs: 401
├── PasswordIsStale  the one-time password must change   pages: to the password page; programs: 403
├── CrossSite        another site's page sent this       403
├── BadRequest       what was asked makes no sense       400, with the member that is wrong
└── RangeRefused     no such bytes                       416

API answers are problem+json (RFC 9457) with a stable `type` path; pages get a page. What the caller may not see
is answered as if it were not there. No stack and no SQL leave the house; the request's number does, and the log
has the rest under it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from evidence.custody.canonical import NotCanonical
from evidence.errors import AlreadySettled, DatabaseAway, NotFound, NotPermitted
from evidence.package.errors import DoesNotHold, NothingToPackage, NotYetInLog
from evidence.store.errors import StoreAway
from transcode.errors import AlreadyPast

log = structlog.get_logger()

PROBLEM = "application/problem+json"


ELSEWHERE = "This request came from a page of another site. Open the page here and try again."
UNSAID = (
    "This request does not say where it comes from, and may have been sent by a page of another site. People sign in "
    "at /sign-in and use the forms there; programs bring a token (Authorization: Bearer), as /api describes."
)


class ApiError(Exception):
    """Something about the request itself."""


class SignInNeeded(ApiError):
    """Nobody is signed in, or the sign-in has ended."""

    def __init__(self, detail: str = "Sign in to go on.") -> None:
        super().__init__(detail)


class PasswordIsStale(ApiError):
    """The person must choose a password of their own before anything else."""

    def __init__(self) -> None:
        super().__init__("Choose a password of your own first.")


class CrossSite(ApiError):
    """Another site's page sent this request."""

    def __init__(self, *, says_nothing: bool = False) -> None:
        super().__init__(UNSAID if says_nothing else ELSEWHERE)


class BadRequest(ApiError):
    """What was asked makes no sense. `pointer` names the member or parameter."""

    def __init__(self, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.pointer = pointer


class RangeRefused(ApiError):
    """The range lies outside the bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(f"There are {size} bytes, and none of those asked for is among them.")
        self.size = size


@dataclass(frozen=True, slots=True)
class Problem:
    """What a caller is told: RFC 9457's members, and where a person should look."""

    status: int
    kind: str
    title: str
    detail: str
    errors: tuple[dict[str, str], ...] = ()
    sign_in: str = ""
    """Where a person signs in, if that is what is missing."""

    def body(self, request_id: str) -> dict[str, Any]:
        """The members as JSON."""
        members: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }
        if self.errors:
            members["errors"] = list(self.errors)
        if self.sign_in:
            members["sign_in"] = self.sign_in
        return members


SIGN_IN = "/sign-in"
UNKEPT = "A text holds a control character or a number is too large. Take it out and try again."
AWAY = "The database cannot be reached just now. Nothing is lost; try again in a minute."
STORE_AWAY = "The store cannot be reached just now. Nothing is lost; try again in a minute."

# Type of error -> status, kind, title. The sentence is the error's own, except where one stands here.
ANSWERS: dict[type[Exception], tuple[int, str, str, str | None]] = {
    SignInNeeded: (401, "sign-in-needed", "Sign in", None),
    PasswordIsStale: (403, "password-must-change", "Choose a new password", None),
    CrossSite: (403, "cross-site", "Request refused", None),
    BadRequest: (400, "bad-request", "That cannot be done", None),
    RangeRefused: (416, "range-refused", "No such bytes", None),
    NotCanonical: (422, "invalid", "Some of what was sent cannot be kept", UNKEPT),
    DataError: (422, "invalid", "Some of what was sent cannot be kept", UNKEPT),
    NotFound: (404, "not-found", "Not found", None),
    NotPermitted: (403, "not-permitted", "Not permitted", None),
    AlreadySettled: (409, "already-settled", "Someone was quicker", None),
    AlreadyPast: (400, "bad-request", "That cannot be done", None),
    NothingToPackage: (400, "bad-request", "That cannot be done", None),
    NotYetInLog: (503, "log-not-publishing", "The log does not publish just now", None),
    DoesNotHold: (500, "proof-contradicted", "No package was made", None),
    StoreAway: (503, "store-away", "Try again in a minute", STORE_AWAY),
    StaleDataError: (409, "changed-meanwhile", "Changed meanwhile", "Someone changed this meanwhile. Look again."),
    DatabaseAway: (503, "database-away", "Try again in a minute", AWAY),
    OperationalError: (503, "database-away", "Try again in a minute", AWAY),
    PoolExhausted: (503, "too-busy", "Try again in a minute", "Too much is going on just now. Try again in a minute."),
}

TITLES = {
    400: ("bad-request", "That cannot be done"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "That cannot be done here"),
    413: ("too-large", "Too much was sent"),
    415: ("unsupported-media-type", "Not a form that is understood"),
}
NOT_THERE = "There is nothing at this address, or nothing that you may see."


def problem_of(error: Exception) -> Problem:
    """What a caller is told about an error. An unknown one is 500 and says nothing of itself."""
    if isinstance(error, HTTPException):
        kind, title = TITLES.get(error.status_code, ("request-failed", "That did not work"))
        return Problem(error.status_code, kind, title, NOT_THERE if error.status_code == 404 else str(error.detail))
    if isinstance(error, RequestValidationError):
        return _validation(error)
    for known in type(error).__mro__:
        if known in ANSWERS:
            status, kind, title, fixed = ANSWERS[known]
            detail = fixed or _sentence(str(error))
            pointer = getattr(error, "pointer", "")
            errors = ({"pointer": pointer, "detail": detail},) if pointer else ()
            sign_in = SIGN_IN if isinstance(error, SignInNeeded | CrossSite) else ""
            return Problem(status, kind, title, detail, errors, sign_in)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Problem(503, "database-away", "Try again in a minute", AWAY)
    return Problem(
        500, "fault", "Something went wrong here", "The fault is recorded. Try again, or give the number to support."
    )


def _sentence(text: str) -> str:
    """An error's words with a capital and a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _validation(error: RequestValidationError) -> Problem:
    found = tuple(
        {"pointer": "/".join(("", *map(str, each["loc"]))), "detail": str(each["msg"])} for each in error.errors()
    )
    return Problem(422, "invalid", "Some of what was sent cannot be used", "See `errors` for each member.", found)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asked for a page, rather than a program for JSON."""
    path = request.url.path
    return not path.startswith(("/api/", "/metrics", "/health/")) and "text/html" in request.headers.get("accept", "")


def answer_for(request: Request, error: Exception) -> Response:
    """The answer to one error, in the form that the caller can use."""
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("request failed", path=request.url.path, status=problem.status, exc_info=error)
    headers = _extra_headers(error, problem)
    if isinstance(error, SignInNeeded | PasswordIsStale) and (away := _away(request, error)) is not None:
        return away
    if wants_page(request):
        page: Callable[[Request, Problem], Response] = request.app.state.error_page
        response = page(request, problem)
        response.headers.update(headers)
        return response
    number = getattr(request.state, "request_id", "")
    return JSONResponse(problem.body(number), problem.status, headers, media_type=PROBLEM)


def _extra_headers(error: Exception, problem: Problem) -> dict[str, str]:
    if isinstance(error, RangeRefused):
        return {"Content-Range": f"bytes */{error.size}"}
    if problem.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if problem.status == 503:
        return {"Retry-After": "30"}
    if isinstance(error, HTTPException) and error.headers:
        return dict(error.headers)
    return {}


def _away(request: Request, error: Exception) -> Response | None:
    """To the sign-in or password page, and back again afterwards where that is a page. None for a program."""
    there = "/account/password" if isinstance(error, PasswordIsStale) else SIGN_IN
    if request.headers.get("hx-request") and not request.url.path.startswith("/api/"):
        # A redirect would be followed into the fragment; this takes the whole page along.
        return Response(status_code=401, headers={"HX-Redirect": there})
    if not wants_page(request):
        return None
    if request.method == "GET" and there == SIGN_IN and request.url.path != "/":
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        there += f"?next={quote(back, safe='')}"
    return RedirectResponse(there, status_code=303)


def install(app: FastAPI) -> None:
    """Answer every error of the application by the table."""

    async def answer(request: Request, error: Exception) -> Response:
        return answer_for(request, error)

    for kind in (*ANSWERS, HTTPException, RequestValidationError, DBAPIError):
        app.add_exception_handler(kind, answer)
