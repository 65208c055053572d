"""Admission, deadlines and context of the computing threads."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial

import pytest

from service.errors import ErrorCode, IslError, OverloadedError
from service.graph import Checkpoint
from service.pool import Pool, Task

PLENTY_S = 30.0
WHO: ContextVar[str] = ContextVar("who", default="nobody")


def _fail(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_work_runs_in_a_thread_and_in_the_callers_context() -> None:
    async def ask(name: str) -> tuple[str, bool]:
        WHO.set(name)
        return await pool.run(lambda _: (WHO.get(), threading.current_thread() is threading.main_thread()), PLENTY_S)

    async def ask_two() -> list[tuple[str, bool]]:
        return list(await asyncio.gather(ask("a"), ask("b")))

    pool = Pool()
    assert asyncio.run(ask_two()) == [("a", False), ("b", False)]
    assert WHO.get() == "nobody"
    pool.close()


def test_when_all_places_are_taken_work_is_refused_until_one_is_free() -> None:
    pool, go = Pool(running=1, waiting=2), threading.Event()

    async def fill() -> None:
        held = [asyncio.ensure_future(pool.run(lambda _: go.wait(PLENTY_S), PLENTY_S)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError) as caught:
            await pool.run(lambda _: True, PLENTY_S)
        assert (caught.value.status_code, caught.value.code) == (503, ErrorCode.ISL_SERVICE_UNAVAILABLE)
        assert (caught.value.details.reason, caught.value.details.retry_after_s) == ("overloaded", 1)
        go.set()
        assert await asyncio.gather(*held) == [True] * 3
        assert await pool.run(lambda _: True, PLENTY_S)

    asyncio.run(fill())
    pool.close()


def test_work_past_its_deadline_stops_at_its_checkpoint_and_frees_its_thread() -> None:
    pool = Pool(running=1, waiting=0)

    def endless(checkpoint: Checkpoint) -> None:
        while True:
            checkpoint()
            time.sleep(0.001)

    async def ask() -> None:
        for _ in range(3):  # with the thread still taken, the second would be refused
            with pytest.raises(IslError) as caught:
                await pool.run(endless, 0.01)
            assert (caught.value.status_code, caught.value.code) == (504, ErrorCode.ISL_TIMEOUT)
        assert await pool.run(lambda _: "still here", PLENTY_S) == "still here"

    asyncio.run(ask())
    pool.close()


def test_work_that_waits_past_its_deadline_never_begins() -> None:
    pool, go, begun = Pool(running=1, waiting=1), threading.Event(), list[str]()

    async def ask() -> None:
        held = asyncio.ensure_future(pool.run(lambda _: go.wait(PLENTY_S), PLENTY_S))
        await asyncio.sleep(0)
        with pytest.raises(IslError) as caught:
            await pool.run(lambda _: begun.append("late"), 0.01)
        assert caught.value.code is ErrorCode.ISL_TIMEOUT
        go.set()
        assert await held

    asyncio.run(ask())
    pool.close()
    assert begun == []


def test_errors_of_the_work_and_of_its_checkpoint_reach_the_caller() -> None:
    pool, injected = Pool(), IslError(ErrorCode.ISL_MONTE_CARLO_ERROR, "on purpose")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(pool.run(lambda _: 1 / 0, PLENTY_S))
    with pytest.raises(IslError) as caught:
        asyncio.run(pool.run(lambda checkpoint: checkpoint(), PLENTY_S, _fail(injected)))
    assert caught.value is injected
    pool.close()


def test_faults_get_one_chance_however_many_checkpoints_there_are() -> None:
    chances: list[int] = []

    def work(checkpoint: Checkpoint) -> None:
        for _ in range(10):
            checkpoint()

    pool = Pool()
    asyncio.run(pool.run(work, PLENTY_S, lambda: chances.append(1)))
    assert chances == [1]
    pool.close()


def test_one_computes_at_a_time_while_others_wait_for_a_cache() -> None:
    pool, computing, most = Pool(running=4), set[int](), list[int]()
    waiting = threading.Barrier(4, timeout=PLENTY_S)  # all four are there at once, or it breaks

    def compute(number: int, _: Checkpoint) -> None:
        computing.add(number)
        most.append(len(computing))
        time.sleep(0.01)  # lets the interpreter go, as numpy does
        computing.remove(number)

    def work(number: int, task: Task) -> None:
        waiting.wait()
        task.compute(compute, number)

    async def ask() -> None:
        await asyncio.gather(*[pool.run(partial(work, number), PLENTY_S) for number in range(4)])

    asyncio.run(ask())
    pool.close()
    assert most == [1] * 4


def test_a_turn_that_comes_too_late_is_a_timeout_and_the_next_computes() -> None:
    pool, begun, go = Pool(running=2, waiting=0), threading.Event(), threading.Event()

    def hold(_: Checkpoint) -> bool:
        begun.set()
        return go.wait(PLENTY_S)

    async def ask() -> None:
        held = asyncio.ensure_future(pool.run(lambda task: task.compute(hold), PLENTY_S))
        await asyncio.to_thread(begun.wait, PLENTY_S)
        with pytest.raises(IslError) as caught:
            await pool.run(lambda task: task.compute(lambda _: None), 0.05)
        assert caught.value.code is ErrorCode.ISL_TIMEOUT
        go.set()
        assert await held
        assert await pool.run(lambda task: task.compute(lambda _: "next"), PLENTY_S) == "next"

    asyncio.run(ask())
    pool.close()
