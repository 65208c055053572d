"""How the routes that compute do it: held back if a fault says so, then through the pool.

Routes that wait for others (outcomes, /ready) are plain `def` instead: they run in Starlette's threads, so that a slow
database takes no thread from the computations, nor they from it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel

from monitors import signals
from service.error_bodies import ErrorBody
from service.pool import Pool, Task
from service.spans import start_span

# Under gunicorn's graceful_timeout: what runs when a worker is told to stop still ends by itself.
DEADLINE_S: Final = 15.0
ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorBody, "description": "Olumi error v1.0"},
    422: {"model": ErrorBody, "description": "Olumi error v1.0"},
    500: {"model": ErrorBody, "description": "Olumi error v1.0"},
    503: {"model": ErrorBody, "description": "Olumi error v1.0, reason overloaded: the queue is full, see Retry-After"},
    504: {"model": ErrorBody, "description": "Olumi error v1.0, reason computation_timeout: stopped at its deadline"},
}


async def hold_back(request: Request) -> None:
    """Wait as the fault `added_latency_ms` says: on the event loop, before admission, so that it takes no thread.

    It stands for an answer that is slow to come. Computations that take longer would fill the queue, and shed load.
    """
    await request.app.state.faults.hold_back(request.scope["route"].path)


async def compute(
    request: Request, work: Callable[[Task], BaseModel], pool: Pool | None = None, limit_s: float = DEADLINE_S
) -> Response:
    """Run `work` in a pool, that of short computations unless told otherwise, and write its answer as JSON there too.

    Faults that fail a computation hit it at its first checkpoint, once per request.
    """
    state = request.app.state
    trip = partial(state.faults.trip, request.scope["route"].path)
    content: bytes = await (pool or state.pool).run(lambda task: _serialise(work(task)), limit_s, trip)
    return Response(content, media_type="application/json")


def _serialise(answer: BaseModel) -> bytes:
    with start_span(signals.OP_SERIALIZE, "write the answer"):
        return answer.model_dump_json().encode()
