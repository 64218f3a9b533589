"""The first page, and what the product says of itself: accessibility and the API."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.dependencies import Asking
from api.pages.rendering import page
from evidence.access import Action, decide

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(caller: Asking) -> Response:
    """To the page that the caller most likely wants."""
    docks = decide(caller.asker, Action.SEE_DOCKS).allow
    return RedirectResponse("/docks" if docks else "/account", 303)


@router.get("/accessibility")
def accessibility(request: Request) -> Response:
    """The accessibility statement, which anybody may read."""
    return page(request, "accessibility.html", {})


@router.get("/api")
def api(request: Request, caller: Asking) -> Response:
    """What programs may ask, drawn from the same description that they read."""
    described = request.app.openapi()
    values = {"operations": _operations(described), "described": described}
    return page(request, "api.html", values, caller=caller)


def _operations(described: dict[str, object]) -> list[dict[str, object]]:
    paths = described["paths"]
    assert isinstance(paths, dict)  # noqa: S101 - FastAPI makes it so
    return [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method != "head"
    ]
