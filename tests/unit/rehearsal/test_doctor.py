"""The troubleshooting list against a real socket: what each fault looks like from outside, and the remedy."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rehearsal.checks import Check, State
from rehearsal.clock import now
from rehearsal.doctor import examine

KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Ingest:
    """A Sentry that answers every envelope alike."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    received: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def environ(self) -> dict[str, str]:
        return {"SENTRY_ENABLED": "true", "SENTRY_DSN": f"http://{KEY}@127.0.0.1:{self.port}/7"}


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    found = Ingest()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response_only(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.what: check for check in checks}


def test_a_healthy_set_up_is_ok_in_every_line_and_costs_no_quota(ingest: Ingest) -> None:
    ingest.headers["Date"] = format_datetime(now())
    found = by_name(examine(ingest.environ, now))
    assert {check.state for check in found.values()} == {State.OK}
    assert set(found) >= {"enabled", "traces", "sentry-sdk", "proxy", "connection", "key", "clock"}
    [(path, body)] = ingest.received
    assert path == "/api/7/envelope/"
    assert b'"type": "client_report"' in body


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, "the key is unknown there"),
        (403, {}, "the key belongs to another project or is disabled"),
        (404, {}, "the DSN's host or path is wrong"),
        (500, {}, "look at the log of that Sentry"),
        (429, {"X-Sentry-Rate-Limits": "60:error:organization"}, "used up (60:error:organization)"),
        (200, {"X-Sentry-Rate-Limits": "60:transaction:key"}, "taken, but limited: 60:transaction:key"),
    ],
)
def test_each_answer_has_its_remedy(ingest: Ingest, status: int, headers: dict[str, str], said: str) -> None:
    ingest.status, ingest.headers = status, headers
    check = by_name(examine(ingest.environ, now))["key"]
    assert check.state is State.WRONG
    assert said in check.detail


@pytest.mark.parametrize(
    ("offset", "state", "said"),
    [
        (timedelta(0), State.OK, "as Sentry's"),
        (timedelta(minutes=-10), State.WRONG, "600 s ahead of Sentry's: set it by NTP"),
        (timedelta(minutes=10), State.WRONG, "600 s behind Sentry's"),
    ],
)
def test_a_clock_that_differs_is_told(ingest: Ingest, offset: timedelta, state: State, said: str) -> None:
    here = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    ingest.headers["Date"] = format_datetime(here + offset)
    check = by_name(examine(ingest.environ, lambda: here))["clock"]
    assert check.state is state
    assert said in check.detail


def test_a_sentry_that_is_not_there_is_told_with_where_to_look() -> None:
    environ = {"SENTRY_ENABLED": "true", "SENTRY_DSN": f"http://{KEY}@127.0.0.1:9/7"}
    check = by_name(examine(environ, now))["connection"]
    assert check.state is State.WRONG
    assert "http://127.0.0.1:9/api/7/envelope/: no connection" in check.detail


@pytest.mark.parametrize(
    ("environ", "what", "said"),
    [
        ({}, "enabled", "SENTRY_ENABLED is false"),
        ({"SENTRY_TRACES_SAMPLE_RATE": "0"}, "traces", "no monitor on them ever fires"),
        ({"SENTRY_TRACES_SAMPLE_RATE": "5"}, "settings", "SENTRY_TRACES_SAMPLE_RATE: found '5'"),
        ({"SENTRY_ENABLED": "true"}, "settings", "SENTRY_DSN: found nothing"),
        ({"SENTRY_DSN": "https://your-dsn@sentry.io/1"}, "settings", "placeholder"),
    ],
)
def test_wrong_settings_are_told_before_anything_is_sent(environ: dict[str, str], what: str, said: str) -> None:
    check = by_name(examine(environ, now))[what]
    assert check.state is State.WRONG
    assert said in check.detail


@pytest.mark.parametrize(("rate", "said"), [("1", "every request"), ("0.05", "one request in 20")])
def test_the_share_that_becomes_transactions_is_told_in_words(rate: str, said: str) -> None:
    check = by_name(examine({"SENTRY_TRACES_SAMPLE_RATE": rate}, now))["traces"]
    assert (check.state, check.detail) == (State.OK, f"{said} becomes a transaction")


def test_a_proxy_that_would_be_used_is_named(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    found = by_name(examine(ingest.environ, now))
    assert "http://127.0.0.1:9 is used for 127.0.0.1" in found["proxy"].detail
    assert found["connection"].state is State.WRONG
