"""Sentry that is slow or refuses, and the count of what that costs: the real SDK against the switch, over a socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
import uvicorn

from rehearsal.disturbance import How
from rehearsal.observe import Observation
from rehearsal.reconcile import REFUSED
from rehearsal.refused import Refused, read_refused, with_refused
from rehearsal.statefile import write_json
from rehearsal.switch import SWITCH, Switch
from tests.path.engine import await_true, free_port

NOTHING = Observation((), (), {}, {}, {}, 0, {})


@contextmanager
def serving(folder: Path, taken: list[str]) -> Iterator[str]:
    """The switch in front of a Sentry that takes everything."""

    async def sentry(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        taken.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    port = free_port()
    config = uvicorn.Config(Switch(sentry, folder), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        await_true("the switch", lambda: server.started)
        yield f"http://{'a' * 32}@127.0.0.1:{port}/1"
    finally:
        server.should_exit = True
        thread.join()


def send(dsn: str, errors: int, transactions: int = 0) -> None:
    client = sentry_sdk.Client(dsn=dsn, default_integrations=False, traces_sample_rate=1.0)
    for number in range(errors):
        client.capture_event({"message": f"error {number}"})
        client.flush()
    for number in range(transactions):
        client.capture_event({"type": "transaction", "transaction": f"/{number}", "spans": []})
        client.flush()
    client.close()


def test_off_it_lets_everything_through(tmp_path: Path) -> None:
    taken: list[str] = []
    with serving(tmp_path, taken) as dsn:
        send(dsn, errors=2)
        write_json(tmp_path / SWITCH, {"how": None})
        send(dsn, errors=1)
    assert taken.count("/api/1/envelope/") == 3
    assert read_refused(tmp_path) == Refused({}, {}, {})


def test_a_limit_counts_what_no_report_tells_of_and_the_sdk_holds_back(tmp_path: Path) -> None:
    """The first error is answered with 429. What follows never leaves, and its report comes through later."""
    taken: list[str] = []
    write_json(tmp_path / SWITCH, {"how": How.LIMITING.value})
    with serving(tmp_path, taken) as dsn:
        send(dsn, errors=3, transactions=1)
    refused = read_refused(tmp_path)
    assert taken == []
    assert refused.errors == {REFUSED: 1, "ratelimit_backoff": 2}  # the report was refused as well, and is read here
    assert refused.transactions == {"ratelimit_backoff": 1}
    merged = with_refused(NOTHING, refused)
    assert merged.dropped_errors == {REFUSED: 1, "ratelimit_backoff": 2}
    assert with_refused(merged, refused).dropped == {"ratelimit_backoff": 2}


def test_what_a_failing_sentry_costs_is_in_the_reports_that_it_refused(tmp_path: Path) -> None:
    taken: list[str] = []
    write_json(tmp_path / SWITCH, {"how": How.FAILING.value})
    with serving(tmp_path, taken) as dsn:
        send(dsn, errors=2, transactions=1)
    refused = read_refused(tmp_path)
    assert (refused.errors, refused.transactions) == ({"network_error": 2}, {"network_error": 1})


def test_slow_it_answers_late_but_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rehearsal.switch.SLOW_S", 0.2)
    taken: list[str] = []
    write_json(tmp_path / SWITCH, {"how": How.SLOW.value})
    with serving(tmp_path, taken) as dsn:
        send(dsn, errors=1)
    assert taken == ["/api/1/envelope/"]
    assert read_refused(tmp_path) == Refused({}, {}, {})
