"""What a shared timer promises each task that it watches."""

import asyncio

import pytest

from embedded.deadlines import Deadlines

SPAN_S = 0.05


def test_task_that_takes_too_long_is_ended_with_a_timeout_and_may_go_on() -> None:
    async def task(deadlines: Deadlines) -> str:
        with pytest.raises(TimeoutError), deadlines.begin():
            await asyncio.sleep(60)
        await asyncio.sleep(0)  # not cancelled any more
        return "went on"

    async def both() -> tuple[str, str]:
        deadlines = Deadlines(SPAN_S)
        one, other = await asyncio.gather(task(deadlines), task(deadlines))
        return one, other

    assert asyncio.run(both()) == ("went on", "went on")


def test_task_that_is_over_in_time_is_left_alone() -> None:
    async def task() -> str:
        with Deadlines(SPAN_S).begin():
            await asyncio.sleep(0)
        await asyncio.sleep(3 * SPAN_S)
        return "over"

    assert asyncio.run(task()) == "over"


def test_cancelling_a_task_stays_a_cancellation() -> None:
    async def task(deadlines: Deadlines) -> None:
        with deadlines.begin():
            await asyncio.sleep(60)

    async def cancel() -> None:
        watched = asyncio.create_task(task(Deadlines(60)))
        await asyncio.sleep(0)
        watched.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watched

    asyncio.run(cancel())


def test_tasks_that_begin_together_share_a_timer_and_later_ones_get_another() -> None:
    async def ask() -> tuple[bool, bool]:
        deadlines = Deadlines(SPAN_S)
        first, second = deadlines.begin(), deadlines.begin()
        await asyncio.sleep(SPAN_S)
        return first is second, deadlines.begin() is first

    assert asyncio.run(ask()) == (True, False)
