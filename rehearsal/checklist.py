"""The guide's production checklist, each box ticked by doing it: what is sent to the configured Sentry is found again.

Costs one error event and some transactions, under the service's own environment, release and sample rate.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import comb
from pathlib import Path
from typing import Any, Final

import sentry_sdk
from sentry_sdk.utils import Dsn

from monitors import signals
from monitors.answers import Project
from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError
from monitors.model import RuleSet
from monitors.plan import make_plan
from rehearsal.checks import Check, State, find_project, ok_if
from rehearsal.clock import now, sleep
from rehearsal.sink import Page, read_pages
from service.release import build_release
from service.settings import Settings

NAME: Final = "rehearse.checklist"
TRACES: Final = 100  # requests that the sample rate is tried on
UNLIKELY: Final = 1e-5  # a share of sampled requests that is less likely than this is not the configured rate's
POLL: Final = timedelta(milliseconds=250)
MONTH: Final = "30d"


class ChecklistError(Exception):
    """The test error of the guide's checklist."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is checked: a service's settings, and the Sentry that they should lead to."""

    settings: Settings  # with a DSN
    client: SentryClient
    project: str  # slug or number
    rules: RuleSet  # that the Sentry should have
    pages: Path | None  # file of the sink that its notifications reach; None: they go to people
    patience: timedelta  # how long to wait for anything that was sent


@dataclass(frozen=True, slots=True)
class Trial:
    """What was sent."""

    request_id: str  # tag of all of it
    event_id: str  # of the error
    sampled: int  # of TRACES transactions, by the SDK's own account


def tick(target: Target) -> Iterator[Check]:
    """Yield a line per box, in the guide's order; stop where none can follow. The project comes first."""
    try:
        project = find_project(target.client, target.project)
        if project is None:
            found = f"none named {target.project!r} in organisation {target.client.organization!r}"
            yield Check(State.WRONG, "project", f"{found}: create it")
            return
        yield Check(State.OK, "project", f"{project.slug}, number {project.id}")
        yield _check_dsn(target, project)
        trial = _send(target.settings, target.patience)
        error = _await(target.patience, lambda: _find(target, project, "errors", f"id:{trial.event_id}"))
        yield from _check_settings(target.settings, error)
        yield _check_rules(target, project)
        yield _check_page(target, trial)
        yield _check_error(target, trial, error)
        yield _check_traces(target, project, trial)
        yield _check_release(target.settings, error)
        yield _check_cost(target, project)
    except ApiError as error:
        yield Check(State.WRONG, "web API", str(error))


def _send(settings: Settings, patience: timedelta) -> Trial:
    """Send the error and the transactions as the service would: its DSN, environment, release and rate."""
    dsn = settings.sentry_dsn
    client = sentry_sdk.Client(
        dsn=dsn.get_secret_value() if dsn else None,
        environment=settings.sentry_environment,
        release=build_release(settings.isl_git_sha),
        traces_sample_rate=settings.traces_sample_rate,
        default_integrations=False,
        auto_session_tracking=False,
        transport_queue_size=TRACES + 1,  # all of it: what finds the queue full is dropped, and the SDK's own holds 100
    )
    request_id = f"req_{secrets.token_hex(8)}"
    sampled = sum(_trace(client, request_id) for _ in range(TRACES))
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.set_tag(signals.REQUEST_ID.name, request_id)
        scope.fingerprint = [NAME, request_id]  # a new issue, so that alerts on new issues act
        event_id = scope.capture_exception(ChecklistError(f"sent by rehearse checklist as {request_id}"))
    client.close(timeout=patience.total_seconds())  # as far as Sentry may be, all of it has to get there
    return Trial(request_id, event_id or "", sampled)


def _trace(client: Any, request_id: str) -> bool:
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.set_tag(signals.REQUEST_ID.name, request_id)
        with sentry_sdk.start_transaction(sentry_sdk.continue_trace({}, op=NAME, name=NAME, source="custom")) as trace:
            trace.set_status("ok")
        return bool(trace.sampled)


def _find(target: Target, project: Project, dataset: str, query: str) -> list[dict[str, Any]]:
    fields = ["id", signals.REQUEST_ID.name, "environment", "release"]
    return list(target.client.events(project.id, dataset, fields, query, stats_period="1h", sort="timestamp"))


def _await(patience: timedelta, look: Callable[[], list[Any]], wanted: int = 1) -> list[Any]:
    """Look again until as much was found as is wanted, or patience is at its end."""
    deadline = now() + patience
    while len(found := look()) < wanted and now() < deadline:
        sleep(POLL)
    return found


def _check_dsn(target: Target, project: Project) -> Check:
    dsn = Dsn(target.settings.sentry_dsn.get_secret_value() if target.settings.sentry_dsn else "")
    keys = [key for key in target.client.project_keys(project.slug) if Dsn(key.dsn).public_key == dsn.public_key]
    remedy = "copy the DSN again, from the project's client keys"
    if not keys or dsn.project_id != str(project.id):
        return Check(State.WRONG, "DSN", f"SENTRY_DSN is not of this project: {remedy}")
    return ok_if(keys[0].is_active, "DSN", f"key {keys[0].name!r} of this project", "it is disabled; enable it")


def _check_settings(settings: Settings, error: list[dict[str, Any]]) -> Iterator[Check]:
    wanted = settings.sentry_environment
    seen = error[0]["environment"] if error else "nothing"
    if wanted == "development":
        yield Check(State.WRONG, "environment", "development: set SENTRY_ENVIRONMENT to staging or production")
    else:
        yield ok_if(seen == wanted, "environment", f"sent as {wanted}, arrived as {seen}", "look at before_send")


def _check_rules(target: Target, project: Project) -> Check:
    if not target.rules.alerts:
        return Check(State.WRONG, "alert rules", "the rules have no alert: write one")
    try:
        plan = make_plan(target.rules, target.client, project)
    except PlanError as error:
        return Check(State.WRONG, "alert rules", f"{error}: make the integration, then `rehearse monitors apply`")
    count = f"{len(target.rules.monitors)} monitors and {len(target.rules.alerts)} alerts"
    if plan.is_empty:
        return Check(State.OK, "alert rules", f"{count}, as the rules say")
    return Check(State.WRONG, "alert rules", f"not as the rules say: `rehearse monitors apply`\n{plan}")


def _check_page(target: Target, trial: Trial) -> Check:
    if target.pages is None:
        detail = f"look whether a page that names {trial.request_id} reached the channels of the rules"
        return Check(State.SKIPPED, "page", f"{detail}; here it could only be seen with --pages")
    path = target.pages

    def look() -> list[Page]:
        return [page for page in read_pages(path) if trial.request_id in page.title + page.text]

    found = _await(target.patience, look)
    if not found:
        return Check(State.WRONG, "page", "none for the test error: does an alert act on new issues, and where to?")
    return ok_if(found[0].is_signed, "page", f"on {found[0].channel}, by {found[0].alert}", "it is not signed")


def _check_error(target: Target, trial: Trial, error: list[dict[str, Any]]) -> Check:
    if not error:
        waited = f"{trial.event_id} was sent and not found within {target.patience.total_seconds():.0f} s"
        return Check(State.WRONG, "test error", f"{waited}: run `rehearse doctor`")
    found = error[0].get(signals.REQUEST_ID.name)
    remedy = f"its tag {signals.REQUEST_ID.name} is {found!r}; look at what removes tags"
    return ok_if(found == trial.request_id, "test error", f"{trial.event_id} sent and found", remedy)


def _check_traces(target: Target, project: Project, trial: Trial) -> Check:
    """Is the share that the SDK sampled the configured one, and did all of it arrive?"""
    rate = target.settings.traces_sample_rate
    if rate == 0:
        return Check(State.WRONG, "traces", "the rate is 0: set SENTRY_TRACES_SAMPLE_RATE above it")
    query = f"{signals.IS_TRANSACTION.name}:true {signals.REQUEST_ID.name}:{trial.request_id}"
    found = len(_await(target.patience, lambda: _find(target, project, "spans", query), trial.sampled))
    detail = f"{trial.sampled} of {TRACES} sampled at {rate:g}, {found} of them found"
    if not is_likely(trial.sampled, TRACES, rate):
        return Check(State.WRONG, "traces", f"{detail}: that is not the configured rate")
    return ok_if(found == trial.sampled, "traces", detail, "look at quotas and inbound filters: `rehearse doctor`")


def is_likely(hits: int, trials: int, rate: float) -> bool:
    """Tell if so many hits, or fewer or more of them, are to be expected at this rate. Exact binomial tails."""

    def chance(count: int) -> float:
        return comb(trials, count) * rate**count * (1 - rate) ** (trials - count)

    fewer, more = sum(map(chance, range(hits + 1))), sum(map(chance, range(hits, trials + 1)))
    return min(fewer, more) > UNLIKELY


def _check_release(settings: Settings, error: list[dict[str, Any]]) -> Check:
    wanted = build_release(settings.isl_git_sha)
    seen = error[0]["release"] if error else "nothing"
    if "+" not in wanted:
        return Check(State.WRONG, "release", f"{wanted} names no commit: set ISL_GIT_SHA when you deploy")
    return ok_if(seen == wanted, "release", f"sent as {wanted}, arrived as {seen}", "look at before_send")


def _check_cost(target: Target, project: Project) -> Check:
    groups = target.client.stats_v2(project.id, ["category"], stats_period=MONTH, interval="1d", outcome="accepted")
    used = ", ".join(f"{group.quantity} {group.by['category']}" for group in groups if group.quantity)
    return Check(State.OK, "cost", f"usage can be read: {used or 'nothing'} in the last 30 days")
