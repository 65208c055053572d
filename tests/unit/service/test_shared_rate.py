"""The rate limit in a real Redis: counted together, moving with time, and by each worker when Redis is away."""

import asyncio
import logging

import pytest

from service.rate_limit import RateLimit
from service.shared_rate import SharedCounter
from tests.path.engine import DEADLINE_S, free_port
from tests.servers import run_redis


async def _hit_in_turn(url: str, limit: RateLimit, callers: list[str]) -> list[int]:
    """Two workers take turns; what is left after each request."""
    counters = [SharedCounter(url, limit) for _ in range(2)]
    left = [(await counters[turn % 2].hit(caller))[0] for turn, caller in enumerate(callers)]
    for counter in counters:
        await counter.close()
    return left


def test_workers_share_one_count_and_callers_do_not(redis_url: str) -> None:
    asked = [*["one"] * 5, "two"]
    assert asyncio.run(_hit_in_turn(redis_url, RateLimit(3, 86_400), asked)) == [2, 1, 0, -1, -1, 2]


def test_whoever_waits_as_told_may_ask_again(redis_url: str) -> None:
    async def ask() -> None:
        counter = SharedCounter(redis_url, RateLimit(2, 1))
        async with asyncio.timeout(DEADLINE_S):
            while (found := await counter.hit("waiting"))[0] >= 0:
                pass
            assert 0 < found[1] <= 2
            await asyncio.sleep(found[1])
            assert (await counter.hit("waiting"))[0] >= 0
        await counter.close()

    asyncio.run(ask())


def test_without_redis_each_worker_counts_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with caplog.at_level(logging.WARNING, "isl.rate_limit"):
        assert asyncio.run(_hit_in_turn(url, RateLimit(2, 3600), ["one"] * 6)) == [1, 1, 0, 0, -1, -1]
    assert len(caplog.records) == 2  # one for each worker
    assert "127.0.0.1" not in caplog.text


def test_redis_that_vanishes_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(url: str) -> None:
        with run_redis(int(url.rsplit(":", 1)[1].split("/")[0])):
            counter = SharedCounter(url, RateLimit(1, 3600))
            assert [(await counter.hit("one"))[0] for _ in range(2)] == [0, -1]
        assert (await counter.hit("one"))[0] == 0  # counted here, from nothing
        await counter.close()

    with caplog.at_level(logging.WARNING, "isl.rate_limit"):
        asyncio.run(ask(f"redis://127.0.0.1:{free_port()}/0"))
    assert len(caplog.records) == 1
