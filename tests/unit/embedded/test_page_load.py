"""A period with many requests is read from the rollups, and says what its requests say."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from embedded.pages import load, monitors
from embedded.pages.frame import PERIODS, Scope
from embedded.pages.load import Load, load_of
from embedded.pages.performance import histogram
from embedded.pages.traffic import endpoints_of, numbers_of
from embedded.store import request_keys
from embedded.store.database import Database
from embedded.store.history import standings
from embedded.store.periods import OTHERS
from embedded.store.projects import list_projects
from embedded.store.traffic import requests_by_id
from tests.unit.embedded.fakes import NOW, add_monitor, opened
from tests.unit.embedded.test_windowed import fill

FIRST = timedelta(milliseconds=1)  # of the requests, the newest may have ended now


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("pages")) as database:
        fill(database, 5, 1_500)
        yield database


def scope_of(database: Database, period: str) -> Scope:
    [project] = list_projects(database.read())
    return Scope(project, (project,), period, NOW + FIRST, speed=1.0)


def both(
    database: Database, period: str, monkeypatch: pytest.MonkeyPatch, name: str | None = None
) -> tuple[Load, Load]:
    """(one by one, from the rollups)"""
    scope = scope_of(database, period)
    singles = load_of(database.read(), scope, name)
    monkeypatch.setattr(load, "MAX_SINGLES", 10)
    return singles, load_of(database.read(), scope, name)


@pytest.mark.parametrize("name", [None, "b"])
def test_every_request_counts_once_in_each_sum(
    filled: Database, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    singles, summed = both(filled, "6h", monkeypatch, name)
    assert singles.is_exact
    assert not summed.is_exact
    assert not summed.is_cut
    hour = timedelta(hours=1)
    exact, found = numbers_of(singles.total, hour), numbers_of(summed.total, hour)
    assert (found.samples, found.failed) == (exact.samples, exact.failed)
    for one, other in (
        (found.total, exact.total),
        (found.total_half, exact.total_half),
        (found.failure_rate, exact.failure_rate),
    ):
        assert one == pytest.approx(other)
    assert found.percentiles_ms == pytest.approx(exact.percentiles_ms, rel=0.01)
    assert sum(each.tally.samples for each in summed.columns) == exact.samples
    assert [(each.name, each.numbers.samples) for each in endpoints_of(summed.names, hour)] == [
        (each.name, each.numbers.samples) for each in endpoints_of(singles.names, hour)
    ]


@pytest.mark.parametrize("period", PERIODS)
def test_columns_hold_what_ended_in_them(filled: Database, monkeypatch: pytest.MonkeyPatch, period: str) -> None:
    _, summed = both(filled, period, monkeypatch)
    ended = [row[0] for row in filled.read().execute("SELECT ended_ms FROM request_span")]
    starts = [each.start.timestamp() * 1000 for each in summed.columns] + [(NOW + timedelta(days=1)).timestamp() * 1000]
    assert [each.tally.samples for each in summed.columns] == [
        sum(start <= at < end for at in ended) for start, end in pairwise(starts)
    ]
    assert len(summed.columns) <= load.MAX_COLUMNS + 1
    assert all(each.span > timedelta(0) for each in summed.columns)


@pytest.mark.parametrize("name", [None, "b"])
def test_the_slowest_are_found_in_the_slots_that_hold_them(
    filled: Database, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    singles, summed = both(filled, "6h", monkeypatch, name)
    assert summed.slowest(7) == singles.slowest(7)
    [slowest, *_] = requests_by_id(filled.read(), summed.slowest(7))
    assert slowest.duration_ms == summed.total.most_ms


def test_a_histogram_has_every_request_in_it(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, summed = both(filled, "24h", monkeypatch, "a")
    drawn = histogram(summed.good, summed.bad)
    assert drawn
    assert drawn[0].svg.count(" stored</title>") == 40
    stored = [int(part.rpartition(" ")[2]) for part in drawn[0].svg.split(" stored</title>")[:-1]]
    assert sum(stored) == summed.total.samples


def test_names_that_the_rollups_have_lost_are_one_row_and_their_pages_say_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_keys, "MAX_KEYS", 3)
    with opened(tmp_path) as database:
        fill(database, 6, 100)
        _, summed = both(database, "6h", monkeypatch)
        assert OTHERS in summed.names
        assert summed.total.samples == 100
        _, one = both(database, "6h", monkeypatch, "a")
        assert one.is_cut
        assert one.is_exact


@pytest.mark.parametrize("aggregate", ["failure_rate()", "p95(span.duration)", "count()"])
def test_a_monitors_chart_out_of_rollups_is_that_of_a_replay(
    filled: Database, monkeypatch: pytest.MonkeyPatch, aggregate: str
) -> None:
    scope = scope_of(filled, "1h")
    add_monitor(filled, aggregate=aggregate, query="transaction:a", window=timedelta(minutes=10))
    monitor = next(each.monitor for each in standings(filled.read(), 1) if each.monitor.aggregate == aggregate)
    replayed, is_cut = monitors._points(filled.read(), monitor, NOW + FIRST, scope)
    assert not is_cut
    monkeypatch.setattr(monitors, "MAX_REPLAYED", 10)
    measured, is_cut = monitors._points(filled.read(), monitor, NOW + FIRST, scope)
    assert is_cut
    assert len(measured) == monitors.MAX_MEASURED
    for found, expected in zip(measured, replayed[-monitors.MAX_MEASURED :], strict=True):
        assert (found.at, found.samples) == (expected.at, expected.samples)
        assert found.value == pytest.approx(expected.value)
