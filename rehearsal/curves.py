"""Each monitor's value over a run, from the requests or events that Sentry has: its own query, through the web API.

It differs from what a monitor saw in one thing: a request counts from the instant at which it ended, not from that at
which Sentry had it. The difference is part of the wait for the next evaluation.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from embedded.aggregate import aggregate
from embedded.evaluate import COMPARISONS
from embedded.records import GOOD_STATUSES
from embedded.store.windows import Sample
from monitors.client import SentryClient
from monitors.fields import SYMBOLS
from monitors.fields import show_span as show_window
from monitors.model import Dataset, Monitor, Priority, Threshold
from rehearsal.clock import Pace
from rehearsal.observe import minutes_since

SPAN_FIELDS: Final = ("span.duration", "span.status", "sampling_rate")
STEPS: Final = 300  # points of a curve
Unit = Literal["fraction", "ms", "number"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A monitor's value over production time, and what it fires on."""

    monitor: str
    condition: str  # as people write it
    window: timedelta
    unit: Unit
    threshold: float
    is_above: bool  # it fires above the threshold, else below
    points: tuple[tuple[timedelta, float | None], ...]  # None: no data in the window


@dataclass(frozen=True, slots=True)
class Trace:
    """What a monitor has to look at, ordered by time."""

    monitor: Monitor
    moments: tuple[datetime, ...]  # when each ended
    samples: tuple[Sample, ...]


def read_trace(client: SentryClient, project_id: int, monitor: Monitor, since: datetime) -> Trace:
    """Read what matches the monitor's query."""
    is_spans = monitor.dataset is Dataset.SPANS
    label = monitor.aggregate.argument if monitor.aggregate.function == "count_unique" else None
    fields = ["id", "timestamp", *(SPAN_FIELDS if is_spans else ()), *([label] if label else [])]
    rows = client.events(
        project_id,
        "spans" if is_spans else "errors",
        fields,
        monitor.query,
        stats_period=f"{minutes_since(since)}m",
        sort="timestamp",
        environment=monitor.environment,
    )
    found = sorted(((_moment(row), _sample(row, label)) for row in rows), key=lambda pair: pair[0])
    return Trace(monitor, tuple(moment for moment, _ in found), tuple(sample for _, sample in found))


def _moment(row: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(row["timestamp"])


def _sample(row: Mapping[str, Any], label: str | None) -> Sample:
    rate = row.get("sampling_rate")
    value = row.get(label) if label else None
    return Sample(
        row.get("span.duration"),
        row.get("span.status"),
        1 / rate if rate else 1.0,
        None if value is None else str(value),
    )


def draw(trace: Trace, pace: Pace, end: timedelta) -> Curve | None:
    """Return the curve from the run's start to `end`; None for a monitor that compares with an earlier window."""
    monitor = trace.monitor
    if monitor.compared_to is not None:
        return None
    lowest = opening(monitor)
    moments = (end * (step / STEPS) for step in range(STEPS + 1))
    return Curve(
        monitor=monitor.name,
        condition=show_threshold(monitor),
        window=monitor.window,
        unit=_unit(monitor),
        threshold=lowest.value,
        is_above=lowest.comparison in ("gt", "gte"),
        points=tuple((at, value_at(trace, pace.origin + pace.wall(at), pace)) for at in moments),
    )


def value_at(trace: Trace, moment: datetime, pace: Pace) -> float | None:
    """The monitor's value over the window before an instant."""
    low = bisect_left(trace.moments, moment - pace.wall(trace.monitor.window))
    high = bisect_right(trace.moments, moment)
    return aggregate(trace.monitor.aggregate, trace.samples[low:high], trace.monitor.window)


def first_over(trace: Trace, since: datetime, until: datetime, pace: Pace) -> datetime | None:
    """The first instant in [since, until] at which the value is over the lowest threshold: it moves when one ends."""
    limit = opening(trace.monitor)
    return next((at for at in _moments(trace, since, until) if is_over(limit, value_at(trace, at, pace))), None)


def first_bad(trace: Trace, since: datetime, until: datetime) -> datetime | None:
    """When the first request ended in [since, until] that drives the value over its threshold."""
    low, high = bisect_left(trace.moments, since), bisect_right(trace.moments, until)
    pairs = zip(trace.moments[low:high], trace.samples[low:high], strict=True)
    return next((at for at, sample in pairs if is_bad(trace.monitor, sample)), None)


def is_bad(monitor: Monitor, sample: Sample) -> bool:
    """Does this one raise a share or a percentile over the threshold? Of a count, each does."""
    if monitor.aggregate.share is not None:
        return (sample.duration_ms or 0.0) > opening(monitor).value
    if monitor.aggregate.function in ("failure_rate", "failure_count"):
        return sample.status not in GOOD_STATUSES
    return True


def is_over(limit: Threshold, value: float | None) -> bool:
    """Does a value open the monitor's issue?"""
    return value is not None and COMPARISONS[limit.comparison](value, limit.value)


def show_threshold(monitor: Monitor) -> str:
    """The monitor's condition as people write it, for example `failure_rate() > 0.05 over 5m`."""
    first = opening(monitor)
    return f"{monitor.aggregate} {SYMBOLS[first.comparison]} {first.value:g} over {show_window(monitor.window)}"


def opening(monitor: Monitor) -> Threshold:
    """The threshold that is reached first."""
    found: Sequence[Threshold] = [each for each in monitor.thresholds if each.priority is not Priority.RESOLVED]
    is_above = found[0].comparison in ("gt", "gte")
    return (min if is_above else max)(found, key=lambda each: each.value)


def _moments(trace: Trace, since: datetime, until: datetime) -> Iterator[datetime]:
    yield from trace.moments[bisect_left(trace.moments, since) : bisect_right(trace.moments, until)]


def _unit(monitor: Monitor) -> Unit:
    if monitor.aggregate.is_fraction:
        return "fraction"
    return "ms" if monitor.aggregate.argument and monitor.aggregate.function != "count_unique" else "number"
