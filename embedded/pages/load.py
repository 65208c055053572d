"""The requests of a page's period, and their charts over time: what several pages show.

A period with few requests is read request by request, so that its columns can be of any length and its percentiles are
exact. One with more is read from the rollups: every request counts, in columns of whole minutes, and percentiles are
within 1 %.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import apsw

from embedded.pages.charts import Chart, Curve, curves, stacked
from embedded.pages.formats import show_clock, show_ms, show_number, show_percent
from embedded.pages.frame import Scope
from embedded.pages.traffic import SHARES
from embedded.records import GOOD_STATUSES
from embedded.store import traffic
from embedded.store.parts import LONGEST_MS
from embedded.store.periods import OTHERS, Period, slots_by_name, slots_over_time, slowest_requests, sums_by
from embedded.store.request_keys import can_answer
from embedded.store.rollups import MINUTE_MS
from embedded.store.times import from_ms, to_ms
from embedded.tally import Tally, gather

STEPS: Final = 60  # columns of a chart whose requests are read one by one
MAX_SINGLES: Final = 3_000  # requests that are read one by one; those of a period with more, from the rollups
MAX_NAMES: Final = 100  # endpoints with percentiles of their own; the rest is counted
MAX_COLUMNS: Final = 75
MINUTES: Final = (1, 10, 20, 30, 60, 120)  # of a column, else as many hours as it takes
MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Column:
    """One step of time."""

    start: datetime
    span: timedelta  # production time that it covers
    tally: Tally


@dataclass(frozen=True, slots=True)
class Load:
    """The requests of the period, and how much of it they cover."""

    since: datetime  # later than the period's start where there was no load before
    until: datetime
    span: timedelta  # production time
    columns: list[Column]
    names: dict[str, Tally]  # by endpoint; the busiest MAX_NAMES
    more_names: int  # endpoints with less load
    total: Tally
    good: Tally  # those that did not fail
    bad: Tally
    slowest: Callable[[int], list[int]]  # so many -> the rows of the slowest requests
    newest: datetime | None = None  # when the newest request ended, of all endpoints
    is_cut: bool = False  # there were more, which the rollups do not hold by name

    @property
    def is_exact(self) -> bool:
        """Whether percentiles are, and not within 1 %."""
        return self.total.is_exact


def load_of(reader: apsw.Connection, scope: Scope, name: str | None = None) -> Load:
    """Read the period's requests, all or those of one endpoint."""
    project_id = scope.project.id
    first = traffic.first_request_at(reader, project_id)
    since = max(scope.since, first or scope.since)
    is_held = name is None or can_answer(reader, project_id, {"transaction"})
    if is_held and traffic.is_more_than(reader, project_id, since, scope.now, MAX_SINGLES):
        start, end = to_ms(since) // MINUTE_MS * MINUTE_MS, -(-to_ms(scope.now) // MINUTE_MS) * MINUTE_MS
        return _summed(reader, scope, Period(project_id, start, end, name))
    return _singles(reader, scope, name, since)


def _singles(reader: apsw.Connection, scope: Scope, name: str | None, since: datetime) -> Load:
    """Of requests that are read one by one, in equal steps of the whole period."""
    requests = traffic.newest_requests(reader, scope.project.id, since, scope.now, MAX_SINGLES)
    is_cut, newest = len(requests) == MAX_SINGLES, from_ms(requests[0].ended_ms) if requests else None
    since = from_ms(requests[-1].ended_ms) if is_cut else since
    requests = [each for each in requests if name in (None, each.name)]
    start, length = to_ms(scope.since), max(to_ms(scope.now) - to_ms(scope.since), 1)
    tallies = [Tally() for _ in range(STEPS)]
    names: dict[str, Tally] = defaultdict(Tally)
    halves = (Tally(), Tally())
    for each in requests:
        step = min((each.ended_ms - start) * STEPS // length, STEPS - 1)
        is_failed = each.sample.status not in GOOD_STATUSES
        for tally in (tallies[step], names[each.name], halves[is_failed]):
            tally.add_request(each.sample.duration_ms or 0.0, each.sample.weight, is_failed=is_failed)
    width = (scope.now - scope.since) / STEPS
    columns = [Column(scope.since + width * number, width * scope.speed, tally) for number, tally in enumerate(tallies)]
    ranked = sorted(names, key=lambda each: (-names[each].weight, each))
    slowest = sorted(requests, key=lambda each: -(each.sample.duration_ms or 0))
    return Load(
        since=since,
        until=scope.now,
        span=_production(scope, since),
        columns=columns,
        names={each: names[each] for each in ranked[:MAX_NAMES]},
        more_names=max(0, len(ranked) - MAX_NAMES),
        total=_all_of(halves),
        good=halves[False],
        bad=halves[True],
        slowest=lambda most: [each.id for each in slowest[:most]],
        newest=newest,
        is_cut=is_cut,
    )


def _summed(reader: apsw.Connection, scope: Scope, period: Period) -> Load:
    """Of requests that are read from the rollups, in columns that begin at whole multiples of their length."""
    step_ms = _step_ms(period)
    found = list(slots_over_time(reader, period, min(step_ms, LONGEST_MS)))
    first, steps = period.start // step_ms, -(-period.end // step_ms) - period.start // step_ms
    gathered = gather([(is_failed, row) for _, is_failed, row in found])
    tallies = gathered.grouped([start_ms // step_ms - first for start_ms, *_ in found], steps)
    good, bad = gathered.grouped([int(is_failed) for _, is_failed, _ in found], 2)
    total = _all_of((good, bad))
    names, more_names = _by_name(reader, period) if period.name is None else ({period.name: total}, 0)
    since = from_ms(period.start)
    return Load(
        since=since,
        until=scope.now,
        span=_production(scope, since),
        columns=_columns(scope, period, step_ms, tallies),
        names=names,
        more_names=more_names,
        total=total,
        good=good,
        bad=bad,
        slowest=lambda most: slowest_requests(reader, period, most),
        newest=traffic.newest_request_at(reader, period.project_id),
    )


def _by_name(reader: apsw.Connection, period: Period) -> tuple[dict[str, Tally], int]:
    """The endpoints with the most requests, and how many others there are."""
    ranked = list(sums_by(reader, period))
    numbers = {each: number for number, each in enumerate(ranked[:MAX_NAMES])}
    found = [each for each in slots_by_name(reader, period) if each[0] in numbers]
    gathered = gather([(is_failed, row) for _, is_failed, row in found])
    tallies = gathered.grouped([numbers[name] for name, *_ in found], len(numbers))
    names = {OTHERS if each is None else each: tallies[number] for each, number in numbers.items()}
    return names, len(ranked) - len(names)


def _step_ms(period: Period) -> int:
    minutes = (period.end - period.start) // MINUTE_MS
    for each in MINUTES:
        if minutes <= each * MAX_COLUMNS:
            return each * MINUTE_MS
    hours = -(-minutes // (MINUTES[-1] // 2 * MAX_COLUMNS))
    return hours * 60 * MINUTE_MS


def _columns(scope: Scope, period: Period, step_ms: int, tallies: list[Tally]) -> list[Column]:
    """Every step of the period; the first and the last may cover less than a whole one."""
    columns = []
    for number, tally in enumerate(tallies, start=period.start // step_ms):
        start, end = from_ms(max(number * step_ms, period.start)), from_ms((number + 1) * step_ms)
        covered = max(min(end, scope.now) - start, MILLISECOND)
        columns.append(Column(start, covered * scope.speed, tally))
    return columns


def _all_of(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for each in tallies:
        total.add(each)
    return total


def _production(scope: Scope, since: datetime) -> timedelta:
    return max((scope.now - since) * scope.speed, timedelta(seconds=1))


def throughput(load: Load) -> Chart:
    """Requests per second of production, those that failed on top."""
    columns, titles = [], []
    for each in load.columns:
        tally, seconds = each.tally, each.span.total_seconds()
        columns.append([(tally.weight - tally.failed_weight) / seconds, tally.failed_weight / seconds])
        failed = tally.failed_weight / tally.weight if tally.weight else None
        titles.append(
            f"{show_clock(each.start)}: {show_number(tally.weight / seconds)} requests/s,"
            f" {show_percent(failed)} failed, {tally.samples} stored"
        )
    return stacked(("good", "bad"), columns, titles, "Requests per second over time, failed ones on top")


def latency(load: Load) -> Chart:
    """p50, p95 and p99 of each step."""
    rows = [each.tally.percentiles(SHARES) for each in load.columns]
    titles = [
        f"{show_clock(column.start)}: p50 {show_ms(p50)}, p95 {show_ms(p95)}, p99 {show_ms(p99)},"
        f" {column.tally.samples} stored"
        for column, (p50, p95, p99) in zip(load.columns, rows, strict=True)
    ]
    lines = [Curve(f"p{share * 100:.0f}", [row[number] for row in rows]) for number, share in enumerate(SHARES)]
    return curves(lines, titles, "Latency percentiles over time")
