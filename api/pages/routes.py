"""All pages, in the order of the navigation."""

from __future__ import annotations

from fastapi import FastAPI

from api.pages import (
    about,
    account,
    agents,
    clips,
    continuity,
    docks,
    people,
    quarantine,
    recording,
    recordings,
    sign_in,
    status,
    tokens,
    urgency,
)

SCREENS = (
    about,
    sign_in,
    account,
    docks,
    recordings,
    recording,
    clips,
    continuity,
    quarantine,
    status,
    people,
    agents,
    tokens,
    urgency,
)


def install(app: FastAPI) -> None:
    """Serve every page."""
    for screen in SCREENS:
        app.include_router(screen.router)
