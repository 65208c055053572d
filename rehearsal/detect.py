"""Where the time until a page went: until the fault was in a request that is seen, until the window was over the
threshold, until the next evaluation, until the notification arrived, until its receiver acknowledged it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

from loadtest.ledger import Entry
from monitors.model import RuleSet
from rehearsal.clock import Pace
from rehearsal.curves import Trace, first_bad, first_over
from rehearsal.verdict import Detection, DrillResult, PageTimes

NONE: Final = timedelta(0)


def with_moments(
    result: DrillResult, rules: RuleSet, traces: Mapping[str, Trace], entries: Iterable[Entry], pace: Pace
) -> DrillResult:
    """Fill in when each page's fault was first seen and when its window was first over the threshold."""
    found = tuple(entries)
    return replace(
        result, times=tuple(_with_moments(result, each, rules, traces, found, pace) for each in result.times)
    )


def _with_moments(
    result: DrillResult,
    times: PageTimes,
    rules: RuleSet,
    traces: Mapping[str, Trace],
    entries: tuple[Entry, ...],
    pace: Pace,
) -> PageTimes:
    since, until = result.fault_at, times.breached_at or times.paged_at
    if since is None or until is None:
        return times
    start, end = pace.instant(since), pace.instant(until)
    trace = traces.get(next((name for each in rules.alerts if each.name == times.alert for name in each.monitors), ""))
    if trace is None:
        first = _first_failure(entries, start.timestamp(), end.timestamp())
        return replace(times, seen_at=None if first is None else pace.seconds(first))
    bad, over = first_bad(trace, start, end), first_over(trace, start, end, pace)
    return replace(
        times, seen_at=None if bad is None else pace.at(bad), over_at=None if over is None else pace.at(over)
    )


def _first_failure(entries: Iterable[Entry], since: float, until: float) -> float | None:
    """When the first request that was sent before `until` failed, in seconds since the epoch.

    An error event leaves before its request has its answer, so the page about it may be there before the answer is.
    """
    failed = ((each.sent_at, each.sent_at + each.latency_ms / 1000) for each in entries if each.is_failed)
    return min((min(ended, until) for sent, ended in failed if sent <= until and ended >= since), default=None)


def detections(results: Iterable[DrillResult]) -> tuple[Detection, ...]:
    """Split the time of every page that came for a fault."""
    found = (_detect(result, times) for result in results for times in result.times)
    return tuple(each for each in found if each is not None)


def _detect(result: DrillResult, times: PageTimes) -> Detection | None:
    if result.fault_at is None or times.paged_at is None or times.paged_at < result.fault_at:
        return None
    # A part whose end is unknown, or out of order by chance, takes no time; what follows then has it.
    ends = [result.fault_at]
    for moment in (times.seen_at, times.over_at, times.breached_at):
        ends.append(ends[-1] if moment is None else min(max(ends[-1], moment), times.paged_at))
    seen, filled, ticked = (after - before for before, after in pairwise(ends))
    return Detection(
        drill=result.drill.name,
        alert=times.alert,
        channel=times.channel,
        total=times.paged_at - result.fault_at,
        seen=seen,
        filled=filled,
        ticked=ticked,
        delivered=times.paged_at - ends[-1],
        acknowledged=NONE if times.acknowledged_at is None else times.acknowledged_at - times.paged_at,
    )
