"""All pages, in the order of the navigation."""

from __future__ import annotations

from fastapi import FastAPI

from api.pages import account, docks, sign_in


def install(app: FastAPI) -> None:
    """Serve every page."""
    for screen in (sign_in, account, docks):
        app.include_router(screen.router)
