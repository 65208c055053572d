"""Releases: when each was first seen, what began with it, and how requests fared before and after."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import apsw
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from embedded.pages.access import Visit
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.traffic import Numbers, numbers_of
from embedded.store.release_health import (
    Announced,
    find_announced,
    first_seen,
    issues_begun,
    newest_versions,
    requests_after,
    requests_before,
)
from embedded.store.releases import Deploy, list_deploys
from embedded.tally import tally_of

router = APIRouter()
SHOWN: Final = 10
MAX_OFFSET: Final = 1_000_000
SIDE: Final = timedelta(hours=1)  # production time that is looked at, before and after
Turn = Literal["worse", "better", "alike", "unknown"]


@dataclass(frozen=True, slots=True)
class Health:
    """One release in one project."""

    version: str
    announced: Announced | None
    deploys: list[Deploy]
    first_seen: datetime | None  # None: announced, and nothing of it is stored
    new_issues: int
    before: Numbers
    after: Numbers
    turn: Turn  # of the share of failed requests


@router.get("/releases/")
def releases(
    request: Request, context: Visit, asked: Ask, offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0
) -> Response:
    """The project's releases, the newest first."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    reader = context.read()
    found = newest_versions(reader, scope.project.id, SHOWN + 1, offset)
    seen = {each: first_seen(reader, scope.project.id, each) for each in found[:SHOWN]}
    begun = issues_begun(reader, scope.project.id, min(filter(None, seen.values()), default=scope.now))
    return render(
        request,
        "releases.html.jinja",
        scope=scope,
        releases=[_health(reader, scope, each, seen[each], begun) for each in found[:SHOWN]],
        side=SIDE,
        offset=offset,
        size=SHOWN,
        has_more=len(found) > SHOWN,
    )


def _health(reader: apsw.Connection, scope: Scope, version: str, at: datetime | None, begun: dict[str, int]) -> Health:
    project_id, side = scope.project.id, SIDE / scope.speed
    before = numbers_of(tally_of(requests_before(reader, project_id, version, at, at - side) if at else []), SIDE)
    after = numbers_of(tally_of(requests_after(reader, project_id, version, at, at + side) if at else []), SIDE)
    announced, deploys = find_announced(reader, version), list_deploys(reader, version)
    return Health(version, announced, deploys, at, begun.get(version, 0), before, after, _turn(before, after))


def _turn(before: Numbers, after: Numbers) -> Turn:
    """Which way the share of failures went, where the intervals say that it did."""
    if not before.samples or not after.samples:
        return "unknown"
    if after.failure_between[0] > before.failure_between[1]:
        return "worse"
    return "better" if after.failure_between[1] < before.failure_between[0] else "alike"
