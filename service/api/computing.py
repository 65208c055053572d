"""How the routes that compute do it: held back if a fault says so, then through the pool.

Routes that wait for others (outcomes, /ready) are plain `def` instead: they run in Starlette's threads, so that a slow
database takes no thread from the computations, nor they from it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import Request

from service.errors import ErrorBody
from service.graph import Checkpoint

# Under gunicorn's graceful_timeout: what runs when a worker is told to stop still ends by itself.
DEADLINE_S: Final = 15.0
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "Olumi error v1.0"},
    422: {"model": ErrorBody, "description": "Olumi error v1.0"},
    500: {"model": ErrorBody, "description": "Olumi error v1.0"},
    503: {"model": ErrorBody, "description": "Olumi error v1.0, reason overloaded: the queue is full, see Retry-After"},
    504: {"model": ErrorBody, "description": "Olumi error v1.0, reason computation_timeout: stopped at its deadline"},
}

T = TypeVar("T")


async def hold_back(request: Request) -> None:
    """Wait as the fault `added_latency_ms` says: on the event loop, before admission, so that it takes no thread.

    It stands for an answer that is slow to come. Computations that take longer would fill the queue, and shed load.
    """
    await request.app.state.faults.hold_back(request.scope["route"].path)


async def compute(request: Request, work: Callable[[Checkpoint], T], limit_s: float = DEADLINE_S) -> T:
    """Run `work` in the pool; faults that fail a computation hit it at its first checkpoint, once per request."""
    state = request.app.state
    result: T = await state.pool.run(work, limit_s, partial(state.faults.trip, request.scope["route"].path))
    return result
