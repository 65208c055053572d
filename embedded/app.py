"""The only wiring: store, clock, spines and web API become one ASGI app. Ingest is plain ASGI beside FastAPI."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
from fastapi import FastAPI

from embedded.alerting import tick
from embedded.api import (
    available_actions,
    detectors,
    event_details,
    events,
    filters,
    issues,
    keys,
    legacy_webhooks,
    people,
    projects,
    releases,
    root,
    sentry_apps,
    sessions,
    stats,
    tags,
    timeseries,
    trial,
    workflows,
)
from embedded.api.context import PREFIX, Context, handle_errors
from embedded.channels.base import Channel
from embedded.channels.discord import DiscordChannel
from embedded.channels.email import EmailChannel
from embedded.channels.http import TIMEOUT_S
from embedded.channels.legacy_webhook import WebhookChannel
from embedded.channels.msteams import MSTeamsChannel
from embedded.channels.pagerduty import PagerDutyChannel
from embedded.channels.sentry_app import SentryAppChannel
from embedded.channels.slack import SlackChannel
from embedded.channels.targets import find_receiver
from embedded.clock import Clock
from embedded.destinations import Destinations
from embedded.ingest import Ingest, Receive, Scope, Send
from embedded.measure import SHORTEST_CADENCE
from embedded.notification import Setting
from embedded.notify import Notifier
from embedded.pages.app import build_pages
from embedded.pages.extension import Extension
from embedded.quota import Quotas
from embedded.records import Batch
from embedded.retention import enforce
from embedded.routes import find_route
from embedded.settings import Settings
from embedded.store.database import Database
from embedded.store.options import project_options
from embedded.store.outcomes import accepted
from embedded.store.projects import SentryApp, add_token, list_apps, list_projects, make_token
from embedded.tap import Tap

log = logging.getLogger(__name__)
TICKS_PER_CADENCE = 10  # how finely the ticker looks for due monitors
NOTIFY_POLL = timedelta(milliseconds=250)  # for retries; a new flip wakes the notifier at once
RETENTION_PASS = timedelta(minutes=1)  # between two looks at age and size of what is stored
ALONE = Extension()
API_PATHS = ("/api/", "/_health/")  # all else is a page
ROUTERS = (
    root,
    releases,
    projects,
    keys,
    filters,
    detectors,
    workflows,
    sentry_apps,
    legacy_webhooks,
    available_actions,
    people,
    trial,
    issues,
    event_details,
    tags,
    events,
    timeseries,
    stats,
    sessions,
)


class Engine:
    """The ASGI app: ingest routes to `Ingest`, the rest of `/api/` to the web API, everything else to the pages."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        destinations: Destinations,
        token: str,
        extension: Extension,
    ) -> None:
        self.database = database
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        channels = self._channels(destinations)
        setting = Setting(settings.url, settings.speed, settings.drill)
        self._notifier = Notifier(database, channels, setting)
        self._settings = settings
        self._clock = clock
        self._wake = asyncio.Event()
        quotas = Quotas(
            lambda *window: accepted(database.read(), *window),
            settings.quota_by_category,
            settings.speed,
            lambda: len(list_projects(database.read())),
        )
        self._tap = Tap(settings.tap_file, settings.tap_bytes) if settings.tap_bytes else None
        self._ingest = Ingest(database, clock, quotas, self._on_stored, self._tap)
        context = Context(database, clock, setting, destinations, channels)
        self._api = _api(context, self._lifespan)
        self._pages = build_pages(context, token, settings.host, extension)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and find_route(scope["path"]):
            await self._ingest(scope, receive, send)
        elif scope["type"] == "http" and not scope["path"].startswith(API_PATHS):
            await self._pages(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    def _on_stored(self, batch: Batch) -> None:
        if batch.errors:  # an error may have opened an issue
            self._wake.set()

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        async with self._client:
            for_ever = (self._tick_for_ever(), self._notify_for_ever(), self._clean_for_ever())
            tasks = [asyncio.create_task(each) for each in for_ever]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                await asyncio.to_thread(self.database.close)
                if self._tap:
                    self._tap.close()

    async def _tick_for_ever(self) -> None:
        pause = SHORTEST_CADENCE / self._settings.speed / TICKS_PER_CADENCE
        while True:
            try:
                if await asyncio.to_thread(tick, self.database, self._clock.now(), self._settings.speed):
                    self._wake.set()
            except Exception:
                log.exception("a tick failed; the next one follows")
            await self._clock.sleep(pause)

    async def _notify_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), NOTIFY_POLL.total_seconds())
            self._wake.clear()
            try:
                await self._notifier.deliver(self._clock.now())
            except Exception:
                log.exception("a delivery pass failed; the next one follows")

    async def _clean_for_ever(self) -> None:
        retention, max_bytes = timedelta(days=self._settings.retention_days), self._settings.max_bytes
        while True:
            try:
                await asyncio.to_thread(enforce, self.database, self._clock.now(), retention, max_bytes)
            except Exception:
                log.exception("a retention pass failed; the next one follows")
            await self._clock.sleep(RETENTION_PASS / self._settings.speed)

    def _channels(self, destinations: Destinations) -> dict[str, Channel]:
        """The channels by the action types that they serve."""
        find_target = partial(find_receiver, destinations)
        apps = SentryAppChannel(self._client, self._find_app)
        return {
            "sentry_app": apps,
            "webhook": WebhookChannel(self._client, self._webhook_urls, apps),
            "slack": SlackChannel(self._client, find_target),
            "pagerduty": PagerDutyChannel(self._client, find_target),
            "discord": DiscordChannel(self._client, find_target),
            "msteams": MSTeamsChannel(self._client, find_target),
            "email": EmailChannel(destinations),
        }

    def _find_app(self, ident: str) -> SentryApp | None:
        return next((app for app in list_apps(self.database.read()) if ident in (str(app.id), app.slug)), None)

    def _webhook_urls(self, project_id: int) -> tuple[str, ...]:
        options = project_options(self.database.read(), project_id)
        return options.webhook_urls if options.webhooks_enabled else ()


def build_app(settings: Settings, clock: Clock, destinations: Destinations, extension: Extension = ALONE) -> Engine:
    """Open the store, make the token on first start, and wire everything."""
    database = Database(settings.database)
    token = _token(settings.token_path)
    database.write(lambda connection: add_token(connection, token, clock.now()))
    return Engine(settings, clock, database, destinations, token, extension)


def _token(file: Path) -> str:
    """Return the token of the file, made on first start; a start that is killed half-way leaves no half a token."""
    if not file.exists():
        beside = file.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(make_token())
        beside.replace(file)
    return file.read_text().strip()


def _api(context: Context, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    app = FastAPI(title="Embedded Sentry", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.context = context
    handle_errors(app)
    for module in ROUTERS:
        app.include_router(module.router, prefix=PREFIX)

    @app.get("/_health/")
    def health() -> str:
        return "ok"

    return app
