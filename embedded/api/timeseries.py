"""Aggregates over time, one value per interval: what a chart shows. A monitor's windows slide, a chart's do not."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

import apsw
from fastapi import APIRouter, Query

from embedded.aggregate import aggregate
from embedded.api.context import Ctx, Org, invalid
from embedded.api.events import measured_fields, read_functions, read_rows, sample_of, search_window
from embedded.api.steps import parse_period
from embedded.api.summed import groups_of
from embedded.store.times import to_ms
from embedded.store.windows import Sample, Window
from embedded.windowed import window_samples
from monitors.model import Aggregate

router = APIRouter()
MAX_INTERVAL_S: Final = 86_400
MAX_VALUES: Final = 10_000  # of one series; Sentry's own
MAX_SERIES: Final = 10  # groups beside the others; Sentry's own
MAX_AXES: Final = 10
MAX_KEYS: Final = 5
MAX_SUMS: Final = 3_000  # values of one answer that are computed out of the rollups, each in about a millisecond
MAX_DELTA_S: Final = 90 * 86_400  # nothing is kept for longer
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
Values = Callable[[Aggregate], list[float]]  # one for each interval
Shown = tuple[Key | None, Values, Values | None]  # of all others together without a key; the last, of an earlier time


@dataclass(frozen=True, slots=True)
class Chart:
    """The intervals, and how a sample counts in them."""

    starts: list[datetime]
    step: timedelta
    speed: float
    is_weighted: bool

    def series(self, name: str, wanted: Aggregate, found: Values, earlier: Values | None) -> dict[str, Any]:
        """One aggregate; with those of an earlier time beside it."""
        compared = None if earlier is None else earlier(wanted)
        values = [
            {"timestamp": to_ms(start), "value": value, "incomplete": number == len(self.starts) - 1}
            | ({} if compared is None else {"comparisonValue": compared[number]})
            for number, (start, value) in enumerate(zip(self.starts, found(wanted), strict=True))
        ]
        kind = "duration" if wanted.argument in UNITS and wanted.function != "apdex" else "number"
        unit = UNITS.get(wanted.argument or "") if kind == "duration" else None
        shown = "percentage" if wanted.function in FRACTIONS else kind
        return {
            "yAxis": name,
            "values": values,
            "meta": {"valueType": shown, "valueUnit": unit, "interval": self.step // MILLISECOND},
        }

    def of_sums(
        self,
        reader: apsw.Connection,
        window: Window,
        keys: Sequence[int] | None,
        wanted: Aggregate,
        delta: timedelta = timedelta(0),
    ) -> list[float]:
        """Out of the rollups, of a group's combinations, so long before."""
        return [
            aggregate(
                wanted,
                window_samples(
                    reader,
                    replace(
                        window,
                        since=max(start, window.since) - delta,
                        until=min(start + self.step, window.until) - delta,
                    ),
                    wanted,
                    is_weighted=self.is_weighted,
                    keys=keys,
                ).samples,
                self.step * self.speed,
            )
            or 0
            for start in self.starts
        ]

    def of_rows(self, found: list[Row], wanted: Aggregate) -> list[float]:
        """Of rows one by one; those of an earlier time are moved to this one."""
        first, step_ms = to_ms(self.starts[0]), self.step // MILLISECOND
        by_start: dict[int, list[Sample]] = defaultdict(list)
        for row in found:
            sample = sample_of(row, wanted, is_weighted=self.is_weighted)
            by_start[(row["timestamp"] - first) // step_ms].append(sample)
        span = self.step * self.speed
        return [aggregate(wanted, by_start[number], span) or 0 for number in range(len(self.starts))]


@dataclass(frozen=True, slots=True)
class Question:
    """Of which requests or errors, and how they are grouped."""

    window: Window
    keys: list[str]
    top: int  # groups with series of their own, the largest
    delta: timedelta | None  # compared with so long before
    is_other_shown: bool


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
    delta_s: Annotated[int | None, Query(alias="comparisonDelta", ge=1, le=MAX_DELTA_S)] = None,
    unweighted: Annotated[Weighing, Query(alias="disableAggregateExtrapolation")] = "0",
) -> dict[str, Any]:
    """One series per aggregate; with `topEvents` and `groupBy`, one per group and aggregate, the largest first.

    With `comparisonDelta` each value has the one of so many seconds earlier beside it.
    """
    if bool(top) is not bool(keys):
        raise invalid("topEvents", "topEvents and groupBy go together")
    window = search_window(context, dataset, query, project, environment, period)
    functions = read_functions(axes or ["count()"], is_spans=dataset == "spans")
    step = _interval(interval, parse_period(period))
    starts = _starts(window.since, window.until, step)
    delta = None if delta_s is None else timedelta(seconds=delta_s)
    chart = Chart(starts, step, context.speed, is_weighted=unweighted == "0")
    asked = Question(window, keys or [], top, delta, is_other_shown=exclude_other == "0")
    wanted = list(functions.values())
    groups = _summed(context.read(), chart, asked, wanted) or _read(context.read(), chart, asked, wanted)
    series = [
        _labelled(chart.series(name, each, found, earlier), asked.keys, key, number)
        for number, (key, found, earlier) in enumerate(groups)
        for name, each in functions.items()
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


def _summed(reader: apsw.Connection, chart: Chart, asked: Question, wanted: list[Aggregate]) -> list[Shown]:
    """Groups whose values are computed out of the rollups; none where the rows are to be read."""
    found = groups_of(reader, asked.window, asked.keys, wanted)
    times = 1 if asked.delta is None else 2
    if found is None or len(chart.starts) * (asked.top + 1) * len(wanted) * times > MAX_SUMS:
        return []
    shown = [each for each in found if each.stored][: asked.top] if asked.keys else found
    rest = [each for each in found if each not in shown]
    named: list[tuple[Key | None, Sequence[int] | None]] = [(each.values, each.keys) for each in shown]
    if asked.is_other_shown and any(each.stored for each in rest):
        named.append((None, [key for each in rest for key in each.keys or ()]))
    return [
        (
            key,
            partial(chart.of_sums, reader, asked.window, own),
            None if asked.delta is None else partial(chart.of_sums, reader, asked.window, own, delta=asked.delta),
        )
        for key, own in named
    ]


def _read(reader: apsw.Connection, chart: Chart, asked: Question, wanted: list[Aggregate]) -> list[Shown]:
    """Groups whose values are computed from rows."""
    fields = list(dict.fromkeys(["timestamp", *asked.keys, *measured_fields(asked.window.dataset, wanted)]))
    groups = _groups(
        read_rows(reader, asked.window, fields), asked.keys, asked.top, is_other_shown=asked.is_other_shown
    )
    earlier = [] if asked.delta is None else _read_earlier(reader, asked.window, fields, asked.delta)
    return [
        (
            key,
            partial(chart.of_rows, group),
            None if asked.delta is None else partial(chart.of_rows, _of_group(earlier, asked.keys, key, groups)),
        )
        for key, group in groups
    ]


def _read_earlier(reader: apsw.Connection, window: Window, fields: list[str], delta: timedelta) -> list[Row]:
    """The rows of so long before, as if they were of now."""
    earlier = replace(window, since=window.since - delta, until=window.until - delta)
    moved_ms = delta // MILLISECOND
    return [row | {"timestamp": row["timestamp"] + moved_ms} for row in read_rows(reader, earlier, fields)]


def _of_group(
    found: list[Row], keys: list[str], key: Key | None, groups: list[tuple[Key | None, list[Row]]]
) -> list[Row]:
    """The rows of a group's key; for the others, those of no shown key."""
    shown = {each for each, _ in groups}
    keyed = [(tuple(row[name] for name in keys), row) for row in found]
    return [row for own, row in keyed if (own not in shown if key is None else own == key)]


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


def _labelled(series: dict[str, Any], keys: list[str], key: Key | None, number: int) -> dict[str, Any]:
    """Say which group it is, where there are groups."""
    if not keys:
        return series
    shown = [] if key is None else [{"key": name, "value": value} for name, value in zip(keys, key, strict=True)]
    return series | {"groupBy": shown, "meta": series["meta"] | {"order": number, "isOther": key is None}}
