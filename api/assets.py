"""Style sheets, scripts and icons, served from our own origin under a path that names their content.

The path holds a digest over all of them, so a browser may keep each for ever, and what one file asks for by a
relative name (an image, a module) is of the same age as itself.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

FOLDER: Final = Path(__file__).parent / "static"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}


@cache
def catalogue() -> dict[str, Path]:
    """What may be served, by its name under static/. Listed once: nothing outside the list is ever opened."""
    files = (path for path in sorted(FOLDER.rglob("*")) if path.is_file() and path.suffix in KINDS)
    return {path.relative_to(FOLDER).as_posix(): path for path in files}


@cache
def release() -> str:
    """Digest over every name and content, short enough for a path."""
    summed = hashlib.sha256()
    for name, path in catalogue().items():
        content = path.read_bytes()
        summed.update(f"{name}\0{len(content)}\0".encode() + content)
    return summed.hexdigest()[:16]


def url_of(name: str) -> str:
    """Where one asset is served. Raises KeyError for a name that is not in the catalogue."""
    if name not in catalogue():
        raise KeyError(f"{name} is not among the assets; has hatch_build.py been run?")
    return f"/static/{release()}/{name}"


def serve(request: Request) -> Response:
    """One asset. Under an older digest it is served too, to be kept by nobody: a page may outlive an upgrade."""
    path = catalogue().get(request.path_params["name"])
    if path is None:
        raise HTTPException(404)
    current = request.path_params["release"] == release()
    keep = "public, max-age=31536000, immutable" if current else "no-cache"
    return FileResponse(path, media_type=KINDS[path.suffix], headers={"Cache-Control": keep})


def install(app: FastAPI) -> None:
    """Serve the catalogue below /static."""
    app.add_route("/static/{release}/{name:path}", serve, methods=["GET"], include_in_schema=False)
