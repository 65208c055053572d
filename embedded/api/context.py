"""What every endpoint gets: the store, the clock, the address; and who may call. Errors have Sentry's bodies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, TypeVar

import apsw
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from embedded.api.scopes import ALL, is_allowed
from embedded.channels.base import Channel
from embedded.clock import Clock
from embedded.destinations import Destinations
from embedded.notification import Setting
from embedded.pace import Pace
from embedded.store.database import Database
from embedded.store.projects import Project, list_projects, token_scopes

T = TypeVar("T")
ORGANIZATION_SLUG = "sentry"  # one organisation and one team, as self-hosted Sentry makes them
ORGANIZATION_ID = "1"
TEAM_SLUG = "sentry"
TEAM_ID = "1"
PREFIX = "/api/0"
FORBIDDEN = "You do not have permission to perform this action."
NOT_FOUND = "The requested resource does not exist"


@dataclass(frozen=True, slots=True)
class Context:
    """Wired in `app`."""

    database: Database
    clock: Clock
    setting: Setting
    destinations: Destinations
    channels: Mapping[str, Channel]  # by action type
    pace: Pace = field(default_factory=Pace)  # of endpoints that may not be called often

    @property
    def url(self) -> str:
        """The engine's own address."""
        return self.setting.url

    @property
    def speed(self) -> float:
        return self.setting.speed

    def read(self) -> apsw.Connection:
        """A read-only connection of this thread."""
        return self.database.read()

    def write(self, job: Callable[[apsw.Connection], T]) -> T:
        """Run a job on the writer; it is on disk when this returns."""
        return self.database.write(job)

    def now(self) -> datetime:
        return self.clock.now()


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    header = request.headers.get("authorization", "")
    if not header:
        raise HTTPException(401, "Authentication credentials were not provided.")
    scopes = scopes_of(context, request)
    if scopes is None:
        raise HTTPException(401, "Invalid token")
    path = str(request.scope["route"].path).removeprefix(PREFIX)
    if not is_allowed(request.method, path, scopes):
        raise HTTPException(403, FORBIDDEN)
    return context


def scopes_of(context: Context, request: Request) -> frozenset[str] | None:
    """Return what the request's token may do; None if it has none that is known."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    scopes = token_scopes(context.read(), token.strip()) if scheme.lower() == "bearer" else None
    return None if scopes is None else frozenset(scopes or ALL)


Ctx = Annotated[Context, Depends(_context)]


def not_found() -> HTTPException:
    """Sentry's 404."""
    return HTTPException(404, NOT_FOUND)


def invalid(field: str, message: str) -> RequestValidationError:
    """A 400 that blames one field, in Sentry's shape."""
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error"}])


def organization(organization: str) -> str:
    """The path's organisation, by slug or id. Raises 404 for any other."""
    if organization not in (ORGANIZATION_SLUG, ORGANIZATION_ID):
        raise not_found()
    return organization


Org = Annotated[str, Depends(organization)]


def find_project(context: Context, slug_or_id: str) -> Project:
    """Raises 404 when there is no such project."""
    for project in list_projects(context.read()):
        if slug_or_id in (project.slug, str(project.id)):
            return project
    raise not_found()


def stamp(moment: datetime | None) -> str | None:
    """An instant as Sentry writes it."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def handle_errors(app: FastAPI) -> None:
    """Map FastAPI's validation errors to Sentry's 400: {field: [messages]}, camel-cased where it was."""

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        problems: dict[str, Any] = {}
        for each in error.errors() if isinstance(error, RequestValidationError) else []:
            source, *way = each["loc"]  # the first part says where it came from: a field may be called `query` too
            place = [str(part) for part in (way if source in ("body", "query", "path") else each["loc"])]
            problems.setdefault(".".join(place) or "nonFieldErrors", []).append(str(each["msg"]))
        return JSONResponse(problems, status_code=400)

    async def on_overflow(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - Starlette's signature
        return JSONResponse({"detail": NOT_FOUND}, status_code=404)

    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(OverflowError, on_overflow)  # an id past 64 bits, which no row can have
