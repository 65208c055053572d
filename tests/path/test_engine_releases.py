"""Releases: announced over the web API, or named by what is sent; with their deploys, issues and events."""

from collections.abc import Iterator
from typing import Any

import pytest

from embedded.api.releases import version_info
from tests.path.engine import ORGANIZATION, Engine, error, start_engine, transaction

RELEASES = f"{ORGANIZATION}/releases/"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = start_engine(tmp_path_factory.mktemp("engine"))
    yield engine
    engine.end()
    assert "Traceback" not in (engine.data_dir / "log").read_text()


def versions(engine: Engine, **query: object) -> list[str]:
    return [each["version"] for each in engine.ask("GET", RELEASES, **query)]


def test_release_is_announced_finalised_deployed_and_forgotten(engine: Engine) -> None:
    engine.project("announced")
    body = {"version": "a@1.0.0", "projects": ["announced"], "ref": "main", "url": "https://git.test/a"}
    made = engine.call("POST", RELEASES, body)
    assert (made.status_code, made.json()["dateReleased"], made.json()["ref"]) == (201, None, "main")
    assert engine.call("POST", RELEASES, body).status_code == 208
    path = f"{RELEASES}a@1.0.0/"
    changed = engine.ask("PUT", path, {"dateReleased": "2026-03-04T12:00:00Z"})
    assert (changed["dateReleased"], changed["ref"]) == ("2026-03-04T12:00:00Z", "main")  # what is absent stays
    engine.ask("POST", f"{path}deploys/", {"environment": "staging", "dateFinished": "2026-03-04T12:00:00Z"})
    engine.ask("POST", f"{path}deploys/", {"environment": "prod", "name": "go"})
    assert [each["environment"] for each in engine.ask("GET", f"{path}deploys/")] == ["prod", "staging"]
    shown = engine.ask("GET", path)
    assert (shown["deployCount"], shown["lastDeploy"]["environment"]) == (2, "prod")
    assert engine.call("DELETE", path).status_code == 204
    assert engine.call("GET", path).status_code == 404


def test_release_that_telemetry_names_is_there_with_its_new_issues(engine: Engine) -> None:
    project = engine.project("seen")
    project.send(("event", error(release="s@1")))
    project.send(("event", error(release="s@2")))  # an issue that s@1 had before
    project.send(("event", error("KeyError", release="s@2")))
    project.send(("transaction", transaction(release="s@3")))
    found = {each["version"]: each for each in engine.ask("GET", RELEASES, project="seen")}
    assert {version: each["newGroups"] for version, each in found.items()} == {"s@1": 1, "s@2": 1, "s@3": 0}
    assert {version: each["firstEvent"] is None for version, each in found.items()}["s@3"]
    assert [each["slug"] for each in found["s@1"]["projects"]] == ["seen"]
    assert versions(engine, project="seen", query="@2") == ["s@2"]
    assert [each["version"] for each in engine.ask("GET", "/projects/sentry/seen/releases/")] == list(found)


def test_releases_are_listed_page_by_page(engine: Engine) -> None:
    engine.project("many")
    for number in range(3):
        engine.ask("POST", RELEASES, {"version": f"m@{number}", "projects": ["many"]})
    first = engine.call("GET", RELEASES, project="many", per_page=2)
    assert first.links["next"]["results"] == "true"
    rest = engine.call("GET", RELEASES, project="many", per_page=2, cursor=first.links["next"]["cursor"])
    assert sorted(each["version"] for each in [*first.json(), *rest.json()]) == ["m@0", "m@1", "m@2"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": ""}, "version"),
        ({"version": "latest"}, "version"),
        ({"version": "a/b"}, "version"),
        ({"version": "x" * 201}, "version"),
        ({"projects": []}, "projects"),
        ({"projects": ["none"]}, "projects"),
        ({"url": "no url"}, "url"),
        ({"dateReleased": "soon"}, "dateReleased"),
    ],
)
def test_wrong_release_is_refused(engine: Engine, changes: dict[str, Any], field: str) -> None:
    engine.project("refused")
    answer = engine.call("POST", RELEASES, {"version": "r@1", "projects": ["refused"]} | changes)
    assert (answer.status_code, list(answer.json())) == (400, [field])


@pytest.mark.parametrize(
    ("version", "package", "number", "build", "description"),
    [
        ("isl@1.2.3", "isl", (1, 2, 3), None, "1.2.3"),
        ("isl@1.2", "isl", (1, 2, 0), None, "1.2"),
        ("isl@1.2.3-rc.1+77", "isl", (1, 2, 3), "77", "1.2.3-rc.1 (77)"),
        ("1.0", None, (1, 0, 0), None, "1.0"),
        ("isl@0123456789abcdef", "isl", None, None, "0123456789ab"),
        ("nightly", None, None, None, "nightly"),
        ("@", None, None, None, "@"),
    ],
)
def test_version_is_taken_apart(
    version: str, package: str | None, number: tuple[int, ...] | None, build: str | None, description: str
) -> None:
    info = version_info(version)
    parts = tuple(info["version"][key] for key in ("major", "minor", "patch") if key in info["version"]) or None
    assert (info["package"], parts, info["version"]["buildCode"], info["description"]) == (
        package,
        number,
        build,
        description,
    )
