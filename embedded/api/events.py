"""Search over stored requests (`spans`) and errors: rows of fields, or aggregates by fields."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import apsw
from fastapi import APIRouter, Query, Request, Response

from embedded.aggregate import aggregate
from embedded.api.context import Context, Ctx, Org, find_project, invalid, stamp
from embedded.api.paging import Page, Paging, cut
from embedded.api.steps import parse_period
from embedded.api.summed import MAX_ROWS, groups_of
from embedded.store.fields import DATASETS
from embedded.store.times import from_ms
from embedded.store.windows import Sample, Window, rows
from embedded.windowed import window_samples
from monitors.model import Aggregate, parse_aggregate
from monitors.query import QueryError, parse_query

router = APIRouter()
MAX_FIELDS: Final = 20
MEASURED: Final = ("span.duration", "span.status", "sample_weight")
NUMBERS: Final = frozenset(
    {"span.duration", "transaction.duration", "sample_weight", "sampling_rate", "span.status_code"}
)


@router.get("/organizations/{organization}/events/")
def events(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    request: Request,
    response: Response,
    page: Paging,
    dataset: Literal["spans", "errors"],
    field: Annotated[list[str], Query(min_length=1, max_length=MAX_FIELDS)],
    query: str = "",
    project: str | None = None,
    environment: str | None = None,
    period: Annotated[str, Query(alias="statsPeriod")] = "1d",
    sort: str = "-timestamp",
) -> dict[str, Any]:
    """Rows newest first; with a function such as `count()` among the fields, one row per combination of the others."""
    window = search_window(context, dataset, query, project, environment, period)
    functions = [name for name in field if name.endswith(")")]
    if any('"' in name for name in field):  # SQLite's JSON paths cannot quote it
        raise invalid("field", "a field's name cannot have a quotation mark in it")
    if functions:
        found = _grouped(context, window, [name for name in field if name not in functions], functions, page)
    else:
        found = _plain(context, window, field, sort, page)
    for row in found:
        if "timestamp" in row:
            row["timestamp"] = stamp(from_ms(row["timestamp"]))
    return {
        "data": cut(found[: page.limit], page, request, response),
        "meta": {"fields": {name: _type(name) for name in field}, "units": {}, "dataset": dataset},
    }


def search_window(
    context: Context, dataset: str, query: str, project: str | None, environment: str | None, period: str
) -> Window:
    try:
        parsed = parse_query(query)
    except QueryError as error:
        raise invalid("query", str(error)) from None
    if project is None:
        raise invalid("project", "name the project: this engine searches one at a time")
    until = context.now() + timedelta(seconds=60)  # a client's clock may be this far ahead
    return Window(find_project(context, project).id, dataset, parsed, environment, until - parse_period(period), until)


def _plain(context: Context, window: Window, fields: list[str], sort: str, page: Page) -> list[dict[str, Any]]:
    if sort.removeprefix("-") not in DATASETS[window.dataset].fields:
        raise invalid("sort", f"{sort!r}: not a field of this dataset")
    return rows(context.read(), window, fields, order_by=sort, limit=page.limit, offset=page.offset)


def _grouped(
    context: Context, window: Window, keys: list[str], functions: list[str], page: Page
) -> list[dict[str, Any]]:
    wanted, reader = read_functions(functions, is_spans=window.dataset == "spans"), context.read()
    span = (window.until - window.since) * context.speed
    shown = slice(page.offset, page.offset + page.limit)
    if (summed := groups_of(reader, window, keys, wanted.values())) is not None:
        return [
            dict(zip(keys, group.values, strict=True))
            | {
                name: aggregate(each, window_samples(reader, window, each, keys=group.keys).samples, span)
                for name, each in wanted.items()
            }
            for group in [each for each in summed if each.stored][shown]
        ]
    fields = list(dict.fromkeys([*keys, *measured_fields(window.dataset, wanted.values())]))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in read_rows(reader, window, fields):
        groups[tuple(row[key] for key in keys)].append(row)
    return [
        dict(zip(keys, key, strict=True))
        | {name: aggregate(each, [sample_of(row, each) for row in group], span) for name, each in wanted.items()}
        for key, group in sorted(groups.items(), key=lambda pair: -len(pair[1]))[shown]
    ]


def read_rows(reader: apsw.Connection, window: Window, fields: list[str]) -> list[dict[str, Any]]:
    """Return all rows of a window, oldest first. Raises a 400 where there are more than MAX_ROWS."""
    found = rows(reader, window, fields, order_by="timestamp", limit=MAX_ROWS + 1, offset=0)
    if len(found) > MAX_ROWS:
        raise invalid(
            "statsPeriod", f"more than {MAX_ROWS} events, and no sums of what is asked for; ask for a shorter period"
        )
    return found


def read_functions(names: Iterable[str], *, is_spans: bool) -> dict[str, Aggregate]:
    """Return the aggregates by the names that they were asked for under. Raises a 400 for what cannot be computed."""
    wanted = {name: _function(name) for name in names}
    if not is_spans and (wrong := next((each for each in wanted.values() if each.needs_requests), None)):
        raise invalid("field", f"{wrong}: error events have neither duration nor status")
    return wanted


def measured_fields(dataset: str, wanted: Iterable[Aggregate]) -> list[str]:
    """What a row must have for `sample_of`."""
    labels = [each.argument for each in wanted if each.function == "count_unique" and each.argument]
    return [*(MEASURED if dataset == "spans" else ()), *labels]


def sample_of(row: dict[str, Any], wanted: Aggregate, *, is_weighted: bool = True) -> Sample:
    """Return a row as an aggregate sees it; of an error there is nothing to measure."""
    duration_ms, status, weight = (row.get(name) for name in MEASURED)
    value = row.get(wanted.argument or "") if wanted.function == "count_unique" else None
    label = None if value is None else str(value)
    return Sample(duration_ms, status, weight if is_weighted and weight is not None else 1.0, label)


def _function(name: str) -> Aggregate:
    try:
        return parse_aggregate(name)
    except ValueError as error:
        raise invalid("field", str(error)) from None


def _type(name: str) -> str:
    return "number" if name.endswith(")") or name in NUMBERS else "date" if name == "timestamp" else "string"
