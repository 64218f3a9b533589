"""All of the JSON API, and its description."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI

from api.dependencies import Asking
from api.settings import software_version
from api.v1 import clips, continuity, docks, hosts, quarantine, receipts, recordings, tokens, work
from api.v1.shapes import Problem

PREFIX = "/api/v1"
SAYS = (
    "Recordings, their history and their receipts; docks; work. Times are ISO 8601 in UTC, errors problem+json "
    "(RFC 9457), lists come in keyset pages. Programs send `Authorization: Bearer`."
)


def install(app: FastAPI) -> None:
    """Serve version 1 and its description."""
    app.include_router(_operations())
    app.openapi = described  # type: ignore[method-assign] # FastAPI's own way of replacing it
    app.add_api_route(f"{PREFIX}/openapi.json", description, include_in_schema=False)


def description(caller: Asking) -> dict[str, Any]:
    """The description of this API, as OpenAPI 3.1."""
    return described()


@cache
def described() -> dict[str, Any]:
    """OpenAPI of version 1 alone, with the shape of problems in it."""
    alone = FastAPI(title="Continuity API", version=software_version(), description=SAYS)
    alone.include_router(_operations())
    made = alone.openapi()
    made["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return made


def _operations() -> APIRouter:
    api = APIRouter(prefix=PREFIX)
    for noun in (recordings, clips, continuity, receipts, docks, quarantine, work, hosts, tokens):
        api.include_router(noun.router)
    return api
