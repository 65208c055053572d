"""Sessions: how many requests there were, counted by the SDKs themselves, so that no sampling touches them.

Source: https://docs.sentry.io/api/releases/retrieve-release-health-session-statistics/, read 2026-11. Of its fields
only `sum(session)` is served: a server's sessions have neither users nor, since 2023, durations.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from embedded.api.context import Ctx, Org, invalid, stamp
from embedded.api.steps import read_steps
from embedded.store.sessions import SessionMinute, session_minutes

router = APIRouter()
GROUPS: Final = ("project", "release", "environment", "session.status")
FIELD: Final = "sum(session)"
ALL_PROJECTS: Final = "-1"
# Sentry's word -> the SDK's.
STATUSES: Final = {"healthy": "exited", "errored": "errored", "crashed": "crashed", "abnormal": "abnormal"}


@router.get("/organizations/{organization}/sessions/")
def sessions(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    field: Annotated[list[str], Query()],
    group_by: Annotated[list[str] | None, Query(alias="groupBy")] = None,
    period: Annotated[str, Query(alias="statsPeriod")] = "90d",
    interval: str = "1h",
    project: Annotated[list[str] | None, Query()] = None,
    environment: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Sums of sessions by the asked groups, in total and per interval of at least an hour."""
    keys = group_by or []
    if set(keys) - set(GROUPS) or field != [FIELD]:
        raise invalid("groupBy", f"allowed are groupBy {', '.join(GROUPS)} and field {FIELD}")
    steps = read_steps(context.now(), period, interval)
    groups: dict[tuple[str | int, ...], list[int]] = {}
    for minute in session_minutes(context.read(), steps.since, steps.until):
        if not _is_asked(minute, project, environment):
            continue
        for row, quantity in _by_status(minute):
            series = groups.setdefault(tuple(row[key] for key in keys), [0] * len(steps.starts))
            series[steps.index(minute.minute_ms)] += quantity
    return {
        "start": stamp(steps.since),
        "end": stamp(steps.until),
        "query": "",
        "intervals": [stamp(start) for start in steps.starts],
        "groups": [
            {"by": dict(zip(keys, key, strict=True)), "totals": {FIELD: sum(series)}, "series": {FIELD: series}}
            for key, series in sorted(groups.items(), key=lambda group: str(group[0]))
        ],
    }


def _is_asked(minute: SessionMinute, projects: list[str] | None, environments: list[str] | None) -> bool:
    is_project = not projects or ALL_PROJECTS in projects or str(minute.project_id) in projects
    return is_project and (not environments or minute.environment in environments)


def _by_status(minute: SessionMinute) -> Iterator[tuple[dict[str, str | int], int]]:
    """A minute as rows, one for each way in which a request can end."""
    known: dict[str, str | int] = {
        "project": minute.project_id,
        "release": minute.release,
        "environment": minute.environment,
    }
    for status, column in STATUSES.items():
        yield known | {"session.status": status}, getattr(minute, column)
