"""When the cross-check asks, and that Sentry is not flooded; the real y0 is in `test_compare` and in tests/path."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from service.apart import Process
from service.cross_check.check import LIMIT_S, REPORTS, CrossCheck
from service.cross_check.compare import Difference, compare
from service.event_hooks import before_send
from service.graph import build_graph
from service.identification.answer import Identification
from service.identify import identify

PLENTY_S = 15.0


class Answering(Process):
    """Answers in the thread that asks, as it is told to."""

    def __init__(self, answer: Callable[[], Difference | None]) -> None:
        super().__init__(0)
        self.asked = 0
        self.is_awake = True
        self._answer = answer

    def is_ready(self) -> bool:
        """As a process that has read its code, or not yet."""
        return self.is_awake

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], left_s: float, limit_s: float) -> Any:
        """Count the question."""
        assert (function, len(arguments), left_s, limit_s) == (compare, 4, LIMIT_S, LIMIT_S)
        self.asked += 1
        return self._answer()


class Kept(Transport):
    """Keeps the events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Take the event out."""
        event: Any = envelope.get_event()
        self.events.append(event)


@pytest.fixture
def sent() -> Iterator[list[dict[str, Any]]]:
    """What this test's own client would have sent."""
    transport = Kept()
    with sentry_sdk.isolation_scope() as scope:
        dsn = "http://0123456789abcdef0123456789abcdef@127.0.0.1:9/1"
        scope.set_client(
            sentry_sdk.Client(dsn, transport=transport, before_send=before_send, default_integrations=False)
        )
        yield transport.events


def _differ() -> Difference:
    return Difference("verdict_differs", "on purpose")


def _check(check: CrossCheck, left_s: float = PLENTY_S, size: int = 2) -> None:
    nodes = ["x", "y", *(f"n{place}" for place in range(size - 2))]
    graph = build_graph(nodes, [("x", "y")])
    found = identify(graph, "x", "y")
    assert isinstance(found, Identification)
    check.check(graph, "x", "y", found, left_s)


def test_agreement_is_no_event(sent: list[dict[str, Any]]) -> None:
    process = Answering(lambda: None)
    _check(CrossCheck(process))
    assert (process.asked, sent) == (1, [])


def test_without_a_process_nobody_is_asked(sent: list[dict[str, Any]]) -> None:
    check = CrossCheck(None)
    check.open()
    _check(check)
    check.close()
    assert sent == []


@pytest.mark.parametrize(
    ("left_s", "size", "is_awake"), [(LIMIT_S / 2, 2, True), (PLENTY_S, 11, True), (PLENTY_S, 2, False)]
)
def test_what_is_late_large_or_too_early_is_skipped(left_s: float, size: int, *, is_awake: bool) -> None:
    process = Answering(_differ)
    process.is_awake = is_awake
    _check(CrossCheck(process), left_s, size)
    assert process.asked == 0


def test_nobody_waits_for_another_s_question() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def answer() -> None:
        is_asked.set()
        assert may_answer.wait(PLENTY_S)

    process = Answering(answer)
    check = CrossCheck(process)
    first = threading.Thread(target=_check, args=(check,))
    first.start()
    assert is_asked.wait(PLENTY_S)
    _check(check)  # comes back at once
    may_answer.set()
    first.join()
    assert process.asked == 1
    _check(check)
    assert process.asked == 2


def test_a_y0_that_is_wrong_each_time_floods_nobody(
    sent: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "isl.cross_check")
    check = CrossCheck(Answering(_differ))
    for _ in range(REPORTS.count + 5):
        _check(check)
    assert len(sent) == REPORTS.count
    assert {each["tags"]["error_code"] for each in sent} == {"ISL_Y0_ERROR"}
    assert len(caplog.records) == REPORTS.count + 5
    assert "not sent to Sentry" in caplog.text
