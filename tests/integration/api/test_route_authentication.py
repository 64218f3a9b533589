"""Every route knows who is asking, but for the few that must not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient

from api.dependencies import signed_in
from api.displays import display_or_person
from api.metrics import measurer

# A person who is not signed in has to reach these, and an agent that has no token yet the last three.
OPEN = {
    "/static/{release}/{name:path}",
    "/sign-in",
    "/accessibility",
    "/health/live",
    "/health/ready",
    "/api/dock/v1/enrol",
    "/api/dock/v1/challenge",
    "/api/dock/v1/token",
}
# The two ways of asking who is there that are not a sign-in: a wall display's cookie, and this machine's monitoring.
OTHERWISE = {"/docks/wall", "/docks/events", "/metrics"}
ASKING = {signed_in, display_or_person, measurer}


def routes(app: FastAPI) -> Iterator[tuple[str, set[str], Any]]:
    """Every route with its methods, whatever router it came by."""
    for route in iter_route_contexts(app.routes):
        yield route.path, set(route.methods or ()), route


def asks(dependant: Dependant) -> bool:
    """Whether somebody is asked for, here or in what this depends on."""
    return dependant.call in ASKING or is_dock_caller(dependant) or any(asks(each) for each in dependant.dependencies)


def is_dock_caller(dependant: Dependant) -> bool:
    """The dock protocol asks for an agent by its own token."""
    call = dependant.call
    return getattr(call, "__module__", "").startswith("api.dock_protocol") and "agent" in getattr(call, "__name__", "")


def test_every_route_knows_who_is_asking(app: FastAPI) -> None:
    strangers = {
        path for path, _, route in routes(app) if not (getattr(route, "dependant", None) and asks(route.dependant))
    }
    assert strangers == OPEN


def test_the_other_ways_of_asking_are_used_only_where_they_must_be(app: FastAPI) -> None:
    def uses(dependant: Dependant, call: object) -> bool:
        return dependant.call is call or any(uses(each, call) for each in dependant.dependencies)

    found = {
        path
        for path, _, route in routes(app)
        if getattr(route, "dependant", None)
        and any(uses(route.dependant, call) for call in (display_or_person, measurer))
    }
    assert found == OTHERWISE


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nobody_gets_anything_without_signing_in(client: TestClient, app: FastAPI, accept: str) -> None:
    let_in = {}
    for path, methods, _ in routes(app):
        if path in OPEN or path.startswith("/api/dock/"):
            continue
        filled = path
        for name in ("name", "incident", "identifier", "file", "job_id"):
            filled = filled.replace(f"{{{name}}}", "1" if name != "file" else "storyboard.vtt")
        for method in methods - {"OPTIONS"}:
            answer = client.request(
                method, filled, headers={"Accept": accept, "Sec-Fetch-Site": "same-origin"}, follow_redirects=False
            )
            sent_away = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
            if answer.status_code != 401 and not sent_away:
                let_in[f"{method} {filled}"] = answer.status_code
    assert let_in == {}


def test_each_route_has_one_path_and_a_name_of_its_own(app: FastAPI) -> None:
    seen = [(path, method) for path, methods, route in routes(app) for method in methods if isinstance(route, APIRoute)]
    assert len(seen) == len(set(seen))
