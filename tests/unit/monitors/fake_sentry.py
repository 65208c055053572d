"""A small Sentry in memory behind a real socket: the documented shapes, ids wrapped, arrays authoritative, paging.

It refuses what Sentry refuses and the tests touch: a wrong token, monitors without a resolve condition, unknown ids.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-the-fake"
ORGANIZATION = "acme"
PAGE_ROWS = 2  # so that every list of three is paged
Json = dict[str, Any]
Params = dict[str, list[str]]


@dataclass(slots=True)
class Answer:
    """One canned answer that is given instead of the real one."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    when: str = ""  # only for calls whose "METHOD path" contains this


@dataclass(slots=True)
class FakeSentry:
    """What the server holds. `calls` are all requests as (method, path, body)."""

    url: str = ""
    projects: list[Json] = field(default_factory=list)
    detectors: list[Json] = field(default_factory=list)
    workflows: list[Json] = field(default_factory=list)
    apps: list[Json] = field(default_factory=list)
    integrations: dict[str, list[Json]] = field(default_factory=dict)  # by the kind of action
    teams: list[Json] = field(default_factory=list)
    members: list[Json] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)  # of the events endpoint
    stats: list[Json] = field(default_factory=list)
    sessions: list[Json] = field(default_factory=list)
    issues: list[Json] = field(default_factory=list)
    periods: list[Json] = field(default_factory=list)
    canned: list[Answer] = field(default_factory=list)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    params: list[Params] = field(default_factory=list)
    wants_identifier: bool = False  # some releases insist on sentryAppIdentifier in an action
    last_id: int = 100

    def next_id(self) -> str:
        self.last_id += 1
        return str(self.last_id)

    def writes(self) -> list[tuple[str, str, Any]]:
        return [call for call in self.calls if call[0] != "GET"]

    def add_project(self, name: str) -> Json:
        """Add a project with its two default monitors, as Sentry does."""
        project = {"id": self.next_id(), "slug": name.lower().replace(" ", "-"), "name": name}
        self.projects.append(project)
        for kind, title in (("error", "Error Monitor"), ("issue_stream", "Issue Stream")):
            self.detectors.append(
                {
                    "id": self.next_id(),
                    "projectId": project["id"],
                    "name": title,
                    "type": kind,
                    "enabled": True,
                    "workflowIds": [],
                    "dataSources": None,
                    "conditionGroup": None,
                    "config": {},
                    "owner": None,
                }
            )
        return project

    def add_app(self, name: str, webhook_url: str = "http://sink.internal/") -> Json:
        slug = f"{name}-{self.next_id()}"
        app = {
            "id": self.next_id(),
            "name": name,
            "slug": slug,
            "uuid": f"uuid-{slug}",
            "webhookUrl": webhook_url,
            "scopes": ["event:read"],
            "isAlertable": True,
            "clientSecret": f"secret-of-{name}",
        }
        self.apps.append(app)
        return app

    def save_detector(self, body: Json, kept: Json) -> Json:
        source = dict(body["dataSources"][0])
        assert "environment" in source
        conditions = body["conditionGroup"]["conditions"]
        if not any(each["conditionResult"] == 0 for each in conditions):
            raise RefusedError(400, {"conditionGroup": ["Resolution condition required for metric issue detector."]})
        source.pop("queryType")
        wrapped = {"id": self.next_id(), "status": 0, "snubaQuery": source | {"id": self.next_id()}}
        group = {
            "id": self.next_id(),
            "organizationId": "1",
            "logicType": body["conditionGroup"]["logicType"],
            "conditions": [each | {"id": self.next_id()} for each in reversed(conditions)],
            "actions": [],
        }
        plain = {key: body[key] for key in ("name", "type", "description", "enabled", "config")}
        sources = [{"id": self.next_id(), "type": "snuba_query_subscription", "queryObj": wrapped}]
        kind, _, ident = (body.get("owner") or "").partition(":")  # text in requests, an object in answers
        owner = {"type": kind, "id": ident, "name": "them"} if ident else kept.get("owner")
        return kept | plain | {"dataSources": sources, "conditionGroup": group, "owner": owner}

    def save_workflow(self, body: Json, kept: Json) -> Json:
        known = {int(each["id"]) for each in self.detectors}
        if not set(body["detectorIds"]) <= known:
            raise RefusedError(400, {"detectorIds": ["Some detectors do not exist"]})
        apps = {app["id"] for app in self.apps}
        for action in (each for group in body["actionFilters"] for each in group["actions"]):
            if action["type"] != "sentry_app":
                continue
            if action["config"]["targetIdentifier"] not in apps:
                raise RefusedError(400, {"actionFilters": ["unknown app"]})
            if self.wants_identifier and "sentryAppIdentifier" not in action["config"]:
                raise RefusedError(400, {"actionFilters": ["'sentryAppIdentifier' is a required property"]})
        triggers = body["triggers"]
        return kept | {
            "name": body["name"],
            "enabled": body.get("enabled", True),  # the trap: leaving it out switches the alert on
            "environment": body["environment"],
            "config": body["config"],
            "owner": body.get("owner"),
            "detectorIds": [str(each) for each in reversed(body["detectorIds"])],
            "triggers": self.with_id(triggers)
            | {"conditions": [self.with_id(each) for each in reversed(triggers["conditions"])], "actions": []},
            "actionFilters": [
                self.with_id(group)
                | {
                    "conditions": [self.with_id(each) for each in reversed(group["conditions"])],
                    "actions": [self.with_id(_with_channel_id(each)) for each in group["actions"]],
                }
                for group in body["actionFilters"]
            ],
            "lastTriggered": None,
        }

    def with_id(self, part: Json) -> Json:
        return part if "id" in part else part | {"id": self.next_id()}


def _with_channel_id(action: Json) -> Json:
    """Sentry looks the channel up by its name and keeps both."""
    if action["type"] not in ("slack", "msteams") or action["config"]["targetIdentifier"]:
        return action
    return action | {"config": action["config"] | {"targetIdentifier": f"C-{action['config']['targetDisplay']}"}}


class RefusedError(Exception):
    """A status other than success."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


def _find(rows: list[Json], key: str, value: str) -> Json:
    for row in rows:
        if row[key] == value:
            return row
    raise RefusedError(404, {"detail": "The requested resource does not exist"})


def _create_project(fake: FakeSentry, body: Json, _: Params) -> Any:
    assert body["default_rules"] is False
    if any(each["name"] == body["name"] for each in fake.projects):
        raise RefusedError(409, {"detail": "A project with this slug already exists."})
    return fake.add_project(body["name"])


def _keys(fake: FakeSentry, _: Json, __: Params, project: str) -> Any:
    ident = _find(fake.projects, "slug", project)["id"]
    dsn = {"public": f"http://public@sentry.internal/{ident}", "secret": "never read"}
    return [{"id": "public", "name": "Default", "public": "public", "isActive": True, "dsn": dsn}]


def _detectors(fake: FakeSentry, _: Json, params: Params) -> Any:
    return [each for each in fake.detectors if each["projectId"] in params["project"]]


def _create_detector(fake: FakeSentry, body: Json, _: Params, project: str) -> Any:
    ident = _find(fake.projects, "slug", project)["id"]
    made = fake.save_detector(body, {"id": fake.next_id(), "projectId": ident, "workflowIds": []})
    fake.detectors.append(made)
    return made


def _change_detector(fake: FakeSentry, body: Json, _: Params, ident: str) -> Any:
    before = _find(fake.detectors, "id", ident)
    before.update(fake.save_detector(body, before))
    return before


def _delete(rows: Callable[[FakeSentry], list[Json]]) -> Callable[..., Any]:
    def handler(fake: FakeSentry, _: Json, __: Params, ident: str) -> Any:
        rows(fake).remove(_find(rows(fake), "id", ident))

    return handler


def _create_workflow(fake: FakeSentry, body: Json, _: Params) -> Any:
    made = fake.save_workflow(body, {"id": fake.next_id(), "organizationId": "1"})
    fake.workflows.append(made)
    return made


def _change_workflow(fake: FakeSentry, body: Json, _: Params, ident: str) -> Any:
    before = _find(fake.workflows, "id", ident)
    before.update(fake.save_workflow(body, before))
    return before


def _actions(fake: FakeSentry, _: Json, __: Params) -> Any:
    alertable = [app for app in fake.apps if app["isAlertable"]]
    apps = [
        {
            "type": "sentry_app",
            "handlerGroup": "other",
            "sentryApp": {"id": app["id"], "name": app["name"], "installationUuid": app["uuid"]},
        }
        for app in alertable
    ]
    chat = [
        {"type": kind, "handlerGroup": "notification", "integrations": each} for kind, each in fake.integrations.items()
    ]
    return [{"type": "email", "handlerGroup": "notification"}, *chat, *apps]


def _create_app(fake: FakeSentry, body: Json, _: Params) -> Any:
    assert body["organization"] == ORGANIZATION
    assert (body["isInternal"], body["isAlertable"]) == (True, True)
    return fake.add_app(body["name"], body["webhookUrl"])


def _change_app(fake: FakeSentry, body: Json, _: Params, slug: str) -> Any:
    app = _find(fake.apps, "slug", slug)
    app["webhookUrl"] = body["webhookUrl"]
    return app | {"clientSecret": "**********"}


ORG = f"organizations/{ORGANIZATION}"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", f"{ORG}/projects/", lambda fake, *_: fake.projects),
    ("POST", f"teams/{ORGANIZATION}/crew/projects/", _create_project),
    ("GET", f"projects/{ORGANIZATION}/([^/]+)/keys/", _keys),
    ("GET", f"{ORG}/detectors/", _detectors),
    ("POST", f"{ORG}/projects/([^/]+)/detectors/", _create_detector),
    ("PUT", rf"{ORG}/detectors/(\d+)/", _change_detector),
    ("DELETE", rf"{ORG}/detectors/(\d+)/", _delete(lambda fake: fake.detectors)),
    ("GET", f"{ORG}/workflows/", lambda fake, *_: fake.workflows),
    ("POST", f"{ORG}/workflows/", _create_workflow),
    ("PUT", rf"{ORG}/workflows/(\d+)/", _change_workflow),
    ("DELETE", rf"{ORG}/workflows/(\d+)/", _delete(lambda fake: fake.workflows)),
    ("GET", f"{ORG}/available-actions/", _actions),
    ("GET", f"{ORG}/teams/", lambda fake, *_: fake.teams),
    ("GET", f"{ORG}/members/", lambda fake, *_: fake.members),
    ("GET", f"{ORG}/sentry-apps/", lambda fake, *_: [app | {"clientSecret": "**********"} for app in fake.apps]),
    ("POST", "sentry-apps/", _create_app),
    ("PUT", "sentry-apps/([^/]+)/", _change_app),
    ("GET", f"{ORG}/events/", lambda fake, *_: {"data": fake.rows, "meta": {"fields": {}}}),
    ("GET", f"{ORG}/stats_v2/", lambda fake, *_: {"start": "", "end": "", "intervals": [], "groups": fake.stats}),
    ("GET", f"{ORG}/sessions/", lambda fake, *_: {"start": "", "end": "", "intervals": [], "groups": fake.sessions}),
    ("GET", f"{ORG}/issues/", lambda fake, *_: fake.issues),
    ("GET", f"{ORG}/open-periods/", lambda fake, *_: fake.periods),
]


@contextmanager
def run_fake() -> Iterator[FakeSentry]:
    """Serve a fake on a free port of the loopback until the block ends."""
    fake = FakeSentry()

    class Handler(_Handler):
        state = fake

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing waits for every answer under way
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: FakeSentry

    def do_GET(self) -> None:
        split, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path, params = split.path.removeprefix("/api/0/"), parse_qs(split.query, keep_blank_values=True)
        self.state.calls.append((self.command, path, body))
        self.state.params.append(params)
        try:
            status, answer, headers = self._answer(path, body, params)
        except RefusedError as refused:
            status, answer, headers = refused.status, refused.body, {}
        self._send(status, answer, headers)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server looks these names up

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""

    def _answer(self, path: str, body: Json, params: Params) -> tuple[int, Any, dict[str, str]]:
        for canned in self.state.canned:
            if canned.when in f"{self.command} {path}":
                self.state.canned.remove(canned)
                return canned.status, canned.body, canned.headers
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, {"detail": "Invalid token"})
        for method, pattern, handler in ROUTES:
            if method == self.command and (match := re.fullmatch(pattern, path)):
                answer = handler(self.state, body, params, *match.groups())
                status = {"POST": 201, "DELETE": 204}.get(method, 200)
                return (status, *self._page(answer, params)) if method == "GET" else (status, answer, {})
        raise RefusedError(404, {"detail": "The requested resource does not exist"})

    def _page(self, answer: Any, params: Params) -> tuple[Any, dict[str, str]]:
        """Cut a list, or the `data` of a search, and link to the next page as Sentry does."""
        rows = answer.get("data") if isinstance(answer, dict) else answer
        if rows is None:
            return answer, {}
        start = int(params.get("cursor", ["0:0:0"])[0].split(":")[1])
        page, has_more = rows[start : start + PAGE_ROWS], str(len(rows) > start + PAGE_ROWS).lower()
        # The host is one that only the server knows, as it is behind a proxy.
        link = f'<http://sentry.internal/>; rel="next"; results="{has_more}"; cursor="0:{start + PAGE_ROWS}:0"'
        previous = '<http://sentry.internal/>; rel="previous"; results="false"; cursor="0:0:1"'
        return (answer | {"data": page} if isinstance(answer, dict) else page), {"Link": f"{previous}, {link}"}

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        content = b"" if answer is None else answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
