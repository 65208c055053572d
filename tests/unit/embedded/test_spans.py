"""Span v2 containers become requests, as transactions do."""

from datetime import timedelta
from typing import Any

import pytest

from embedded.limits import SPAN_CONTAINER_TYPE
from embedded.records import Batch, Outcome, OutcomeCount
from embedded.spans import UNMATCHED
from tests.unit.embedded.fakes import NOW, SPAN_ID, TRACE_ID, batch_of

CHILD_ID = "b" * 16


def attributes(**values: object) -> dict[str, Any]:
    return {name.replace("__", "."): {"value": value, "type": "string"} for name, value in values.items()}


def span(span_id: str = SPAN_ID, **fields: object) -> dict[str, Any]:
    return {
        "trace_id": TRACE_ID,
        "span_id": span_id,
        "name": "GET /items/{id}",
        "status": "ok",
        "is_segment": True,
        "start_timestamp": NOW.timestamp() - 0.25,
        "end_timestamp": NOW.timestamp(),
        "attributes": attributes(
            sentry__op="http.server",
            sentry__segment__name="/items/{id}",
            sentry__release="isl@1",
            sentry__environment="test",
            http__request__method="GET",
            http__response__status_code=200,
        ),
    } | fields


def child(span_id: str = CHILD_ID, segment_id: str = SPAN_ID, **fields: object) -> dict[str, Any]:
    own = {"is_segment": False, "parent_span_id": segment_id, "attributes": attributes(sentry__segment__id=segment_id)}
    return span(span_id) | own | fields


def container(*spans: object, count: int | None = None, **headers: Any) -> Batch:
    own = {"content_type": SPAN_CONTAINER_TYPE, "item_count": len(spans) if count is None else count}
    return batch_of(("span", {"version": 2, "items": list(spans)}, own), **headers)


def test_segment_becomes_the_record_of_a_request() -> None:
    batch = container(span(), child(), trace={"sample_rate": "0.1"})
    [record] = batch.transactions
    assert (record.name, record.op, record.method, record.http_status) == ("/items/{id}", "http.server", "GET", 200)
    assert (record.release, record.environment, record.status) == ("isl@1", "test", "ok")
    assert record.duration_ms == pytest.approx(250)
    assert (record.ended_at, record.weight, record.span_count) == (NOW, 10, 2)
    assert record.tags["http.response.status_code"] == "200"
    assert batch.outcomes == ()  # its spans are booked by the store, which knows whether they were here before


def test_segment_has_the_same_event_id_each_time_and_another_than_its_neighbours() -> None:
    [one], [again], [other] = (container(each).transactions for each in (span(), span(name="x"), span("c" * 16)))
    assert one.event_id == again.event_id != other.event_id
    assert len(one.event_id) == 32


@pytest.mark.parametrize(
    ("status", "http_status", "expected"),
    [
        ("ok", 200, "ok"),
        ("ok", 404, "ok"),
        ("error", 404, "not_found"),
        ("error", 418, "invalid_argument"),
        ("error", 503, "unavailable"),
        ("error", 500, "internal_error"),
        ("error", 599, "internal_error"),
        ("error", 200, "internal_error"),
        ("error", None, "internal_error"),
        ("error", "500", "internal_error"),
        ("error", 99999, "internal_error"),
        (None, 200, "unknown"),
        (5, 200, "unknown"),
    ],
)
def test_status_of_a_segment_is_that_of_a_transaction(status: object, http_status: object, expected: str) -> None:
    [record] = container(
        span(status=status, attributes=attributes(http__response__status_code=http_status))
    ).transactions
    assert record.status == expected


def test_name_of_a_raw_url_is_not_kept() -> None:
    named = attributes(sentry__segment__name="http://host/u/1", sentry__segment__name__source="url")
    [record] = container(span(attributes=named)).transactions
    assert record.name == UNMATCHED


def test_spans_of_a_segment_elsewhere_are_counted() -> None:
    batch = container(child(), child("d" * 16))
    assert batch.transactions == ()
    assert batch.outcomes == (OutcomeCount("span", Outcome.ACCEPTED, "", 2),)


@pytest.mark.parametrize(
    "changes",
    [
        {"trace_id": "zz"},
        {"span_id": None},
        {"start_timestamp": None},
        {"start_timestamp": NOW.timestamp() + 1},
        {"start_timestamp": "soon"},
    ],
)
def test_invalid_span_does_not_take_the_others_with_it(changes: dict[str, object]) -> None:
    batch = container(span(), child() | changes)
    assert len(batch.transactions) == 1
    assert batch.outcomes == (OutcomeCount("span", Outcome.INVALID, "invalid_span", 1),)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_container_that_is_not_what_it_announces_is_invalid(count: int) -> None:
    batch = container(span(), child(), count=count)
    assert batch.outcomes == (OutcomeCount("span", Outcome.INVALID, "invalid_span", max(count, 1)),)


@pytest.mark.parametrize("stranger", [None, 5, [], {}, "x", {"attributes": []}, {"attributes": {"a": 5}}])
def test_strangers_in_a_container_are_invalid(stranger: object) -> None:
    [count] = container(stranger).outcomes
    assert (count.outcome, count.quantity) == (Outcome.INVALID, 1)


def test_segment_from_a_wrong_clock_is_of_the_time_of_receipt() -> None:
    late = (NOW + timedelta(days=10)).timestamp()
    [record] = container(span(start_timestamp=late, end_timestamp=late + 1)).transactions
    assert (record.ended_at, record.duration_ms) == (NOW, 1000)


def test_legacy_standalone_span_is_counted() -> None:
    batch = batch_of(("span", span(), {"content_type": "application/json"}))
    assert (batch.transactions, batch.outcomes) == ((), (OutcomeCount("span", Outcome.ACCEPTED, "", 1),))
