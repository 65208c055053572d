"""The only wiring: settings in, the running service out."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from service.api import causal, health
from service.body_limit import BodyLimitMiddleware
from service.error_handlers import install_error_handlers
from service.faults import open_faults
from service.logs import configure_logging
from service.release import build_release, read_version
from service.request_id import RequestIdMiddleware
from service.security_headers import SecurityHeadersMiddleware
from service.settings import Settings, settings_or_exit
from service.telemetry import flush_telemetry, start_telemetry


class Isl(FastAPI):
    """FastAPI with three layers outside of everything else."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put our layers around Starlette's outermost one, whose 500 responses would otherwise lack them."""
        return RequestIdMiddleware(SecurityHeadersMiddleware(BodyLimitMiddleware(super().build_middleware_stack())))


def build_app(settings: Settings | None = None) -> FastAPI:
    """Build the service for this process; without settings they are read from its environment.

    Ends the process with exit code 2 and a message when the environment cannot be used.
    """
    settings = settings or settings_or_exit(os.environ)
    configure_logging(settings.isl_log_level)
    start_telemetry(settings)  # before the app: the SDK patches the classes that the app is made of
    app = Isl(title="ISL (reference)", version=read_version(), lifespan=_lifespan)
    app.state.settings = settings
    app.state.release = build_release(settings.isl_git_sha)
    app.state.faults = open_faults(settings.isl_faults_file)
    app.include_router(health.router)
    app.include_router(causal.router)
    install_error_handlers(app)
    return app


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    # Blocks the loop for at most the flush budget; nothing else runs on it any more.
    flush_telemetry()
