"""Releases: when each was first seen, what began with it, and how requests fared before and after."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import apsw
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from embedded.pages.access import Visit
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.traffic import P95, Between, Numbers, numbers_of, percentile_between
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
from embedded.store.windows import Sample
from embedded.tally import tally_of

router = APIRouter()
SHOWN: Final = 10
MAX_OFFSET: Final = 1_000_000
SIDE: Final = timedelta(hours=1)  # production time that is looked at, before and after
Turn = Literal["worse", "better", "unclear", "unknown"]


@dataclass(frozen=True, slots=True)
class Side:
    """The requests before a release, or its own after it."""

    numbers: Numbers
    p95_between: Between  # ms


@dataclass(frozen=True, slots=True)
class Health:
    """One release in one project."""

    version: str
    announced: Announced | None
    deploys: list[Deploy]
    first_seen: datetime | None  # None: announced, and nothing of it is stored
    new_issues: int
    before: Side
    after: Side
    failure_turn: Turn
    p95_turn: Turn


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
    before = _side(requests_before(reader, project_id, version, at, at - side) if at else [])
    after = _side(requests_after(reader, project_id, version, at, at + side) if at else [])
    is_known = bool(before.numbers.samples and after.numbers.samples)
    return Health(
        version=version,
        announced=find_announced(reader, version),
        deploys=list_deploys(reader, version),
        first_seen=at,
        new_issues=begun.get(version, 0),
        before=before,
        after=after,
        failure_turn=_turn(before.numbers.failure_between, after.numbers.failure_between) if is_known else "unknown",
        p95_turn=_turn(before.p95_between, after.p95_between) if is_known else "unknown",
    )


def _side(requests: Iterable[Sample]) -> Side:
    tally = tally_of(requests)
    return Side(numbers_of(tally, SIDE), percentile_between(tally, P95))


def _turn(before: Between, after: Between) -> Turn:
    """Which way a figure went that is better the smaller it is, where the intervals say that it did."""
    if after[0] is not None and before[1] is not None and after[0] > before[1]:
        return "worse"
    return "better" if after[1] is not None and before[0] is not None and after[1] < before[0] else "unclear"
