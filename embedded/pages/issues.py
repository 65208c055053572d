"""Issues: the list with its search, and one issue with an event, its tags, its trace and who was told."""

from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Final
from urllib.parse import urlencode

import apsw
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from embedded.pages.access import Form, Visit
from embedded.pages.charts import Chart, meter, stacked
from embedded.pages.event_view import view_event
from embedded.pages.formats import show_clock
from embedded.pages.frame import Ask, Scope, find_scope, render
from embedded.pages.words import names_of
from embedded.store import history, issues
from embedded.store.issue_search import Sort, TagValue, event_times, neighbours, search_issues, tag_values
from embedded.store.issues import Issue
from embedded.store.projects import list_apps
from embedded.store.times import to_ms
from monitors.query import MAX_QUERY_CHARS, QueryError, parse_query

router = APIRouter()
PAGE_SIZE: Final = 25
UNRESOLVED: Final = "is:unresolved"
SORTS: Final[dict[str, str]] = {"last": "last seen", "first": "first seen", "events": "events"}
# Label, query: what people look for most.
SHORTCUTS: Final = (
    ("unresolved", UNRESOLVED),
    ("resolved", "is:resolved"),
    ("ignored", "is:ignored"),
    ("errors", "is:unresolved issue.type:error"),
    ("monitors", "is:unresolved issue.type:metric_issue"),
    ("all", ""),
)
STATUSES: Final = ("resolved", "ignored", "unresolved")
STEPS: Final = 60
MAX_VALUES: Final = 4  # shown of one tag
MAX_OFFSET: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag: its most frequent values, each with its share as a bar, and how many more there are."""

    key: str
    values: tuple[tuple[str, float, Markup], ...]
    more: int


@router.get("/issues/")
def issue_list(
    request: Request,
    context: Visit,
    asked: Ask,
    query: Annotated[str, Query(max_length=MAX_QUERY_CHARS)] = UNRESOLVED,
    sort: Sort = "last",
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> Response:
    """Issues of the project; `query` in the syntax of rules."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    problem, found = None, None
    try:
        found = search_issues(context.read(), scope.project.id, parse_query(query), sort, PAGE_SIZE, offset)
    except QueryError as error:
        problem = str(error)
    return render(
        request,
        "issues.html.jinja",
        status=400 if problem else 200,
        scope=scope,
        query=query,
        sort=sort,
        sorts=SORTS,
        shortcuts=SHORTCUTS,
        problem=problem,
        found=found,
        offset=offset,
        size=PAGE_SIZE,
        link=lambda **changes: (
            "?"
            + urlencode({"project": scope.project.slug, "period": scope.period, "query": query, "sort": sort} | changes)
        ),
    )


@router.get("/issues/{issue_id}/")
def issue_page(
    request: Request,
    context: Visit,
    asked: Ask,
    issue_id: int,
    event: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """One issue with one of its events, the newest if none is asked for."""
    reader = context.read()
    issue = _find(reader, issue_id)
    scope = find_scope(context, issue.project_slug, asked.period)
    older, this, newer = neighbours(reader, issue_id, event)
    if event is not None and this is None:
        raise HTTPException(404, "This issue has no such event.")
    stored = issues.find_event(reader, issue.project_id, this) if this else None
    view = view_event(stored.payload) if stored else None
    counted, events = tag_values(reader, issue_id)
    return render(
        request,
        "issue.html.jinja",
        scope=scope,
        issue=issue,
        stored=stored,
        view=view,
        older=older,
        newer=newer,
        tags=_tag_rows(counted, events),
        counted=events,
        chart=_over_time(reader, issue, scope) if scope and issue.type == "error" else None,
        periods_open=issues.open_periods(reader, detector_id=None, issue_id=issue_id)[:PAGE_SIZE],
        told=history.deliveries(reader, issue.project_id, issue_id=issue_id, limit=PAGE_SIZE),
        integrations=names_of(list_apps(reader)),
    )


@router.post("/issues/{issue_id}/status")
def change_status(context: Visit, issue_id: int, form: Form) -> Response:
    """Resolve, ignore or reopen an issue, and show it again."""
    status = form.get("status", "")
    if status not in STATUSES:
        raise HTTPException(400, f"No status {status!r}; there are {', '.join(STATUSES)}.")
    _find(context.read(), issue_id)
    context.write(lambda connection: issues.set_status(connection, issue_id, status))
    return RedirectResponse(f"/issues/{issue_id}/", 303)


def _find(reader: apsw.Connection, issue_id: int) -> Issue:
    issue = issues.find_issue(reader, issue_id)
    if issue is None:
        raise HTTPException(404, "There is no such issue.")
    return issue


def _tag_rows(counted: list[TagValue], events: int) -> list[TagRow]:
    rows = []
    for key, group in groupby(counted, key=lambda each: each.key):
        values = list(group)
        shown = tuple(
            (each.value, each.count / events, meter(each.count / events, "good")) for each in values[:MAX_VALUES]
        )
        rows.append(TagRow(key, shown, len(values) - len(shown)))
    return rows


def _over_time(reader: apsw.Connection, issue: Issue, scope: Scope) -> Chart:
    since, until = to_ms(scope.since), to_ms(scope.now)
    columns = [0] * STEPS
    for at in event_times(reader, issue.id, since):
        columns[min((at - since) * STEPS // max(until - since, 1), STEPS - 1)] += 1
    step = (scope.now - scope.since) / STEPS
    titles = [f"{show_clock(scope.since + step * number)}: {count} events" for number, count in enumerate(columns)]
    return stacked(("bad",), [[count] for count in columns], titles, "Events over time")
