"""Aggregates over time, one value per interval: what a chart shows. A monitor's windows slide, a chart's do not."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query

from embedded.aggregate import aggregate
from embedded.api.context import Ctx, Org, invalid
from embedded.api.events import MAX_ROWS, measured_fields, read_functions, sample_of, search_window
from embedded.api.stats import parse_period
from embedded.store.times import to_ms
from embedded.store.windows import rows
from monitors.model import Aggregate

router = APIRouter()
MAX_INTERVAL_S: Final = 86_400
MAX_VALUES: Final = 10_000  # of one series; Sentry's own
MAX_SERIES: Final = 10  # groups beside the others; Sentry's own
MAX_AXES: Final = 10
MAX_KEYS: Final = 5
MILLISECOND: Final = timedelta(milliseconds=1)
# Period of at most so much -> the interval that is taken where none is asked for.
INTERVALS: Final = (
    (timedelta(hours=1), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta(days=7), timedelta(minutes=30)),
    (timedelta.max, timedelta(hours=1)),
)
UNITS: Final = {"span.duration": "millisecond", "transaction.duration": "millisecond"}
FRACTIONS: Final = ("failure_rate", "apdex")
Row = dict[str, Any]
Key = tuple[Any, ...]
Weighing = Literal["0", "1"]


@router.get("/organizations/{organization}/events-timeseries/")
def timeseries(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    dataset: Literal["spans", "errors"],
    axes: Annotated[list[str] | None, Query(alias="yAxis", max_length=MAX_AXES)] = None,
    query: str = "",
    project: str | None = None,
    environment: str | None = None,
    period: Annotated[str, Query(alias="statsPeriod")] = "1d",
    interval: str | None = None,
    top: Annotated[int, Query(alias="topEvents", ge=0, le=MAX_SERIES)] = 0,
    keys: Annotated[list[str] | None, Query(alias="groupBy", max_length=MAX_KEYS)] = None,
    exclude_other: Annotated[Weighing, Query(alias="excludeOther")] = "0",
    unweighted: Annotated[Weighing, Query(alias="disableAggregateExtrapolation")] = "0",
) -> dict[str, Any]:
    """One series per aggregate; with `topEvents` and `groupBy`, one per group and aggregate, the largest first."""
    if bool(top) is not bool(keys):
        raise invalid("topEvents", "topEvents and groupBy go together")
    window = search_window(context, dataset, query, project, environment, period)
    functions = read_functions(axes or ["count()"], is_spans=dataset == "spans")
    step = _interval(interval, parse_period(period))
    starts = _starts(window.since, window.until, step)
    fields = list(dict.fromkeys(["timestamp", *(keys or []), *measured_fields(dataset, functions.values())]))
    found = rows(context.read(), window, fields, order_by="timestamp", limit=MAX_ROWS + 1, offset=0)
    if len(found) > MAX_ROWS:
        raise invalid("statsPeriod", f"more than {MAX_ROWS} events; ask for a shorter period")
    groups = _groups(found, keys or [], top, is_other_shown=exclude_other == "0")
    is_weighted = unweighted == "0"
    series = [
        _labelled(
            _series(name, wanted, group, starts, step, context.speed, is_weighted=is_weighted), keys or [], key, number
        )
        for number, (key, group) in enumerate(groups)
        for name, wanted in functions.items()
    ]
    meta = {"dataset": dataset, "start": to_ms(starts[0]), "end": to_ms(starts[-1] + step)}
    return {"meta": meta, "timeSeries": series}


def _interval(asked: str | None, period: timedelta) -> timedelta:
    """Seconds, or a number with its unit as periods have it; the one that fits the period where none is asked for."""
    if asked is None:
        return next(step for at_most, step in INTERVALS if period <= at_most)
    if not asked.isdecimal():
        return parse_period(asked, "interval")
    if not 0 < int(asked) <= MAX_INTERVAL_S:
        raise invalid("interval", f"{asked} seconds, allowed are 1 to {MAX_INTERVAL_S}")
    return timedelta(seconds=int(asked))


def _starts(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """The intervals that touch the period, each beginning at a whole multiple of its length."""
    first = since - timedelta(milliseconds=to_ms(since) % (step // MILLISECOND))
    count = -(-(until - first) // step)
    if count > MAX_VALUES:
        raise invalid("interval", f"{count} intervals, allowed are {MAX_VALUES}; ask for longer ones")
    return [first + step * number for number in range(count)]


def _groups(found: list[Row], keys: list[str], top: int, *, is_other_shown: bool) -> list[tuple[Key | None, list[Row]]]:
    """(key, rows) of the largest groups; the key of all others together is None."""
    if not keys:
        return [((), found)]
    by_key: dict[Key, list[Row]] = defaultdict(list)
    for row in found:
        by_key[tuple(row[key] for key in keys)].append(row)
    ranked = sorted(by_key.items(), key=lambda pair: (-len(pair[1]), str(pair[0])))
    others = [row for _, group in ranked[top:] for row in group]
    groups: list[tuple[Key | None, list[Row]]] = [*ranked[:top]]
    return [*groups, (None, others)] if others and is_other_shown else groups


def _series(
    name: str,
    wanted: Aggregate,
    found: Sequence[Row],
    starts: list[datetime],
    step: timedelta,
    speed: float,
    *,
    is_weighted: bool,
) -> dict[str, Any]:
    first, step_ms = to_ms(starts[0]), step // MILLISECOND
    by_start: dict[int, list[Row]] = defaultdict(list)
    for row in found:
        by_start[(row["timestamp"] - first) // step_ms].append(row)
    values = []
    for number, start in enumerate(starts):
        samples = [sample_of(row, wanted, is_weighted=is_weighted) for row in by_start[number]]
        value = aggregate(wanted, samples, step * speed)
        values.append({"timestamp": to_ms(start), "value": value or 0, "incomplete": number == len(starts) - 1})
    kind = "duration" if wanted.argument in UNITS and wanted.function != "apdex" else "number"
    unit = UNITS.get(wanted.argument or "") if kind == "duration" else None
    meta = {"valueType": "percentage" if wanted.function in FRACTIONS else kind, "valueUnit": unit, "interval": step_ms}
    return {"yAxis": name, "values": values, "meta": meta}


def _labelled(series: dict[str, Any], keys: list[str], key: Key | None, number: int) -> dict[str, Any]:
    """Say which group it is, where there are groups."""
    if not keys:
        return series
    shown = [] if key is None else [{"key": name, "value": value} for name, value in zip(keys, key, strict=True)]
    return series | {"groupBy": shown, "meta": series["meta"] | {"order": number, "isOther": key is None}}
