"""The requests of a page's period, and their charts over time: what several pages show."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import apsw

from embedded.aggregate import percentile
from embedded.pages.charts import Chart, Curve, curves, stacked
from embedded.pages.formats import show_clock, show_ms, show_number, show_percent
from embedded.pages.frame import Scope
from embedded.pages.traffic import SHARES, buckets_of, numbers_of
from embedded.store import traffic
from embedded.store.times import from_ms, to_ms
from embedded.store.traffic import MAX_READ, Seen
from embedded.store.windows import Sample

STEPS: Final = 60  # columns of a chart


@dataclass(frozen=True, slots=True)
class Load:
    """The requests of the period, and how much of it they cover."""

    requests: list[Seen]
    since: datetime  # later than the period's start where there was no load before, or more than a page reads
    until: datetime
    span: timedelta  # production time
    is_cut: bool  # there were more than a page reads


def load_of(reader: apsw.Connection, scope: Scope) -> Load:
    """Read the period's requests, at most MAX_READ of them."""
    requests = traffic.newest_requests(reader, scope.project.id, scope.since, scope.now)
    is_cut = len(requests) == MAX_READ
    first = from_ms(requests[-1].ended_ms) if is_cut else traffic.first_request_at(reader, scope.project.id)
    since = max(scope.since, first or scope.since)
    span = max((scope.now - since) * scope.speed, timedelta(seconds=1))
    return Load(requests, since, scope.now, span, is_cut)


def throughput(load: Load, scope: Scope) -> Chart:
    """Requests per second of production, those that failed on top."""
    buckets = _buckets(load, scope)
    width_s = scope.span.total_seconds() / STEPS
    found = [numbers_of(bucket, timedelta(seconds=width_s)) for bucket in buckets]
    columns = [
        [each.per_second * (1 - (each.failure_rate or 0)), each.per_second * (each.failure_rate or 0)] for each in found
    ]
    titles = [
        f"{clock}: {show_number(each.per_second)} requests/s, {show_percent(each.failure_rate)} failed,"
        f" {each.samples} stored"
        for clock, each in zip(clocks(scope), found, strict=True)
    ]
    return stacked(("good", "bad"), columns, titles, "Requests per second over time, failed ones on top")


def latency(load: Load, scope: Scope) -> Chart:
    """p50, p95 and p99 of each step."""
    rows = [[_percentile(bucket, share) for share in SHARES] for bucket in _buckets(load, scope)]
    sizes = [len(bucket) for bucket in _buckets(load, scope)]
    titles = [
        f"{clock}: p50 {show_ms(p50)}, p95 {show_ms(p95)}, p99 {show_ms(p99)}, {size} stored"
        for clock, (p50, p95, p99), size in zip(clocks(scope), rows, sizes, strict=True)
    ]
    lines = [Curve(f"p{share * 100:.0f}", [row[number] for row in rows]) for number, share in enumerate(SHARES)]
    return curves(lines, titles, "Latency percentiles over time")


def _buckets(load: Load, scope: Scope) -> list[list[Sample]]:
    return buckets_of(load.requests, to_ms(scope.since), to_ms(scope.now), STEPS)


def clocks(scope: Scope) -> list[str]:
    step = (scope.now - scope.since) / STEPS
    return [show_clock(scope.since + step * number) for number in range(STEPS)]


def _percentile(bucket: list[Sample], share: float) -> float | None:
    timed = [(each.duration_ms, each.weight) for each in bucket if each.duration_ms is not None]
    return percentile(timed, share) if timed else None


def only(load: Load, name: str) -> Load:
    """The requests of one endpoint among them."""
    return replace(load, requests=[each for each in load.requests if each.name == name])
