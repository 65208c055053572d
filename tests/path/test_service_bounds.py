"""What the service does with more work than it can take, and what Sentry then gets."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median

import httpx

from tests.path.engine import await_true
from tests.path.isl import Receiver, Service, Start, sentry

VALIDATE = "/api/v1/causal/validate"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
THREADS = 4  # of the computing ones, in the service as it is run


@contextmanager
def _sending(service: Service, paths: list[str]) -> Iterator[list["Future[httpx.Response]"]]:
    with ThreadPoolExecutor(len(paths)) as senders:
        yield [senders.submit(service.send, path) for path in paths]


def test_shed_load_is_a_503_and_a_transaction_but_no_event(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, PROBE_THREADS="1"))
    with _sending(service, ["/busy/60?limit_s=3"]) as [busy]:
        await_true("the only thread to be taken", lambda: service.send(VALIDATE, VALID).status_code == 503)
        answer = service.send(VALIDATE, VALID)
        assert not busy.done()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    body = answer.json()
    assert (body["code"], body["reason"]) == ("ISL_SERVICE_UNAVAILABLE", "overloaded")
    assert (body["retryable"], body["request_id"]) == (True, answer.headers["X-Request-Id"])

    late = busy.result()
    assert (late.status_code, late.json()["code"], late.json()["reason"]) == (
        504,
        "ISL_TIMEOUT",
        "computation_timeout",
    )
    assert service.send(VALIDATE, VALID).status_code == 200  # the thread is free again
    log = service.terminate()
    assert [event["tags"]["request_id"] for event in receiver.of_type("event")] == [late.json()["request_id"]]
    statuses = {each["tags"]["request_id"]: each["contexts"]["trace"] for each in receiver.of_type("transaction")}
    assert statuses[body["request_id"]]["status"] == "unavailable"
    assert statuses[late.json()["request_id"]]["status"] == "deadline_exceeded"
    # Nothing was dropped by a hook either: the books of whoever counts stay closed.
    assert {each["reason"] for each in receiver.discarded()} <= {"sample_rate"}
    assert "overloaded" not in log


def test_liveness_answers_while_all_threads_compute(start: Start) -> None:
    service = start()
    took_s: list[float] = []
    with _sending(service, ["/busy/3"] * THREADS) as busy:
        while not all(each.done() for each in busy):
            began = time.monotonic()
            assert service.send("/health").status_code == 200
            took_s.append(time.monotonic() - began)
    assert [each.result().status_code for each in busy] == [200] * THREADS
    assert median(took_s) < 1  # behind even one of them it would be 3


def test_added_latency_takes_no_thread(start: Start) -> None:
    """A slow answer is no computation: while it is held back, the only thread and the only place stay free."""
    service = start(PROBE_THREADS="1")
    service.set_faults({"added_latency_ms": {"value": 2000}})
    with ThreadPoolExecutor(1) as sender:
        began = time.monotonic()
        slow = sender.submit(service.send, VALIDATE, VALID)
        meanwhile = []
        while time.monotonic() < began + 1:
            meanwhile.append(service.send("/busy/0").status_code)
        assert not slow.done()
        assert slow.result().status_code == 200
    assert time.monotonic() - began >= 2
    assert set(meanwhile) == {200}
