"""The API put together: routes, errors, auth, and what lives as long as the process does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import commands, feed, health, metrics, novels, problems, queries
from api.hub import Hub
from api.local_auth import LocalAuth
from api.pressure import Pressure
from api.progress import Progress
from api.studio import Studio
from connectors.postgres import READ_SCHEMA, Pool, open_pool
from connectors.settings import Settings
from genesis.errors import GenesisError

log = logging.getLogger(__name__)

POOL_SIZE = 8
"""Connections to PostgreSQL. Statements are short; more would only stand in each other's way on two cores."""

SETTLE_SECONDS = 10.0
"""Seconds the start waits for the hub, so that the first read is not refused."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Set on every answer that doesn't set them itself."""


class DatabaseUnset(GenesisError):
    """The API has no database login. Set GENESIS_DATABASE_DSN to the DSN of the role genesis_door."""


def create_app(settings: Settings, on_failure: Callable[[], None] = lambda: None) -> FastAPI:
    """The app. `on_failure` is called when something that must live has died, so that the process can be replaced.

    Its lifespan raises DatabaseUnset, DatabaseUnavailable, DatabaseRefused.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            pool = await _pool(settings)
        except GenesisError as error:
            log.error("%s", error)
            raise
        hub = Hub(settings)
        progress = Progress(settings, hub)
        pressure = Pressure(settings, pool)
        app.state.studio = Studio(pool, hub, progress, pressure)
        tasks = [
            asyncio.create_task(hub.run(), name="hub"),
            asyncio.create_task(progress.run(), name="progress"),
            asyncio.create_task(pressure.run(), name="pressure"),
        ]
        for task in tasks:
            task.add_done_callback(died)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await hub.wait_settled()
            yield
        finally:
            hub.close_streams()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            pool.terminate()

    def died(task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        log.error("the %s died: %s", task.get_name(), _described(task.exception()))
        on_failure()

    # No /docs: FastAPI's page loads its scripts from a CDN. /openapi.json has all of it.
    app = FastAPI(
        title="Genesis Studio",
        description="A novelist and an AI lay the foundation of a novel together.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.measures = metrics.Measures()
    # The last one added is the outermost.
    app.add_middleware(LocalAuth)
    app.add_middleware(Outermost)
    app.add_middleware(metrics.Measured, measures=app.state.measures)
    problems.install(app)
    for router in (commands.router, queries.router, novels.router, feed.router, health.router, metrics.router):
        app.include_router(router)
    return app


async def _pool(settings: Settings) -> Pool:
    if settings.database_dsn is None:
        raise DatabaseUnset
    return await open_pool(
        settings.database_dsn.get_secret_value(),
        application_name="genesis-api",
        search_path=READ_SCHEMA,
        max_size=POOL_SIZE,
        command_timeout=10.0,
    )


def _described(error: BaseException | None) -> str:
    # Only our own sentences: others may quote what a person wrote.
    return str(error) if isinstance(error, GenesisError) else type(error).__name__


class Outermost:
    """ASGI middleware: the security headers of every answer, and the answer to a bug."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def secured(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, secured)
        except Exception as error:
            response = problems.crash(error)
            if not started:
                await response(scope, receive, secured)
