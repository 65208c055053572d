"""What a run led to: its books closed, its monitors looked at again, its requests measured; all of it as a report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from loadtest.ledger import Entry
from monitors.model import RuleSet
from rehearsal.breakdown import by_span
from rehearsal.canary import is_canary
from rehearsal.clock import Pace, now
from rehearsal.closing import Spans, close_books
from rehearsal.cost.month import month_of
from rehearsal.counts import Risks
from rehearsal.curves import Curve, draw, read_trace
from rehearsal.detect import detections, with_moments
from rehearsal.disturbance import Outage, Storm
from rehearsal.judge import judge_outside
from rehearsal.look_back import look_back
from rehearsal.measure import measure, quiet_time
from rehearsal.progress import Progress
from rehearsal.sampling import TOTAL, Row, warn_of_rates
from rehearsal.sampling import Verdict as SampleVerdict
from rehearsal.second_opinion import leave_out
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from rehearsal.usage import Arrivals, Usage, measure_arrivals, warn_of_load, warn_of_others
from rehearsal.verdict import DrillResult, Finding, Report, Skipped, Status

IN_FLIGHT: Final = timedelta(seconds=5)  # of wall time: telemetry that was on its way when Sentry went, or queued
UNWELL: Final = timedelta(seconds=15)  # of wall time: the SDK looks every 10 s whether it may sample as usual again
BACK: Final = timedelta(seconds=2)  # of wall time: a send that failed is noticed
# Of wall time: how far back what an SDK counted can go that it then sends. Source: sentry-sdk 2.75, transport, sessions
REPORTED_EVERY: Final = timedelta(seconds=30)
SESSIONS_EVERY: Final = timedelta(seconds=60)
BETWEEN: Final = "(outside of the drills)"
BY_DRILL: Final = "a drill kept Sentry from answering, and the SDK traces less then: the endpoints leave that time out"


@dataclass(frozen=True, slots=True)
class Ran:
    """A run when load and service have stopped; the engine is still there."""

    started_at: datetime
    canary: Finding
    pace: Pace
    results: list[DrillResult]
    usage: Usage

    @property
    def is_trusted(self) -> bool:
        return self.canary.status is Status.HELD


def conclude(ran: Ran, stack: Stack, rules: RuleSet, skipped: tuple[Skipped, ...], progress: Progress) -> Report:
    """1 books, 2 curves, and what only the end shows of each drill, 3 what the requests emitted, 4 the report."""
    progress.show("closing the books")
    pace, options = ran.pace, stack.options
    closing = close_books(stack, ran.started_at, _spans(ran.results, pace), is_patient=ran.is_trusted)  # 1
    watched, curves = _watch(stack, rules, ran.results, pace, ran.started_at)  # 2
    results = [look_back(result, stack, pace, closing, progress) for result in watched]
    entries = tuple(stack.ledger.refresh())
    with stack.client() as client:  # 3
        measured = measure(client, stack.project_id, entries, ran.started_at, quiet_time(results, pace))
    arrivals = measure_arrivals(entries)
    pages = tuple(page for page in read_pages(stack.pages) if not is_canary(page))
    outside = _outside(pages, results, pace)
    told = leave_out(outside, stack.plan)
    return Report(  # 4
        started_at=ran.started_at,
        origin=pace.origin,
        ended_at=now(),
        options=options,
        engine=stack.engine.name,
        rules=rules,
        canary=ran.canary,
        drills=tuple(results),
        pages=pages,
        entries=entries,
        books=closing.books,
        counts=closing.counts,
        by_endpoint=closing.by_endpoint,
        by_drill=closing.by_drill,
        measured=measured,
        month=month_of(measured, options.traffic, options.traces_sample_rate),
        rates=_with_reason(closing.rates, results),
        detections=detections(results),
        curves=curves,
        usage=ran.usage,
        arrivals=arrivals,
        warnings=_warn(arrivals, ran.usage, _rates_of_calm(closing.rates, results)),
        run_findings=(
            judge_outside(told, len(outside) - len(told)),
            *(closing.findings if stack.plan.has_books else ()),
        ),
        folder=stack.folder,
        skipped=skipped,
    )


def _warn(arrivals: Arrivals, usage: Usage, rates: tuple[Row, ...]) -> tuple[str, ...]:
    """Why the numbers may mean less than they seem to."""
    return tuple(filter(None, (warn_of_load(arrivals, usage), warn_of_others(usage), warn_of_rates(rates))))


def _rates_of_calm(rates: tuple[Row, ...], results: list[DrillResult]) -> tuple[Row, ...]:
    """A drill that keeps Sentry from answering makes the SDK trace less: then only the endpoints' rows, which leave its
    time out, can tell a wrong rate.
    """
    return tuple(row for row in rates if not _is_off_by_drill(row, results))


def _with_reason(rates: tuple[Row, ...], results: list[DrillResult]) -> tuple[Row, ...]:
    """A row that is off because of what a drill did says so."""
    return tuple(
        replace(row, why=f"{row.why}; {BY_DRILL}")
        if row.verdict is SampleVerdict.OFF and _is_off_by_drill(row, results)
        else row
        for row in rates
    )


def _is_off_by_drill(row: Row, results: list[DrillResult]) -> bool:
    return row.kind == "traces" and row.name == TOTAL and any(_out(result) for result in results)


def _watch(
    stack: Stack, rules: RuleSet, results: list[DrillResult], pace: Pace, since: datetime
) -> tuple[list[DrillResult], tuple[Curve, ...]]:
    """Recompute what the monitors saw: each one's curve, and when each page's fault was in it."""
    end = max((result.ended_at for result in results), default=timedelta(0))
    entries = stack.ledger.refresh()
    with stack.client() as client:
        traces = {each.name: read_trace(client, stack.project_id, each, since) for each in rules.monitors}
    drawn = (draw(trace, pace, end) for trace in traces.values())
    return [with_moments(each, rules, traces, entries, pace) for each in results], tuple(filter(None, drawn))


def _outside(pages: tuple[Page, ...], results: list[DrillResult], pace: Pace) -> list[Page]:
    """Pages that no drill has judged: each drill judges what comes from its start to its end."""
    spans = [(result.started_at, result.ended_at) for result in results]
    return [page for page in pages if not any(start <= pace.at(page.received_at) <= end for start, end in spans)]


def _spans(results: list[DrillResult], pace: Pace) -> Spans:
    """Which drill a request was sent in, and whether what tells of it could reach Sentry."""
    drills = [
        (each.drill.name, pace.instant(each.started_at).timestamp(), pace.instant(each.ended_at).timestamp())
        for each in results
    ]
    out = [_instants(span, pace) for span in filter(None, map(_out, results))]
    lossy = [_instants(each.out, pace) for each in results if each.out and not _is_kept(each)]
    reports, sampled = _during(lossy, IN_FLIGHT, BACK), _during(lossy, IN_FLIGHT + REPORTED_EVERY, BACK)
    # Of what was refused the number of session items is on file, and not what they counted.
    sessions = _during(out, IN_FLIGHT + SESSIONS_EVERY, BACK)
    is_out = _during(out, IN_FLIGHT, UNWELL)
    return Spans(by_span(drills, BETWEEN), lambda entry: not is_out(entry), Risks(reports, sampled, sessions))


def _instants(span: tuple[timedelta, timedelta], pace: Pace) -> tuple[datetime, datetime]:
    return pace.instant(span[0]), pace.instant(span[1])


def _during(spans: list[tuple[datetime, datetime]], before: timedelta, after: timedelta) -> Callable[[Entry], bool]:
    """Was a request sent in one of these spans, so long before it, or so long after it?"""
    stamps = [((since - before).timestamp(), (until + after).timestamp()) for since, until in spans]
    return lambda entry: any(since <= entry.sent_at <= until for since, until in stamps)


def _is_kept(result: DrillResult) -> bool:
    return isinstance(result.drill.disturbance, Outage) and result.drill.disturbance.how.is_kept


def _out(result: DrillResult) -> tuple[timedelta, timedelta] | None:
    """From when to when Sentry took less than it was sent, or nothing."""
    if isinstance(result.drill.disturbance, Storm) and result.fault_at is not None:
        return result.fault_at, result.ended_at
    return result.out
