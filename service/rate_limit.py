"""How often one caller may ask: a moving window by API key, by address where keys are switched off. Pure ASGI.

After authentication, so that made-up keys can neither dodge the limit nor fill the memory. Without Redis each worker
counts for itself: what the service lets through is then up to this limit times its workers.
"""

import math
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import TTLCache
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api_keys import OPEN_PATHS
from service.error_handlers import error_response
from service.errors import Details, ErrorCode, IslError

PERIODS_S: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
MAX_LIMIT: Final = 1_000_000  # requests a window; each is remembered until it leaves the window
MAX_CALLERS: Final = 10_000  # that are remembered; past it the one who asked first is forgotten
NO_ADDRESS: Final = "-"  # a Unix socket's peer has none


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many requests in any span of so many seconds."""

    count: int
    window_s: int


def parse_rate_limit(given: str) -> RateLimit:
    """Read `<count>/<second|minute|hour|day>`. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,7})/(second|minute|hour|day)", given.strip())
    if found is None or not 1 <= int(found[1]) <= MAX_LIMIT:
        raise ValueError(f"write <count>/<period>, count from 1 to {MAX_LIMIT}")
    return RateLimit(int(found[1]), PERIODS_S[found[2]])


def check_rate_limit(given: str) -> str:
    """Accept what `parse_rate_limit` reads. Raises ValueError."""
    parse_rate_limit(given)
    return given


class Windows:
    """The latest requests of each caller, as a queue of instants: a request costs the same whatever the limit.

    Not from a package: the one for it, limits 5.8, starts a thread for each request that it counts in memory.
    """

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        # A caller who asks nothing for a whole window has nothing left to remember.
        self._callers: TTLCache[str, deque[float]] = TTLCache(MAX_CALLERS, limit.window_s)

    def hit(self, caller: str, now_s: float) -> tuple[int, float]:
        """Count a request; return how many more may come, -1 for one too many, and seconds until one more may."""
        instants = self._callers.get(caller) or deque[float]()
        while instants and instants[0] <= now_s - self._limit.window_s:
            instants.popleft()
        left = self._limit.count - len(instants) - 1
        if left >= 0:
            instants.append(now_s)
        self._callers[caller] = instants  # also begins its time to live anew
        return left, instants[0] + self._limit.window_s - now_s


class Counter(Protocol):
    """Counts the requests of each caller, in this worker or in all of them."""

    async def hit(self, caller: str) -> tuple[int, float]:
        """Count a request; return how many more may come, -1 for one too many, and seconds to wait for more."""

    async def close(self) -> None:
        """Give back what it holds."""


class LocalCounter:
    """Windows of this worker, by its own clock."""

    def __init__(self, limit: RateLimit) -> None:
        self._windows = Windows(limit)

    async def hit(self, caller: str) -> tuple[int, float]:
        """Count a request now."""
        return self._windows.hit(caller, time.monotonic())

    async def close(self) -> None:
        """The process takes it along."""


class RateLimitMiddleware:
    """Answers 429 with an Olumi body and Retry-After past the limit; X-RateLimit-* tell how much is left."""

    def __init__(self, app: ASGIApp, limit: RateLimit, counter: Counter) -> None:
        self.app = app
        self._limit = limit
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        left, wait_s = await self._counter.hit(_find_caller(scope))
        wait = max(1, math.ceil(wait_s))
        answer = self.app if left >= 0 else self._refuse(wait)
        await answer(scope, receive, self._with_headers(send, max(0, left), wait))

    def _refuse(self, wait_s: int) -> ASGIApp:
        message = f"More than {self._limit.count} requests in {self._limit.window_s} seconds from one caller"
        response = error_response(IslError(ErrorCode.ISL_RATE_LIMIT_EXCEEDED, message, Details(retry_after_s=wait_s)))
        response.headers["connection"] = "close"  # its body is not read
        return response

    def _with_headers(self, send: Send, left: int, wait_s: int) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-RateLimit-Limit"] = str(self._limit.count)
                headers["X-RateLimit-Remaining"] = str(left)
                headers["X-RateLimit-Reset"] = str(wait_s)  # seconds until one more may come
            await send(message)

        return send_with_headers


def _find_caller(scope: Scope) -> str:
    """The caller that the key stands for, else the peer's address. X-Forwarded-For is the server's business."""
    caller = scope.get("state", {}).get("caller")
    if caller is not None:
        return f"key:{caller}"
    client = scope.get("client")
    return f"address:{client[0] if client else NO_ADDRESS}"
