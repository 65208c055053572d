"""stats_v2: how many items met which outcome."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from embedded.api.context import Ctx, Org, invalid, stamp
from embedded.store.outcomes import outcome_rows
from embedded.store.times import to_ms

router = APIRouter()
GROUPS: Final = ("outcome", "category", "reason", "project")
FIELD: Final = "sum(quantity)"
UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MIN_INTERVAL: Final = timedelta(hours=1)
MAX_PERIOD: Final = timedelta(days=90)


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
    step = max(parse_period(interval), MIN_INTERVAL)
    until = _ceiling(context.now(), step)
    since = until - step * -(-parse_period(period) // step)  # whole steps, rounded up
    starts = [since + step * number for number in range((until - since) // step)]
    wanted = {
        "category": category,
        "outcome": outcome,
        "reason": reason,
        "project": None if project == ["-1"] else project,
    }
    groups: dict[tuple[str, ...], list[int]] = {}
    for project_id, minute_ms, *names, quantity in outcome_rows(context.read(), since, until):
        row = dict(zip(("category", "outcome", "reason"), names, strict=True)) | {"project": str(project_id)}
        if all(not allowed or row[key] in allowed for key, allowed in wanted.items()):
            series = groups.setdefault(tuple(row[key] for key in group_by), [0] * len(starts))
            series[(minute_ms - to_ms(since)) // (step // timedelta(milliseconds=1))] += quantity
    return {
        "start": stamp(since),
        "end": stamp(until),
        "intervals": [stamp(start) for start in starts],
        "groups": [
            {"by": dict(zip(group_by, key, strict=True)), "totals": {FIELD: sum(series)}, "series": {FIELD: series}}
            for key, series in sorted(groups.items())
        ],
    }


def parse_period(text: str) -> timedelta:
    """`30m`, `6h`, `1d` or `2w` as a span. Raises a 400 for anything else or more than 90 days."""
    match = re.fullmatch(r"([0-9]{1,4})([mhdw])", text)
    span = int(match[1]) * UNITS[match[2]] if match else timedelta(0)
    if not timedelta(0) < span <= MAX_PERIOD:
        raise invalid("statsPeriod", f"{text!r}: write for example 30m, 6h or 1d, at most 90d")
    return span


def _ceiling(moment: datetime, step: timedelta) -> datetime:
    """The end of the step that `moment` lies in."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + step * ((moment - midnight) // step + 1)
