"""Monitors and alerts: all of them, one monitor as it was evaluated, what other thresholds would have done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import apsw
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from embedded.alerting import measure_window
from embedded.evaluate import Condition, Level
from embedded.lenient import mapping, sequence
from embedded.pages.access import Visit
from embedded.pages.charts import Band, Chart, Curve, Limit, curves, meter
from embedded.pages.formats import show_clock, show_value
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.replay import Breach, Point, breaches, edited, evaluation_times, reach, replay
from embedded.pages.way import distance
from embedded.pages.words import names_of
from embedded.store import history, issues
from embedded.store.alerts import DueMonitor
from embedded.store.monitors import Workflow, list_workflows
from embedded.store.projects import list_apps
from embedded.store.times import to_ms
from embedded.store.traffic import is_more_than
from embedded.store.windows import Window, timed_samples
from embedded.windowed import is_summed
from monitors.model import parse_aggregate
from monitors.query import parse_query

router = APIRouter()
MAX_REPLAYED: Final = 6_000  # samples of one monitor that are read one by one; a window alone may hold thousands
MAX_MEASURED: Final = 20  # evaluations out of rollups, where that is too few
MAX_EVALUATIONS: Final = 300  # shown of one monitor
SHOWN: Final = 25
MAX_OFFSET: Final = 1_000_000
BOUND: Final = 1e12  # of a threshold that is tried


@dataclass(frozen=True, slots=True)
class Tried:
    """A set of thresholds and what they make of the stored data."""

    conditions: tuple[Condition, ...]
    breaches: list[Breach]
    chart: Chart


@router.get("/monitors/")
def monitors(request: Request, context: Visit, asked: Ask) -> Response:
    """Every metric monitor of the project."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    standings = history.standings(context.read(), scope.project.id)
    return render(
        request,
        "monitors.html.jinja",
        scope=scope,
        standings=[(each, distance(each)[0], meter(*distance(each))) for each in standings],
    )


@router.get("/monitors/{detector_id}/")
def monitor(
    request: Request,
    context: Visit,
    asked: Ask,
    detector_id: int,
    high: Annotated[float | None, Query(ge=-BOUND, le=BOUND, allow_inf_nan=False)] = None,
    resolve: Annotated[float | None, Query(ge=-BOUND, le=BOUND, allow_inf_nan=False)] = None,
) -> Response:
    """One monitor; `high` and `resolve` are thresholds to try on what is stored."""
    reader = context.read()
    scope = find_scope(context, asked.project, asked.period)
    found = history.standings(reader, scope.project.id, detector_id) if scope else []
    if scope is None or not found:
        raise HTTPException(404, "The project has no such monitor.")
    [standing] = found
    own = tuple(Condition(kind, limit, Level(result)) for kind, limit, result in standing.monitor.conditions)
    points, is_cut = _points(reader, standing.monitor, standing.evaluated_at, scope)
    is_edited = high is not None or resolve is not None
    return render(
        request,
        "monitor.html.jinja",
        scope=scope,
        standing=standing,
        monitor=standing.monitor,
        points=points,
        is_cut=is_cut,
        now_set=_tried(standing.monitor, points, own, scope.speed),
        tried=_tried(standing.monitor, points, edited(own, high, resolve), scope.speed) if is_edited else None,
        high=next((each.comparison for each in edited(own, high, resolve) if each.result == Level.HIGH), None),
        resolve=next((each.comparison for each in edited(own, high, resolve) if each.result == Level.OK), None),
        periods_open=issues.open_periods(reader, detector_id=detector_id, issue_id=None)[:SHOWN],
        alerts=[each for each in list_workflows(reader) if detector_id in each.detector_ids],
        told=history.deliveries(reader, scope.project.id, detector_id=detector_id, limit=SHOWN),
        integrations=names_of(list_apps(reader)),
    )


@router.get("/alerts/")
def alerts(
    request: Request, context: Visit, asked: Ask, offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0
) -> Response:
    """The alerts, and every delivery, newest first."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    reader = context.read()
    told = history.deliveries(reader, scope.project.id, limit=SHOWN + 1, offset=offset)
    names = {each.monitor.id: each.monitor.name for each in history.standings(reader, scope.project.id)}
    return render(
        request,
        "alerts.html.jinja",
        scope=scope,
        alerts=[(each, _triggers(each), _actions(each)) for each in list_workflows(reader)],
        names=names,
        integrations=names_of(list_apps(reader)),
        told=told[:SHOWN],
        offset=offset,
        size=SHOWN,
        has_more=len(told) > SHOWN,
    )


def _points(
    reader: apsw.Connection, monitor: DueMonitor, last: datetime | None, scope: Scope
) -> tuple[list[Point], bool]:
    """The evaluations of the period, and whether its beginning lies before what a page reads."""
    times = evaluation_times(monitor, last, scope.since, MAX_EVALUATIONS, scope.speed) if last else []
    if last is None or not times:
        return [], False
    wanted = parse_aggregate(monitor.aggregate)
    label = wanted.argument if wanted.function == "count_unique" else None
    since = times[0] - reach(monitor, scope.speed)
    window = Window(monitor.project_id, monitor.dataset, parse_query(monitor.query), monitor.environment, since, last)
    is_many = is_more_than(reader, monitor.project_id, since, last, MAX_REPLAYED)
    if is_many and is_summed(reader, window, wanted):
        recent = times[-MAX_MEASURED:]
        return [Point(at, *measure_window(reader, monitor, at, scope.speed)) for at in recent], recent != times
    timed = timed_samples(reader, window, label, MAX_REPLAYED)
    is_cut = len(timed) == MAX_REPLAYED
    if is_cut:  # an evaluation whose window is not read whole would show a value that never was
        times = [at for at in times if timed[0][0] <= to_ms(at - reach(monitor, scope.speed))]
    return replay(monitor, timed, times, scope.speed), is_cut


def _tried(monitor: DueMonitor, points: list[Point], conditions: tuple[Condition, ...], speed: float) -> Tried:
    found = breaches(points, conditions, speed)
    return Tried(conditions, found, _chart(monitor, points, conditions, found))


def _chart(monitor: DueMonitor, points: list[Point], conditions: tuple[Condition, ...], found: list[Breach]) -> Chart:
    kinds = {Level.HIGH: "high", Level.MEDIUM: "medium", Level.OK: "resolve"}
    titles = [f"{show_clock(each.at)}: {show_value(monitor, each.value)} on {each.samples} stored" for each in points]
    starts = [each.at for each in points]
    bands = [
        Band(
            "breach",
            starts.index(each.start) / len(points),
            (starts.index(each.end) if each.end else len(points)) / len(points),
            f"over the threshold from {show_clock(each.start)} to {show_clock(each.end) if each.end else 'now'}",
        )
        for each in found
    ]
    limits = [Limit(kinds[each.result], each.comparison) for each in conditions]
    return curves([Curve("value", [each.value for each in points])], titles, f"Value of {monitor.name}", limits, bands)


def _triggers(alert: Workflow) -> list[str]:
    return [str(mapping(each).get("type")) for each in sequence(alert.triggers.get("conditions"))]


def _actions(alert: Workflow) -> list[dict[str, Any]]:
    return [mapping(each) for group in alert.action_filters for each in sequence(group.get("actions"))]
