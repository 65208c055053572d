"""The web API as its clients see it: shapes, refusals, pages, and Sentry's own document where it is at hand."""

import importlib
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.path.engine import (
    ORGANIZATION,
    Engine,
    Project,
    detector_body,
    envelope,
    error,
    start_engine,
    transaction,
    workflow_body,
)

EXCERPT: Final = Path(__file__).parent / "sentry_api.json"  # made by `scripts.sentry_api`
NONE: Final = type(None)
WEBHOOK: Final = "http://127.0.0.1:9/hook"
WORKFLOWS: Final = f"{ORGANIZATION}/workflows/"
TEXT_OR_NONE: Final = (str, NONE)
# What is required of an answer: a key, and the types that its value may have.
Shape = dict[str, type | tuple[type, ...]]
ORGANIZATION_SHAPE: Shape = {"id": str, "slug": str, "name": str, "status": dict, "dateCreated": str, "links": dict}
PROJECT: Shape = {"id": str, "slug": str, "name": str, "platform": TEXT_OR_NONE, "dateCreated": str, "teams": list}
KEY: Shape = {"id": str, "public": str, "secret": str, "projectId": int, "isActive": bool, "dsn": dict}
DETECTOR: Shape = {
    "id": str,
    "projectId": str,
    "name": str,
    "type": str,
    "enabled": bool,
    "config": dict,
    "workflowIds": list,
    "dateCreated": str,
    "dateUpdated": str,
    "dataSources": (list, NONE),
    "conditionGroup": (dict, NONE),
    "owner": (dict, NONE),
    "latestGroup": (dict, NONE),
    "description": TEXT_OR_NONE,
}
WORKFLOW: Shape = {
    "id": str,
    "name": str,
    "enabled": bool,
    "config": dict,
    "triggers": dict,
    "actionFilters": list,
    "detectorIds": list,
    "environment": TEXT_OR_NONE,
    "lastTriggered": TEXT_OR_NONE,
    "organizationId": str,
    "dateCreated": str,
    "dateUpdated": str,
    "owner": TEXT_OR_NONE,
}
APP: Shape = {"slug": str, "name": str, "uuid": str, "webhookUrl": str, "clientId": str, "clientSecret": str}
ACTION: Shape = {"type": str, "handlerGroup": str, "configSchema": dict, "dataSchema": dict}
ISSUE: Shape = {
    "id": str,
    "shortId": str,
    "title": str,
    "culprit": str,
    "level": str,
    "status": str,
    "substatus": TEXT_OR_NONE,
    "priority": str,
    "count": str,
    "userCount": int,
    "firstSeen": str,
    "lastSeen": str,
    "permalink": str,
    "issueType": str,
    "issueCategory": str,
    "project": dict,
    "metadata": dict,
    "statusDetails": dict,
}
ISSUE_EVENT: Shape = {"id": str, "eventID": str, "groupID": str, "projectID": str, "title": str, "tags": list}
EVENT: Shape = {
    "id": str,
    "eventID": str,
    "projectID": str,
    "groupID": TEXT_OR_NONE,
    "title": str,
    "type": str,
    "dateCreated": str,
    "tags": list,
    "contexts": dict,
    "entries": list,
    "errors": list,
    "metadata": dict,
}
PERIOD: Shape = {"id": str, "start": str, "end": TEXT_OR_NONE, "isOpen": bool, "activities": list}
STATS: Shape = {"start": str, "end": str, "intervals": list, "groups": list}
SERIES_SHAPE: Shape = {"meta": dict, "timeSeries": list}
SEARCH: Shape = {"data": list, "meta": dict}
SPANS = {"dataset": "spans", "field": ["id", "span.duration"], "project": "isl"}
TOP = {"topEvents": 2, "groupBy": "transaction"}
SERIES = {"dataset": "spans", "project": "isl", "yAxis": ["p95(span.duration)"]}
# GET: path in the engine, with the ids of what the fixture made; its query; its shape; its place in Sentry's document.
ORG_SPEC, PROJECT_SPEC = (
    "/organizations/{organization_id_or_slug}",
    "/projects/{organization_id_or_slug}/{project_id_or_slug}",
)
TEAM: Shape = {"id": str, "slug": str, "name": str, "memberCount": int, "projects": list, "access": list}
TAG: Shape = {"key": str, "name": str, "totalValues": int}
TAG_VALUE: Shape = {"name": str, "value": str, "count": int, "firstSeen": str, "lastSeen": str}
WHERE: Shape = {"organizationSlug": str, "projectSlug": str, "groupId": str}
RELEASE: Shape = {
    "id": int,
    "version": str,
    "shortVersion": str,
    "versionInfo": dict,
    "dateCreated": str,
    "dateReleased": TEXT_OR_NONE,
    "newGroups": int,
    "deployCount": int,
    "projects": list,
}
DEPLOY: Shape = {"id": str, "environment": str, "dateFinished": str, "name": TEXT_OR_NONE, "url": TEXT_OR_NONE}
ENVIRONMENT: Shape = {"id": str, "name": str, "isHidden": bool}
TAGS_PATH: Final = f"{ORGANIZATION}/issues/{{issue}}/tags"
ENDPOINTS: list[tuple[str, dict[str, Any], Shape, str | None]] = [
    ("/organizations/", {}, ORGANIZATION_SHAPE, "/organizations/"),
    (f"{ORGANIZATION}/", {}, ORGANIZATION_SHAPE, f"{ORG_SPEC}/"),
    (f"{ORGANIZATION}/projects/", {}, PROJECT, f"{ORG_SPEC}/projects/"),
    ("/projects/sentry/isl/", {}, PROJECT, f"{PROJECT_SPEC}/"),
    ("/projects/sentry/isl/keys/", {}, KEY, f"{PROJECT_SPEC}/keys/"),
    (f"{ORGANIZATION}/detectors/", {}, DETECTOR, f"{ORG_SPEC}/detectors/"),
    (f"{ORGANIZATION}/detectors/{{detector}}/", {}, DETECTOR, f"{ORG_SPEC}/detectors/{{detector_id}}/"),
    (f"{ORGANIZATION}/workflows/", {}, WORKFLOW, f"{ORG_SPEC}/workflows/"),
    (f"{ORGANIZATION}/workflows/{{workflow}}/", {}, WORKFLOW, f"{ORG_SPEC}/workflows/{{workflow_id}}/"),
    (f"{ORGANIZATION}/sentry-apps/", {}, APP, f"{ORG_SPEC}/sentry-apps/"),
    (f"{ORGANIZATION}/available-actions/", {}, ACTION, None),
    (f"{ORGANIZATION}/issues/", {"query": ""}, ISSUE, f"{ORG_SPEC}/issues/"),
    (f"{ORGANIZATION}/issues/{{issue}}/", {}, ISSUE, f"{ORG_SPEC}/issues/{{issue_id}}/"),
    (f"{ORGANIZATION}/issues/{{issue}}/events/", {}, ISSUE_EVENT, f"{ORG_SPEC}/issues/{{issue_id}}/events/"),
    (f"{ORGANIZATION}/project-keys/", {}, KEY, f"{ORG_SPEC}/project-keys/"),
    *(
        (
            f"{ORGANIZATION}/issues/{{issue}}/events/{which}/",
            {},
            EVENT,
            f"{ORG_SPEC}/issues/{{issue_id}}/events/{{event_id}}/",
        )
        for which in ("{event}", "latest", "oldest", "recommended")
    ),
    ("/projects/sentry/isl/events/{event}/", {}, EVENT, f"{PROJECT_SPEC}/events/{{event_id}}/"),
    ("/projects/sentry/isl/events/{transaction}/", {}, EVENT, f"{PROJECT_SPEC}/events/{{event_id}}/"),
    (f"{ORGANIZATION}/teams/", {}, TEAM, f"{ORG_SPEC}/teams/"),
    ("/teams/sentry/sentry/projects/", {}, PROJECT, "/teams/{organization_id_or_slug}/{team_id_or_slug}/projects/"),
    (f"{TAGS_PATH}/", {}, TAG, None),
    (f"{TAGS_PATH}/code/", {}, TAG, f"{ORG_SPEC}/issues/{{issue_id}}/tags/{{key}}/"),
    (f"{TAGS_PATH}/code/values/", {}, TAG_VALUE, f"{ORG_SPEC}/issues/{{issue_id}}/tags/{{key}}/values/"),
    (f"{ORGANIZATION}/tags/", {"project": "isl"}, TAG, f"{ORG_SPEC}/tags/"),
    ("/projects/sentry/isl/tags/environment/values/", {}, TAG_VALUE, f"{PROJECT_SPEC}/tags/{{key}}/values/"),
    ("/projects/sentry/isl/environments/", {}, ENVIRONMENT, f"{PROJECT_SPEC}/environments/"),
    ("/projects/sentry/isl/issues/", {}, ISSUE, None),
    (f"{ORGANIZATION}/releases/", {}, RELEASE, f"{ORG_SPEC}/releases/"),
    (f"{ORGANIZATION}/releases/isl@1.2.3/", {}, RELEASE, f"{ORG_SPEC}/releases/{{version}}/"),
    (f"{ORGANIZATION}/releases/isl@1.2.3/deploys/", {}, DEPLOY, f"{ORG_SPEC}/releases/{{version}}/deploys/"),
    (f"{ORGANIZATION}/shortids/ISL-1/", {}, WHERE | {"group": dict}, f"{ORG_SPEC}/shortids/{{issue_id}}/"),
    (f"{ORGANIZATION}/eventids/{{event}}/", {}, WHERE | {"event": dict}, f"{ORG_SPEC}/eventids/{{event_id}}/"),
    (f"{ORGANIZATION}/events/", SPANS, SEARCH, f"{ORG_SPEC}/events/"),
    (f"{ORGANIZATION}/events/", SPANS | {"field": ["transaction", "count()"]}, SEARCH, f"{ORG_SPEC}/events/"),
    (f"{ORGANIZATION}/events-timeseries/", SERIES, SERIES_SHAPE, f"{ORG_SPEC}/events-timeseries/"),
    (
        f"{ORGANIZATION}/events-timeseries/",
        SERIES | {"comparisonDelta": 3600},
        SERIES_SHAPE,
        f"{ORG_SPEC}/events-timeseries/",
    ),
    (f"{ORGANIZATION}/events-timeseries/", SERIES | TOP, SERIES_SHAPE, f"{ORG_SPEC}/events-timeseries/"),
    (f"{ORGANIZATION}/stats_v2/", {"groupBy": "outcome", "field": "sum(quantity)"}, STATS, f"{ORG_SPEC}/stats_v2/"),
]
# Required by the document, and left out here: settings and parts of features that this engine does not have.
LEFT_OUT: dict[str, set[str] | None] = {
    f"{ORG_SPEC}/projects/": None,  # None: any key; the rest must still fit
    f"{PROJECT_SPEC}/": None,
    f"{ORG_SPEC}/teams/": None,
    "/teams/{organization_id_or_slug}/{team_id_or_slug}/projects/": None,
    f"{ORG_SPEC}/issues/": {
        *("derivedData", "filtered", "inbox", "integrationIssues", "isUnhandled", "latestEventHasAttachments"),
        *(
            "lifetime",
            "matchingEventEnvironment",
            "matchingEventId",
            "owners",
            "sentryAppIssues",
            "sessionCount",
            "stats",
        ),
    },
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    engine.end()
    assert "Traceback" not in (engine.data_dir / "log").read_text()


@pytest.fixture(scope="module")
def ids(engine: Engine) -> dict[str, str]:
    """One of everything."""
    project = engine.project()
    raised, request = error(tags=[["code", "X"], None, ["a", "b", "c"]]), transaction()
    project.send(("event", raised))
    project.send(("transaction", request))
    engine.ask("POST", "/sentry-apps/", app_body("sink"))
    engine.ask("POST", f"{ORGANIZATION}/releases/", {"version": "isl@1.2.3", "projects": ["isl"]})
    engine.ask("POST", f"{ORGANIZATION}/releases/isl@1.2.3/deploys/", {"environment": "prod"})
    detector = engine.ask("POST", f"{ORGANIZATION}/projects/isl/detectors/", detector_body())
    workflow = engine.ask("POST", WORKFLOWS, workflow_body(1, [int(detector["id"])], "first_seen_event"))
    [issue] = engine.ask("GET", f"{ORGANIZATION}/issues/", project="isl")
    return {
        "detector": detector["id"],
        "workflow": workflow["id"],
        "issue": issue["id"],
        "event": raised["event_id"],
        "transaction": request["event_id"],
    }


def app_body(name: str, **changes: object) -> dict[str, Any]:
    return {"name": name, "organization": "sentry", "isInternal": True, "webhookUrl": WEBHOOK} | changes


def records(answer: Any) -> list[dict[str, Any]]:
    return answer if isinstance(answer, list) else [answer]


@pytest.mark.parametrize(("path", "query", "shape", "spec"), ENDPOINTS)
def test_every_answer_has_its_shape(
    engine: Engine, ids: dict[str, str], path: str, query: dict[str, Any], shape: Shape, spec: str | None
) -> None:
    found = records(engine.ask("GET", path.format(**ids), **query))
    assert found
    for record in found:
        wrong = {
            key: record.get(key, "absent")
            for key, kinds in shape.items()
            if not isinstance(record.get(key, ...), kinds)
        }
        assert wrong == {}
    if spec is not None and spec in LEFT_OUT and LEFT_OUT[spec] is not None:
        assert not (LEFT_OUT[spec] or set()) & set(found[0]), "no longer left out: take it off the list"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Which keys of which types Sentry's public API answers: an excerpt, or the document that SENTRY_OPENAPI names."""
    name = os.environ.get("SENTRY_OPENAPI")
    paths: dict[str, Any] = orjson.loads((Path(name) if name else EXCERPT).read_bytes())["paths"]
    return paths


def with_null(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable`, in JSON Schema's words."""
    if isinstance(schema, list):
        return [with_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: with_null(each) for key, each in schema.items() if key != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if schema.get("nullable") is True else rest


def misfits(document: dict[str, Any], spec: str, method: str, status: int, answer: Any) -> list[str]:
    """What is wrong with an answer, by Sentry's document; what this engine leaves out on purpose is not."""
    if f"/api/0{spec}" not in document:
        pytest.skip(f"the document has no {spec}")
    content = document[f"/api/0{spec}"][method.lower()]["responses"][str(status)]["content"]
    validator = importlib.import_module("jsonschema").Draft202012Validator(
        with_null(content["application/json"]["schema"])
    )
    left_out = LEFT_OUT.get(spec, set())
    return [
        f"{list(problem.absolute_path)}: {problem.message}"
        for problem in validator.iter_errors(answer)
        if not (
            problem.validator == "required"
            and (left_out is None or any(f"{key!r} is a required property" == problem.message for key in left_out))
        )
    ]


@pytest.mark.parametrize(("path", "query", "shape", "spec"), [each for each in ENDPOINTS if each[3]])
def test_every_answer_fits_sentrys_document(
    engine: Engine,
    ids: dict[str, str],
    document: dict[str, Any],
    path: str,
    query: dict[str, Any],
    shape: Shape,  # noqa: ARG001 - the table's
    spec: str,
) -> None:
    assert misfits(document, spec, "GET", 200, engine.ask("GET", path.format(**ids), **query)) == []


MADE: dict[str, object] = {"name": "made"}
FIRST_SEEN = workflow_body(1, [1], "first_seen_event")
DETECTORS_SPEC, DEPLOYS_SPEC = f"{ORG_SPEC}/detectors/", f"{ORG_SPEC}/releases/{{version}}/deploys/"
NEW_DETECTOR_SPEC = f"{ORG_SPEC}/projects/{{project_id_or_slug}}/detectors/"
ISSUES, RELEASES = f"{ORGANIZATION}/issues/", f"{ORGANIZATION}/releases/"
TEAM_PROJECTS_SPEC = "/teams/{organization_id_or_slug}/{team_id_or_slug}/projects/"
# What changes something: method, path, body, place in Sentry's document, status.
CHANGES: list[tuple[str, str, object, str, int]] = [
    ("POST", f"{ORGANIZATION}/projects/isl/detectors/", detector_body(**MADE), NEW_DETECTOR_SPEC, 201),
    (
        "PUT",
        f"{ORGANIZATION}/detectors/{{detector}}/",
        {"name": "failure rate"},
        f"{DETECTORS_SPEC}{{detector_id}}/",
        200,
    ),
    ("PUT", f"{ORGANIZATION}/detectors/?id={{detector}}", {"enabled": True}, DETECTORS_SPEC, 200),
    ("POST", WORKFLOWS, FIRST_SEEN | MADE, f"{ORG_SPEC}/workflows/", 201),
    ("PUT", f"{WORKFLOWS}{{workflow}}/", FIRST_SEEN, f"{ORG_SPEC}/workflows/{{workflow_id}}/", 200),
    ("PUT", f"{WORKFLOWS}?id={{workflow}}", {"enabled": True}, f"{ORG_SPEC}/workflows/", 200),
    ("POST", "/projects/sentry/isl/keys/", MADE, f"{PROJECT_SPEC}/keys/", 201),
    ("PUT", "/projects/sentry/isl/", {"name": "isl"}, f"{PROJECT_SPEC}/", 200),
    ("POST", RELEASES, {"version": "made@1", "projects": ["isl"]}, f"{ORG_SPEC}/releases/", 201),
    ("PUT", f"{RELEASES}isl@1.2.3/", {"ref": "main"}, f"{ORG_SPEC}/releases/{{version}}/", 200),
    ("POST", f"{RELEASES}isl@1.2.3/deploys/", {"environment": "dev"}, DEPLOYS_SPEC, 201),
    ("PUT", f"{ISSUES}?id={{issue}}", {"status": "unresolved"}, f"{ORG_SPEC}/issues/", 200),
    ("PUT", f"{ISSUES}{{issue}}/", {"status": "unresolved"}, f"{ORG_SPEC}/issues/{{issue_id}}/", 200),
    ("POST", "/teams/sentry/sentry/projects/", MADE, TEAM_PROJECTS_SPEC, 201),
]


@pytest.mark.parametrize(("method", "path", "body", "spec", "status"), CHANGES)
def test_every_change_answers_as_sentrys_document_says(
    engine: Engine,
    ids: dict[str, str],
    document: dict[str, Any],
    method: str,
    path: str,
    body: object,
    spec: str,
    status: int,
) -> None:
    plain, _, query = path.format(**ids).partition("?")
    name, _, value = query.partition("=")
    answer = engine.call(method, plain, body, **({name: value} if name else {}))
    assert answer.status_code == status, answer.text
    assert misfits(document, spec, method, status, answer.json()) == []


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Bearer nonsense", "Invalid token"),
        ("Bearer two words", "Invalid token"),
        ("Basic dXNlcjpwYXNz", "Invalid token"),
        ("Bearer \xe9", "Invalid token"),
    ],
)
@pytest.mark.parametrize("path", ["/organizations/", f"{ORGANIZATION}/detectors/1/", "/projects/sentry/none/"])
def test_strangers_are_refused_before_anything_is_said(
    engine: Engine, path: str, header: str | None, detail: str
) -> None:
    headers = httpx.Headers({} if header is None else {"authorization": header}, encoding="latin-1")
    answer = engine.client.get(f"{engine.url}/api/0{path}", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})


def test_key_of_no_project_is_forbidden(engine: Engine) -> None:
    headers = {"x-sentry-auth": f"Sentry sentry_key={'0' * 32}"}
    answer = engine.client.post(f"{engine.url}/api/1/envelope/", content=envelope(), headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"detail": "event submission rejected with_reason: ProjectId"})


@pytest.mark.parametrize(
    "path",
    [
        "/organizations/other/",
        "/projects/sentry/none/",
        "/projects/other/isl/",
        "/projects/sentry/none/keys/",
        f"{ORGANIZATION}/detectors/999/",
        f"{ORGANIZATION}/detectors/{2**64}/",
        f"{ORGANIZATION}/workflows/999/",
        f"{ORGANIZATION}/workflows/{2**64}/",
        f"{ORGANIZATION}/issues/999/",
        f"{ORGANIZATION}/issues/{2**64}/",
        f"{ORGANIZATION}/issues/999/events/",
        f"{ORGANIZATION}/issues/999/tags/",
        f"{ORGANIZATION}/issues/1/tags/absent/",
        f"{ORGANIZATION}/issues/1/tags/absent/values/",
        "/projects/sentry/isl/tags/absent/values/",
        f"{ORGANIZATION}/shortids/ISL-999/",
        f"{ORGANIZATION}/eventids/{'0' * 32}/",
        "/teams/sentry/none/projects/",
        f"{ORGANIZATION}/releases/none/",
        f"{ORGANIZATION}/releases/none/deploys/",
        f"/projects/sentry/isl/events/{'0' * 32}/",
        f"{ORGANIZATION}/detectors/?project=none",
    ],
)
@pytest.mark.usefixtures("ids")
def test_what_does_not_exist_is_not_found(engine: Engine, path: str) -> None:
    answer = engine.call("GET", *path.split("?")[:1], **dict([path.split("?")[1].split("=")] if "?" in path else []))
    assert (answer.status_code, answer.json()) == (404, {"detail": "The requested resource does not exist"})


DETECTORS = f"{ORGANIZATION}/projects/isl/detectors/"
NO_RESOLVE = {"logicType": "any", "conditions": [{"type": "gt", "comparison": 1, "conditionResult": 75}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "field"),
    [
        ("POST", DETECTORS, detector_body(), {}, "name"),  # taken
        ("POST", DETECTORS, detector_body(name="x", conditionGroup=NO_RESOLVE), {}, "conditionGroup.conditions"),
        ("POST", DETECTORS, detector_body(name="x", workflowIds=[999]), {}, "workflowIds"),
        ("POST", DETECTORS, detector_body(name="x", workflowIds=[2**63]), {}, "workflowIds"),
        ("PUT", f"{ORGANIZATION}/detectors/{{detector}}/", {"workflowIds": [999]}, {}, "workflowIds"),
        ("DELETE", f"{ORGANIZATION}/detectors/1/", None, {}, "nonFieldErrors"),  # a default one
        ("POST", WORKFLOWS, workflow_body(1, [999], "first_seen_event"), {}, "detectorIds"),
        ("POST", WORKFLOWS, workflow_body(999, [], "first_seen_event"), {}, "actionFilters"),
        ("POST", WORKFLOWS, workflow_body(1, [], "nonsense"), {}, "triggers.conditions.0.type"),
        ("POST", "/sentry-apps/", app_body("x", webhookUrl="http://sink/"), {}, "webhookUrl"),
        ("POST", "/sentry-apps/", app_body("x", isInternal=False), {}, "isInternal"),
        ("POST", "/sentry-apps/", app_body("sink"), {}, "name"),
        ("POST", "/sentry-apps/", app_body("日本"), {}, "name"),
        ("POST", "/teams/sentry/sentry/projects/", {"name": "日本"}, {}, "slug"),
        ("POST", "/teams/sentry/sentry/projects/", {"name": "123"}, {}, "slug"),
        ("POST", "/teams/sentry/sentry/projects/", {}, {}, "name"),
        ("PUT", f"{ISSUES}{{issue}}/", {"status": "gone"}, {}, "status"),
        ("GET", f"{ORGANIZATION}/issues/", None, {"query": "assigned:me"}, "query"),
        ("GET", f"{ORGANIZATION}/issues/", None, {"cursor": "nonsense"}, "cursor"),
        ("GET", f"{ORGANIZATION}/issues/", None, {"cursor": f"0:{'9' * 30}:0"}, "cursor"),
        ("GET", f"{ORGANIZATION}/issues/", None, {"cursor": "0:²:0"}, "cursor"),
        ("GET", f"{ORGANIZATION}/issues/", None, {"limit": 101}, "limit"),
        ("GET", f"{ORGANIZATION}/open-periods/", None, {}, "nonFieldErrors"),
        ("GET", f"{ORGANIZATION}/open-periods/", None, {"detectorId": 1, "groupId": 1}, "nonFieldErrors"),
        ("GET", f"{ORGANIZATION}/open-periods/", None, {"detectorId": 1, "statsPeriod": "soon"}, "statsPeriod"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"query": "free text"}, "query"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"field": ["apdex()"]}, "field"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"field": ['a"b']}, "field"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"field": ["id"] * 21}, "field"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"sort": "nonsense"}, "sort"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"statsPeriod": "1y"}, "statsPeriod"),
        ("GET", f"{ORGANIZATION}/events/", None, SPANS | {"dataset": "logs"}, "dataset"),
        ("GET", f"{ORGANIZATION}/stats_v2/", None, {"groupBy": "colour", "field": "sum(quantity)"}, "groupBy"),
        ("GET", f"{ORGANIZATION}/sessions/", None, {"groupBy": "colour", "field": "sum(session)"}, "groupBy"),
        ("GET", f"{ORGANIZATION}/sessions/", None, {"field": "count_unique(user)"}, "groupBy"),
        ("GET", f"{ORGANIZATION}/sessions/", None, {"field": "sum(session)", "interval": "soon"}, "interval"),
        ("GET", f"{ORGANIZATION}/detectors/abc/", None, {}, "detector_id"),
    ],
)
def test_wrong_requests_are_blamed_on_a_field(
    engine: Engine, ids: dict[str, str], method: str, path: str, body: object, query: dict[str, Any], field: str
) -> None:
    answer = engine.call(method, path.format(**ids), body, **query)
    assert answer.status_code == 400, answer.text
    problems = answer.json()
    assert field in ".".join(problems), problems
    assert all(isinstance(text, str) for messages in problems.values() for text in messages)


@pytest.mark.usefixtures("ids")
@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_number_that_json_does_not_have_is_refused(engine: Engine, number: str) -> None:
    """One that got in could never be listed again."""
    body = orjson.dumps(detector_body(name=number)).decode().replace('"comparison":0.05', f'"comparison":{number}')
    token = (engine.data_dir / "token").read_text()
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answer = engine.client.post(f"{engine.url}/api/0{DETECTORS}", content=body, headers=headers)
    assert answer.status_code == 400
    assert engine.call("GET", f"{ORGANIZATION}/detectors/").status_code == 200


def test_taken_slug_is_a_conflict(engine: Engine) -> None:
    slug = f"p-{uuid4().hex[:8]}"
    engine.project(slug)
    answer = engine.call("POST", "/teams/sentry/sentry/projects/", {"name": "other", "slug": slug})
    assert (answer.status_code, answer.json()) == (409, {"detail": "A project with this slug already exists."})


def test_project_comes_with_a_key_and_its_default_monitors(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    found = engine.ask("GET", f"{ORGANIZATION}/detectors/", project=project.slug)
    assert [(each["type"], each["dataSources"]) for each in found] == [("error", None), ("issue_stream", None)]
    assert project.dsn == f"http://{project.key}@{engine.url.removeprefix('http://')}/{project.id}"
    made = engine.ask("POST", f"/projects/sentry/{project.slug}/keys/", {"name": "second"})
    project.key = made["public"]
    project.send(("event", error()))


def test_monitor_is_made_changed_and_removed(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    path = f"{ORGANIZATION}/projects/{project.slug}/detectors/"
    made = engine.ask("POST", path, detector_body(description="words"))
    snuba = made["dataSources"][0]["queryObj"]["snubaQuery"]
    sent = detector_body()["dataSources"][0]
    assert {key: snuba[key] for key in sent if key != "queryType"} == {
        k: v for k, v in sent.items() if k != "queryType"
    }
    own = f"{ORGANIZATION}/detectors/{made['id']}/"
    assert engine.ask("GET", own) == made
    assert [
        each["id"]
        for each in engine.ask("GET", f"{ORGANIZATION}/detectors/", project=project.slug, query='name:"failure rate"')
    ] == [made["id"]]
    changed = engine.ask("PUT", own, {"name": "renamed", "enabled": False})
    stays = {key for key in made if key not in ("name", "enabled", "dateUpdated")}
    assert {key: changed[key] for key in stays} == {key: made[key] for key in stays}
    assert (changed["name"], changed["enabled"]) == ("renamed", False)
    assert engine.call("DELETE", own).status_code == 204
    assert engine.call("GET", own).status_code == 404


def test_alert_keeps_the_ids_that_are_echoed(engine: Engine, ids: dict[str, str]) -> None:
    made = engine.ask("POST", WORKFLOWS, workflow_body(1, [int(ids["detector"])], "first_seen_event"))
    own = f"{WORKFLOWS}{made['id']}/"
    triggers = {key: made["triggers"][key] for key in ("id", "logicType", "conditions")}
    filters = [{**group, "conditions": []} for group in made["actionFilters"]]
    body = workflow_body(1, [], name="renamed", triggers=triggers, actionFilters=filters)
    changed = engine.ask("PUT", own, body)
    assert (changed["triggers"], changed["actionFilters"]) == (made["triggers"], made["actionFilters"])
    assert (changed["name"], changed["detectorIds"]) == ("renamed", [])
    fresh = engine.ask("PUT", own, workflow_body(1, [], "first_seen_event"))
    assert fresh["actionFilters"][0]["actions"][0]["id"] != made["actionFilters"][0]["actions"][0]["id"]
    assert engine.call("DELETE", own).status_code == 204
    assert engine.call("GET", own).status_code == 404


@pytest.mark.usefixtures("ids")
def test_client_secret_is_shown_once(engine: Engine) -> None:
    made = engine.ask("POST", "/sentry-apps/", app_body(f"app {uuid4().hex[:8]}"))
    assert len(made["clientSecret"]) == 64
    changed = engine.ask("PUT", f"/sentry-apps/{made['slug']}/", {"webhookUrl": "http://127.0.0.1:10/"})
    assert changed["webhookUrl"] == "http://127.0.0.1:10/"
    shown = {each["clientSecret"] for each in engine.ask("GET", f"{ORGANIZATION}/sentry-apps/")}
    assert shown == {changed["clientSecret"]} == {"*" * 10}
    own = f"/sentry-apps/{made['slug']}/"
    assert engine.ask("GET", own) == changed
    assert engine.call("DELETE", own).status_code == 204
    assert [engine.call(method, own).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert made["slug"] not in {each["slug"] for each in engine.ask("GET", f"{ORGANIZATION}/sentry-apps/")}


def pages(engine: Engine, path: str, **query: object) -> list[httpx.Response]:
    """Follow `next` to the end."""
    found = [engine.call("GET", path, **query)]
    while found[-1].links["next"]["results"] == "true":
        found.append(engine.call("GET", path, **query | {"cursor": found[-1].links["next"]["cursor"]}))
        assert len(found) < 20
    return found


@pytest.fixture(scope="module")
def crowd(engine: Engine) -> Project:
    """A project with 205 transactions, and an issue of 120 events."""
    project = engine.project("crowd")
    for _ in range(205):
        project.send(("transaction", transaction()))
    for _ in range(120):
        project.send(("event", error()))
    for number in range(3):
        project.send(("event", error(f"Other{number}Error")))
    return project


def test_search_pages_over_more_rows_than_one_page_holds(engine: Engine, crowd: Project) -> None:
    query = {"dataset": "spans", "field": ["id", "timestamp"], "project": crowd.slug}
    found = pages(engine, f"{ORGANIZATION}/events/", **query)
    sizes = [len(page.json()["data"]) for page in found]
    assert sizes == [100, 100, 5]
    rows = [row for page in found for row in page.json()["data"]]
    assert len({row["id"] for row in rows}) == 205
    moments = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    assert moments == sorted(moments, reverse=True)
    assert [page.links["previous"]["results"] for page in found] == ["false", "true", "true"]
    back = engine.call("GET", f"{ORGANIZATION}/events/", **query | {"cursor": found[1].links["previous"]["cursor"]})
    assert back.json()["data"] == found[0].json()["data"]


def test_issues_and_their_events_are_paged(engine: Engine, crowd: Project) -> None:
    issues = pages(engine, f"{ORGANIZATION}/issues/", project=crowd.slug, limit=3)
    assert [len(page.json()) for page in issues] == [3, 1]
    [busy] = [issue for page in issues for issue in page.json() if issue["count"] == "120"]
    events = pages(engine, f"{ORGANIZATION}/issues/{busy['id']}/events/")
    assert [len(page.json()) for page in events] == [100, 20]
    assert len({event["id"] for page in events for event in page.json()}) == 120


def test_issue_shows_its_newest_its_oldest_and_those_beside(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    sent = [error() for _ in range(3)]
    for each in sent:
        project.send(("event", each))
    [issue] = engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    path = f"{ORGANIZATION}/issues/{issue['id']}/events"
    oldest, latest = (engine.ask("GET", f"{path}/{which}/") for which in ("oldest", "latest"))
    middle = engine.ask("GET", f"{path}/{oldest['nextEventID']}/")
    shown = [each["eventID"] for each in (oldest, middle, latest)]
    assert sorted(shown) == sorted(each["event_id"] for each in sent)
    assert [each["previousEventID"] for each in (oldest, middle, latest)] == [None, *shown[:2]]
    assert [each["nextEventID"] for each in (oldest, middle, latest)] == [*shown[1:], None]
    assert engine.call("GET", f"{path}/{uuid4().hex}/").status_code == 404


def test_several_issues_are_resolved_at_once(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    for number in range(3):
        project.send(("event", error(fingerprint=[str(number)])))
    issues = engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    first, second, other = (each["id"] for each in issues)
    changed = engine.ask("PUT", f"{ORGANIZATION}/issues/", {"status": "resolved"}, id=[first, second, 99999999])
    assert changed["status"] == "resolved"
    left = engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    assert [each["id"] for each in left] == [other]
    assert engine.call("PUT", f"{ORGANIZATION}/issues/", {"status": "resolved"}).status_code == 400


def test_keys_of_all_projects_are_told_apart_by_what_they_may(engine: Engine) -> None:
    project = engine.project(f"p-{uuid4().hex[:8]}")
    key = engine.ask("POST", f"/projects/sentry/{project.slug}/keys/", {"name": "second"})
    engine.ask("PUT", f"/projects/sentry/{project.slug}/keys/{key['id']}/", {"isActive": False})
    path = f"{ORGANIZATION}/project-keys/"
    listed = {
        status: {each["id"] for each in engine.ask("GET", path, status=status)} for status in ("active", "inactive")
    }
    assert key["id"] in listed["inactive"]
    assert key["id"] not in listed["active"]
    assert {each["id"] for each in engine.ask("GET", path)} == listed["active"] | listed["inactive"]


def test_page_of_exactly_all_rows_has_no_next(engine: Engine, crowd: Project) -> None:
    answer = engine.call("GET", f"{ORGANIZATION}/issues/", project=crowd.slug, limit=4)
    assert (len(answer.json()), answer.links["next"]["results"]) == (4, "false")


def test_aggregates_are_grouped(engine: Engine, crowd: Project) -> None:
    crowd.send(("transaction", transaction(failed=True, transaction="/rare", duration_ms=5000)))
    fields = ["transaction", "count()", "failure_rate()", "p95(span.duration)"]
    rows = crowd.search("spans", *fields)
    assert [(row["transaction"], row["count()"], row["failure_rate()"]) for row in rows] == [
        ("/api/validate", 205, 0),
        ("/rare", 1, 1),
    ]
    assert rows[1]["p95(span.duration)"] == pytest.approx(5000)
    stamped = crowd.search("spans", "timestamp", "count()", query="transaction:/rare")
    assert stamped[0]["timestamp"].endswith("Z")
    assert engine.ask("GET", f"{ORGANIZATION}/events/", **SPANS | {"query": "transaction:/none"})["data"] == []


def test_event_that_is_as_deep_as_may_be_is_shown(engine: Engine) -> None:
    """What was accepted must be readable; what is deeper is refused on arrival."""
    project = engine.project("deep")
    for depth, secret in product((100, 240, 400), ({}, {"token": "t"})):  # a secret makes the scrubber walk
        deep = orjson.loads(b'{"a":' * depth + b"1" + b"}" * depth)
        raised = error() | {"extra": secret}
        project.send(("event", orjson.dumps(raised)[:-1] + b',"contexts":' + _nested(depth) + b"}"))
        answer = engine.call("GET", f"/projects/sentry/deep/events/{raised['event_id']}/")
        assert answer.status_code == (404 if depth == 400 else 200)
        if answer.is_success:
            assert answer.json()["contexts"] == deep
    assert project.outcomes()["error", "invalid", "invalid_json"] == 2


def _nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth
