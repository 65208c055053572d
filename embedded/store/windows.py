"""What a monitor or a search sees: samples of a window, and rows of fields. SQL only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from embedded.store.fields import DATASETS, SPANS, Dataset, where
from embedded.store.times import to_ms
from monitors.query import Query


@dataclass(frozen=True, slots=True)
class Sample:
    """One stored request or error of a window."""

    duration_ms: float | None  # None for errors
    status: str | None  # None for errors
    weight: float  # how many it stands for
    label: str | None = None  # of the field whose values are counted, if one is


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows: a project, a dataset, a query, an environment, and the half-open span [since, until)."""

    project_id: int
    dataset: str
    query: Query
    environment: str | None
    since: datetime
    until: datetime


def samples(connection: apsw.Connection, window: Window, label: str | None = None) -> list[Sample]:
    """Return the window's samples, in no particular order, with the values of the field or tag `label`."""
    dataset = DATASETS[window.dataset]
    columns = "duration_ms, status, weight" if dataset is SPANS else "NULL, NULL, 1.0"
    expression, own = dataset.expression(label) if label else ("NULL", ())
    condition, parameters = _scope(dataset, window)
    sql = f"SELECT {columns}, CAST({expression} AS TEXT) FROM {dataset.table} WHERE {condition}"  # noqa: S608 - no input in it
    rows = connection.execute(sql, (*own, *parameters))
    return [Sample(*row) for row in rows]


def rows(
    connection: apsw.Connection, window: Window, fields: list[str], *, order_by: str, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Return rows of the named fields and tags. `order_by` is a field, `-` before it for descending."""
    dataset = DATASETS[window.dataset]
    expressions = [dataset.expression(name) for name in fields]
    order, order_parameters = dataset.expression(order_by.removeprefix("-"))
    condition, parameters = _scope(dataset, window)
    direction = "DESC" if order_by.startswith("-") else "ASC"
    sql = (
        f"SELECT {', '.join(sql for sql, _ in expressions)} FROM {dataset.table} WHERE {condition}"  # noqa: S608 - no input in it
        f" ORDER BY {order} {direction}, id LIMIT ? OFFSET ?"
    )
    bound = (*(value for _, values in expressions for value in values), *parameters, *order_parameters, limit, offset)
    return [dict(zip(fields, row, strict=True)) for row in connection.execute(sql, bound)]


def _scope(dataset: Dataset, window: Window) -> tuple[str, tuple[Any, ...]]:
    condition, parameters = where(dataset, window.query)
    scope = f"project_id = ? AND {dataset.time_column} >= ? AND {dataset.time_column} < ? AND {condition}"
    bound: tuple[Any, ...] = (window.project_id, to_ms(window.since), to_ms(window.until), *parameters)
    if window.environment is not None:
        return f"{scope} AND environment = ?", (*bound, window.environment)
    return scope, bound


def timed_samples(
    connection: apsw.Connection, window: Window, label: str | None, limit: int
) -> list[tuple[int, Sample]]:
    """Return (ms since the epoch, sample) of the window's newest `limit` samples, oldest first."""
    dataset = DATASETS[window.dataset]
    columns = "duration_ms, status, weight" if dataset is SPANS else "NULL, NULL, 1.0"
    expression, own = dataset.expression(label) if label else ("NULL", ())
    condition, parameters = _scope(dataset, window)
    sql = (
        f"SELECT {dataset.time_column}, {columns}, CAST({expression} AS TEXT) FROM {dataset.table} WHERE {condition}"  # noqa: S608 - no input in it
        f" ORDER BY {dataset.time_column} DESC LIMIT ?"
    )
    rows = connection.execute(sql, (*own, *parameters, limit))
    return [(row[0], Sample(*row[1:])) for row in reversed(list(rows))]
