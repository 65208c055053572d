"""Exactly one event per failure, whatever serves the service and however it is stopped: real processes and traffic."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.path.engine import await_true
from tests.path.isl import Receiver, Service, Start, sentry

pytestmark = pytest.mark.servers

VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
# Every way to fail: a typed error, a missing dependency, bugs, one that is logged as well, one that becomes another.
FAULTS = {
    "error_rate": {"value": 1, "routes": [VALIDATE]},
    "dependency_down": {"value": 1, "dependencies": ["database"]},
}
KINDS: dict[str, tuple[object, int]] = {
    VALIDATE: (VALID, 500),
    "/api/v1/outcomes/summary?decision=price": (None, 503),
    "/bug/a": (None, 500),
    "/logged": (None, 500),
    "/wrapped": (None, 500),
    "/api/v1/causal/nothing": (None, 404),
    "/health": (None, 200),
}
CLIENTS = 3
PAUSE_S = 0.04  # between two requests of a client: the SDK's one sender must keep up on a loaded machine
TURNS_LIMIT = 1000  # of a client
TRAFFIC_DEADLINE_S = 75.0  # each recycled worker starts anew, and on a loaded machine that takes seconds
BEFORE_THE_END = 50  # answers


@dataclass
class Traffic:
    """Clients that ask in turn for every kind of request, and write down what they sent and what came back."""

    service: Service
    sent: dict[str, str] = field(default_factory=dict)  # request id -> path
    answers: dict[str, int] = field(default_factory=dict)  # request id -> status
    is_over: threading.Event = field(default_factory=threading.Event)  # from now on, nobody there is the end

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clients ask during the block; after it they end with the first request that finds nobody."""
        threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.is_over.set()
            self.service.end()
            for thread in threads:
                thread.join()

    def _ask(self, number: int) -> None:
        for turn in range(TURNS_LIMIT):
            path = list(KINDS)[(turn + number) % len(KINDS)]
            request_id = f"req_{number:08x}{turn:08x}"
            self.sent[request_id] = path
            try:
                self.answers[request_id] = self.service.send(
                    path, KINDS[path][0], **{"X-Request-Id": request_id}
                ).status_code
            except httpx.TransportError:
                if self.is_over.is_set():
                    return
            time.sleep(PAUSE_S)


def count(payloads: list[Any]) -> Counter[str]:
    """How often each request occurs."""
    return Counter(each["tags"]["request_id"] for each in payloads)


@pytest.mark.parametrize(
    ("server", "workers"),
    [
        ("uvicorn", 1),
        ("gunicorn", 1),
        ("gunicorn", 2),
        ("gunicorn --preload", 2),
        ("gunicorn --max-requests", 2),
    ],
)
def test_each_failure_is_one_event_and_a_sigterm_loses_none(
    start: Start, receiver: Receiver, server: str, workers: int
) -> None:
    """SIGTERM comes in the middle of the traffic: what was answered before it, or because of it, has arrived."""
    service = start(server, **sentry(receiver, ISL_WORKERS=str(workers)))
    service.set_faults(FAULTS)
    traffic = Traffic(service)
    with traffic.running():
        await_true(f"{BEFORE_THE_END} answers", lambda: len(traffic.answers) >= BEFORE_THE_END, TRAFFIC_DEADLINE_S)
        if server == "gunicorn --max-requests":
            # Starting takes long on a loaded machine: SIGTERM must not come before there was anything to recycle.
            await_true("each worker recycled", lambda: service.starts() >= 2 * workers, TRAFFIC_DEADLINE_S)
        traffic.is_over.set()
        log = service.terminate()

    wrong = {
        traffic.sent[each]: status for each, status in traffic.answers.items() if status != KINDS[traffic.sent[each]][1]
    }
    assert wrong == {}, log
    failed = {each for each, status in traffic.answers.items() if status >= 500}
    unanswered = {each for each in traffic.sent.keys() - traffic.answers.keys() if KINDS[traffic.sent[each]][1] >= 500}
    events = count(receiver.of_type("event"))
    assert {each: times for each, times in events.items() if times != 1} == {}
    assert sorted(failed - events.keys()) == []
    assert sorted(events.keys() - failed - unanswered) == []

    # Under --preload the SDK is started in the master: tags and hooks are the workers' as well.
    named = [each["tags"] for each in receiver.of_type("event")]
    assert all(tags["service"] == "isl" and tags["error_code"].startswith("ISL_") for tags in named)

    transactions = count(receiver.of_type("transaction"))
    answered = {each for each in traffic.answers if traffic.sent[each] != "/health"}
    assert {each: times for each, times in transactions.items() if times != 1} == {}
    assert sorted(answered - transactions.keys()) == []
    # Nothing was dropped on the way: a duplicate that the SDK filters out would be an `event_processor` here.
    dropped = [each for each in receiver.discarded() if each["category"] in ("error", "transaction")]
    assert [each for each in dropped if each["reason"] != "sample_rate"] == []
