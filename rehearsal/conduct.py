"""The rehearsal itself: stack up, drills, stack down, books closed, verdict. One function reads as the whole path."""

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from loadtest.ledger import Entry
from monitors.errors import MonitorsError, RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.breach import longest_window
from rehearsal.breakdown import by_span
from rehearsal.canary import is_canary, send_canary, with_canary
from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.closing import Spans, close_books
from rehearsal.cost.month import month_of
from rehearsal.curves import Curve, draw, read_trace
from rehearsal.detect import detections, with_moments
from rehearsal.disturbance import NEEDS_OWN_ENGINE, Outage, Planting, Storm
from rehearsal.drill import Drill
from rehearsal.drill_file import choose_drills, load_drills
from rehearsal.drilling import GRACE, Drilling
from rehearsal.engines.engine import Engine
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.judge import judge_outside
from rehearsal.live import watching
from rehearsal.look_back import look_back
from rehearsal.measure import measure, quiet_time
from rehearsal.parts import start_parts
from rehearsal.plan_file import check_drills, load_plan
from rehearsal.progress import Progress
from rehearsal.sampling import TOTAL, Row, warn_of_rates
from rehearsal.settings import Options
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from rehearsal.usage import Arrivals, Usage, measure_arrivals, usage_between, warn_of_load, warn_of_others
from rehearsal.verdict import DrillResult, Report, Skipped, Status

NOT_OURS: Final = "it needs an engine of our own: to stop it, to limit it, or to look at its wire and disk"
IN_FLIGHT: Final = timedelta(seconds=5)  # of wall time: telemetry that was on its way when Sentry went, or queued
UNWELL: Final = timedelta(seconds=15)  # of wall time: the SDK looks every 10 s whether it may sample as usual again
BETWEEN: Final = "(outside of the drills)"
LOAD_MARGIN: Final = timedelta(minutes=5)  # wall time beyond the longest that all drills can take


def rehearse(options: Options, progress: Progress, remote: Engine | None = None) -> Report:
    """Run every drill and return the report; whatever was started is stopped, also after an error or Ctrl-C.

    `remote` is a Sentry that is there already; without it the embedded engine is started.

    1 plan, rules and drills, 2 engine, sink, monitors and service, 3 canary, 4 load, 5 drills, 6 load and service down,
    7 books, 8 everything down. Raises UsageError, EnvironmentMissingError.
    """
    plan = load_plan(options.plan)  # 1
    rules, drills = _load_rules(options.rules), choose_drills(load_drills(options.drills), options.only)
    check_drills(drills, plan)
    drills, skipped = _split(drills, is_ours=remote is None)
    started_at = now()
    is_tapped = any(isinstance(drill.disturbance, Planting) for drill in drills)
    is_switched = any(isinstance(drill.disturbance, Outage) and drill.disturbance.how.is_switched for drill in drills)
    folder = _make_folder(options.var / "runs", started_at)
    stack = Stack(options, folder, remote=remote, is_tapped=is_tapped, is_switched=is_switched)
    try:
        start_parts(stack, with_canary(rules), progress)  # 2
        progress.show("waiting for the canary's page")
        canary = send_canary(stack, Pace(options.speed, now()))  # 3
        progress.say(f"canary: {canary.detail}")
        is_trusted = canary.status is Status.HELD
        if is_trusted:
            _start_load(drills, stack, rules, progress)  # 4
        pace, before = Pace(options.speed, now()), stack.read_cpu()
        results = _drill(drills, stack, rules, pace, progress) if is_trusted else []  # 5
        progress.say("stopping the load, then the service, which flushes its telemetry")
        usage = usage_between(before, stack.read_cpu())
        stack.stop_part("load")  # 6
        stack.stop_part("service")
        progress.show("closing the books")
        closing = close_books(stack, started_at, _spans(results, pace), is_patient=is_trusted)  # 7
        results, curves = _watch(stack, rules, results, pace, started_at)
        results = [look_back(result, stack, pace, closing, progress) for result in results]
        with stack.client() as client:
            measured = measure(client, stack.project_id, stack.ledger.refresh(), started_at, quiet_time(results, pace))
        entries = tuple(stack.ledger.refresh())
        arrivals = measure_arrivals(entries)
        pages = tuple(page for page in read_pages(stack.pages) if not is_canary(page))
        return Report(
            started_at=started_at,
            origin=pace.origin,
            ended_at=now(),
            options=options,
            engine=stack.engine.name,
            rules=rules,
            canary=canary,
            drills=tuple(results),
            pages=pages,
            entries=entries,
            books=closing.books,
            counts=closing.counts,
            by_endpoint=closing.by_endpoint,
            by_drill=closing.by_drill,
            measured=measured,
            month=month_of(measured, options.traffic, options.traces_sample_rate),
            rates=closing.rates,
            detections=detections(results),
            curves=curves,
            usage=usage,
            arrivals=arrivals,
            warnings=_warn(arrivals, usage, _rates_of_calm(closing.rates, results)),
            run_findings=(
                judge_outside(_outside(pages, results, pace)),
                *(closing.findings if plan.has_books else ()),
            ),
            folder=stack.folder,
            skipped=skipped,
        )
    except MonitorsError as error:
        raise EnvironmentMissingError(str(error)) from error
    finally:
        stack.stop()  # 8


def _split(drills: list[Drill], *, is_ours: bool) -> tuple[list[Drill], tuple[Skipped, ...]]:
    """The drills that this engine can be put through, and the others. Raises UsageError if there is none."""
    possible = [each for each in drills if is_ours or not isinstance(each.disturbance, NEEDS_OWN_ENGINE)]
    if not possible:
        raise UsageError(f"{', '.join(each.name for each in drills)}: {NOT_OURS}")
    return possible, tuple(Skipped(each.name, NOT_OURS) for each in drills if each not in possible)


def _start_load(drills: list[Drill], stack: Stack, rules: RuleSet, progress: Progress) -> None:
    progress.show("starting the load")
    speed = stack.options.speed
    stack.start_load(_longest(drills, rules, stack.engine.lag * speed) / speed + LOAD_MARGIN)
    lasts = sum((drill.lasts for drill in drills), timedelta(0)) / speed
    progress.say(f"load running; the drills take {show_span(lasts)} at least")


def _drill(drills: list[Drill], stack: Stack, rules: RuleSet, pace: Pace, progress: Progress) -> list[DrillResult]:
    _fill_windows(drills, rules, pace, progress)
    with_faults = stack.options.with_faults
    with watching(progress, stack, rules) as live:
        return [Drilling(drill, stack, rules, pace, live).run(with_faults=with_faults) for drill in drills]


def _warn(arrivals: Arrivals, usage: Usage, rates: tuple[Row, ...]) -> tuple[str, ...]:
    """Why the numbers may mean less than they seem to."""
    return tuple(filter(None, (warn_of_load(arrivals, usage), warn_of_others(usage), warn_of_rates(rates))))


def _rates_of_calm(rates: tuple[Row, ...], results: list[DrillResult]) -> tuple[Row, ...]:
    """A drill that keeps Sentry from answering makes the SDK trace less: then only the endpoints' rows, which leave its
    time out, can tell a wrong rate.
    """
    was_out = any(_out(result) for result in results)
    return tuple(row for row in rates if not (was_out and row.kind == "traces" and row.name == TOTAL))


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


def _load_rules(folder: Path) -> RuleSet:
    try:
        return load_rules(folder)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _make_folder(runs: Path, started_at: datetime) -> Path:
    """Make a folder that no other run has, also when two start in the same second."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = runs / (f"{started_at:%Y%m%dT%H%M%S}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("there is always another number")


def _fill_windows(drills: list[Drill], rules: RuleSet, pace: Pace, progress: Progress) -> None:
    """Let healthy traffic fill the longest window before anything is disturbed.

    In a window that has just begun one failure is a large share, and pages. A drill without disturbance fills its own.
    """
    if drills[0].disturbance is None:
        return
    progress.say(f"healthy traffic for {show_span(longest_window(rules))}, so that every window is full")
    sleep(pace.wall(longest_window(rules)))


def _longest(drills: list[Drill], rules: RuleSet, lag: timedelta) -> timedelta:
    """The production time that the drills take if every page comes at the last moment."""
    waits = [page.within + (page.resolved_within or timedelta(0)) for drill in drills for page in drill.pages]
    window = longest_window(rules)
    return sum((drill.lasts + 2 * (window + GRACE + lag) for drill in drills), window + sum(waits, timedelta(0)))


def _outside(pages: tuple[Page, ...], results: list[DrillResult], pace: Pace) -> list[Page]:
    """Pages that no drill has judged: each drill judges what comes from its start to its end."""
    spans = [(result.started_at, result.ended_at) for result in results]
    return [page for page in pages if not any(start <= pace.at(page.received_at) <= end for start, end in spans)]


def _spans(results: list[DrillResult], pace: Pace) -> Spans:
    """Which drill a request was sent in, and whether its telemetry could reach Sentry."""
    drills = [
        (each.drill.name, pace.instant(each.started_at).timestamp(), pace.instant(each.ended_at).timestamp())
        for each in results
    ]
    away = [
        (pace.instant(since) - IN_FLIGHT, pace.instant(until) + UNWELL)
        for since, until in filter(None, map(_out, results))
    ]

    def could_arrive(entry: Entry) -> bool:
        return not any(since.timestamp() <= entry.sent_at <= until.timestamp() for since, until in away)

    return Spans(by_span(drills, BETWEEN), could_arrive)


def _out(result: DrillResult) -> tuple[timedelta, timedelta] | None:
    """From when to when Sentry took less than it was sent, or nothing."""
    if isinstance(result.drill.disturbance, Storm) and result.fault_at is not None:
        return result.fault_at, result.ended_at
    return result.out
