"""Performance: all endpoints, one endpoint with its histogram and slowest requests, one trace as a waterfall."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from embedded.lenient import instant, mapping, sequence
from embedded.pages.access import Visit
from embedded.pages.charts import Band, Chart, meter, stacked, strip
from embedded.pages.event_view import show
from embedded.pages.formats import show_ms, show_number
from embedded.pages.frame import Ask, find_scope, render
from embedded.pages.load import latency, load_of, throughput
from embedded.pages.traffic import P95, endpoints_of, numbers_of, percentile_between
from embedded.records import GOOD_STATUSES
from embedded.store.traffic import Traced, requests_by_id, trace_errors, trace_requests
from embedded.tally import Tally

router = APIRouter()
BINS: Final = 40
SHORTEST_MS: Final = 0.1  # where a logarithmic axis begins at the latest
SLOWEST: Final = 10
MAX_SPANS: Final = 300  # of one request
MAX_DEPTH: Final = 12  # levels that are indented
MILLISECOND: Final = timedelta(milliseconds=1)
# First part of a span's op -> the colour of its bar; the rest are `other`.
FAMILIES: Final = ("http", "db", "cache", "causal")


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One line of the waterfall."""

    op: str
    what: str
    depth: int
    family: str
    is_failed: bool
    duration_ms: float
    drawing: Markup


@dataclass(frozen=True, slots=True)
class _Span:
    ident: str
    parent: str
    op: str
    what: str
    status: str
    start: datetime
    end: datetime


@router.get("/performance/")
def performance(request: Request, context: Visit, asked: Ask) -> Response:
    """Every endpoint of the period."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    load = load_of(context.read(), scope)
    endpoints = endpoints_of(load.names, load.span)
    most = max((each.numbers.total for each in endpoints), default=1)
    return render(
        request,
        "performance.html.jinja",
        scope=scope,
        load=load,
        totals=numbers_of(load.total, load.span),
        endpoints=[
            (each, meter(each.numbers.total / most, "good"), urlencode({"name": each.name})) for each in endpoints
        ],
        more=load.more_names,
        throughput=throughput(load),
        latency=latency(load),
    )


@router.get("/performance/endpoint/")
def endpoint(request: Request, context: Visit, asked: Ask, name: Annotated[str, Query(max_length=200)]) -> Response:
    """One endpoint: over time, by duration, and its slowest requests."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        return RedirectResponse("/", 303)
    load = load_of(context.read(), scope, name)
    return render(
        request,
        "endpoint.html.jinja",
        scope=scope,
        name=name,
        load=load,
        numbers=numbers_of(load.total, load.span),
        p95_between=percentile_between(load.total, P95),
        throughput=throughput(load),
        latency=latency(load),
        histogram=histogram(load.good, load.bad),
        slowest=requests_by_id(context.read(), load.slowest(SLOWEST)),
        good=GOOD_STATUSES,
    )


@router.get("/traces/{trace_id}/")
def trace(request: Request, context: Visit, asked: Ask, trace_id: str) -> Response:
    """Everything that is stored of one trace, on one time axis."""
    scope = find_scope(context, asked.project, asked.period)
    if scope is None:
        raise HTTPException(404, "There is no project, so there is no trace.")
    reader = context.read()
    requests = trace_requests(reader, scope.project.id, trace_id)
    errors = trace_errors(reader, scope.project.id, trace_id)
    if not requests and not errors:
        raise HTTPException(
            404, "Nothing is stored of this trace: it was not sampled, or it is older than what is kept."
        )
    begin = min((_start(each) for each in requests), default=errors[0][3] if errors else context.now())
    end = max((each.ended_at for each in requests), default=begin + MILLISECOND)
    return render(
        request,
        "trace.html.jinja",
        scope=scope,
        trace_id=trace_id,
        begin=begin,
        length_ms=(end - begin) / MILLISECOND,
        requests=[(each, waterfall(each, begin, end)) for each in requests],
        errors=errors,
        max_spans=MAX_SPANS,
    )


def histogram(good: Tally, bad: Tally) -> tuple[Chart, str, str] | None:
    """Return durations in bins that grow by a constant factor, failed requests on top, and both ends; None for none."""
    low, high = max(min(good.least_ms, bad.least_ms), SHORTEST_MS), max(good.most_ms, bad.most_ms, SHORTEST_MS)
    if not good.samples + bad.samples:
        return None
    factor = math.log(max(high / low, 1.01)) / BINS
    columns = [[0.0, 0.0] for _ in range(BINS)]
    stored = [0.0] * BINS
    for half, tally in enumerate((good, bad)):
        for duration_ms, weight, samples in tally.timed():
            number = min(int(math.log(max(duration_ms, low) / low) / factor), BINS - 1)
            columns[number][half] += weight
            stored[number] += samples
    edges = [low * math.exp(factor * number) for number in range(BINS + 1)]
    titles = [
        f"{show_ms(edges[number])} to {show_ms(edges[number + 1])}:"
        f" {show_number(sum(column))} requests, {stored[number]:.0f} stored"
        for number, column in enumerate(columns)
    ]
    return stacked(("good", "bad"), columns, titles, "Requests by duration"), show_ms(low), show_ms(high)


def waterfall(request: Traced, begin: datetime, end: datetime) -> list[SpanRow]:
    """Return the request and its spans, each below its parent, by start."""
    payload = request.payload or {}
    root = _Span(
        ident=str(
            mapping(mapping(payload.get("contexts")).get("trace")).get("span_id") or payload.get("span_id") or ""
        ),
        parent="",
        op=request.op,
        what=request.name,
        status=request.status,
        start=_start(request),
        end=request.ended_at,
    )
    found = [span for each in sequence(payload.get("spans"))[:MAX_SPANS] if (span := _span(mapping(each)))]
    children: dict[str, list[_Span]] = {}
    known = {span.ident for span in found}
    for span in sorted(found, key=lambda each: each.start):
        children.setdefault(
            span.parent if span.parent in known and span.parent != span.ident else root.ident, []
        ).append(span)
    rows: list[SpanRow] = []
    waiting = [(root, 0)]
    placed: set[int] = set()
    while waiting:
        span, depth = waiting.pop()
        if id(span) in placed:
            continue
        placed.add(id(span))
        rows.append(_row(span, depth, begin, end))
        waiting += [(child, min(depth + 1, MAX_DEPTH)) for child in reversed(children.get(span.ident, []))]
    return rows + [_row(span, 1, begin, end) for span in found if id(span) not in placed]  # their parents are a loop


def _row(span: _Span, depth: int, begin: datetime, end: datetime) -> SpanRow:
    whole = max(end - begin, MILLISECOND)
    family = span.op.split(".")[0]
    kind = family if family in FAMILIES else "other"
    duration_ms = (span.end - span.start) / MILLISECOND
    title = (
        f"{span.op} {span.what}: {show_ms(duration_ms)}, {show_ms((span.start - begin) / MILLISECOND)} after the start"
    )
    band = Band(f"op-{kind}", (span.start - begin) / whole, (span.end - begin) / whole, title)
    return SpanRow(
        op=span.op,
        what=span.what,
        depth=depth,
        family=kind,
        is_failed=span.status not in GOOD_STATUSES,
        duration_ms=duration_ms,
        drawing=strip([band], [], title),
    )


def _span(value: dict[str, Any]) -> _Span | None:
    start, end = instant(value.get("start_timestamp")), instant(value.get("timestamp") or value.get("end_timestamp"))
    if start is None or end is None or end < start:
        return None
    return _Span(
        ident=str(value.get("span_id") or ""),
        parent=str(value.get("parent_span_id") or ""),
        op=show(value.get("op") or "default"),
        what=show(value.get("description") or value.get("name") or ""),
        status=str(value.get("status") or "ok"),
        start=start,
        end=end,
    )


def _start(request: Traced) -> datetime:
    return request.ended_at - request.duration_ms * MILLISECOND
