"""The troubleshooting list, run: why does nothing arrive, too little, or too much? Each line is ok, wrong or skipped.

Reads what the service would read (SENTRY_*), and asks the Sentry that the DSN names. Sends one envelope that no quota
counts: a client report about nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from itertools import islice
from typing import Final
from urllib.request import getproxies, proxy_bypass

import httpx
from sentry_sdk.utils import Dsn

from monitors import signals
from monitors.answers import ClientKey, InboundFilter, Issue, Project, StatsGroup
from monitors.client import SentryClient
from monitors.errors import ApiError
from rehearsal.checks import Check, State, find_project, ok_if
from service.settings import Settings, SettingsError, load_settings

TIMEOUT_S: Final = 10.0
OLDEST_SDK: Final = 2  # major version; 1.x has other options and no longer gets fixes
MAX_SKEW: Final = timedelta(minutes=1)  # Sentry corrects more than this silently, and times of pages then lie
RATE_LIMITS: Final = "X-Sentry-Rate-Limits"
CONTEXT_ERRORS: Final = 100
NOISY_EVENTS: Final = 100  # fewer cost nothing worth a word
NOISY_SHARE: Final = 0.5
DROPPED: Final = {
    "rate_limited": "a quota, a key's limit or spike protection; raise it, or send less",
    "invalid": "the SDK sends what this Sentry does not take; look at its version",
    "filtered": "an inbound filter or a deleted issue; look at the project's filters",
}
# What an SDK drops because something is wrong; other reasons are wishes, such as sample_rate and before_send.
# Source: develop.sentry.dev/sdk/telemetry/client-reports, read 2026-11
LOSSES: Final = {
    "network_error": "Sentry could not be reached; look at network and proxy",
    "send_error": "Sentry refused it; look at its size",
    "ratelimit_backoff": "Sentry asked for less; raise the quota, or send less",
    "queue_overflow": "more than the SDK can send; lower SENTRY_TRACES_SAMPLE_RATE",
    "cache_overflow": "more than the SDK can keep while Sentry is away",
    "buffer_overflow": "more than the SDK can keep before it is sent",
    "backpressure": "the SDK could not keep up; lower SENTRY_TRACES_SAMPLE_RATE",
    "internal_sdk_error": "a mistake in the SDK or in a hook such as before_send",
}
REMEDIES: Final = {
    401: "the key is unknown there: copy the DSN again, from the project's client keys",
    403: "the key belongs to another project or is disabled: copy the DSN again, from the project's client keys",
    404: "no ingest there: the DSN's host or path is wrong",
}


def examine(environ: Mapping[str, str], now: Callable[[], datetime]) -> Iterator[Check]:
    """Yield the checks that need the service's settings only, each when it is done; stop where none can follow."""
    try:
        settings = load_settings({name: value for name, value in environ.items() if name.startswith("SENTRY_")})
    except SettingsError as error:
        yield Check(State.WRONG, "settings", str(error))
        return
    yield from _examine_settings(settings)
    yield _examine_sdk(version("sentry-sdk"))
    if settings.sentry_dsn is None:
        yield Check(State.SKIPPED, "connection", "there is no DSN to try")
        return
    dsn = Dsn(settings.sentry_dsn.get_secret_value())
    yield _examine_proxy(dsn)
    yield from _examine_ingest(dsn, now)


def examine_project(client: SentryClient, project: str, public_key: str | None) -> Iterator[Check]:
    """Yield the checks that need a token: the project, its keys, and what became of what was sent in the last day.

    `public_key` is the DSN's, None where there is none.
    """
    try:
        found = find_project(client, project)
        if found is None:
            yield Check(State.WRONG, "project", f"none named {project!r} in organisation {client.organization!r}")
            return
        yield from _examine_keys(client.project_keys(found.slug), public_key)
        yield _examine_filters(client.inbound_filters(found.slug))
        yield from _examine_outcomes(client.stats_v2(found.id, ["outcome", "reason"]))
        yield _examine_context(client, found)
        yield _examine_noise(client.issues(found.id))
    except ApiError as error:
        yield Check(State.WRONG, "web API", str(error))


def _examine_settings(settings: Settings) -> Iterator[Check]:
    if settings.sentry_enabled:
        yield Check(State.OK, "enabled", "SENTRY_ENABLED is true")
    else:
        yield Check(State.WRONG, "enabled", "SENTRY_ENABLED is false, so nothing is sent: set it to true")
    yield Check(State.OK, "environment", settings.sentry_environment)
    rate = settings.traces_sample_rate
    if rate:
        share = "every request" if rate == 1 else f"one request in {1 / rate:,.3g}"
        yield Check(State.OK, "traces", f"{share} becomes a transaction")
    else:
        yield Check(State.WRONG, "traces", "the rate is 0: no transaction, and no monitor on them ever fires")


def _examine_sdk(installed: str) -> Check:
    is_old = int(installed.split(".")[0]) < OLDEST_SDK
    remedy = f": upgrade to {OLDEST_SDK}.x, 1.x has other options" if is_old else ""
    return Check(State.WRONG if is_old else State.OK, "sentry-sdk", installed + remedy)


def _examine_proxy(dsn: Dsn) -> Check:
    proxy = None if proxy_bypass(dsn.host) else getproxies().get(dsn.scheme)
    if proxy is None:
        return Check(State.OK, "proxy", f"none for {dsn.host}")
    return Check(State.OK, "proxy", f"{proxy} is used for {dsn.host}; NO_PROXY={dsn.host} would leave it out")


def _examine_ingest(dsn: Dsn, now: Callable[[], datetime]) -> Iterator[Check]:
    url = f"{dsn.scheme}://{dsn.netloc}{dsn.path}api/{dsn.project_id}/envelope/"
    try:
        started = now()
        answer = httpx.post(url, content=_empty_report(), headers=_auth(dsn), timeout=TIMEOUT_S)
        took = now() - started
    except httpx.HTTPError as error:
        yield Check(State.WRONG, "connection", f"{url}: {_explain(error)}")
        return
    yield Check(State.OK, "connection", f"{url} answered in {took / timedelta(milliseconds=1):.0f} ms")
    yield _examine_status(answer)
    yield _examine_clock(answer, now())


def _examine_status(answer: httpx.Response) -> Check:
    if answer.is_success:
        limits = answer.headers.get(RATE_LIMITS)
        return Check(State.WRONG, "key", f"taken, but limited: {limits}") if limits else Check(State.OK, "key", "taken")
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        limits = answer.headers.get(RATE_LIMITS, "no details given")
        return Check(State.WRONG, "key", f"a quota or a key's rate limit is used up ({limits}): raise it, or send less")
    said = f"HTTP {answer.status_code} {answer.text[:200]!r}"
    return Check(State.WRONG, "key", f"{said}: {REMEDIES.get(answer.status_code, 'look at the log of that Sentry')}")


def _examine_clock(answer: httpx.Response, now: datetime) -> Check:
    try:
        skew = now - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return Check(State.SKIPPED, "clock", "the answer has no date")
    if abs(skew) > MAX_SKEW:
        side = "ahead of" if skew > timedelta(0) else "behind"
        detail = f"{abs(skew).total_seconds():.0f} s {side} Sentry's: set it by NTP, or times of events are wrong"
        return Check(State.WRONG, "clock", detail)
    return Check(State.OK, "clock", "as Sentry's, to the second")


def _examine_keys(keys: tuple[ClientKey, ...], public_key: str | None) -> Iterator[Check]:
    active = [key for key in keys if key.is_active]
    yield ok_if(active, "client keys", f"{len(active)} active", "enable one")
    used = next((key for key in keys if Dsn(key.dsn).public_key == public_key), None)
    if public_key is not None:
        yield ok_if(used, "DSN", "of this project" if used else "of another project", "copy it again")
    if used and used.limit:
        count, window_s = used.limit
        yield Check(State.OK, "key limit", f"{count} errors in {window_s} s are taken; more is answered 429")


def _examine_filters(filters: tuple[InboundFilter, ...]) -> Check:
    active = ", ".join(each.id for each in filters if each.is_active)
    return Check(State.OK, "filters", f"on: {active}; what they drop costs nothing" if active else "none is on")


def _examine_outcomes(groups: tuple[StatsGroup, ...]) -> Iterator[Check]:
    """Say what was not kept, by reason: what a person would otherwise find by asking where an event went."""
    kept = sum(group.quantity for group in groups if group.by["outcome"] == "accepted")
    yield ok_if(kept, "accepted", f"{kept} items in the last day", "send the service a request, then ask again")
    for group in groups:
        outcome, reason = group.by["outcome"], group.by.get("reason", "")
        found = f"{group.quantity} items in the last day, reason {reason or 'unknown'}"
        if outcome in DROPPED and group.quantity:
            yield Check(State.WRONG, outcome, f"{found}: {DROPPED[outcome]}")
        elif outcome == "client_discard" and group.quantity:
            remedy = LOSSES.get(reason)
            yield ok_if(remedy is None, "dropped by SDK", found, remedy or "")


def _examine_context(client: SentryClient, project: Project) -> Check:
    """Can an error be traced to its request? Of the latest ones, in the last day."""
    name = signals.REQUEST_ID.name
    rows = list(islice(client.events(project.id, "errors", ["id", name], sort="-timestamp"), CONTEXT_ERRORS))
    if not rows:
        return Check(State.SKIPPED, "context", "no error in the last day to look at")
    with_id = sum(bool(row.get(name)) for row in rows)
    remedy = "set it before anything can fail, on the isolation scope"
    return ok_if(with_id == len(rows), "context", f"{with_id} of the last {len(rows)} errors have {name}", remedy)


def _examine_noise(issues: Iterable[Issue]) -> Check:
    """Is one issue most of what is paid for?"""
    errors = [issue for issue in issues if issue.type == "error"]
    total = sum(issue.times_seen for issue in errors)
    most = max(errors, key=lambda issue: issue.times_seen, default=None)
    if most is None or total < NOISY_EVENTS or most.times_seen <= total * NOISY_SHARE:
        found = f"{total} error events in {len(errors)} issues, and no issue has most of them"
        return Check(State.OK, "noise", found if total else "no error events")
    detail = f"{most.short_id} ({most.title}) is {most.times_seen} of {total} error events"
    return Check(State.WRONG, "noise", f"{detail}: mend it, or drop it in before_send or by an inbound filter")


def _explain(error: httpx.HTTPError) -> str:
    kinds = {
        httpx.ConnectTimeout: "no connection in time: is a firewall in between?",
        httpx.ConnectError: "no connection: is the name right, does it resolve here, is the certificate trusted?",
        httpx.TimeoutException: "connected, but no answer in time",
    }
    said = next((text for kind, text in kinds.items() if isinstance(error, kind)), "no answer")
    return f"{said} ({error})"


def _empty_report() -> bytes:
    lines: tuple[dict[str, object], ...] = ({}, {"type": "client_report"}, {"discarded_events": []})
    return b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"


def _auth(dsn: Dsn) -> dict[str, str]:
    return {
        "Content-Type": "application/x-sentry-envelope",
        "X-Sentry-Auth": f"Sentry sentry_key={dsn.public_key}, sentry_version=7, sentry_client=rehearse",
    }
