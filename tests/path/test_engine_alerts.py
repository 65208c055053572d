"""Monitors and alerts made through the web API, envelopes in, signed webhooks out; a minute is a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.path.engine import (
    ORGANIZATION,
    Receiver,
    Start,
    alert_app,
    await_true,
    detector_body,
    error,
    receiving,
    starting,
    transaction,
    workflow_body,
)

SPEED = 60
NEW, RETURNED, RESOLVED = "first_seen_event", "regression_event", "issue_resolved_trigger"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


def test_breach_pages_once_signed_and_its_end_is_told(start: Start, receiver: Receiver) -> None:
    engine = start(SPEED)
    project = engine.project()
    app_id, secret = alert_app(engine, receiver)
    path = f"{ORGANIZATION}/projects/{project.slug}/detectors/"
    monitor = engine.ask("POST", path, detector_body())
    quiet = engine.ask("POST", path, detector_body(name="quiet", enabled=False))
    ids = [int(monitor["id"]), int(quiet["id"])]
    workflow = engine.ask("POST", f"{ORGANIZATION}/workflows/", workflow_body(app_id, ids, NEW, RETURNED, RESOLVED))

    def pages() -> list[str]:
        return [body["action"] for body in receiver.bodies("metric_alert")]

    def send_until(seen: list[str], *, failed: bool) -> None:
        def is_seen() -> bool:
            project.send(("transaction", transaction(failed=failed)))
            return pages() == seen

        await_true(f"the pages {seen}, not {pages()}", is_seen)

    for _ in range(20):
        project.send(("transaction", transaction()))
    send_until(["critical"], failed=True)
    [body] = receiver.bodies("metric_alert")
    alert = body["data"]["metric_alert"]
    assert alert["alert_rule"]["id"] == monitor["id"]
    assert (alert["title"], alert["projects"]) == ("failure rate", ["isl"])
    assert alert["value"] > 0.05
    assert "the threshold is > 0.05" in body["data"]["description_text"]
    [issue] = engine.ask("GET", f"{ORGANIZATION}/issues/", query="is:unresolved issue.type:metric_issue")
    assert issue["id"] == alert["id"]
    [period] = engine.ask("GET", f"{ORGANIZATION}/open-periods/", detectorId=monitor["id"])
    assert period["isOpen"]
    [opening] = period["activities"]
    assert (opening["type"], opening["value"], opening["dateCreated"]) == ("opened", "high", period["start"])

    send_until(["critical", "resolved"], failed=False)  # after at most five seconds, the window
    assert receiver.is_signed(secret)
    [period] = engine.ask("GET", f"{ORGANIZATION}/open-periods/", groupId=issue["id"], statsPeriod="1h")
    assert not period["isOpen"]
    assert [(each["type"], each["value"]) for each in period["activities"]] == [("opened", "high"), ("closed", None)]
    assert period["activities"][0] == opening
    assert engine.ask("GET", f"{ORGANIZATION}/issues/{issue['id']}/")["status"] == "resolved"
    assert engine.ask("GET", f"{ORGANIZATION}/workflows/{workflow['id']}/")["lastTriggered"]
    assert receiver.bodies("event_alert") == []


@pytest.mark.parametrize("monitor", ["error", "issue_stream"])
def test_new_error_issue_pages_once(start: Start, receiver: Receiver, monitor: str) -> None:
    engine = start(SPEED)
    project = engine.project()
    app_id, secret = alert_app(engine, receiver)
    engine.ask("POST", f"{ORGANIZATION}/workflows/", workflow_body(app_id, [project.detector(monitor)], NEW, RETURNED))
    first = error(tags=[["code", "X"]])
    for event in (first, error(), error()):
        project.send(("event", event))
    await_true("the first page", lambda: receiver.received)
    project.send(("event", error("KeyError")))  # a second issue; when its page is here, no third one is under way
    await_true("the second page", lambda: len(receiver.received) >= 2)
    bodies = receiver.bodies("event_alert")
    assert [body["data"]["event"]["title"] for body in bodies] == ["ValueError: it broke", "KeyError: it broke"]
    assert bodies[0]["data"]["event"]["event_id"] == first["event_id"]
    assert bodies[0]["data"]["event"]["tags"] == [["code", "X"]]
    assert receiver.is_signed(secret)

    # Resolved by a person and back again: a regression, of the same issue.
    issue_id = bodies[0]["data"]["event"]["issue_id"]
    engine.ask("PUT", f"{ORGANIZATION}/issues/{issue_id}/", {"status": "resolved"})
    project.send(("event", error()))
    await_true("the page of the regression", lambda: len(receiver.received) >= 3)
    assert receiver.bodies("event_alert")[2]["data"]["event"]["issue_id"] == issue_id
    assert engine.ask("GET", f"{ORGANIZATION}/issues/{issue_id}/")["substatus"] == "regressed"


def test_receiver_that_is_away_is_tried_again(start: Start, receiver: Receiver) -> None:
    engine = start(SPEED)
    project = engine.project()
    app_id, secret = alert_app(engine, receiver)
    engine.ask("POST", f"{ORGANIZATION}/workflows/", workflow_body(app_id, [project.detector()], NEW))
    receiver.status = 503
    project.send(("event", error()))
    log = engine.data_dir / "log"
    await_true("the first failure", lambda: "answered 503" in log.read_text())
    receiver.status = 200
    await_true("the page", lambda: receiver.received)
    assert receiver.is_signed(secret)
    assert secret not in log.read_text()


def test_stop_is_clean_in_the_middle_of_ticks(start: Start) -> None:
    """SIGTERM while monitors are evaluated every tenth of a second neither hangs nor complains."""
    engine = start(600)
    project = engine.project()
    for number in range(20):
        engine.ask(
            "POST", f"{ORGANIZATION}/projects/{project.slug}/detectors/", detector_body(name=f"monitor {number}")
        )
    project.send(("transaction", transaction(failed=True)))
    engine.end()
    assert engine.process.returncode in (0, -15)
    assert "Traceback" not in (engine.data_dir / "log").read_text()
