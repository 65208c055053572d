"""What rollups answer equals what rows answer: any window, any edge, late requests, any weights, any query."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded import windowed
from embedded.aggregate import aggregate
from embedded.retention import enforce
from embedded.store import request_keys
from embedded.store.database import Database
from embedded.store.facts import latest_release
from embedded.store.parts import split
from embedded.store.release_health import first_seen, requests_after
from embedded.store.releases import list_releases
from embedded.store.request_keys import can_answer
from embedded.store.rollups import LEVELS_MS, MINUTE_MS
from embedded.store.summed import plan
from embedded.store.tags import environments
from embedded.store.telemetry import append
from embedded.store.times import from_ms, to_ms
from embedded.store.windows import Window, samples
from embedded.windowed import window_samples
from monitors.model import parse_aggregate
from monitors.query import parse_query
from tests.unit.embedded.fakes import NOW, batch_of, error, opened, store, transaction

HOUR_MS = 3_600_000
STORED_MS = 4 * HOUR_MS  # so that windows hold whole hours
EXACT = ("count()", "epm()", "failure_count()", "failure_rate()", "sum(span.duration)", "avg(span.duration)",
         "min(span.duration)", "max(span.duration)", "p100(span.duration)")  # fmt: skip
BUCKETED = ("p50(span.duration)", "p95(span.duration)", "p99(span.duration)")
QUERIES = (
    "is_transaction:true",
    "",
    "transaction:a",
    "!transaction:a",
    "transaction:*B*",
    "release:isl@1",
    'release:""',
    "span.status:internal_error",
    "span.status_code:>=500",
    "transaction:[a, b] span.op:http.server",
    "http.request.method:GET",
    "tags[colour]:blue",
    "span.duration:>500",
)


def fill(database: Database, seed: int, count: int) -> None:
    """Requests of STORED_MS, in no order of time: names, releases, environments, weights and failures are mixed."""
    random = Random(seed)
    items: list[Any] = []
    for number in range(count):
        ended = NOW - timedelta(milliseconds=random.randrange(STORED_MS))
        status, http = random.choice([("ok", 200), ("ok", 204), ("internal_error", 500), ("not_found", 404)])
        item = transaction(
            seed * 1_000_000 + number,
            transaction=random.choice("abc"),
            release=random.choice([None, "isl@1", "isl@2"]),
            environment=random.choice([None, "production", "staging"]),
            tags={"colour": random.choice(["blue", "red"])},
            request={"method": random.choice(["GET", "POST"])},
            start_timestamp=(ended - timedelta(milliseconds=random.lognormvariate(4, 1.5))).isoformat(),
            timestamp=ended.isoformat(),
            contexts={
                "trace": {
                    "trace_id": f"{number + 1:032x}",
                    "span_id": "fa90fdead5f74052",
                    "op": random.choice(["http.server", "task"]),
                    "status": status,
                },
                "response": {"status_code": http},
            },
        )
        items.append((item, str(random.choice([1.0, 1.0, 0.1, 0.3]))))
    for item, rate in items:
        trace = {"trace_id": item["contexts"]["trace"]["trace_id"], "sample_rate": rate}
        batch = batch_of(("transaction", item), trace=trace)
        database.submit(lambda connection, batch=batch: append(connection, batch))  # type: ignore[misc]
    database.write(lambda _: None)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("filled")) as database:
        fill(database, 1, 3_000)
        yield database


WINDOWS = st.tuples(
    st.one_of(st.integers(0, 60_000), st.integers(0, STORED_MS), st.integers(0, 240).map(lambda each: each * 60_000)),
    st.one_of(st.integers(0, STORED_MS), st.sampled_from([1, 59_999, 60_000, 60_001, 300_000, 600_000, HOUR_MS])),
)


def window_of(ago_ms: int, length_ms: int, query: str, environment: str | None) -> Window:
    until = NOW - timedelta(milliseconds=ago_ms - 1)  # the newest request may have ended now
    return Window(1, "spans", parse_query(query), environment, until - timedelta(milliseconds=length_ms), until)


def values(database: Database, window: Window, name: str, *, is_weighted: bool) -> tuple[float | None, float | None]:
    """(from rollups, from rows)"""
    wanted, span = parse_aggregate(name), timedelta(minutes=5)
    rows = samples(database.read(), window)
    rows = rows if is_weighted else [replace(each, weight=1.0) for each in rows]
    return aggregate(
        wanted, window_samples(database.read(), window, wanted, is_weighted=is_weighted).samples, span
    ), aggregate(wanted, rows, span)


@settings(max_examples=150, deadline=None)
@given(WINDOWS, st.sampled_from(QUERIES), st.sampled_from([None, "production"]), st.booleans(), st.sampled_from(EXACT))
def test_counts_sums_and_extremes_are_those_of_the_rows(
    filled: Database, where: tuple[int, int], query: str, environment: str | None, is_weighted: bool, name: str
) -> None:
    window = window_of(*where, query, environment)
    found, expected = values(filled, window, name, is_weighted=is_weighted)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9))


@settings(max_examples=100, deadline=None)
@given(WINDOWS, st.sampled_from(QUERIES), st.sampled_from([0, 3_000]), st.booleans(), st.sampled_from(BUCKETED))
def test_percentiles_are_exact_or_within_one_percent(
    filled: Database, where: tuple[int, int], query: str, exact: int, is_weighted: bool, name: str
) -> None:
    window = window_of(*where, query, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windowed, "EXACT_SAMPLES", exact)
        found, expected = values(filled, window, name, is_weighted=is_weighted)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-12 if exact else 0.01, abs=0.01))


@settings(max_examples=60, deadline=None)
@given(WINDOWS, st.sampled_from([0, 3_000]), st.floats(1, 2_000))
def test_apdex_is_that_of_a_limit_within_one_percent(
    filled: Database, where: tuple[int, int], exact: int, limit_ms: float
) -> None:
    window = window_of(*where, "", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windowed, "EXACT_SAMPLES", exact)
        found, expected = values(filled, window, f"apdex(span.duration,{limit_ms:.3f})", is_weighted=True)
    if exact or expected is None:
        assert found == expected
        return
    low, high = (values(filled, window, f"apdex(span.duration,{limit_ms * share:.3f})", is_weighted=True)[1]
                 for share in (0.99, 1.011))  # fmt: skip
    assert float(str(low)) - 1e-9 <= float(str(found)) <= float(str(high)) + 1e-9


@given(
    st.integers(0, 10**8),
    st.integers(0, 10**7),
    st.integers(-70_000, 70_000),
    st.integers(0, 1_900).map(lambda each: each * 60_000),
    st.sampled_from(LEVELS_MS),
    st.booleans(),
)
def test_a_plan_covers_each_instant_of_its_window_once_and_none_outside(
    since: int, length: int, later: int, folded: int, longest: int, is_additive: bool
) -> None:
    newest = since + length + later
    made = plan(since, since + length, newest, is_additive=is_additive)
    parts = split(made.first, made.last, folded, longest_ms=longest, is_of_all=True)
    for part in parts:
        assert part.start % part.length_ms == part.end % part.length_ms == 0
        assert part.length_ms <= longest
        assert part.is_of_all is (part.end <= folded)
        assert part.is_of_all or part.length_ms == MINUTE_MS
    spans = [(part.start, part.end, 1) for part in parts]
    spans += [(edge.start, edge.end, edge.sign) for edge in made.edges]
    marks = sorted({each for start, end, _ in spans for each in (start, end)} | {since, since + length, newest + 1})
    for start in marks:
        if start <= newest:  # beyond it nothing is stored
            covered = sum(sign for begin, end, sign in spans if begin <= start < end)
            assert covered == (since <= start < since + length)
    assert not is_additive or all(edge.sign == 1 for edge in made.edges)


def test_queries_on_fields_of_the_combinations_need_no_rows_and_others_do(filled: Database) -> None:
    reader = filled.read()
    assert can_answer(reader, 1, {"transaction", "span.status", "environment", "is_transaction"})
    assert not can_answer(reader, 1, {"tags[colour]"})
    assert not can_answer(reader, 1, {"span.duration"})


def test_answers_stay_exact_where_combinations_have_lost_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_keys, "MAX_KEYS", 5)
    with opened(tmp_path) as database:
        fill(database, 2, 200)
        for query, is_held in (("transaction:a", False), ("release:isl@1", False), ("", True)):
            assert can_answer(database.read(), 1, {term.key for term in parse_query(query).terms}) is is_held
            for name in ("count()", "failure_rate()", "p95(span.duration)"):
                found, expected = values(database, window_of(0, HOUR_MS, query, None), name, is_weighted=True)
                assert found == (None if expected is None else pytest.approx(expected))


def test_what_is_left_after_retention_is_what_a_window_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database, 3, 300)
        enforce(database, NOW, timedelta(minutes=47, seconds=13), 2**40)
        for name in EXACT:
            found, expected = values(database, window_of(0, STORED_MS, "", None), name, is_weighted=True)
            assert expected is not None
            assert found == pytest.approx(expected)


@pytest.mark.parametrize("most", [5_000, 3, 1])
def test_releases_and_environments_are_those_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(request_keys, "MAX_KEYS", most)
    with opened(tmp_path) as database:
        fill(database, 4, 150)
        store(database, ("event", error(1, release="isl@3", environment="test")))
        reader = database.read()
        first = dict(
            reader.execute(
                "SELECT release, min(at_ms) FROM (SELECT release, ended_ms AS at_ms FROM request_span"
                " UNION ALL SELECT release, occurred_ms FROM error_event) WHERE release IS NOT NULL GROUP BY release"
            )
        )
        found = list_releases(reader, 1, "", 10, 0)
        assert {each.version: to_ms(each.created_at) for each in found} == first
        assert {version: first_seen(reader, 1, version) for version in first} == {
            version: from_ms(at_ms) for version, at_ms in first.items()
        }
        for version, since in ((version, NOW - ago * timedelta(minutes=1)) for version in first for ago in (233, 61.7)):
            after = requests_after(reader, 1, version, since, since + timedelta(hours=1))
            of_rows = reader.execute(
                "SELECT duration_ms, weight FROM request_span WHERE release = ? AND ended_ms >= ? AND ended_ms < ?",
                (version, to_ms(since), to_ms(since) + HOUR_MS),
            )
            assert sorted((each.duration_ms, each.weight) for each in after) == sorted(of_rows)
        assert latest_release(reader, 1) == max(first, key=lambda version: first[version])
        assert environments(reader, 1) == ["production", "staging", "test"]
