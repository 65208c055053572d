"""Webhooks as they arrive: both kinds, signatures, and what is no webhook."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from rehearsal.sink import build_sink, read_pages

METRIC = {
    "action": "critical",
    "data": {
        "description_title": "Critical: M",
        "description_text": "failure_rate() is 0.07",
        "web_url": "http://x.test/1",
        "metric_alert": {"alert_rule": {"name": "A"}},
    },
}
EVENT = {
    "action": "triggered",
    "data": {"triggered_rule": "B", "event": {"title": "T", "culprit": None, "web_url": "http://x.test/2"}},
}


def post(tmp_path: Path, body: dict[str, Any], resource: str, key: str = "s") -> int:
    (tmp_path / "secrets.json").write_text(json.dumps({"isl-alerts": "s"}))
    content = json.dumps(body).encode()
    signature = hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    headers = {"sentry-hook-resource": resource, "sentry-hook-signature": signature}
    app = build_sink(tmp_path / "pages.jsonl", tmp_path / "secrets.json")

    async def send() -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sink.test") as client:
            return (await client.post("/hooks/isl-alerts", content=content, headers=headers)).status_code

    return anyio.run(send)


@pytest.mark.parametrize(
    ("body", "resource", "alert", "title"),
    [(METRIC, "metric_alert", "A", "Critical: M"), (EVENT, "event_alert", "B", "T")],
)
def test_both_kinds_of_webhook_become_pages(
    tmp_path: Path, body: dict[str, Any], resource: str, alert: str, title: str
) -> None:
    assert post(tmp_path, body, resource) == 200
    page = next(read_pages(tmp_path / "pages.jsonl"))
    assert (page.alert, page.title, page.action, page.is_signed) == (alert, title, body["action"], True)


def test_a_wrong_signature_is_kept_and_marked(tmp_path: Path) -> None:
    assert post(tmp_path, METRIC, "metric_alert", key="other") == 200
    assert next(read_pages(tmp_path / "pages.jsonl")).is_signed is False


@pytest.mark.parametrize(("body", "resource"), [({}, "metric_alert"), (METRIC, "issue"), ({"data": []}, "event_alert")])
def test_what_is_no_webhook_is_refused(tmp_path: Path, body: dict[str, Any], resource: str) -> None:
    assert post(tmp_path, body, resource) == 400
    assert not list(read_pages(tmp_path / "pages.jsonl"))


def test_a_half_written_line_is_left_for_later(tmp_path: Path) -> None:
    post(tmp_path, METRIC, "metric_alert")
    with (tmp_path / "pages.jsonl").open("a") as file:
        file.write('{"half":')
    assert len(list(read_pages(tmp_path / "pages.jsonl"))) == 1
