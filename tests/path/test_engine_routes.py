"""Every route into the engine besides the envelope's, as its clients use it."""

import base64
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.path.engine import (
    ORGANIZATION,
    Engine,
    FramedItem,
    Project,
    await_true,
    detector_body,
    envelope,
    error,
    start_engine,
    transaction,
)

SPAN_TYPE = "application/vnd.sentry.items.span.v2+json"
LOG_TYPE = "application/vnd.sentry.items.log+json"
METRIC_TYPE = "application/vnd.sentry.items.trace-metric+json"
SPEED = 60


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests of this file; each test has a project of its own."""
    engine = start_engine(tmp_path_factory.mktemp("engine"), SPEED)
    yield engine
    assert engine.end() in (0, -15), (engine.data_dir / "log").read_text()


@pytest.fixture
def project(engine: Engine) -> Project:
    return engine.project(f"p-{uuid4().hex[:8]}")


def auth(project: Project, **headers: str) -> dict[str, str]:
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"x-sentry-auth": f"Sentry sentry_key={project.key}, sentry_version=7"} | own


def call(project: Project, method: str, path: str, **request: Any) -> Any:
    return project.engine.client.request(method, f"{project.engine.url}/api/{project.id}/{path}", **request)


def segment(*, failed: bool = False, **fields: object) -> dict[str, Any]:
    """A request as a span v2, made from the same clock as the transactions of the harness."""
    sent = transaction(duration_ms=100)
    values = {"sentry.op": "http.server", "sentry.environment": "test", "sentry.segment.name": "/items/{id}"}
    values |= {"http.response.status_code": 500 if failed else 200, "http.request.method": "GET"}  # type: ignore[dict-item]
    return {
        "trace_id": uuid4().hex,
        "span_id": uuid4().hex[:16],
        "name": "GET /items/{id}",
        "is_segment": True,
        "status": "error" if failed else "ok",
        "start_timestamp": sent["start_timestamp"],
        "end_timestamp": sent["timestamp"],
        "attributes": {name: {"value": value, "type": "string"} for name, value in values.items()},
    } | fields


def container(kind: str, content_type: str, entries: list[Any]) -> FramedItem:
    payload = {"version": 2, "items": entries}
    return kind, payload, {"content_type": content_type, "item_count": len(entries)}


def test_basic_auth_has_the_key_for_a_user(project: Project) -> None:
    given = base64.b64encode(f"{project.key}:anything".encode()).decode()
    assert project.post(envelope(("event", error())), {"authorization": f"Basic {given}"}).status_code == 200
    assert project.outcomes() == {("error", "accepted", ""): 1}


def test_store_takes_an_event_and_answers_its_id(project: Project) -> None:
    sent = error()
    answer = call(project, "POST", "store/", content=orjson.dumps(sent), headers=auth(project))
    assert (answer.status_code, answer.json()) == (200, {"id": sent["event_id"]})
    [row] = project.search("errors", "id", "title")
    assert row == {"id": sent["event_id"], "title": "ValueError: it broke"}


def test_store_without_a_project_finds_it_by_the_key(project: Project) -> None:
    url = f"{project.engine.url}/api/store/"
    answer = project.engine.client.post(url, content=orjson.dumps(error()), headers=auth(project))
    assert answer.status_code == 200
    assert len(project.search("errors", "id")) == 1


def test_store_takes_a_transaction_and_an_envelope_too(project: Project) -> None:
    sent = transaction()
    assert call(project, "POST", "store/", content=orjson.dumps(sent), headers=auth(project)).status_code == 200
    headers = auth(project, content_type="application/x-sentry-envelope")
    body = envelope(("transaction", transaction()))
    assert call(project, "POST", "store/", content=body, headers=headers).status_code == 200
    assert len(project.search("spans", "id")) == 2


def test_store_by_url_answers_an_image(project: Project) -> None:
    data = base64.b64encode(orjson.dumps({"message": "by image"})).decode()
    query = {"sentry_key": project.key, "sentry_data": data}
    answer = call(project, "GET", "store/", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")
    assert [row["title"] for row in project.search("errors", "title")] == ["by image"]


@pytest.mark.parametrize("path", ["security", "csp-report"])
def test_security_report_is_counted(project: Project, path: str) -> None:
    answer = call(
        project,
        "POST",
        f"{path}/?sentry_key={project.key}",
        content=orjson.dumps({"csp-report": {"blocked-uri": "self"}}),
        headers={"content-type": "application/csp-report"},
    )
    assert answer.status_code == 200
    assert project.outcomes() == {("security", "accepted", ""): 1}


def test_check_ins_come_by_url(project: Project) -> None:
    slug = f"cron/nightly/{project.key}/"
    assert call(project, "GET", slug + "?status=in_progress").status_code == 202
    assert call(project, "POST", slug + "?status=ok&duration=3").status_code == 202
    assert call(project, "POST", "cron/nightly/", json={"status": "error"}, headers=auth(project)).status_code == 202
    assert call(project, "POST", slug).status_code == 400  # without a status
    assert project.outcomes() == {("monitor", "accepted", ""): 3, ("monitor", "invalid", "payload"): 1}


OTLP = {
    "resourceSpans": [
        {
            "resource": {
                "attributes": [
                    {"key": "service.version", "value": {"stringValue": "isl@9"}},
                    {"key": "deployment.environment.name", "value": {"stringValue": "test"}},
                ]
            },
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "GET /otel",
                            "kind": 2,
                            "startTimeUnixNano": "",
                            "endTimeUnixNano": "",
                            "attributes": [{"key": "http.response.status_code", "value": {"intValue": "503"}}],
                            "status": {"code": 2},
                        },
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b175",
                            "parentSpanId": "eee19b7ec3c1b174",
                            "name": "SELECT",
                            "kind": 3,
                            "startTimeUnixNano": "",
                            "endTimeUnixNano": "",
                        },
                    ]
                }
            ],
        }
    ]
}


@pytest.mark.parametrize("path", ["integration/otlp/v1/traces/", "integration/otlp/v1/traces", "otlp/v1/traces/"])
def test_otlp_traces_become_requests(project: Project, path: str) -> None:
    sent = orjson.loads(orjson.dumps(OTLP))
    times = segment()
    nano = [str(int(_epoch(times[name]) * 1e9)) for name in ("start_timestamp", "end_timestamp")]
    for span in sent["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span["startTimeUnixNano"], span["endTimeUnixNano"] = nano
    headers = auth(project, content_type="application/json")
    assert call(project, "POST", path, content=orjson.dumps(sent), headers=headers).status_code == 202
    [row] = project.search("spans", "transaction", "span.status", "span.op", "release", "environment")
    assert row == {
        "transaction": "GET /otel",
        "span.status": "unavailable",
        "span.op": "http.server",
        "release": "isl@9",
        "environment": "test",
    }
    assert project.outcomes() == {("span", "accepted", ""): 2}


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def test_otlp_of_nothing_is_taken(project: Project) -> None:
    headers = auth(project, content_type="application/json")
    for path in ("traces", "logs"):
        assert call(project, "POST", f"integration/otlp/v1/{path}/", content=b"{}", headers=headers).status_code == 202
    assert project.outcomes() == {}


def test_spans_of_javascript_are_requests(project: Project) -> None:
    spans = [segment(failed=number == 0) for number in range(4)]
    own = {"is_segment": False, "parent_span_id": spans[0]["span_id"]}
    child = segment() | own | {"trace_id": spans[0]["trace_id"], "attributes": {}}
    item = container("span", SPAN_TYPE, [*spans, child])
    answers = {project.post(envelope(item, trace={"sample_rate": "0.5"})).status_code for _ in range(2)}  # sent twice
    assert answers == {200}
    fields = ("transaction", "span.status", "http.request.method", "sample_weight", "sampling_rate")
    rows = project.search("spans", *fields)
    assert Counter(row["span.status"] for row in rows) == {"ok": 3, "internal_error": 1}
    assert {tuple(row[each] for each in fields if each != "span.status") for row in rows} == {
        ("/items/{id}", "GET", 2.0, 0.5)
    }
    assert project.outcomes() == {("span", "accepted", ""): 5, ("span", "invalid", "duplicate"): 5}


def test_monitor_sees_spans_as_it_sees_transactions(project: Project) -> None:
    """Failure rate over JavaScript's spans: the monitor opens an issue."""
    engine = project.engine
    engine.ask("POST", f"{ORGANIZATION}/projects/{project.slug}/detectors/", detector_body())

    def fires() -> bool:
        project.send(container("span", SPAN_TYPE, [segment(failed=True) for _ in range(5)]))
        found = engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug, query="issue.type:metric_issue")
        return bool(found)

    await_true("the monitor to open an issue", fires)


def test_segment_is_shown_as_an_event(project: Project) -> None:
    project.send(container("span", SPAN_TYPE, [segment()]))
    [row] = project.search("spans", "id")
    event = project.engine.ask("GET", f"/projects/sentry/{project.slug}/events/{row['id']}/")
    assert (event["type"], event["title"]) == ("span", "/items/{id}")


def mixed(number: int) -> tuple[list[FramedItem], Counter[tuple[str, str]]]:
    """Items, good and bad, and what they must be in the books: (category, outcome) -> quantity."""
    kinds: list[tuple[FramedItem, dict[tuple[str, str], int]]] = [
        (("transaction", transaction(spans=[{}])), {("transaction", "accepted"): 1, ("span", "accepted"): 2}),
        (("transaction", transaction(contexts={})), {("transaction", "invalid"): 1, ("span", "invalid"): 1}),
        (
            ("transaction", transaction(transaction="/healthz")),
            {("transaction", "filtered"): 1, ("span", "filtered"): 1},
        ),
        (("event", error()), {("error", "accepted"): 1}),
        (("event", b"nonsense"), {("error", "invalid"): 1}),
        (container("log", LOG_TYPE, [{"body": "x"}] * 3), {("log_item", "accepted"): 3}),
        (container("trace_metric", METRIC_TYPE, [{"value": 1}] * 2), {("trace_metric", "accepted"): 2}),
        (("log", {"items": [{}]}, {"item_count": 2}), {("log_item", "invalid"): 2}),
        (container("span", SPAN_TYPE, [segment(), {}]), {("span", "accepted"): 1, ("span", "invalid"): 1}),
        (("attachment", b"12345"), {("attachment", "accepted"): 5, ("attachment_item", "accepted"): 1}),
        (("check_in", {}), {("monitor", "accepted"): 1}),
        (("feedback", {}), {("feedback", "accepted"): 1}),
        (("profile", {}), {("profile", "accepted"): 1}),
        (("profile_chunk", {}), {("profile_chunk", "accepted"): 1}),
        (("session", {}), {("session", "accepted"): 1}),
        (("from_the_future", b"?"), {("default", "accepted"): 1}),
        (
            ("client_report", {"discarded_events": [{"reason": "r", "category": "error", "quantity": 7}]}),
            {("error", "client_discard"): 7},
        ),
    ]
    item, expected = kinds[number % len(kinds)]
    return [item], Counter(expected)


def test_books_hold_all_that_was_received_under_concurrent_load(project: Project) -> None:
    """Every item ends in exactly one outcome; whole envelopes that are refused are booked too."""
    clients, rounds = 6, 51
    expected: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    def send(seed: int) -> None:
        for number in range(rounds):
            items, own = mixed(number + seed)
            assert project.post(envelope(*items)).status_code == 200
            if number % 17 == 0:  # refused as a whole
                assert project.post(envelope(("event", error()), ("event", error()))).status_code == 413
                own += Counter({("error", "invalid"): 2})
                assert project.post(b"nonsense").status_code == 400
                own += Counter({("default", "invalid"): 1})
            with lock:
                expected.update(own)

    threads = [threading.Thread(target=send, args=(seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found: Counter[tuple[str, str]] = Counter()
    for (category, outcome, _), quantity in project.outcomes().items():
        if not category.endswith("_byte"):
            found[category, outcome] += quantity
    assert found == expected
    assert sum(found.values()) == sum(expected.values()) > clients * rounds
