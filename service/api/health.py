"""Probes: is the process alive, and would a computation get a thread."""

from fastapi import APIRouter, Request
from pydantic import BaseModel

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str = "healthy"


class Ready(BaseModel):
    """The process can take work."""

    status: str = "ready"
    release: str
    environment: str


@router.get("/health")
async def health() -> Health:
    """Answer from the event loop itself: no dependency, no thread, no computation can delay it."""
    return Health()


@router.get("/ready")
def ready(request: Request) -> Ready:
    """Answer from the thread pool that computes: when all its threads are taken, this waits like a request would.

    The service depends on nothing outside of its process, so there is nothing else to ask.
    """
    return Ready(release=request.app.state.release, environment=request.app.state.settings.sentry_environment)
