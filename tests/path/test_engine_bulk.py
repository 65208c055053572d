"""Bulk requests: what is selected changes, all of it or nothing, and without a filter nothing is selected."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.path.engine import ORGANIZATION, Engine, Project, detector_body, start_engine, workflow_body

DETECTORS, WORKFLOWS = f"{ORGANIZATION}/detectors/", f"{ORGANIZATION}/workflows/"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    app = {"name": "sink", "organization": "sentry", "isInternal": True, "webhookUrl": "http://127.0.0.1:9/"}
    engine.ask("POST", "/sentry-apps/", app)
    yield engine
    engine.end()


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(f"p-{uuid4().hex[:8]}")


def add(engine: Engine, project: Project, name: str) -> tuple[str, str]:
    """A monitor and its alert, of one name."""
    path = f"{ORGANIZATION}/projects/{project.slug}/detectors/"
    monitor = engine.ask("POST", path, detector_body(name=name))["id"]
    alert = engine.ask("POST", WORKFLOWS, workflow_body(1, [int(monitor)], "first_seen_event", name=name))["id"]
    return monitor, alert


def enabled(engine: Engine, path: str, *idents: str) -> list[bool]:
    return [engine.ask("GET", f"{path}{ident}/")["enabled"] for ident in idents]


def bulk(engine: Engine, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
    answer = engine.call(method, path, body, **query)
    return answer.status_code, answer.json() if answer.content else None


@pytest.mark.parametrize(("path", "number"), [(DETECTORS, 0), (WORKFLOWS, 1)])
def test_selected_ones_are_disabled_enabled_and_deleted(
    engine: Engine, project: Project, path: str, number: int
) -> None:
    first, second, third = (add(engine, project, f"{name} {project.slug}")[number] for name in ("a", "b", "c"))
    code, changed = bulk(engine, "PUT", path, {"enabled": False}, id=[first, second])
    assert (code, [each["id"] for each in changed]) == (200, [first, second])
    assert changed == [engine.ask("GET", f"{path}{ident}/") for ident in (first, second)]
    assert enabled(engine, path, first, second, third) == [False, False, True]
    code, _ = bulk(engine, "PUT", path, {"enabled": True}, query=f'name:"b {project.slug}"')
    assert (code, enabled(engine, path, first, second, third)) == (200, [False, True, True])
    bulk(engine, "PUT", path, {"enabled": False}, project=project.slug, query="c ")
    assert enabled(engine, path, first, second, third) == [False, True, False]
    assert bulk(engine, "DELETE", path, id=[first, third]) == (204, None)
    assert [engine.call("GET", f"{path}{ident}/").status_code for ident in (first, second, third)] == [404, 200, 404]


@pytest.mark.parametrize(("path", "what"), [(DETECTORS, "detectors"), (WORKFLOWS, "workflows")])
def test_without_a_filter_and_without_a_match_nothing_changes(engine: Engine, path: str, what: str) -> None:
    for method, body in (("PUT", {"enabled": False}), ("DELETE", None)):
        code, answer = bulk(engine, method, path, body)
        assert (code, list(answer)) == (400, ["nonFieldErrors"])
        assert bulk(engine, method, path, body, id=[999_999]) == (200, {"detail": f"No {what} found."})
        assert bulk(engine, method, path, body, project="nowhere")[0] == 404
    assert bulk(engine, "PUT", path, {}, id=[1])[0] == 400


def test_alerts_are_those_of_the_projects_of_their_monitors(engine: Engine, project: Project) -> None:
    other = engine.project(f"p-{uuid4().hex[:8]}")
    (_, here), (_, there) = add(engine, project, "here"), add(engine, other, "there")
    _, changed = bulk(engine, "PUT", WORKFLOWS, {"enabled": False}, project=project.slug)
    assert [each["id"] for each in changed] == [here]
    assert enabled(engine, WORKFLOWS, here, there) == [False, True]


def test_default_monitors_keep_a_bulk_deletion_from_deleting_any(engine: Engine, project: Project) -> None:
    monitor, _ = add(engine, project, "own")
    assert bulk(engine, "DELETE", DETECTORS, project=project.slug)[0] == 403
    assert len(engine.ask("GET", DETECTORS, project=project.slug)) == 3
    assert bulk(engine, "DELETE", DETECTORS, project=project.slug, query="type:metric_issue") == (204, None)
    assert engine.call("GET", f"{DETECTORS}{monitor}/").status_code == 404
