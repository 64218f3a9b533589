"""The story of the front desk: the application put together, in the order in which a request meets it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import assets, dock_protocol, errors, metrics
from api.dependencies import Desk
from api.front_door import FrontDoor
from api.heads import Heads
from api.pages import routes as pages
from api.pages.docks import look_of
from api.pages.rendering import error_page
from api.playback import Views
from api.settings import WebSettings, software_version
from api.v1 import routes as v1
from api.wall_feed import WallFeed
from evidence.bootstrap import House, open_house
from evidence.settings import EvidenceSettings
from ingest.settings import IngestSettings

# Forms and messages; media never comes this way. A dock's longest message names 10,000 parts.
LARGEST_BODY = 4 << 20
# Connections to the database: as many as there are threads that answer requests, doubled for a moment if need be.
POOL = 20


def create_app(
    house: House | None = None, *, web: WebSettings | None = None, ingest: IngestSettings | None = None
) -> FastAPI:
    """The whole front desk over one house; what is not given is read from the environment.

    Nothing is connected until it is asked for. Raises SettingsRefused.
    """
    opened = house is None
    house = house or open_house(EvidenceSettings.read(), pool_size=POOL)
    desk = Desk(house=house, web=web or WebSettings.read(), ingest=ingest or IngestSettings.read())
    app = FastAPI(
        title="Continuity",
        version=software_version(),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_life(desk, closes_house=opened),
    )
    app.state.desk = desk
    app.state.error_page = error_page
    app.state.views = Views()
    errors.install(app)
    assets.install(app)
    pages.install(app)
    v1.install(app)
    app.include_router(metrics.router)
    dock_protocol.install(app, house, desk.ingest)
    _stand_guard(app, desk.web)
    return app


def _stand_guard(app: FastAPI, web: WebSettings) -> None:
    """What each request passes, innermost first."""
    # Bodies that are compressed already, and streams that must not wait, go through as they are.
    unpacked = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5, exclude_content_types=unpacked)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY)
    if web.hosts != ["*"]:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=web.hosts)
    app.add_middleware(FrontDoor)
    app.add_middleware(Heads)


def _life(desk: Desk, *, closes_house: bool) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        feed = WallFeed(desk.house.settings.database_url.get_secret_value(), lambda key: look_of(desk, key))
        app.state.wall_feed = feed
        feed.start()
        try:
            yield
        finally:
            await feed.stop()
            if closes_house:
                desk.house.sessions.engine.dispose()

    return life
