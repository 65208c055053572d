"""The canary against a real engine: it pages where the path is whole, and says so where it is not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.canary import send_canary, with_canary
from rehearsal.clock import Pace, now
from rehearsal.settings import Options
from rehearsal.stack import Stack
from rehearsal.verdict import Status
from tests.unit.rehearsal.samples import RULES

pytestmark = pytest.mark.rehearsal
SPEED = 60.0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    found = Stack(Options(speed=SPEED, webhook_url="http://127.0.0.1:9/"), tmp_path / "run")
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("with_sink", "status", "said"),
    [(True, Status.HELD, "after its transaction"), (False, Status.FAILED, "look at Sentry's log before")],
)
def test_the_canary_tells_if_a_page_can_arrive_at_all(stack: Stack, with_sink: bool, status: Status, said: str) -> None:
    stack.start_engine()
    if with_sink:
        stack.start_sink()
    stack.provision(with_canary(RULES))
    finding = send_canary(stack, Pace(SPEED, now()))
    assert finding.status is status
    assert said in finding.detail
