"""What an onlooker sees while a drill lasts, with a real engine: the load, the monitors, and that Sentry is away."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.ledger import Entry
from rehearsal.clock import now
from rehearsal.live import NO_ANSWER, watching
from rehearsal.progress import Progress
from rehearsal.settings import Options
from rehearsal.stack import Stack
from tests.unit.rehearsal.samples import RULES, entry

pytestmark = pytest.mark.rehearsal
DEADLINE_S = 30.0


class Shown:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines = [text]

    def show(self, text: str) -> None:
        self.lines = text.split("\n")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    found = Stack(Options(speed=60.0), tmp_path / "run")
    found.set_fault()
    found.route(RULES)
    found.start_engine()
    found.provision(RULES)
    yield found
    found.stop()


def await_line(progress: Progress, shown: Shown, line: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while line not in shown.lines:
        assert time.monotonic() < deadline, f"waited for {line!r}, shown was {shown.lines}"
        progress.show("a drill")
        time.sleep(0.05)


def sent(number: int, status: int) -> Entry:
    return replace(entry(number, status), sent_at=now().timestamp())


def test_load_and_states_are_shown_and_a_sentry_that_is_away_holds_nothing_up(stack: Stack) -> None:
    shown = Shown()
    with watching(shown, stack, RULES) as progress:
        progress.show("a drill")
        assert shown.lines == ["a drill", "no requests"]
        for number in range(6):
            stack.write_ledger(sent(number, 500 if number % 2 else 200))
        progress.show("a drill")
        assert shown.lines[:2] == ["a drill", "2 requests/s, 50% failing"]
        await_line(progress, shown, "ISL error rate ok, ISL p95 latency ok")
        stack.stop_part("engine")
        await_line(progress, shown, NO_ANSWER)
        before = time.monotonic()
        progress.show("a drill")
        assert time.monotonic() - before < 0.5  # a call to an engine that is away takes seconds, with its retries
        progress.say("a page")
        assert shown.lines == ["a page"]
