"""What a webhook says of a metric monitor, and how it is signed."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from embedded.channels.base import Notification
from embedded.channels.sentry_app import render, sign
from embedded.store.alerts import HIGH, Evaluation, due_monitors, record_evaluation
from embedded.store.database import Database
from embedded.store.issues import find_issue
from embedded.store.monitors import list_detectors
from embedded.store.projects import SentryApp
from tests.unit.embedded.fakes import NOW, add_monitor, opened

APP = SentryApp(1, "sink", "sink", "some-uuid", "client", "secret", "http://127.0.0.1:9/", "", NOW)
LIMITS = (("gt", 10.0, 75), ("gt", 5.0, 50), ("lte", 5.0, 0))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


@pytest.mark.parametrize(
    ("kind", "level", "action", "threshold"),
    [
        ("first_seen_event", 75, "critical", "> 10"),
        ("first_seen_event", 50, "warning", "> 5"),  # the threshold that was crossed, not the highest
        ("issue_resolved_trigger", 0, "resolved", "> 10"),
    ],
)
def test_metric_webhook_names_the_threshold_of_its_level(
    database: Database, kind: str, level: int, action: str, threshold: str
) -> None:
    monitor = add_monitor(database, aggregate="count()", conditions=LIMITS)
    [due] = due_monitors(database.read(), NOW)
    done = Evaluation(due, 12, HIGH, NOW, is_change=True, at=NOW, next_due_at=NOW)
    database.write(lambda connection: record_evaluation(connection, done))
    issue = find_issue(database.read(), 1)
    assert issue
    notification = Notification(
        kind=kind,
        workflow_name="page",
        action={},
        issue=issue,
        issue_url="http://engine/issues/1/",
        detector=list_detectors(database.read(), detector_id=monitor)[0],
        value=12,
        level=level,
        at=NOW,
        window=timedelta(minutes=5),
        event=None,
        environment=None,
    )
    resource, body = render(notification, APP)
    assert (resource, body["action"], body["installation"]) == ("metric_alert", action, {"uuid": "some-uuid"})
    assert body["data"]["description_text"] == f"count() is 12 in the last 5 minutes; the threshold is {threshold}"
    alert = body["data"]["metric_alert"]
    assert (alert["status"], alert["date_closed"]) == (action, NOW.isoformat() if action == "resolved" else None)
    assert render(replace(notification, value=None), APP)[1]["data"]["metric_alert"]["value"] is None


def test_signature_is_over_the_body_as_sent() -> None:
    headers = sign(b'{"a":1}', "metric_alert", "secret", NOW)
    assert headers["sentry-hook-signature"] == hmac.new(b"secret", b'{"a":1}', hashlib.sha256).hexdigest()
    assert headers["sentry-hook-resource"] == "metric_alert"
