"""Sentry's web API as typed calls: the same for the embedded engine, for self-hosted Sentry and for sentry.io.

Bodies come from `monitors.bodies`; answers leave as the records of `monitors.remote` and `monitors.answers`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from monitors import answers, remote
from monitors.answers import (
    QUANTITY,
    SESSIONS,
    AvailableActions,
    AvailableApp,
    AvailableIntegration,
    ClientKey,
    InboundFilter,
    Issue,
    OpenPeriod,
    Project,
    SentryApp,
    StatsGroup,
)
from monitors.errors import ApiError
from monitors.remote import RemoteAlert, RemoteMonitor
from monitors.transport import TIMEOUT_S, Params, Transport

__all__ = ["ApiError", "SentryClient"]

T = TypeVar("T")
Body = Mapping[str, Any]
Row = dict[str, Any]  # of a search: its columns are the caller's own choice

PAGE_ROWS: Final = 100  # the most that Sentry gives at once
# What an integration that only receives webhooks may read.
APP_SCOPES: Final = ("event:read", "project:read")


class SentryClient:
    """One organisation of one Sentry. Every method raises ApiError if the call fails.

    Projects are addressed by slug in paths and by numeric id in searches, as Sentry does. Use it in a `with`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        organization: str,
        sleep: Callable[[float], None] = time.sleep,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.organization = organization
        self._transport = Transport(base_url, token, sleep, timeout_s)
        self._org = f"organizations/{organization}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    # Projects

    def projects(self) -> tuple[Project, ...]:
        return tuple(self._list(f"{self._org}/projects/", answers.parse_project))

    def create_project(self, team: str, name: str, platform: str = "python-fastapi") -> Project:
        """Make a project, without the alert that Sentry adds by itself: it would page beside ours."""
        body = {"name": name, "platform": platform, "default_rules": False}
        return self._one("POST", f"teams/{self.organization}/{team}/projects/", answers.parse_project, body)

    def project_keys(self, project: str) -> tuple[ClientKey, ...]:
        return tuple(self._list(f"projects/{self.organization}/{project}/keys/", answers.parse_key))

    def limit_key(self, project: str, key_id: str, limit: tuple[int, timedelta] | None) -> None:
        """Let a client key take so many error events in so much time, or as many as come."""
        body = {"count": limit[0], "window": int(limit[1].total_seconds())} if limit else None
        path = f"projects/{self.organization}/{project}/keys/{key_id}/"
        self._transport.call("PUT", path, body={"rateLimit": body})

    def inbound_filters(self, project: str) -> tuple[InboundFilter, ...]:
        return tuple(self._list(f"projects/{self.organization}/{project}/filters/", answers.parse_filter))

    # Monitors and alerts

    def detectors(self, project_id: int) -> tuple[RemoteMonitor, ...]:
        """All monitors of a project, its default ones among them."""
        return tuple(self._list(f"{self._org}/detectors/", remote.parse_monitor, {"project": project_id}))

    def create_detector(self, project: str, body: Body) -> RemoteMonitor:
        return self._one("POST", f"{self._org}/projects/{project}/detectors/", remote.parse_monitor, body)

    def update_detector(self, detector_id: int, body: Body) -> RemoteMonitor:
        return self._one("PUT", f"{self._org}/detectors/{detector_id}/", remote.parse_monitor, body)

    def delete_detector(self, detector_id: int) -> None:
        self._transport.call("DELETE", f"{self._org}/detectors/{detector_id}/")

    def workflows(self) -> tuple[RemoteAlert, ...]:
        """All alerts of the organisation, of every project."""
        return tuple(self._list(f"{self._org}/workflows/", remote.parse_alert))

    def create_workflow(self, body: Body) -> RemoteAlert:
        return self._one("POST", f"{self._org}/workflows/", remote.parse_alert, body)

    def update_workflow(self, workflow_id: int, body: Body) -> RemoteAlert:
        return self._one("PUT", f"{self._org}/workflows/{workflow_id}/", remote.parse_alert, body)

    def delete_workflow(self, workflow_id: int) -> None:
        self._transport.call("DELETE", f"{self._org}/workflows/{workflow_id}/")

    # Integrations

    def available_actions(self) -> AvailableActions:
        """Whom an alert may notify."""
        found = tuple(self._list(f"{self._org}/available-actions/", _available))
        apps = tuple(app for _, app, _ in found if app is not None)
        return AvailableActions(apps, {kind: integrations for kind, _, integrations in found if integrations})

    def teams(self) -> dict[str, str]:
        """Slug -> id."""
        return dict(self._list(f"{self._org}/teams/", answers.parse_team))

    def members(self) -> dict[str, str]:
        """E-mail address -> user id."""
        found = self._list(f"{self._org}/members/", answers.parse_member)
        return dict(each for each in found if each is not None)

    def sentry_apps(self) -> tuple[SentryApp, ...]:
        return tuple(self._list(f"{self._org}/sentry-apps/", answers.parse_app))

    def create_sentry_app(self, name: str, webhook_url: str, scopes: Sequence[str] = APP_SCOPES) -> SentryApp:
        """Make an internal integration, installed at once; the only answer that holds the client secret."""
        return self._one("POST", "sentry-apps/", answers.parse_app, self._app_body(name, webhook_url, scopes))

    def update_sentry_app(self, app: SentryApp, webhook_url: str) -> SentryApp:
        """Point an integration at another address."""
        body = self._app_body(app.name, webhook_url, app.scopes)
        return self._one("PUT", f"sentry-apps/{app.slug}/", answers.parse_app, body)

    def delete_sentry_app(self, app: SentryApp) -> None:
        self._transport.call("DELETE", f"sentry-apps/{app.slug}/")

    def set_webhooks(self, project: str, urls: Sequence[str]) -> None:
        """Let a project's legacy webhooks go to these addresses, and to no others."""
        body = {"urls": list(urls), "enabled": True}
        self._transport.call("POST", f"projects/{self.organization}/{project}/legacy-webhooks/", body=body)

    # What was observed

    def issues(self, project_id: int, query: str = "", stats_period: str = "14d") -> Iterator[Issue]:
        """Yield a project's issues; the empty query finds all, where Sentry itself would leave out the resolved."""
        params: Params = {"project": project_id, "query": query, "statsPeriod": stats_period, "limit": PAGE_ROWS}
        return self._list(f"{self._org}/issues/", answers.parse_issue, params)

    def resolve_issue(self, issue_id: int) -> None:
        self._transport.call("PUT", f"{self._org}/issues/{issue_id}/", body={"status": "resolved"})

    def stats_v2(
        self, project_id: int, group_by: Sequence[str], stats_period: str = "1d", interval: str = "1h", **only: str
    ) -> tuple[StatsGroup, ...]:
        """Return sums of quantities by `outcome`, `category` or `reason`; `only` narrows them, as in category="error".

        Sentry counts in whole hours, and a minute or two late.
        """
        params: Params = {
            "project": project_id,
            "field": QUANTITY,
            "groupBy": group_by,
            "statsPeriod": stats_period,
            "interval": interval,
            **only,
        }
        path = f"{self._org}/stats_v2/"
        answer = self._transport.call("GET", path, params=params)
        return tuple(_read(answers.parse_stats_group, item, "GET", path) for item in _items(answer, "groups", path))

    def sessions(self, project_id: int, group_by: Sequence[str], stats_period: str = "1d") -> tuple[StatsGroup, ...]:
        """Return how many requests the SDKs counted, sampled or not, by `session.status`, `release`, `environment`.

        healthy + errored + crashed are all; crashed are those with an unhandled exception, errored with a handled one.
        """
        params: Params = {
            "project": project_id,
            "field": SESSIONS,
            "groupBy": group_by,
            "statsPeriod": stats_period,
            "interval": "1h",
        }
        path = f"{self._org}/sessions/"
        answer = self._transport.call("GET", path, params=params)
        return tuple(_read(answers.parse_session_group, item, "GET", path) for item in _items(answer, "groups", path))

    def events(
        self,
        project_id: int,
        dataset: str,
        fields: Sequence[str],
        query: str = "",
        *,
        stats_period: str = "1d",
        sort: str | None = None,
        environment: str | None = None,
    ) -> Iterator[Row]:
        """Yield all rows of a search, page after page. `dataset` is spans or errors; at most 20 fields."""
        params: dict[str, str | int | Sequence[str]] = {
            "project": project_id,
            "dataset": dataset,
            "field": fields,
            "query": query,
            "statsPeriod": stats_period,
            "per_page": PAGE_ROWS,
        }
        params |= {"sort": sort} if sort else {}
        params |= {"environment": environment} if environment else {}
        path = f"{self._org}/events/"
        for page in self._transport.pages(path, params):
            yield from _items(page, "data", path)

    def event(self, project_id: int, event_id: str) -> Row:
        """Return one event or transaction with all that the SDK sent, as Sentry shows it."""
        path = f"projects/{self.organization}/{project_id}/events/{event_id}/"
        answer = self._transport.call("GET", path)
        if not isinstance(answer, dict):
            raise ApiError(None, "GET", path, "the answer has another shape: no event")
        return answer

    def open_periods(self, detector_id: int) -> tuple[OpenPeriod, ...]:
        """When a monitor's issue was open."""
        params = {"detectorId": detector_id}
        return tuple(self._list(f"{self._org}/open-periods/", answers.parse_open_period, params))

    def _one(self, method: str, path: str, parse: Callable[[Row], T], body: Body) -> T:
        return _read(parse, self._transport.call(method, path, body=dict(body)), method, path)

    def _list(self, path: str, parse: Callable[[Row], T], params: Params | None = None) -> Iterator[T]:
        for page in self._transport.pages(path, params):
            for item in _items({"items": page}, "items", path):
                yield _read(parse, item, "GET", path)

    def _app_body(self, name: str, webhook_url: str, scopes: Sequence[str]) -> Row:
        return {
            "name": name,
            "organization": self.organization,
            "isInternal": True,
            "isAlertable": True,  # else no alert may name it
            "webhookUrl": webhook_url,
            "scopes": list(scopes),
            "events": [],
            "verifyInstall": False,
        }


def _available(item: Row) -> tuple[str, AvailableApp | None, tuple[AvailableIntegration, ...]]:
    kind = item["type"]
    app = answers.parse_available_app(item) if kind == "sentry_app" else None
    return kind, app, answers.parse_integrations(item)


def _items(answer: Any, key: str, path: str) -> list[Row]:
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise ApiError(None, "GET", path, f"the answer has another shape: no list of {key}")
    return found


def _read(parse: Callable[[Row], T], item: Row, method: str, path: str) -> T:
    try:
        return parse(item)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"the answer has another shape: {type(error).__name__} {error}"
        raise ApiError(None, method, path, detail) from error
