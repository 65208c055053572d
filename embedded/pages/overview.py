"""The first page: load, failures, latency, sampling, monitors and who was told, on one screen that follows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import apsw
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from embedded.categories import ERROR, SPAN
from embedded.pages.access import Visit
from embedded.pages.charts import Band, meter, strip
from embedded.pages.effective import ARRIVING, effective_rates
from embedded.pages.extension import Extension, Projection
from embedded.pages.formats import show_clock
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.intervals import wilson
from embedded.pages.load import latency, load_of, throughput
from embedded.pages.traffic import endpoints_of, numbers_of
from embedded.pages.way import distance
from embedded.store import history, issues, outcomes, traffic
from embedded.store.history import Standing
from embedded.store.projects import list_keys

router = APIRouter()
SHOWN: Final = 8  # endpoints; the pages behind them have the rest
NEWEST: Final = 4  # issues, and notifications
MAX_MARKS: Final = 200  # notifications on the time line
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the time line."""

    name: str
    href: str | None
    drawing: Markup
    summary: str


@dataclass(frozen=True, slots=True)
class Billed:
    """A projected bill, and what it stands on."""

    projection: Projection
    span: timedelta  # production time
    items: int  # errors and spans that were accepted
    bars: tuple[Markup, ...]  # for each line, how much of what is included it takes


@router.get("/")
def overview(request: Request, context: Visit, asked: Ask) -> Response:
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return render(request, "start.html.jinja", url=context.url)
    extension: Extension = request.app.state.extension
    content = _content(context.read(), scope, context.url, extension)
    return render(request, "overview.html.jinja", scope=scope, **content)


def _content(reader: apsw.Connection, scope: Scope, url: str, extension: Extension) -> dict[str, Any]:
    load = load_of(reader, scope)
    project_id = scope.project.id
    keys = list_keys(reader, project_id) if not load.total.samples else []
    arrived, dropped = traffic.sampling(reader, project_id, scope.since - MINUTE, scope.now + MINUTE)
    standings = history.standings(reader, project_id)
    return {
        "load": load,
        "totals": numbers_of(load.total, load.span),
        "throughput": throughput(load),
        "latency": latency(load),
        "endpoints": endpoints_of(load.names, load.span)[:SHOWN],
        "effective": effective_rates(reader, scope, load, extension.sent),
        "arriving": ARRIVING,
        "is_counted": extension.is_counted,
        "bill": _bill(reader, scope, extension),
        "more": {each.title: each.path for each in extension.sections},
        "kept": (arrived, arrived + dropped, wilson(arrived, arrived + dropped)),
        "evaluated_at": min((each.evaluated_at for each in standings if each.evaluated_at), default=None),
        "standings": [(each, distance(each)[0], meter(*distance(each))) for each in standings],
        "lanes": [*_fault_lane(scope, extension), *_lanes(reader, scope, standings)],
        "told": history.deliveries(reader, project_id, limit=NEWEST),
        "issues": issues.list_issues(reader, project_id, "unresolved", None, NEWEST, 0),
        "dsn": f"{url.replace('://', f'://{keys[0].public_key}@')}/{project_id}" if keys else None,
    }


def _bill(reader: apsw.Connection, scope: Scope, extension: Extension) -> Billed | None:
    """The month that the period's items add up to, in whole minutes of the books; None where nobody knows prices."""
    first = traffic.first_request_at(reader, scope.project.id) or scope.now
    start = scope.since.replace(second=0, microsecond=0)
    span = (scope.now - max(start, first)) * scope.speed
    if span <= timedelta(0):
        return None
    accepted = outcomes.accepted_by_category(reader, scope.project.id, start, scope.now)
    projection = extension.bill(accepted, span)
    if projection is None:
        return None
    items = sum(accepted.get(each, 0) for each in (ERROR, SPAN))
    shares = [float(each.used / each.included) if each.included else 1.0 for each in projection.lines]
    return Billed(projection, span, items, tuple(meter(each, "warn" if each > 1 else "good") for each in shares))


def _fault_lane(scope: Scope, extension: Extension) -> list[Lane]:
    """The faults that were on; none where nobody knows of any."""
    found = extension.faults(scope.since, scope.now)
    bands = [
        Band(
            "fault",
            scope.share(each.start),
            scope.share(each.end or scope.now),
            f"{each.what} from {show_clock(each.start)} to {show_clock(each.end) if each.end else 'now'}",
        )
        for each in found
    ]
    if not bands:
        return []
    summary = _times(len(found), "fault", "s") + (", on now" if any(each.end is None for each in found) else "")
    return [Lane("Faults", None, strip(bands, [], "Faults"), summary)]


def _lanes(reader: apsw.Connection, scope: Scope, standings: list[Standing]) -> list[Lane]:
    """A lane for each monitor with a breach in the period, one for new issues, one for what was sent."""
    breaches = history.periods_between(reader, scope.project.id, scope.since, scope.now)
    lanes: list[Lane] = []
    for standing in standings:
        bands = [
            Band(
                "breach",
                scope.share(each.start),
                scope.share(each.end or scope.now),
                f"breach from {show_clock(each.start)} to {show_clock(each.end) if each.end else 'now'}",
            )
            for each in breaches
            if each.detector_id == standing.monitor.id
        ]
        if bands:
            name, href = standing.monitor.name, f"/monitors/{standing.monitor.id}/"
            lanes.append(Lane(name, href, strip(bands, [], f"Breaches of {name}"), _times(len(bands), "breach", "es")))
    seen = history.new_issues(reader, scope.project.id, scope.since, scope.now)
    marks = [_mark(scope, "fresh", at, f"{show_clock(at)} {short_id}: {title}") for at, _, short_id, title in seen]
    lanes.append(Lane("New issues", "/issues/", strip([], marks, "New issues"), _times(len(seen), "issue", "s")))
    told = [each for each in history.deliveries(reader, scope.project.id, limit=MAX_MARKS) if each.at >= scope.since]
    marks = [
        _mark(
            scope,
            "resolved" if each.kind == "issue_resolved_trigger" else "page",
            each.sent_at or each.at,
            f"{show_clock(each.sent_at or each.at)} {each.alert}: {each.title} ({each.status})",
        )
        for each in told
    ]
    lanes.append(Lane("Notifications", "/alerts/", strip([], marks, "Notifications"), _times(len(told), "sent", "")))
    return lanes


def _mark(scope: Scope, kind: str, at: datetime, title: str) -> Band:
    return Band(kind, scope.share(at), scope.share(at), title)


def _times(number: int, word: str, plural: str) -> str:
    return f"{number} {word}{plural if number != 1 else ''}"
