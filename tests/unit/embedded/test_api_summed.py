"""More requests than are read one by one are answered out of the rollups, as the rows would answer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi.exceptions import RequestValidationError

from embedded import windowed
from embedded.api import events, summed, timeseries
from embedded.api.context import Context
from embedded.api.paging import Page
from embedded.store.database import Database
from embedded.store.windows import Window
from monitors.model import parse_aggregate
from monitors.query import parse_query
from tests.unit.embedded.fakes import NOW, opened
from tests.unit.embedded.test_windowed import fill

FUNCTIONS = ["count()", "failure_rate()", "p95(span.duration)", "max(span.duration)", "avg(span.duration)"]
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("summed")) as database:
        fill(database, 7, 1_000)
        yield database


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summed, "MAX_ROWS", 50)
    monkeypatch.setattr(windowed, "EXACT_SAMPLES", 0)


def window_of(query: str) -> Window:
    return Window(1, "spans", parse_query(query), None, NOW - 3.3 * HOUR, NOW + timedelta(minutes=1))


def context_of(database: Database) -> Context:
    return cast("Context", SimpleNamespace(read=database.read, speed=1.0))


def close(found: Any, expected: Any) -> bool:
    """Whether numbers are the same within one percent, and all else is the same."""
    return bool(found == pytest.approx(expected, rel=0.01) if isinstance(expected, float) else found == expected)


@pytest.mark.parametrize("query", ["", "!transaction:a"])
@pytest.mark.parametrize("keys", [[], ["transaction", "release"], ["span.status_code"]])
def test_groups_say_what_their_rows_say(
    filled: Database, request: pytest.FixtureRequest, query: str, keys: list[str]
) -> None:
    page = Page(0, 100)
    expected = events._grouped(context_of(filled), window_of(query), keys, FUNCTIONS, page)
    request.getfixturevalue("few_rows")
    found = events._grouped(context_of(filled), window_of(query), keys, FUNCTIONS, page)
    by_key = {tuple(row[key] for key in keys): row for row in expected}
    assert len(found) == len(expected)
    assert [row["count()"] for row in found] == pytest.approx([row["count()"] for row in expected])
    for row in found:
        other = by_key[tuple(row[key] for key in keys)]
        assert all(close(row[name], other[name]) for name in FUNCTIONS), (row, other)


@pytest.mark.parametrize("keys", [[], ["transaction"], ["release"]])
@pytest.mark.parametrize("delta", [None, HOUR])
@pytest.mark.usefixtures("few_rows")
def test_series_say_what_their_rows_say(filled: Database, keys: list[str], delta: timedelta | None) -> None:
    window, step = window_of("span.op:http.server"), timedelta(minutes=7)
    starts = timeseries._starts(window.since, window.until, step)
    chart = timeseries.Chart(starts, step, 1.0, is_weighted=True)
    asked = timeseries.Question(window, keys, 2 if keys else 0, delta, is_other_shown=True)
    wanted = [parse_aggregate(each) for each in FUNCTIONS]
    found, expected = (each(filled.read(), chart, asked, wanted) for each in (timeseries._summed, timeseries._read))
    assert [key for key, *_ in found] == [key for key, *_ in expected]
    assert len(found) == (3 if keys else 1)
    for (_, now, earlier), (_, now_of_rows, earlier_of_rows) in zip(found, expected, strict=True):
        for each in wanted:
            assert now(each) == pytest.approx(now_of_rows(each), rel=0.01)
            if earlier and earlier_of_rows:
                assert earlier(each) == pytest.approx(earlier_of_rows(each), rel=0.01)


@pytest.mark.usefixtures("few_rows")
def test_what_the_sums_do_not_hold_is_read_and_refused_beyond_the_bound(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_ROWS", 50)
    for keys, functions in ((["tags[colour]"], ["count()"]), ([], ["count_unique(transaction)"])):
        with pytest.raises(RequestValidationError, match="more than 50 events"):
            events._grouped(context_of(filled), window_of(""), keys, functions, Page(0, 9))
    assert summed.groups_of(filled.read(), replace(window_of(""), since=NOW), [], []) is None
