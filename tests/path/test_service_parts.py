"""Database, cache and PLoT as they show in Sentry: the real service, the real SDK, real servers, real sockets."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import redis

from service.cache.stores import RECOVERY_S
from service.plot.client import READ_TIMEOUT_S
from tests.path.engine import free_port
from tests.path.isl import Receiver, Service, Start, sentry
from tests.servers import run_plot, run_redis

VALIDATE = "/api/v1/causal/validate"
LOG, SUMMARY = "/api/v1/outcomes/log", "/api/v1/outcomes/summary"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
# Every value and name in here must stay inside: none may be in anything that Sentry gets.
DECISION = {
    "decision": "tell_tale_decision",
    "options": [{"id": "tell_tale_a", "mean": 424242.5, "std": 12.5}, {"id": "tell_tale_b", "mean": 1, "std": 1}],
    "chosen": "tell_tale_a",
}
ASKED = f"{SUMMARY}?decision=tell_tale_decision"
PATIENCE = 4  # tries of what a busy machine may spoil
TELL_TALES = ("tell_tale", "424242", "131313")


def _log_and_observe(service: Service) -> None:
    logged = service.send(LOG, DECISION)
    assert logged.status_code == 201, logged.text
    observed = service.send(f"/api/v1/outcomes/{logged.json()['id']}", {"actual": 131313.5}, method="PATCH")
    assert observed.json()["actual"] == 131313.5, observed.text


def _ops(transaction: dict[str, Any]) -> list[str]:
    return [span["op"] for span in transaction["spans"]]


def _duration(span: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(span["timestamp"]) - datetime.fromisoformat(span["start_timestamp"])


def _crumbs(event: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["category"], each.get("message", "")) for each in event["breadcrumbs"]["values"]]


def test_traces_show_database_cache_and_plot(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    _log_and_observe(service)
    summary = service.send(ASKED).json()
    assert (summary["logged"], summary["scored"], summary["observed"]) == (1, 1, 1)
    assert summary["comparison"]["count"] == 1
    hits = [service.send(VALIDATE, VALID).json()["cache_hit"] for _ in range(2)]
    assert hits == [False, True]
    service.terminate()

    log, observe, summarise, miss, hit = receiver.of_type("transaction")
    assert _ops(log) == ["http.client", "db"]
    assert _ops(observe) == ["db", "db"]
    assert _ops(summarise) == ["db", "db", "http.client"]
    assert _ops(miss) == ["cache.get", "causal.identify", "cache.put", "serialize"]
    assert _ops(hit) == ["cache.get", "serialize"]
    assert [each["transaction"] for each in (observe, summarise)] == ["/api/v1/outcomes/{outcome_id}", SUMMARY]
    called, written = log["spans"]
    assert called["description"] == f"POST {plot_url}/v1/run"
    assert written["description"].startswith("INSERT INTO outcomes (id, logged_at")
    assert written["data"]["db.system"] == "sqlite"
    assert log["tags"]["plot_breaker"] == "closed"
    assert "degraded" not in log["tags"]


def test_postgresql_shows_the_same(start: Start, receiver: Receiver, plot_url: str, postgresql_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url, ISL_DATABASE_URL=postgresql_url))
    assert service.send("/ready").json()["checks"] == {"database": "up", "cache": "up", "plot": "up"}
    _log_and_observe(service)
    assert service.send(ASKED).json()["comparison"]["count"] >= 1
    service.terminate()
    log, _, summarise = receiver.of_type("transaction")
    assert (_ops(log), _ops(summarise)) == (["http.client", "db"], ["db", "db", "http.client"])
    assert log["spans"][1]["data"]["db.system"] == "postgresql"
    assert [each for each in TELL_TALES if each in receiver.text()] == []


def test_nothing_that_was_stored_or_sent_on_reaches_sentry(start: Start, receiver: Receiver, plot_url: str) -> None:
    """On the good way and on every bad one: spans, breadcrumbs, error messages, contexts."""
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    _log_and_observe(service)
    statuses = [service.send(ASKED).status_code]
    for dependency in ("database", "plot"):
        service.set_faults({"dependency_down": {"value": 1, "dependencies": [dependency]}})
        statuses += [service.send(LOG, DECISION).status_code, service.send(ASKED).status_code]
    service.terminate()
    assert statuses == [200, 503, 503, 201, 503]
    assert len(receiver.of_type("event")) == 3
    assert [each for each in TELL_TALES if each in receiver.text()] == []


def test_breadcrumbs_lead_to_a_failed_computation(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver))
    statuses = []
    for share in (1, 0, 1):
        service.set_faults({"error_rate": {"value": share}})
        statuses.append(service.send(VALIDATE, VALID).status_code)
    assert statuses == [500, 200, 500]  # what failed is not kept; an answer from the cache can be made to fail, too
    service.terminate()
    computed, looked_up = receiver.of_type("event")
    assert _crumbs(computed)[:3] == [
        ("causal_validation", "checking the graph"),
        ("cache", "miss"),
        ("causal_validation", "checking identifiability"),
    ]
    assert _crumbs(looked_up)[:2] == [("causal_validation", "checking the graph"), ("cache", "hit")]


def test_breadcrumbs_lead_to_a_missing_dependency(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    _log_and_observe(service)
    service.set_faults({"dependency_down": {"value": 1, "dependencies": ["plot"]}})
    response = service.send(ASKED)
    assert (response.status_code, response.json()["code"]) == (503, "ISL_SERVICE_UNAVAILABLE")
    assert (response.json()["reason"], response.headers["Retry-After"]) == ("connection_failed", "10")
    service.terminate()
    [event] = receiver.of_type("event")
    assert event["tags"]["request_id"] == response.json()["request_id"]
    assert event["fingerprint"] == ["ISL_SERVICE_UNAVAILABLE", "plot"]
    tags = ("error_code", "retryable", "dependency", "plot_breaker", "computation_type")
    assert [event["tags"].get(name) for name in tags] == [
        "ISL_SERVICE_UNAVAILABLE",
        "true",
        "plot",
        "closed",
        "outcome_summary",
    ]
    categories = [category for category, _ in _crumbs(event)]
    assert categories[:2] == ["query", "query"]
    assert ("stamina", "stamina.retry_scheduled") in _crumbs(event)
    assert ("plot", "connection_failed") in _crumbs(event)
    assert {"flag": "dependency_down", "result": True} in event["contexts"]["flags"]["values"]


def test_http_calls_are_breadcrumbs_too(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    service.set_faults({"dependency_down": {"value": 1, "dependencies": ["database"]}})
    response = service.send(LOG, DECISION)
    assert (response.status_code, response.json()["reason"]) == (503, "database_unavailable")
    service.terminate()
    [event] = receiver.of_type("event")
    called = [each for each in event["breadcrumbs"]["values"] if each["type"] == "http"]
    assert [(each["data"]["url"], each["data"]["http.response.status_code"]) for each in called] == [
        (f"{plot_url}/v1/run", 200)
    ]
    assert [each["category"] for each in event["breadcrumbs"]["values"]][-2:] == ["httplib", "query"]
    assert (event["tags"]["dependency"], event["fingerprint"]) == ("database", ["ISL_SERVICE_UNAVAILABLE", "database"])
    assert event["contexts"]["error_schema"] == {
        "code": "ISL_SERVICE_UNAVAILABLE",
        "reason": "database_unavailable",
        "retryable": True,
        "source": "isl",
    }


def test_without_plot_decisions_are_kept_and_say_so(start: Start, receiver: Receiver) -> None:
    port = free_port()
    service = start(**sentry(receiver, ISL_PLOT_URL=f"http://127.0.0.1:{port}"))
    answers = [service.send(LOG, DECISION).json() for _ in range(7)]
    assert [(each["degraded"], each["win_probability"]) for each in answers] == [(True, None)] * 7
    ready = service.send("/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["checks"]["plot"]) == (200, "degraded", "down")
    with run_plot(port):
        assert service.send("/ready").json()["status"] == "ready"
    service.terminate()
    transactions = receiver.of_type("transaction")
    assert [each["tags"]["degraded"] for each in transactions] == ["true"] * 7
    # Five calls, each with its second try; then the breaker spares both sides the wait.
    assert [each["tags"]["plot_breaker"] for each in transactions] == ["closed"] * 4 + ["open"] * 3
    assert [_ops(each).count("http.client") for each in transactions] == [2] * 5 + [0] * 2
    assert receiver.of_type("event") == []


def test_slow_plot_is_given_up(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    service.set_faults({"dependency_slow": {"value": 60_000, "dependencies": ["plot"]}})
    assert service.send(LOG, DECISION).json()["degraded"] is True
    service.set_faults({"dependency_slow": {"value": 50, "dependencies": ["plot"]}})
    assert service.send(LOG, DECISION).json()["degraded"] is False
    service.terminate()
    gave_up, waited = (_duration(each["spans"][0]) for each in receiver.of_type("transaction"))
    assert gave_up >= timedelta(seconds=READ_TIMEOUT_S)
    assert waited >= timedelta(milliseconds=50)


def test_readiness_asks_and_liveness_does_not(start: Start, receiver: Receiver, plot_url: str) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=plot_url))
    assert service.send("/ready").json()["status"] == "ready"
    service.set_faults({"dependency_down": {"value": 1}})
    ready, health = service.send("/ready"), service.send("/health")
    assert (ready.status_code, ready.json()["status"]) == (503, "unready")
    assert ready.json()["checks"] == {"database": "down", "cache": "up", "plot": "down"}
    assert (health.status_code, health.json()) == (200, {"status": "healthy"})
    service.terminate()
    assert receiver.of_type("event") == []


def test_service_starts_without_its_database(start: Start, receiver: Receiver) -> None:
    url = f"postgresql://isl@127.0.0.1:{free_port()}/isl"
    service = start(**sentry(receiver, ISL_DATABASE_URL=url))
    assert service.send("/ready").status_code == 503
    assert service.send(VALIDATE, VALID).status_code == 200
    assert "started without a database" in service.terminate()


def test_redis_shares_results_between_processes_and_may_vanish(start: Start, receiver: Receiver) -> None:
    with run_redis() as url:
        first, second = (start(**sentry(receiver, ISL_CACHE_URL=url, ISL_GIT_SHA="0123abc")) for _ in range(2))
        found = [each.send(VALIDATE, VALID).json() for each in (first, second)]
        assert [each["cache_hit"] for each in found] == [False, True]
        first.terminate()
    answers = [second.send(VALIDATE, VALID) for _ in range(7)]
    assert [(each.status_code, each.json()["cache_hit"]) for each in answers] == [(200, False)] * 7
    assert second.send("/ready").json()["checks"]["cache"] == "down"
    second.terminate()
    # By id: those of two processes arrive in either order.
    sent = {each["tags"]["request_id"]: each for each in receiver.of_type("transaction")}
    shared, *alone = (sent[each["request_id"]] for each in (found[1], *(each.json() for each in answers)))
    assert _ops(shared) == ["db.redis", "cache.get", "db.redis", "serialize"]  # the first: the rate limit
    assert {(each["tags"]["degraded"], each["tags"]["dependency"]) for each in alone} == {("true", "cache")}
    assert receiver.of_type("event") == []


def test_processes_share_the_rate_limit_in_redis(start: Start, redis_url: str) -> None:
    first, second = (start(ISL_CACHE_URL=redis_url, ISL_RATE_LIMIT="3/day") for _ in range(2))
    answers: list[httpx.Response] = []
    for _ in range(PATIENCE):
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        answers = [each.send(VALIDATE, VALID) for each in (first, second, first, second, first)]
        if not any(map(_counts_alone, (first, second))):
            break
        time.sleep(RECOVERY_S)
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].json()["code"] == "ISL_RATE_LIMIT_EXCEEDED"
    assert int(answers[-1].headers["retry-after"]) > 0


def _counts_alone(service: Service) -> bool:
    """Tell if Redis took too long for it, as may be on a busy machine: it then counts for itself for a while."""
    return service.log.read_text().count("for itself") > service.log.read_text().count("in Redis again")


@dataclass
class Recording:
    """A PLoT that keeps the headers it is sent."""

    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def recording() -> Iterator[Recording]:
    """A recording PLoT on a free port."""
    kept = Recording()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            kept.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"win_probability": 0.5, "expected_regret": 0.0}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def test_plot_gets_the_trace_and_the_request_id(start: Start, receiver: Receiver, recording: Recording) -> None:
    service = start(**sentry(receiver, ISL_PLOT_URL=recording.url))
    answer = service.send(LOG, DECISION)
    service.terminate()
    [headers] = recording.headers
    [transaction] = receiver.of_type("transaction")
    trace_id = transaction["contexts"]["trace"]["trace_id"]
    assert headers["sentry-trace"].startswith(f"{trace_id}-{transaction['spans'][0]['span_id']}")
    assert headers["x-request-id"] == answer.json()["request_id"]
