"""What a webhook says of a metric monitor, and how it is signed."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from embedded.channels.sentry_app import render, sign
from embedded.store.projects import SentryApp
from tests.unit.embedded.fakes import NOW, notification

APP = SentryApp(1, "sink", "sink", "some-uuid", "client", "secret", "http://127.0.0.1:9/", "", NOW)


@pytest.mark.parametrize(
    ("kind", "level", "action", "threshold"),
    [
        ("first_seen_event", 75, "critical", "> 0.1"),
        ("first_seen_event", 50, "warning", "> 0.05"),  # the threshold that was crossed, not the highest
        ("issue_resolved_trigger", 0, "resolved", "> 0.1"),
    ],
)
def test_metric_webhook_names_the_threshold_of_its_level(kind: str, level: int, action: str, threshold: str) -> None:
    told = notification(kind=kind, level=level)
    resource, body = render(told, APP)
    assert (resource, body["action"], body["installation"]) == ("metric_alert", action, {"uuid": "some-uuid"})
    said = f"failure_rate() is 0.1234 in the last 5 minutes; the threshold is {threshold}"
    assert body["data"]["description_text"] == said
    alert = body["data"]["metric_alert"]
    assert (alert["status"], alert["date_closed"]) == (action, told.at.isoformat() if action == "resolved" else None)
    assert render(replace(told, value=None), APP)[1]["data"]["metric_alert"]["value"] is None


def test_both_kinds_carry_what_a_person_needs() -> None:
    for is_metric in (True, False):
        data = render(notification(is_metric=is_metric, is_drill=True), APP)[1]["data"]
        assert (data["runbook_url"], data["is_drill"]) == ("http://wiki.test/isl", True)
        assert {"Since", "Environment", "Release"} <= data["facts"].keys()
        assert (data.get("description_title") or data["event"]["title"]).startswith("[DRILL] ")


def test_signature_is_over_the_body_as_sent() -> None:
    headers = sign(b'{"a":1}', "metric_alert", "secret", notification())
    assert headers["sentry-hook-signature"] == hmac.new(b"secret", b'{"a":1}', hashlib.sha256).hexdigest()
    assert headers["sentry-hook-resource"] == "metric_alert"
    assert headers["request-id"] == notification().ident  # the same at every attempt
