"""Sentry for one worker: what is sent, under which names, and what never leaves the process.

Sources: sentry-sdk 2.75 (its integrations and options), https://docs.sentry.io/platforms/python/configuration/options/
"""

import asyncio
import logging
import platform
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.argv import ArgvIntegration
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.httpx import HttpxIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.integrations.openfeature import OpenFeatureIntegration
from sentry_sdk.integrations.redis import RedisIntegration
from sentry_sdk.integrations.sqlalchemy import SqlalchemyIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.integrations.stdlib import StdlibIntegration
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.types import Event, Hint

from monitors import signals
from service.errors import SOURCE, OverloadedError
from service.event_hooks import before_breadcrumb, before_send, before_send_log, before_send_transaction
from service.random_ids import serve_uuids
from service.release import build_release
from service.sampling import TracesSampler
from service.scrubbing.one_pass import OnePassScrubber
from service.sending.transport import FrugalTransport
from service.settings import Settings

SERVICE: Final = "isl"
SDK_LOGGER: Final = "sentry_sdk.errors"
# A full queue, the SDK's 100 envelopes, four at a time at 200 ms each; its own budget at exit of 2 s would lose half of
# them. Spent in full only when Sentry hangs, and within the 10 s that container engines wait by default.
FLUSH_TIMEOUT_S: Final = 5


def start_telemetry(settings: Settings, is_silent: Callable[[str], bool]) -> TracesSampler:
    """Initialise the SDK in this process, before the app object exists; leave it alone if it is switched off.

    `is_silent` is asked, with the name of the transaction, whether to keep an event back.
    Returns the sampler, which is to learn the routes once there are any.
    """
    sampler = TracesSampler(settings.traces_sample_rate, settings.sentry_traces_routes)
    if settings.sentry_enabled:
        _initialise(settings, sampler, is_silent)
    _quieten_sdk()
    return sampler


def _initialise(settings: Settings, sampler: TracesSampler, is_silent: Callable[[str], bool]) -> None:
    options = build_options(settings, sampler)
    if settings.isl_faults_file is not None:
        for name in ("before_send", "before_send_transaction"):
            options[name] = _keep_back(is_silent, options[name])
    serve_uuids()  # each id of the SDK's own would stop the event loop (service.random_ids)
    sentry_sdk.init(**options)
    # The server logs an unhandled error a second time, after the ASGI wrapper has already captured it.
    ignore_logger("uvicorn.error")
    scope = sentry_sdk.get_global_scope()
    scope.set_tag(signals.SERVICE.name, SERVICE)
    scope.set_tag(signals.SOURCE.name, SOURCE)
    runtime = {"name": platform.python_implementation(), "version": platform.python_version()}
    scope.set_context(signals.RUNTIME.name, runtime)  # what is of use of the integration `stdlib`


def _quieten_sdk() -> None:
    """Stop the SDK from making log records that its own filter then throws away.

    There are two for each unsampled request, and one for each breadcrumb where the SDK is off: 10 us each.
    """
    if not sentry_sdk.get_client().options["debug"]:  # SENTRY_DEBUG
        logging.getLogger(SDK_LOGGER).setLevel(logging.CRITICAL)


def _keep_back(is_silent: Callable[[str], bool], finish: Callable[[Event, Hint], Event]) -> Any:
    """Put the fault `silence` before a hook. The SDK counts what is kept back as `before_send`."""

    def send(event: Event, hint: Hint) -> Event | None:
        return None if is_silent(str(event.get("transaction", ""))) else finish(event, hint)

    return send


@asynccontextmanager
async def send_from_event_loop() -> AsyncIterator[None]:
    """Let the running event loop send what comes up meanwhile (decision 0020), and flush at the end.

    At the end what is queued is sent, and sessions and counters with it; takes at most FLUSH_TIMEOUT_S. Needed because
    uvicorn raises SIGTERM again after its shutdown, so the SDK's own exit hook never runs.
    """
    transport = sentry_sdk.get_client().transport
    loops = [transport] if isinstance(transport, FrugalTransport) else []
    for each in loops:
        each.attach()
    try:
        yield
    finally:
        await asyncio.to_thread(sentry_sdk.flush, timeout=FLUSH_TIMEOUT_S)
        for each in loops:
            each.detach()


def build_options(settings: Settings, sampler: TracesSampler) -> dict[str, Any]:
    """Return the arguments for `sentry_sdk.init`. `send_default_pii` stays unset: it is deprecated, and off."""
    dsn = settings.sentry_dsn
    return {
        "dsn": dsn.get_secret_value() if dsn else None,
        "environment": settings.sentry_environment,
        "release": build_release(settings.isl_git_sha),  # also switches sessions on: counts that no sampling touches
        "traces_sampler": sampler,
        # The current profiler, which runs while a sampled request does. The SDK draws once per process: a worker
        # profiles all of its sampled requests or none. `profiles_sample_rate`, the guide's option, is deprecated.
        "profile_session_sample_rate": settings.profiles_sample_rate,
        "profile_lifecycle": "trace",
        "ignore_errors": [OverloadedError],  # decision 0009
        "before_send": partial(before_send, runbook_url=settings.isl_runbook_url),
        "before_send_transaction": before_send_transaction,
        "before_breadcrumb": before_breadcrumb,
        "before_send_log": before_send_log,  # logs are off; whoever switches them on sends none unscrubbed
        "max_breadcrumbs": 50,  # the way to an error is shorter, and the SDK's 100 may be half of its size
        "max_request_body_size": "never",  # a body is the caller's model
        "include_local_variables": False,  # and so are the locals of every frame that handles it
        "event_scrubber": OnePassScrubber(recursive=True),
        "in_app_include": ["service"],  # also when it is installed under site-packages
        # Trace headers go to PLoT, which is ours, and nowhere else.
        "trace_propagation_targets": [f"^{re.escape(settings.isl_plot_url)}/"],
        "transport": FrugalTransport,
        "spotlight": False,  # would post every envelope in the request's own thread, with personal data
        "integrations": [
            StarletteIntegration(transaction_style="url"),
            FastApiIntegration(transaction_style="url"),
            # Log lines are breadcrumbs and never events: the exception itself is the one event of a failure.
            LoggingIntegration(level=logging.INFO, event_level=None),
            OpenFeatureIntegration(),
            # Named, so that a missing package stops the start. Statements go out without their parameters.
            SqlalchemyIntegration(),
            RedisIntegration(),
            HttpxIntegration(),
            # The pool and Starlette's threads run in the request's context. Two forked scopes for each call would be
            # entered and left unused.
            ThreadingIntegration(propagate_scope=False),
        ],
        "disabled_integrations": [
            ArgvIntegration(),  # the scrubber drops what it adds
            # Only the SDK's own transport uses http.client here. Where the DSN has a port, the SDK does not know its
            # own calls, and makes a span and a breadcrumb for each envelope that it sends.
            StdlibIntegration(),
        ],
        "auto_enabling_integrations": False,  # what else is installed changes neither events nor speed
    }
