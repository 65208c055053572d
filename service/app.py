"""The only wiring: settings in, the running service out."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import sentry_sdk
from fastapi import FastAPI, Security
from fastapi.routing import iter_route_contexts
from fastapi.security import APIKeyHeader
from starlette.types import ASGIApp, Receive, Scope, Send

from service.apart import Apart, Process
from service.api import batch, causal, health, outcomes, robustness, scenarios, sensitivity, sentry_test
from service.api_keys import HEADER, ApiKeyMiddleware
from service.body_limit import BodyLimitMiddleware
from service.cache.results import ResultCache
from service.cache.stores import MemoryStore, RedisStore
from service.cpus import usable_cpus
from service.cross_check.check import READS, CrossCheck
from service.database.engine import open_database
from service.database.schema import Schema
from service.dependency import Dependency
from service.error_bodies import ErrorBody
from service.error_handlers import install_error_handlers
from service.errors import IslError
from service.faults import open_faults
from service.logs import configure_logging
from service.plot.client import PlotClient
from service.pool import Pool
from service.rate_limit import LocalCounter, RateLimitMiddleware, parse_rate_limit
from service.release import build_release, read_version
from service.request_id import RequestIdMiddleware
from service.sampling import UnknownRouteError
from service.security_headers import SecurityHeadersMiddleware
from service.settings import BOOT_EXIT_CODE, Settings, end_start, settings_or_exit
from service.shared_rate import SharedCounter
from service.telemetry import send_from_event_loop, start_telemetry
from service.trace_trust import trust_trace
from service.user_id import UserIdMiddleware
from service.websocket import refuse_websocket

log: Final = logging.getLogger("isl.app")
BRIEF_WAITING: Final = 4  # at 160 ms each at worst, the last of them still ends within its second
NICENESS: Final = 5  # of what takes seconds, so that the event loop comes first where both want the same CPU
LONG_WAITING: Final = 6  # at the usual budget of 2 s each, the last of them still ends within its 15 s
PREPARE_AFTER_S: Final = 2.0  # by then a worker has answered its first probes
# What the layers answer before a route is reached.
EDGE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": ErrorBody, "description": "Olumi error v1.0"} for status in (401, 413, 429)
}


class Isl(FastAPI):
    """FastAPI with our own layers outside of everything else, and one step outside of Sentry's."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what must come before the SDK, whose layer is around the inherited method.

        A stranger's trace headers are dropped; a WebSocket, which would be a transaction without any key, is refused.
        """
        if scope["type"] == "websocket":
            await refuse_websocket(scope, receive, send)
            return
        await super().__call__(trust_trace(scope, self.state.settings.isl_trusted_callers), receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Put our layers around Starlette's outermost one, whose 500 responses would otherwise lack them."""
        settings: Settings = self.state.settings
        app: ASGIApp = UserIdMiddleware(super().build_middleware_stack(), settings.isl_user_id_secret)
        limit = parse_rate_limit(settings.isl_rate_limit)
        app = RateLimitMiddleware(BodyLimitMiddleware(app), limit, self.state.counter)
        app = ApiKeyMiddleware(app, settings.api_keys, is_disabled=settings.isl_auth_disabled)
        return RequestIdMiddleware(SecurityHeadersMiddleware(app))


def build_app(settings: Settings | None = None) -> FastAPI:
    """Build the service for this process; without settings they are read from its environment.

    Ends the process with a message when the environment cannot be used: with exit code 2, or 3 where only the routes
    can tell.
    """
    settings = settings or settings_or_exit(os.environ)
    configure_logging(settings.isl_log_level)
    faults = open_faults(settings.isl_faults_file)
    # Before the app: the SDK patches the classes that the app is made of.
    sampler = start_telemetry(settings, faults.is_silent)
    # No redirects to a path without its last slash: they would name whatever host the caller has written.
    app = Isl(title="ISL (reference)", version=read_version(), lifespan=_lifespan, redirect_slashes=False)
    app.state.settings = settings
    app.state.release = build_release(settings.isl_git_sha)
    app.state.faults = faults
    _open_pools(app, settings.isl_workers)
    app.state.cross_check = CrossCheck(Process(NICENESS, READS) if settings.isl_y0_cross_check else None)
    _open_dependencies(app, settings)
    app.include_router(health.router)
    # The key was checked long before; this puts it into the API's description.
    key = Security(APIKeyHeader(name=HEADER, auto_error=False))
    for resource in (causal, scenarios, batch, sensitivity, robustness, outcomes):
        app.include_router(resource.router, dependencies=[key], responses=EDGE_RESPONSES)
    if settings.sentry_environment != "production":
        app.include_router(sentry_test.router, dependencies=[key])
    install_error_handlers(app)
    try:
        sampler.learn(iter_route_contexts(app.routes))
    except UnknownRouteError as error:
        end_start(str(error), BOOT_EXIT_CODE)
    return app


def _open_pools(app: FastAPI, workers: int | None) -> None:
    """Keep three kinds of computations from waiting for each other; a CPU is no faster for being shared by many."""
    cpus = usable_cpus()
    long_ones = max(1, cpus // (workers or cpus))
    app.state.pool = Pool()
    app.state.brief = Pool(1, BRIEF_WAITING, Apart([Process(0)]))
    app.state.long = Pool(long_ones, LONG_WAITING, Apart([Process(NICENESS) for _ in range(long_ones)]))


def _open_dependencies(app: FastAPI, settings: Settings) -> None:
    """Prepare what connects when it is first used: the service starts, and says so, when one of them is away."""
    disturb = app.state.faults.disturb
    url = settings.isl_cache_url
    app.state.database = open_database(
        settings.isl_database_url.get_secret_value(), partial(disturb, Dependency.DATABASE)
    )
    app.state.schema = Schema(app.state.database)
    app.state.store = RedisStore(url.get_secret_value(), partial(disturb, Dependency.CACHE)) if url else MemoryStore()
    app.state.cache = ResultCache(app.state.store)
    limit = parse_rate_limit(settings.isl_rate_limit)
    app.state.counter = SharedCounter(url.get_secret_value(), limit) if url else LocalCounter(limit)
    app.state.plot = PlotClient(settings.isl_plot_url, partial(disturb, Dependency.PLOT))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    _migrate(app)
    await asyncio.to_thread(app.state.cross_check.open)
    async with send_from_event_loop():
        preparing = asyncio.create_task(_prepare(app))
        yield
        preparing.cancel()
        computing = (app.state.pool, app.state.brief, app.state.long, app.state.cross_check)
        for part in (*computing, app.state.plot, app.state.store, app.state.database):
            part.close()
        await app.state.counter.close()


async def _prepare(app: FastAPI) -> None:
    """Start the computing processes before a large request needs them, but not while the worker itself begins."""
    await asyncio.sleep(PREPARE_AFTER_S)
    app.state.brief.prepare()
    app.state.long.prepare()


def _migrate(app: FastAPI) -> None:
    """Bring the schema up to date before the first request. Without a database the service starts, and is not ready."""
    with sentry_sdk.isolation_scope():  # or its breadcrumbs would be on the events of every request
        try:
            app.state.schema.check()
        except IslError as error:
            log.error("started without a database: %s", error.message)
