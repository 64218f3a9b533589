"""Turns values into pages: the template environment, the frame by role, and notes carried over a redirect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api import assets, wording
from api.authentication import Caller
from api.dependencies import Desk
from api.errors import Problem
from api.settings import software_version
from evidence.access import Action, decide

NOTE = "__Host-note"
GOVUK = "govuk_frontend_jinja"


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One entry of the service navigation, and the action that its page asks for."""

    text: str
    href: str
    action: Action


NAVIGATION = (
    NavigationItem("Docks", "/docks", Action.SEE_DOCKS),
    NavigationItem("Recordings", "/recordings", Action.SEE_RECORDING),
    NavigationItem("Quarantine", "/quarantine", Action.SEE_RECORDING),
    NavigationItem("Status", "/status", Action.SEE_STATUS),
    NavigationItem("People", "/people", Action.MANAGE_PEOPLE),
    NavigationItem("Dock agents", "/agents", Action.MANAGE_DOCKS),
    NavigationItem("API tokens", "/tokens", Action.MANAGE_TOKENS),
)


@lru_cache(maxsize=4)
def environment(time_zone: str) -> Environment:
    """The templates. Undefined stays lenient: the GOV.UK macros rely on members that are not there."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader("api"), PrefixLoader({GOVUK: PackageLoader(GOVUK)})]),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = ZoneInfo(time_zone)
    made.filters["size"] = wording.size
    made.filters["duration"] = wording.duration
    made.filters["how_long"] = wording.how_long
    made.filters["moment"] = lambda at, **how: wording.moment(at, zone, **how)
    made.filters["sentence"] = lambda said: said[:1].upper() + said[1:]
    made.filters["seconds"] = lambda seconds: wording.how_long(timedelta(seconds=seconds))
    made.filters["seconds_ago"] = lambda seconds: f"{wording.how_long(timedelta(seconds=seconds))} ago"
    made.filters["commands"] = _commands
    made.globals["asset"] = assets.url_of
    made.globals["count"] = wording.count
    made.globals["software"] = software_version()
    return made


def _commands(said: str) -> Markup:
    """A sentence whose commands stand between backticks, with each set as one."""
    plain, command = Markup("{}"), Markup('<span class="c-mono">{}</span>')
    return Markup("").join((command if at % 2 else plain).format(each) for at, each in enumerate(said.split("`")))


def fragment(desk: Desk, template: str, values: Mapping[str, Any]) -> str:
    """A part of a page, as text."""
    return environment(desk.web.time_zone).get_template(template).render(values)


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    caller: Caller | None = None,
    status: int = 200,
) -> Response:
    """A whole page, with the frame that the caller's role has."""
    desk: Desk = request.app.state.desk
    frame = {
        "cspNonce": request.state.csp_nonce,
        "themeColor": "#14284b",
        "assetPath": "",
        "force_name": desk.house.settings.force_name,
        "classification": desk.web.classification,
        "caller": caller,
        "navigation": navigation(caller, request.url.path),
        "note": unquote(request.cookies.get(NOTE, "")),
        "path": request.url.path,
    }
    response = HTMLResponse(fragment(desk, template, {**frame, **values}), status)
    if NOTE in request.cookies:
        response.delete_cookie(NOTE, path="/", secure=True, httponly=True, samesite="lax")
    return response


def navigation(caller: Caller | None, path: str) -> list[dict[str, Any]]:
    """The entries that the caller may use, the current one marked."""
    if caller is None or caller.must_change_password:
        return []
    return [
        {"text": item.text, "href": item.href, "active": path == item.href or path.startswith(f"{item.href}/")}
        for item in NAVIGATION
        if decide(caller.asker, item.action).allow
    ]


def go_to(where: str, *, note: str = "") -> Response:
    """Answer a form: to another page, with a sentence about what was done."""
    response = RedirectResponse(where, status_code=303)
    if note:
        response.set_cookie(
            NOTE, quote(note, safe=""), max_age=60, path="/", secure=True, httponly=True, samesite="lax"
        )
    return response


def error_page(request: Request, problem: Problem) -> Response:
    """What a person sees when something went wrong: what it was, and what to do."""
    values = {"problem": problem, "request_id": getattr(request.state, "request_id", "")}
    return page(request, "problem.html", values, status=problem.status)
