"""The rate limit counted in Redis, so that all workers share it; without Redis each worker counts for itself.

A sliding window counter: this window's count, and the share of the last one's that a moving window would still hold.
Two numbers a caller whatever the limit, and one command a request. Not from a package: the count is one script for the
client that the cache has brought along, and what is to be done while Redis is away would be ours to write anyway.
Source: https://redis.io/docs/latest/commands/eval/ and /time/, read 2026-11
"""

import asyncio
import hashlib
import logging
import time
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from service.cache.stores import RECOVERY_S, REDIS_CONNECTIONS, REDIS_TIMEOUT_S
from service.rate_limit import LocalCounter, RateLimit

log: Final = logging.getLogger("isl.rate_limit")
KEY_PREFIX: Final = "isl:rate"
MS_PER_S: Final = 1000
# By the clock of Redis, the one that all workers share. Returns how many are left, and milliseconds to wait.
SCRIPT: Final = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local slot = math.floor(now / window)
local passed = now - slot * window
local kept = redis.call('HMGET', KEYS[1], 'slot', 'count', 'last')
local kept_slot, count, last = tonumber(kept[1]), tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if kept_slot == slot - 1 then
  last, count = count, 0
elseif kept_slot ~= slot then
  last, count = 0, 0
end
local used = count + last * (1 - passed / window)
if used + 1 <= limit then
  redis.call('HSET', KEYS[1], 'slot', slot, 'count', count + 1, 'last', last)
  redis.call('EXPIRE', KEYS[1], 2 * window)
  return {math.floor(limit - used - 1), math.ceil((window - passed) * 1000)}
end
local wait
if count < limit then
  wait = (used + 1 - limit) * window / last
else
  wait = window - passed + (count + 1 - limit) * window / count
end
return {-1, math.ceil(wait * 1000)}
"""


class SharedCounter:
    """Counts in Redis; while that is away, in this worker. For one event loop."""

    def __init__(self, url: str, limit: RateLimit) -> None:
        self._limit = limit
        self._alone = LocalCounter(limit)
        self._alone_until_s = 0.0
        self._is_shared = True
        self._client = Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            max_connections=REDIS_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._client.register_script(SCRIPT)

    async def hit(self, caller: str) -> tuple[int, float]:
        """Count a request; see `LocalCounter.hit`. Asks a Redis that failed again only after RECOVERY_S."""
        if time.monotonic() >= self._alone_until_s:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    left, wait_ms = await self._script([_make_key(caller)], [self._limit.count, self._limit.window_s])
            except (RedisError, OSError) as error:  # a TimeoutError is an OSError
                self._count_alone(error)
            else:
                self._count_together()
                return int(left), int(wait_ms) / MS_PER_S
        return await self._alone.hit(caller)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    def _count_alone(self, error: Exception) -> None:
        self._alone_until_s = time.monotonic() + RECOVERY_S
        if self._is_shared:  # one line for each time that it goes away, without the address that is in the error's text
            self._is_shared = False
            log.warning("the rate limit is counted by each worker for itself, Redis failed: %s", type(error).__name__)

    def _count_together(self) -> None:
        if not self._is_shared:
            self._is_shared = True
            log.info("the rate limit is counted in Redis again")


def _make_key(caller: str) -> str:
    """Name the caller by a hash: addresses are nobody's business in there."""
    return f"{KEY_PREFIX}:{hashlib.sha256(caller.encode()).hexdigest()[:32]}"
