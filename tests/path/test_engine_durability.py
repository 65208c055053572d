"""kill -9 of the engine under load: what was acknowledged is there, each event once."""

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.path.engine import (
    ORGANIZATION,
    Project,
    Receiver,
    Start,
    alert_app,
    await_true,
    envelope,
    error,
    receiving,
    starting,
    transaction,
    workflow_body,
)

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "3"))  # 30 take a minute: CRASH_ROUNDS=30
CLIENTS = 6
MOST_PER_CLIENT = 2_000  # bounds a round on a fast machine; a kill comes long before


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    yield from starting(tmp_path / "engine")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from receiving()


class Load:
    """Clients that each post one envelope after the other until the engine is gone."""

    def __init__(self, project: Project) -> None:
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self._project = project
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _post(self, number: int) -> None:
        url = f"{self._project.engine.url}/api/{self._project.id}/envelope/?sentry_key={self._project.key}"
        with httpx.Client(timeout=10, trust_env=False) as client:
            for turn in range(MOST_PER_CLIENT):
                event_id = uuid4().hex
                self.sent.add(event_id)
                fields: dict[str, Any] = {"event_id": event_id, "tags": {"client": str(number)}}
                kind, payload = ("event", error(**fields)) if turn % 2 else ("transaction", transaction(**fields))
                try:
                    answer = client.post(url, content=envelope((kind, payload)))
                except httpx.TransportError:
                    return
                assert (answer.status_code, answer.json()) == (200, {"id": event_id})
                self.acknowledged.add(event_id)


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_kill_loses_nothing_that_was_acknowledged(start: Start) -> None:
    sent: set[str] = set()
    acknowledged: set[str] = set()
    chance = random.Random(20260304)
    for _ in range(ROUNDS):
        engine = start()
        load = Load(engine.project())
        await_true("the load to run", lambda load=load: len(load.acknowledged) > 20)  # type: ignore[misc]
        kill_at = time.monotonic() + chance.uniform(0, 0.5)
        await_true("the moment of the kill", lambda kill_at=kill_at: time.monotonic() > kill_at)  # type: ignore[misc]
        engine.kill()
        load.join()
        sent |= load.sent
        acknowledged |= load.acknowledged
    project = start().project()
    stored = [row["id"] for dataset in ("spans", "errors") for row in project.search(dataset, "id")]
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored) <= sent
    assert len(acknowledged) > 20 * ROUNDS
    # The books and the issue were in the same transactions as the events.
    books = project.outcomes()
    assert books["transaction", "accepted", ""] + books["error", "accepted", ""] == len(stored)
    [issue] = project.engine.ask("GET", f"{ORGANIZATION}/issues/", project=project.slug)
    assert int(issue["count"]) == books["error", "accepted", ""]


def test_event_that_is_sent_again_after_a_kill_is_stored_once(start: Start) -> None:
    engine = start()
    project = engine.project()
    raised = error()
    project.send(("event", raised))
    engine.kill()
    project = start().project()
    project.send(("event", raised))
    assert [row["id"] for row in project.search("errors", "id")] == [raised["event_id"]]
    assert project.outcomes() == {("error", "accepted", ""): 1, ("error", "invalid", "duplicate"): 1}


def test_pending_notification_survives_a_kill(start: Start, receiver: Receiver) -> None:
    engine = start()
    project = engine.project()
    app_id, secret = alert_app(engine, receiver)
    alert = workflow_body(app_id, [project.detector()], "first_seen_event")
    engine.ask("POST", f"{ORGANIZATION}/workflows/", alert)
    receiver.status = 503
    raised = error()
    project.send(("event", raised))
    await_true("a first attempt", lambda: "answered 503" in (engine.data_dir / "log").read_text())
    engine.kill()
    assert receiver.received == []
    receiver.status = 200
    start()
    await_true("the page after the restart", lambda: receiver.received)
    [body] = receiver.bodies("event_alert")
    assert body["data"]["event"]["event_id"] == raised["event_id"]
    assert receiver.is_signed(secret)


def test_token_survives_a_kill_and_a_lost_database(start: Start, tmp_path: Path) -> None:
    """What stands in the token file opens the web API, whatever happened to the rest."""
    engine = start()
    token = (engine.data_dir / "token").read_text()
    assert (engine.data_dir / "token").stat().st_mode & 0o777 == 0o600
    engine.kill()
    for file in (tmp_path / "engine").glob("engine.sqlite*"):
        file.unlink()
    engine = start()
    assert (engine.data_dir / "token").read_text() == token
    assert engine.call("GET", "/organizations/").status_code == 200
