"""The first page: load, failures, latency, sampling, monitors and who was told, on one screen that follows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import apsw
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from embedded.pages.access import Visit
from embedded.pages.charts import Band, meter, strip
from embedded.pages.formats import show_clock
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.intervals import wilson
from embedded.pages.load import latency, load_of, throughput
from embedded.pages.traffic import endpoints_of, numbers_of
from embedded.pages.way import distance
from embedded.store import history, issues, traffic
from embedded.store.history import Standing
from embedded.store.projects import list_keys

router = APIRouter()
SHOWN: Final = 8  # rows of each table; the pages behind them have the rest
MAX_MARKS: Final = 200  # notifications on the time line
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the time line."""

    name: str
    href: str
    drawing: Markup
    summary: str


@router.get("/")
def overview(request: Request, context: Visit, asked: Ask) -> Response:
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return render(request, "start.html.jinja", url=context.url)
    return render(request, "overview.html.jinja", scope=scope, **_content(context.read(), scope, context.url))


def _content(reader: apsw.Connection, scope: Scope, url: str) -> dict[str, Any]:
    load = load_of(reader, scope)
    project_id = scope.project.id
    keys = list_keys(reader, project_id) if not load.requests else []
    arrived, dropped = traffic.sampling(reader, project_id, scope.since - MINUTE, scope.now + MINUTE)
    standings = history.standings(reader, project_id)
    return {
        "load": load,
        "totals": numbers_of([each.sample for each in load.requests], load.span),
        "throughput": throughput(load, scope),
        "latency": latency(load, scope),
        "endpoints": endpoints_of(load.requests, load.span)[:SHOWN],
        "kept": (arrived, arrived + dropped, wilson(arrived, arrived + dropped)),
        "standings": [(each, distance(each)[0], meter(*distance(each))) for each in standings],
        "lanes": _lanes(reader, scope, standings),
        "told": history.deliveries(reader, project_id, limit=SHOWN),
        "issues": issues.list_issues(reader, project_id, "unresolved", None, SHOWN, 0),
        "dsn": f"{url.replace('://', f'://{keys[0].public_key}@')}/{project_id}" if keys else None,
    }


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
