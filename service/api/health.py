"""Probes: is the process alive, and can it take work."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from service.readiness import Overall, State, check

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str = "healthy"


class Checks(BaseModel):
    """What the service depends on."""

    database: State
    cache: State = Field(description="Always up where it is in the process")
    plot: State


class Ready(BaseModel):
    """Whether the process can take work."""

    status: Overall = Field(description="degraded: without cache or PLoT, but it answers; unready: without a database")
    checks: Checks
    release: str
    environment: str


@router.get("/health")
async def health() -> Health:
    """Answer from the event loop itself: no dependency, no thread, no computation can delay it."""
    return Health()


@router.get("/ready", responses={503: {"model": Ready, "description": "Unready: send requests elsewhere"}})
def ready(request: Request, response: Response) -> Ready:
    """Ask the dependencies, from the threads of the routes that wait for them: busy computations do not delay it.

    A 503 from here is an answer to a load balancer, every few seconds, and no event in Sentry: the requests that fail
    for the same reason are.
    """
    state = request.app.state
    found = check(state.schema, state.store, state.plot)
    response.status_code = 503 if found.overall == "unready" else 200
    return Ready(
        status=found.overall,
        checks=Checks(database=found.database, cache=found.cache, plot=found.plot),
        release=state.release,
        environment=state.settings.sentry_environment,
    )
