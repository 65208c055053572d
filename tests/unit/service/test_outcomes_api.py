"""The outcome routes in process: a real SQLite, the real stand-in of PLoT, no Sentry."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.kept import read_kept
from service.api.outcome_schemas import EXAMPLE
from service.app import build_app
from tests.path.engine import DEADLINE_S
from tests.unit.service.quiet import quiet_settings

BASE = "/api/v1/outcomes"
UNKNOWN = f"{BASE}/out_0000000000000000"
Call = Callable[..., httpx.Response]


@pytest.fixture
def call(tmp_path: Path, plot_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Send one request to an app of this test's own."""
    monkeypatch.setattr("service.plot.client.READ_TIMEOUT_S", DEADLINE_S)  # a loaded machine must not degrade answers
    app = build_app(quiet_settings(ISL_DATABASE_URL=f"sqlite:///{tmp_path}/isl.db", ISL_PLOT_URL=plot_url))
    app.state.schema.check()  # as the lifespan does, which this transport does not run

    def send(method: str, path: str, body: object = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://isl.test") as client:
                return await client.request(method, path, json=body)

        return asyncio.run(ask())

    yield send
    for part in (app.state.plot, app.state.store, app.state.database):
        part.close()


def _without_id(response: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in response.json().items() if name != "request_id"}


def test_a_decision_is_logged_scored_and_read_back(call: Call) -> None:
    logged = call("POST", f"{BASE}/log", EXAMPLE)
    body = logged.json()
    assert (logged.status_code, body["chosen"], body["degraded"], body["actual"]) == (201, "ten_percent", False, None)
    assert (body["win_probability"], body["expected_regret"]) == pytest.approx((0.731, 4.78), abs=0.01)
    assert _without_id(call("GET", f"{BASE}/{body['id']}")) == _without_id(logged)


def test_what_came_of_it_is_said_once(call: Call) -> None:
    path = f"{BASE}/{call('POST', f'{BASE}/log', EXAMPLE).json()['id']}"
    first, again = call("PATCH", path, {"actual": 130.5}), call("PATCH", path, {"actual": 130.5})
    assert (first.status_code, first.json()["actual"]) == (200, 130.5)
    assert _without_id(again) == _without_id(first)
    other = call("PATCH", path, {"actual": 99.0})
    assert (other.status_code, other.json()["code"], other.json()["reason"]) == (409, "ISL_INVALID_INPUT", "conflict")


def test_what_is_known_already_can_be_logged_at_once(call: Call) -> None:
    body = call("POST", f"{BASE}/log", EXAMPLE | {"actual": 130.5}).json()
    assert (body["actual"], body["observed_at"]) == (130.5, body["logged_at"])


def test_a_summary_counts_and_compares(call: Call) -> None:
    empty = call("GET", f"{BASE}/summary?decision=discount").json()
    assert (empty["logged"], empty["mean_win_probability"], empty["comparison"]) == (0, None, None)
    for extra in ({}, {"actual": 138.0}, {"actual": 188.0}, {"decision": "price"}):
        call("POST", f"{BASE}/log", EXAMPLE | extra)
    body = call("GET", f"{BASE}/summary?decision=discount").json()
    assert (body["logged"], body["scored"], body["observed"]) == (3, 3, 2)
    assert (body["comparison"]["bias"], body["comparison"]["coverage_90"]) == pytest.approx((1.0, 0.5))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", UNKNOWN, None, 404, "not_found"),
        ("PATCH", UNKNOWN, {"actual": 1}, 404, "not_found"),
        ("GET", f"{BASE}/out_1", None, 422, "invalid_schema"),
        ("PATCH", UNKNOWN, {"actual": "1"}, 422, "invalid_schema"),
        ("PATCH", UNKNOWN, {"actual": 1e13}, 422, "invalid_schema"),
        ("GET", f"{BASE}/summary", None, 422, "invalid_schema"),
        ("GET", f"{BASE}/summary?decision=a%20person", None, 422, "invalid_schema"),
        ("POST", f"{BASE}/log", EXAMPLE | {"chosen": "nothing"}, 422, "invalid_schema"),
        ("POST", f"{BASE}/log", EXAMPLE | {"note": "free text"}, 422, "invalid_schema"),
        ("POST", f"{BASE}/log", EXAMPLE | {"decision": "it's 5 o'clock"}, 422, "invalid_schema"),
        (
            "POST",
            f"{BASE}/log",
            EXAMPLE | {"options": [{"id": "ten_percent", "mean": 1, "std": 1}]},
            422,
            "invalid_schema",
        ),
        (
            "POST",
            f"{BASE}/log",
            EXAMPLE | {"options": [{"id": "ten_percent", "mean": 1, "std": 1}] * 2},
            422,
            "invalid_schema",
        ),
        (
            "POST",
            f"{BASE}/log",
            EXAMPLE | {"options": [{"id": each, "mean": 1, "std": 0} for each in ("keep", "ten_percent")]},
            422,
            "invalid_schema",
        ),
    ],
)
def test_mistakes_get_an_olumi_body(call: Call, method: str, path: str, body: object, status: int, reason: str) -> None:
    response = call(method, path, body)
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert (response.json()["source"], response.json()["retryable"]) == ("isl", False)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{}", b'{"found": {"status": "identifiable"}}', b"[1]"])
def test_what_the_cache_cannot_have_kept_is_a_miss(raw: bytes) -> None:
    assert read_kept(raw) is None
