"""What every operation of the JSON API has in common: errors in OpenAPI, pages, their Link header."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.enquiries.paging import LARGEST
from api.errors import PROBLEM
from api.v1.shapes import Problem

WORDS: Final = {
    400: "What was asked makes no sense",
    401: "No token, or one that is unknown, out of date or revoked",
    403: "The role may not do this, or a person has to",
    404: "Not there, or not for the caller to see",
    409: "Someone else settled it meanwhile",
    416: "No such bytes",
    422: "A member cannot be used",
    503: "The database or the store is away: try again",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an operation may answer with, for OpenAPI; 401, 403, 422 and 503 always."""
    wanted = sorted({401, 403, 422, 503, *statuses})
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {each: {"description": WORDS[each], "content": {PROBLEM: {"schema": schema}}} for each in wanted}


class Paging(BaseModel):
    """Which page of a list. Unknown parameters are refused: a spelling mistake must not be silence."""

    model_config = ConfigDict(extra="forbid")

    after: str | None = Field(default=None, max_length=200, description="From `next` of the page before")
    limit: int = Field(default=50, ge=1, le=LARGEST, description="Most items on one page")


class Links:
    """Names the next page of a list, in the answer and in its Link header."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request, self._response = request, response

    def next(self, after: str | None) -> str | None:
        """The path of the next page, also put into the Link header; None on the last."""
        if after is None:
            return None
        kept = [(name, value) for name, value in self._request.query_params.multi_items() if name != "after"]
        path = f"{self._request.url.path}?{urlencode([*kept, ('after', after)])}"
        self._response.headers["Link"] = f'<{path}>; rel="next"'
        return path


PageLinks = Annotated[Links, Depends()]
