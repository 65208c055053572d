"""How often one caller may ask: a moving window by API key, by address where keys are switched off. Pure ASGI.

After authentication, so that made-up keys can neither dodge the limit nor fill the memory. Each worker counts for
itself: what the service lets through is up to this limit times its workers.
"""

import math
from typing import Final

from limits import RateLimitItem, WindowStats, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api_keys import OPEN_PATHS
from service.clock import utc_now
from service.error_handlers import error_response
from service.errors import Details, ErrorCode, IslError

MAX_LIMIT: Final = 1_000_000  # requests a window; each is remembered until it leaves the window
NO_ADDRESS: Final = "-"  # a Unix socket's peer has none


def check_rate_limit(given: str) -> str:
    """Accept `<count>/<second|minute|hour|day>`. Raises ValueError."""
    limit = parse(given)
    if not 1 <= limit.amount <= MAX_LIMIT:
        raise ValueError(f"count outside of 1 to {MAX_LIMIT}")
    return given


class RateLimitMiddleware:
    """Answers 429 with an Olumi body and Retry-After past the limit; X-RateLimit-* tell how much is left."""

    def __init__(self, app: ASGIApp, limit: str) -> None:
        self.app = app
        self._limit: RateLimitItem = parse(limit)
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        caller = _find_caller(scope)
        is_within = self._windows.hit(self._limit, caller)
        answer = self.app if is_within else self._refuse(caller)
        await answer(scope, receive, self._with_headers(send, self._windows.get_window_stats(self._limit, caller)))

    def _refuse(self, caller: str) -> ASGIApp:
        free_at = self._windows.get_window_stats(self._limit, caller).reset_time
        wait_s = max(1, math.ceil(free_at - utc_now().timestamp()))
        message = f"More than {self._limit} from one caller"
        response = error_response(IslError(ErrorCode.ISL_RATE_LIMIT_EXCEEDED, message, Details(retry_after_s=wait_s)))
        response.headers["connection"] = "close"  # its body is not read
        return response

    def _with_headers(self, send: Send, stats: WindowStats) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-RateLimit-Limit"] = str(self._limit.amount)
                headers["X-RateLimit-Remaining"] = str(stats.remaining)
                headers["X-RateLimit-Reset"] = str(math.ceil(stats.reset_time))
            await send(message)

        return send_with_headers


def _find_caller(scope: Scope) -> str:
    """The caller that the key stands for, else the peer's address. X-Forwarded-For is the server's business."""
    caller = scope.get("state", {}).get("caller")
    if caller is not None:
        return f"key:{caller}"
    client = scope.get("client")
    return f"address:{client[0] if client else NO_ADDRESS}"
