"""stats_v2 and stats-summary: how many items met which outcome."""

import re
from collections import Counter, defaultdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from embedded.api.context import Ctx, Org, invalid, stamp
from embedded.api.steps import parse_period, read_steps
from embedded.records import Outcome
from embedded.store.outcomes import outcome_rows
from embedded.store.projects import Project, list_projects

router = APIRouter()
GROUPS: Final = ("outcome", "category", "reason", "project")
FIELD: Final = "sum(quantity)"
# All of Sentry's; the last two do not happen here.
OUTCOMES: Final = (*(str(each) for each in Outcome), "abuse", "cardinality_limited")


@router.get("/organizations/{organization}/stats_v2/")
def stats(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    group_by: Annotated[list[str], Query(alias="groupBy")],
    field: Annotated[list[str], Query()],
    period: Annotated[str, Query(alias="statsPeriod")] = "1d",
    interval: str = "1h",
    category: Annotated[list[str] | None, Query()] = None,
    outcome: Annotated[list[str] | None, Query()] = None,
    reason: Annotated[list[str] | None, Query()] = None,
    project: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Sums of quantities by the asked groups, in total and per interval of at least an hour."""
    if set(group_by) - set(GROUPS) or field != [FIELD]:
        raise invalid("groupBy", f"allowed are groupBy {', '.join(GROUPS)} and field {FIELD}")
    steps = read_steps(context.now(), period, interval)
    starts = steps.starts
    wanted = {
        "category": category,
        "outcome": outcome,
        "reason": reason,
        "project": None if project == ["-1"] else project,
    }
    groups: dict[tuple[str, ...], list[int]] = {}
    for project_id, minute_ms, *names, quantity in outcome_rows(context.read(), steps.since, steps.until):
        row = dict(zip(("category", "outcome", "reason"), names, strict=True)) | {"project": str(project_id)}
        if all(not allowed or row[key] in allowed for key, allowed in wanted.items()):
            series = groups.setdefault(tuple(row[key] for key in group_by), [0] * len(starts))
            series[steps.index(minute_ms)] += quantity
    return {
        "start": stamp(steps.since),
        "end": stamp(steps.until),
        "intervals": [stamp(start) for start in starts],
        "groups": [
            {"by": dict(zip(group_by, key, strict=True)), "totals": {FIELD: sum(series)}, "series": {FIELD: series}}
            for key, series in sorted(groups.items())
        ],
    }


@router.get("/organizations/{organization}/stats-summary/")
def summary(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    field: Annotated[str, Query(pattern=re.escape(FIELD))],  # noqa: ARG001 - required, and there is one only
    period: Annotated[str, Query(alias="statsPeriod")] = "1d",
    category: str | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    project: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Totals per project and category, by outcome; `dropped` is what limits took."""
    until = context.now()
    since = until - parse_period(period)
    totals: dict[int, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for project_id, _, *names, quantity in outcome_rows(context.read(), since, until):
        found = (names[0], names[1], names[2])
        wanted = zip((category, outcome, reason), found, strict=True)
        if all(allowed is None or allowed == each for allowed, each in wanted):
            totals[project_id][found[0]][found[1]] += quantity
    shown = [each for each in list_projects(context.read()) if each.id in totals and _is_asked(each, project)]
    return {
        "start": stamp(since),
        "end": stamp(until),
        "projects": [
            {"id": str(each.id), "slug": each.slug, "stats": [_stats(*row) for row in sorted(totals[each.id].items())]}
            for each in shown
        ],
    }


def _is_asked(project: Project, asked: list[str] | None) -> bool:
    return not asked or asked == ["-1"] or str(project.id) in asked or project.slug in asked


def _stats(category: str, outcomes: Counter[str]) -> dict[str, Any]:
    return {
        "category": category,
        "outcomes": {name: outcomes[name] for name in OUTCOMES},
        "totals": {"dropped": outcomes["rate_limited"], FIELD: sum(outcomes.values())},
    }
