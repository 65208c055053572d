"""Filters, scrubbing and limits, switched through Sentry's web API, seen by clients and in the books."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import apsw
import pytest

from embedded.store.payloads import unpack
from tests.path.engine import (
    DEADLINE_S,
    ORGANIZATION,
    Engine,
    Project,
    Start,
    early_in_an_hour,
    envelope,
    error,
    start_engine,
    starting,
    transaction,
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine", early_in_an_hour())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for the tests that need no other; each test has a project of its own."""
    engine = start_engine(tmp_path_factory.mktemp("engine"), ahead_s=early_in_an_hour())
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(f"p-{uuid4().hex[:8]}")


def change(project: Project, **body: object) -> object:
    return project.engine.ask("PUT", f"/projects/sentry/{project.slug}/", body)


def limit_key(project: Project, window: int, count: int) -> None:
    path = f"/projects/sentry/{project.slug}/keys/{project.key}/"
    made = project.engine.ask("PUT", path, {"rateLimit": {"window": window, "count": count}})
    assert made["rateLimit"] == {"window": window, "count": count}
    assert project.engine.ask("GET", path)["rateLimit"] == {"window": window, "count": count}


def test_key_limit_answers_429_with_categories_and_whole_seconds(project: Project) -> None:
    limit_key(project, 86_400, 2)
    answers = [project.post(envelope(("event", error()))) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["x-sentry-rate-limits"] == "60:default;error;security:key:key_quota"
    assert answers[-1].headers["retry-after"] == "60"
    assert project.post(envelope(("transaction", transaction()))).status_code == 200
    books = project.outcomes()
    assert books["error", "accepted", ""] == 2
    assert books["error", "rate_limited", "key_quota"] == 2
    path = f"/projects/sentry/{project.slug}/keys/{project.key}/"
    assert project.engine.ask("PUT", path, {"rateLimit": None})["rateLimit"] is None
    assert project.post(envelope(("event", error()))).status_code == 200


def test_part_of_an_envelope_that_is_let_through_is_answered_200(project: Project) -> None:
    limit_key(project, 86_400, 1)
    project.send(("event", error()))
    answer = project.post(envelope(("event", error()), ("attachment", b"abc")))
    assert (answer.status_code, answer.headers["x-sentry-rate-limits"]) == (
        200,
        "60:default;error;security:key:key_quota",
    )
    books = project.outcomes()
    assert (books["error", "rate_limited", "key_quota"], books["attachment_item", "accepted", ""]) == (1, 1)


def test_quota_holds_over_projects_and_restarts(start: Start) -> None:
    engine = start(quotas="error=3,log_byte=1000")
    one, two = engine.project("one"), engine.project("two")
    assert [each.post(envelope(("event", error()))).status_code for each in (one, two, one)] == [200] * 3
    refused = two.post(envelope(("event", error())))
    assert refused.status_code == 429
    assert refused.headers["x-sentry-rate-limits"] == "60:error:organization:quota_exceeded"
    engine.kill()
    two = start(quotas="error=3").project("two")
    assert two.post(envelope(("event", error()))).status_code == 429
    assert two.outcomes()["error", "rate_limited", "quota_exceeded"] == 2


def test_spike_protection_is_switched_by_project(project: Project) -> None:
    engine = project.engine
    engine.ask("POST", f"{ORGANIZATION}/spike-protections/", {"projects": [project.slug]})
    for _ in range(500):
        project.send(("event", {"event_id": uuid4().hex, "message": "storm"}))
    assert project.post(envelope(("event", error()))).status_code == 429
    engine.ask("DELETE", f"{ORGANIZATION}/spike-protections/", {"projects": [project.slug]})
    assert project.post(envelope(("event", error()))).status_code == 200
    assert project.outcomes()["error", "rate_limited", "spike_protection"] == 1


SDK = """
import sys, sentry_sdk
sentry_sdk.init(sys.argv[1], default_integrations=False, traces_sample_rate=1.0)
client = sentry_sdk.get_client()
for number in range(3):
    sentry_sdk.capture_message(f"message {number}")
    client.flush(20)
with sentry_sdk.start_transaction(name="/items", op="http.server"):
    pass
client.close(20)
"""


def test_sdk_holds_back_what_it_is_told_to_and_nothing_else(project: Project) -> None:
    """The engine counts the one it refused, the SDK the one it then held back; transactions go on."""
    limit_key(project, 86_400, 1)
    done = subprocess.run(
        [sys.executable, "-c", SDK, project.dsn], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    books = project.outcomes()
    assert books["error", "accepted", ""] == 1
    assert books["error", "rate_limited", "key_quota"] == 1
    assert books["error", "client_discard", "ratelimit_backoff"] == 1
    assert books["transaction", "accepted", ""] == 1


def test_filters_are_set_through_the_web_api(project: Project) -> None:
    options = {"filters:releases": "old@*\n\nolder", "filters:error_messages": "*it broke*"}
    assert change(project, options=options)
    shown = project.engine.ask("GET", f"/projects/sentry/{project.slug}/")["options"]
    assert shown["filters:releases"] == "old@*\nolder"
    project.send(("event", error()))
    project.send(("event", error(exception=None, message="fine", release="old@1")))
    project.send(("event", error(exception=None, message="fine")))
    project.send(("transaction", transaction(transaction="/healthz")))
    assert project.outcomes() == {
        ("error", "filtered", "error-message"): 1,
        ("error", "filtered", "release-version"): 1,
        ("error", "accepted", ""): 1,
        ("transaction", "filtered", "filtered-transaction"): 1,
        ("span", "filtered", "filtered-transaction"): 1,
    }
    path = f"/projects/sentry/{project.slug}/filters/"
    assert project.engine.ask("GET", path) == [{"id": "filtered-transaction", "active": True}]
    project.engine.ask("PUT", f"{path}filtered-transaction/", {"active": False})
    project.send(("transaction", transaction(transaction="/healthz")))
    assert project.outcomes()["transaction", "accepted", ""] == 1
    assert project.engine.call("PUT", f"{path}web-crawlers/", {"active": True}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"resolveAge": 5}, {"options": {"filters:localhost": "1"}}, {"sensitiveFields": "a"}, {"dataScrubber": []}],
)
def test_setting_that_this_engine_has_not_is_refused(project: Project, body: dict[str, object]) -> None:
    assert project.engine.call("PUT", f"/projects/sentry/{project.slug}/", body).status_code == 400


def test_secrets_never_reach_the_disk(start: Start) -> None:
    project = start().project()
    canary = f"hunter{uuid4().hex}"
    secret: dict[str, Any] = {
        "extra": {"a": [{"password": canary}]},
        "tags": {"token": canary},
        "user": {"session_token": canary},
    }
    project.send(("event", error(**secret)))
    project.send(("transaction", transaction(**secret)))
    span: dict[str, Any] = {"trace_id": "a" * 32, "span_id": "b" * 16, "start_timestamp": 1, "end_timestamp": 2}
    span |= {"attributes": {"db.password": {"value": canary, "type": "string"}}}
    header = {"content_type": "application/vnd.sentry.items.span.v2+json", "item_count": 1}
    project.send(("span", {"items": [span]}, header))
    assert sum(quantity for (_, outcome, _), quantity in project.outcomes().items() if outcome == "accepted") == 4
    project.engine.end()
    for file in project.engine.data_dir.iterdir():
        assert canary.encode() not in file.read_bytes()
    assert canary not in str(_payloads(project))


def test_scrubbing_is_switched_off_per_project(project: Project) -> None:
    sent = error(extra={"password": "hunter2", "color": "red"})
    assert change(project, dataScrubber=False)
    project.send(("event", sent))
    assert "hunter2" in str(_payloads(project))
    assert change(project, dataScrubber=True, sensitiveFields=["color"])
    shown = project.engine.ask("GET", f"/projects/sentry/{project.slug}/")
    assert (shown["dataScrubber"], shown["sensitiveFields"]) == (True, ["color"])
    project.send(("event", sent | {"event_id": uuid4().hex}))
    assert b'"extra":{"password":"[Filtered]","color":"[Filtered]"}' in _payloads(project)[-1]


def _payloads(project: Project) -> list[bytes]:
    """Every payload of the store, decompressed, with the tags beside it."""
    connection = apsw.Connection(str(project.engine.data_dir / "engine.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    found = [
        unpack(payload) + tags.encode()
        for table in ("request_span JOIN request_payload USING (id)", "error_event")
        for payload, tags in connection.execute(
            f"SELECT payload, tags FROM {table} WHERE project_id = ? ORDER BY id",  # noqa: S608 - names of ours
            (project.id,),
        )
    ]
    connection.close()
    return found


@pytest.mark.parametrize(
    ("allowed", "origin", "status"),
    [
        (["*"], "http://any.example", 200),
        (["ours.example"], "http://ours.example:8080", 200),
        (["*.ours.example"], "https://www.ours.example", 200),
        (["ours.example"], "http://theirs.example", 403),
        ([], "http://ours.example", 403),
        ([], "", 200),
        ([], "null", 200),
    ],
)
def test_browsers_of_other_sites_are_refused(project: Project, allowed: list[str], origin: str, status: int) -> None:
    """Row 15 of the table of hostile input."""
    change(project, allowedDomains=allowed)
    headers = {"x-sentry-auth": f"Sentry sentry_key={project.key}"} | ({"origin": origin} if origin else {})
    answer = project.post(envelope(("event", error())), headers)
    assert answer.status_code == status
    outcome = ("error", "accepted", "") if status == 200 else ("error", "invalid", "cors")
    assert project.outcomes() == {outcome: 1}


def test_key_is_switched_off_and_removed(project: Project) -> None:
    path = f"/projects/sentry/{project.slug}/keys/{project.key}/"
    assert project.engine.ask("PUT", path, {"isActive": False, "name": "old"})["label"] == "old"
    assert project.post(envelope(("event", error()))).status_code == 403
    project.engine.ask("PUT", path, {"isActive": True})
    assert project.post(envelope(("event", error()))).status_code == 200
    project.engine.ask("DELETE", path)
    assert project.engine.call("GET", path).status_code == 404
    assert project.post(envelope(("event", error()))).status_code == 403


def test_summary_answers_from_the_same_books(project: Project) -> None:
    limit_key(project, 86_400, 2)
    for _ in range(3):
        project.post(envelope(("event", error())))
    answer = project.engine.ask(
        "GET", f"{ORGANIZATION}/stats-summary/", field="sum(quantity)", project=project.id, statsPeriod="1h"
    )
    [shown] = answer["projects"]
    assert (shown["id"], shown["slug"]) == (str(project.id), project.slug)
    [stats] = shown["stats"]
    assert stats["category"] == "error"
    assert stats["totals"] == {"dropped": 1, "sum(quantity)": 3}
    assert {name: number for name, number in stats["outcomes"].items() if number} == {"accepted": 2, "rate_limited": 1}
