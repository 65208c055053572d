"""Rollups say what the rows say: after late requests, repeated ones, mixed weights, and deletions."""

import math
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded import retention
from embedded.retention import enforce
from embedded.store import request_keys
from embedded.store.database import Database
from embedded.store.histogram import FINEST_MS, LAST, LONGEST_MS, RELATIVE_ERROR, bucket_of, buckets_of, middle_of
from embedded.store.rollups import ALL, GRACE_MS, LEVELS_MS, MINUTE_MS, folded_until
from embedded.store.slots import COLUMNS, SUMS, Slot
from tests.unit.embedded.fakes import NOW, opened, store, transaction

MONTH = timedelta(days=30)


@given(st.floats(FINEST_MS, LONGEST_MS, exclude_min=True))
def test_what_a_bucket_says_is_within_one_percent(duration_ms: float) -> None:
    assert math.isclose(middle_of(bucket_of(duration_ms)), duration_ms, rel_tol=0, abs_tol=duration_ms * 0.01)
    assert RELATIVE_ERROR < 0.01


@given(st.lists(st.floats(0, 1e12), max_size=20))
def test_many_are_in_the_buckets_that_each_is_in(durations_ms: list[float]) -> None:
    assert buckets_of(np.array(durations_ms)).tolist() == [bucket_of(each) for each in durations_ms]


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_longer_durations_are_in_no_earlier_bucket(one: float, other: float) -> None:
    assert 0 <= bucket_of(min(one, other)) <= bucket_of(max(one, other)) <= LAST


REQUEST = st.fixed_dictionaries(
    {
        "age_ms": st.one_of(
            st.integers(0, 1_500_000),
            st.integers(0, 9_000_000),
            st.sampled_from([0, 1, 59_999, 60_000, 60_001, 600_000]),
        ),
        "duration_ms": st.floats(0, 60_000),
        "weight": st.sampled_from([1.0, 1.0, 10.0, 1 / 0.3]),
        "name": st.sampled_from(["a", "b"]),
        "status": st.sampled_from(["ok", "internal_error"]),
        "release": st.sampled_from([None, "isl@1", "isl@2"]),
    }
)


def send(database: Database, number: int, request: dict[str, Any]) -> None:
    ended = NOW - timedelta(milliseconds=request["age_ms"])
    trace = {"trace_id": f"{number + 1:032x}", "span_id": "fa90fdead5f74052", "status": request["status"]}
    item = transaction(
        number,
        transaction=request["name"],
        release=request["release"],
        start_timestamp=(ended - timedelta(milliseconds=request["duration_ms"])).isoformat(),
        timestamp=ended.isoformat(),
        contexts={"trace": trace},
        spans=[{}] * (number % 3),
    )
    store(
        database,
        ("transaction", item),
        trace={"trace_id": trace["trace_id"], "sample_rate": str(1 / request["weight"])},
    )


def slots_of_rows(connection: apsw.Connection) -> dict[tuple[Any, ...], Slot]:
    """What the rollups ought to be."""
    slots: dict[tuple[Any, ...], Slot] = defaultdict(Slot)
    for project_id, key_id, status, ended_ms, *counted in connection.execute(
        "SELECT project_id, key_id, status, ended_ms, duration_ms, weight, span_count FROM request_span ORDER BY id"
    ):
        is_folded = ended_ms < folded_until(connection, project_id)
        for length_ms in LEVELS_MS if is_folded else (MINUTE_MS,):
            for key in (key_id, ALL[status != "ok"]) if is_folded else (key_id,):
                slots[project_id, length_ms, ended_ms // length_ms * length_ms, key].add(*counted)
    return slots


def stored_slots(connection: apsw.Connection) -> dict[tuple[Any, ...], Slot]:
    rows = connection.execute(f"SELECT project_id, length_ms, start_ms, key_id, {COLUMNS} FROM request_rollup")  # noqa: S608
    return {row[:4]: Slot.of(row[4:]) for row in rows}


def by_bucket(slot: Slot) -> dict[int, list[float]]:
    """Bucket -> samples, weight; of those that hold any."""
    pairs = enumerate(zip(slot.counts, slot.by_weight(), strict=True), start=slot.first)
    return {bucket: [count, weight] for bucket, (count, weight) in pairs if count}


def assert_rollups_are_of_the_rows(connection: apsw.Connection) -> None:
    expected, found = slots_of_rows(connection), stored_slots(connection)
    assert found.keys() == expected.keys()
    for place, slot in found.items():
        due = expected[place]
        assert (slot.samples, slot.least_ms, slot.most_ms) == (due.samples, due.least_ms, due.most_ms)
        for name in ("weight", "squares", "weighted_ms", "plain_ms", "spans"):
            assert getattr(slot, name) == pytest.approx(getattr(due, name), abs=1e-6)
        assert by_bucket(slot) == {bucket: pytest.approx(each) for bucket, each in by_bucket(due).items()}


@settings(max_examples=20, deadline=None)
@given(st.lists(REQUEST, max_size=25), st.integers(0, 1_600_000))
def test_rollups_are_of_the_rows_also_after_some_were_deleted(requests: list[dict[str, Any]], kept_ms: int) -> None:
    with TemporaryDirectory() as directory, opened(Path(directory)) as database:
        for number, request in enumerate(requests):
            send(database, number, request)
            send(database, number // 2, requests[number // 2])  # one that is sent again changes nothing
        assert_rollups_are_of_the_rows(database.read())
        enforce(database, NOW, timedelta(milliseconds=kept_ms), 2**40)
        assert_rollups_are_of_the_rows(database.read())
        left = database.read().execute(
            "SELECT count(*) FROM request_payload WHERE id NOT IN (SELECT id FROM request_span)"
        )
        assert left.get == 0


def test_what_is_left_of_ten_minutes_ends_where_its_folded_minutes_do(tmp_path: Path) -> None:
    base: dict[str, Any] = {"name": "a", "status": "ok", "release": None, "weight": 1.0}
    with opened(tmp_path) as database:
        for number, (age_ms, duration_ms) in enumerate(((1, 1.0), (60_002, 0.0), (60_001, 0.0))):
            send(database, number, base | {"age_ms": age_ms, "duration_ms": duration_ms})
        enforce(database, NOW, timedelta(milliseconds=60_001), 2**40)
        assert_rollups_are_of_the_rows(database.read())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 60_000), st.sampled_from([1.0, 1.0, 2.0]), st.integers(1, 9)), max_size=20))
def test_slots_that_are_merged_say_what_one_of_all_says(requests: list[tuple[float, float, int]]) -> None:
    due, merged, parts = Slot(), Slot(), [Slot(), Slot(), Slot()]
    for number, each in enumerate(requests):
        due.add(*each)
        parts[number % 3].add(*each)
    for part in parts:
        merged.merge(part)
    assert (merged.samples, merged.most_ms, merged.least_ms) == (due.samples, due.most_ms, due.least_ms)
    for name in SUMS:
        assert getattr(merged, name) == pytest.approx(getattr(due, name))
    assert by_bucket(merged) == {bucket: pytest.approx(each) for bucket, each in by_bucket(due).items()}


def test_minutes_are_folded_once_their_grace_is_over_and_late_requests_grow_them(tmp_path: Path) -> None:
    base: dict[str, Any] = {"name": "a", "status": "ok", "release": None, "duration_ms": 1, "weight": 1.0}
    minute = int(NOW.timestamp() * 1000) // MINUTE_MS * MINUTE_MS
    with opened(tmp_path) as database:
        for number, age_ms in enumerate((5 * MINUTE_MS, 4 * MINUTE_MS, 0, 4 * MINUTE_MS, 9 * MINUTE_MS)):
            send(database, number, base | {"age_ms": age_ms})
            assert_rollups_are_of_the_rows(database.read())
        assert folded_until(database.read(), 1) == minute - GRACE_MS
        found = {place[1:]: slot.samples for place, slot in stored_slots(database.read()).items()}
        assert found[MINUTE_MS, minute - 4 * MINUTE_MS, ALL[False]] == 2
        assert (MINUTE_MS, minute, ALL[False]) not in found


def test_retention_by_size_takes_from_the_rollups_what_it_takes_from_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 4)
    monkeypatch.setattr(retention, "MAX_CHUNKS", 2)
    base: dict[str, Any] = {"name": "a", "status": "ok", "release": None}
    with opened(tmp_path) as database:
        for number in range(12):
            send(database, number, base | {"age_ms": number, "duration_ms": number, "weight": 1 + number % 2})
        for left in (4, 0):
            enforce(database, NOW, MONTH, 0)
            assert_rollups_are_of_the_rows(database.read())
            assert database.read().execute("SELECT count(*) FROM request_span").get == left
        assert keys(database) == []


def keys(database: Database) -> list[tuple[int, str | None, str]]:
    return list(database.read().execute("SELECT kept, name, status FROM request_key ORDER BY id"))


def test_what_is_new_beyond_the_bound_loses_its_name_then_all_but_whether_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_keys, "MAX_KEYS", 2)
    base: dict[str, Any] = {"age_ms": 0, "duration_ms": 1, "weight": 1.0, "status": "ok", "release": None}
    with opened(tmp_path) as database:
        for number, name in enumerate(["a", "b", "c", "a", "d"]):
            send(database, number, base | {"name": name})
        send(database, 10, base | {"name": "e", "release": "isl@1"})
        send(database, 11, base | {"name": "f", "release": "isl@2"})
        send(database, 12, base | {"name": "g", "release": "isl@3", "status": "internal_error"})
        assert keys(database) == [
            (2, "a", "ok"),
            (2, "b", "ok"),
            (1, None, "ok"),
            (1, None, "ok"),
            (0, None, "ok"),
            (0, None, "internal_error"),
        ]
        assert_rollups_are_of_the_rows(database.read())
        enforce(database, NOW + 2 * MONTH, MONTH, 2**40)  # all are gone, so there is room again
        send(database, 20, base | {"name": "z"})
        assert keys(database) == [(2, "z", "ok")]
