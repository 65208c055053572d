"""What the service does with more work than it can take, and what Sentry then gets."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from tests.path.engine import await_true
from tests.path.isl import TLS, Receiver, Service, Start, sentry

VALIDATE = "/api/v1/causal/validate"
ROBUSTNESS = "/api/v1/robustness/analyze"
VALID = {"dag": {"nodes": ["x", "y"], "edges": [["x", "y"]]}, "treatment": "x", "outcome": "y"}
NODES = [f"n{place}" for place in range(50)]
CHAIN = [[NODES[place], NODES[place + step]] for step in range(1, 5) for place in range(50 - step)]
HEAVY: dict[str, Any] = {
    "nodes": NODES,
    "edges": [{"cause": a, "effect": b, "strength": {"mean": 0.2, "std": 0.1}} for a, b in CHAIN],
    "options": [{"id": f"o{place}", "interventions": {"n0": place}} for place in range(2)],
    "goal": "n49",
    "samples": 10_000,
    "budget_ms": 1000,
}
THREADS = 4  # of the computing ones, in the service as it is run


@contextmanager
def _sending(service: Service, paths: list[str]) -> Iterator[list["Future[httpx.Response]"]]:
    with ThreadPoolExecutor(len(paths)) as senders:
        yield [senders.submit(service.send, path) for path in paths]


def test_shed_load_is_a_503_and_a_transaction_but_no_event(start: Start, receiver: Receiver) -> None:
    service = start(**sentry(receiver, PROBE_THREADS="1"))
    with _sending(service, ["/busy/60?limit_s=5"]) as [busy]:
        # Told by its own word: a request that asks for room may have taken it, and then the busy one is shed.
        await_true("the only thread to be taken", lambda: "busy" in service.log.read_text())
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


def test_liveness_does_not_feel_long_computations(start: Start) -> None:
    """Nine of ten probes answer within 50 ms while as many of the heaviest requests are there as callers have threads.

    The heavy ones compute in processes of their own, of which none is left behind.
    """
    service, took_s = start("gunicorn", ISL_WORKERS="1"), list[float]()
    _await_computing_processes(service)
    with ThreadPoolExecutor(THREADS) as senders, httpx.Client(base_url=service.url, timeout=60, verify=TLS) as prober:
        heavy = [senders.submit(service.send, ROBUSTNESS, HEAVY) for _ in range(THREADS)]
        while not all(each.done() for each in heavy):
            began = time.monotonic()
            assert prober.get("/health").status_code == 200
            took_s.append(time.monotonic() - began)
            time.sleep(0.01)
    assert [each.result().status_code for each in heavy] == [200] * THREADS
    assert quantiles(took_s, n=10)[-1] < 0.05
    children = _descendants(service.process.pid)
    service.terminate()
    await_true("all processes to end", lambda: not any(map(_command_of, children)))


def _await_computing_processes(service: Service) -> None:
    """They start by themselves, soon after their worker, and have read their code when they wait for work."""

    def pids() -> list[int]:
        found = _descendants(service.process.pid)
        return [pid for pid in found if "service.computing_process" in _command_of(pid)]

    await_true("a computing process of either kind", lambda: len(pids()) >= 2)
    await_true("the computing processes to be ready", lambda: all(map(_is_waiting, pids())))


def _is_waiting(pid: int) -> bool:
    states = []
    for _ in range(5):
        states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
        time.sleep(0.05)
    return set(states) == {"S"}


def _descendants(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(each) for task in tasks for each in task.read_text().split()]
    return children + [each for child in children for each in _descendants(child)]


def _command_of(pid: int) -> str:
    """The command line; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


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
