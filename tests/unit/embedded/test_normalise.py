"""Payloads -> records: every form that clients use, and strangers' JSON, which must never raise."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.lenient import MAX_QUANTITY
from embedded.normalise import MAX_DISCARDS
from embedded.records import Outcome, OutcomeCount, SessionCounts, Transaction
from embedded.spans import UNMATCHED
from embedded.store.times import to_ms
from tests.unit.embedded.fakes import NOW, SPAN_ID, TRACE_ID, batch_of, error, transaction


def one_transaction(payload: object, **headers: Any) -> Transaction:
    [record] = batch_of(("transaction", payload), **headers).transactions
    return record


def invalid_reason(kind: str, payload: object) -> tuple[str, str]:
    batch = batch_of((kind, payload))
    assert not batch.transactions + batch.errors + batch.sessions
    count, *others = batch.outcomes
    assert (count.outcome, count.quantity) == (Outcome.INVALID, 1)
    assert all(each.outcome == Outcome.INVALID and each.category == "span" for each in others)  # of a transaction
    return count.category, count.reason


def test_transaction_becomes_a_record() -> None:
    payload = transaction(
        7,
        release="isl@1",
        environment="test",
        tags={"service": "isl"},
        spans=[{}, {}],
        request={"method": "POST"},
    )
    payload["contexts"] |= {"response": {"status_code": 503}}
    record = one_transaction(payload, trace={"sample_rate": "0.25"})
    assert record == Transaction(
        event_id=f"{7:032x}",
        trace_id=TRACE_ID,
        name="/api/validate",
        source="route",
        op="http.server",
        method="POST",
        ended_at=NOW,
        duration_ms=20,
        status="ok",
        http_status=503,
        release="isl@1",
        environment="test",
        tags={"service": "isl"},
        weight=4,
        span_count=3,
        payload=orjson.dumps(payload),
    )


@pytest.mark.parametrize(
    ("started", "ended", "duration_ms"),
    [
        ("2026-03-04T11:59:59.000000Z", "2026-03-04T12:00:00.000000Z", 1000),
        ("2026-03-04T11:59:59.5", "2026-03-04T12:00:00+00:00", 500),  # without a zone it is UTC
        ("2026-03-04T12:59:59.9+01:00", "2026-03-04T12:00:00Z", 100),
        (NOW.timestamp() - 0.25, NOW.timestamp(), 250),
        (int(NOW.timestamp()) - 1, "2026-03-04T12:00:00Z", 1000),
        ("2026-03-04T12:00:00Z", "2026-03-04T12:00:00Z", 0),
        ("2026-03-04T11:59:58Z", None, 2000),  # no end: the time of receipt
    ],
)
def test_transaction_times_come_in_both_forms(started: object, ended: object, duration_ms: float) -> None:
    record = one_transaction(transaction(start_timestamp=started, timestamp=ended))
    assert record.duration_ms == pytest.approx(duration_ms)
    assert record.ended_at == NOW


@pytest.mark.parametrize(
    ("stamp", "kept"),
    [
        (NOW - timedelta(days=29), True),
        (NOW - timedelta(days=31), False),
        (NOW + timedelta(seconds=59), True),
        (NOW + timedelta(seconds=61), False),
        (NOW + timedelta(days=10), False),
    ],
)
def test_time_outside_of_the_range_becomes_the_time_of_receipt(stamp: Any, kept: bool) -> None:
    [event] = batch_of(("event", error(timestamp=stamp.isoformat()))).errors
    assert event.occurred_at == (stamp if kept else NOW)


@pytest.mark.parametrize("stamp", ["yesterday", "", None, [], {}, True, 1e300, -1e300, "0001-01-01T00:00:00+14:00"])
def test_time_that_is_none_becomes_the_time_of_receipt(stamp: object) -> None:
    [event] = batch_of(("event", error(timestamp=stamp))).errors
    assert event.occurred_at == NOW


def _trace(**changes: object) -> dict[str, Any]:
    return {"trace": {"trace_id": TRACE_ID, "span_id": SPAN_ID} | changes}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (transaction(contexts={}), "invalid_transaction"),
        (transaction(contexts=[]), "invalid_transaction"),
        (transaction(contexts={"trace": "x"}), "invalid_transaction"),
        (transaction(contexts=_trace(span_id=None)), "invalid_transaction"),
        (transaction(contexts=_trace(span_id="xyz")), "invalid_transaction"),
        (transaction(contexts=_trace(trace_id="zz")), "invalid_transaction"),
        (transaction(contexts=_trace(trace_id=5)), "invalid_transaction"),
        (transaction(start_timestamp=None), "invalid_transaction"),
        (transaction(start_timestamp="soon"), "invalid_transaction"),
        (transaction(start_timestamp=(NOW + timedelta(seconds=1)).isoformat()), "invalid_transaction"),
        (transaction(event_id=None), "missing_event_id"),
        (b"nonsense", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"", "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", "invalid_json"),
        (b'{"a":' + b"[" * 400 + b"]" * 400 + b"}", "invalid_json"),
    ],
)
def test_transaction_that_is_none_is_counted_with_its_reason(payload: object, reason: str) -> None:
    assert invalid_reason("transaction", payload) == ("transaction", reason)


def test_trace_id_of_zeros_is_accepted() -> None:
    assert one_transaction(transaction(contexts=_trace(trace_id="0" * 32))).trace_id == "0" * 32


@pytest.mark.parametrize(
    ("source", "name", "expected"),
    [
        ("route", "/items/{id}", "/items/{id}"),
        ("url", "/items/123/secret", UNMATCHED),
        ("custom", "job", "job"),
        ("route", None, "<unlabeled transaction>"),
        ("route", "x" * 300, "x" * 200),
    ],
)
def test_transaction_name_is_bounded(source: str, name: object, expected: str) -> None:
    assert one_transaction(transaction(transaction=name, transaction_info={"source": source})).name == expected


@pytest.mark.parametrize(
    ("trace", "weight"),
    [
        ({"sample_rate": "1"}, 1),
        ({"sample_rate": "1.0"}, 1),
        ({"sample_rate": "0.1"}, 10),
        ({"sample_rate": 0.5}, 2),
        ({"sample_rate": "1e-9"}, 10_000),  # forged: clamped
        ({"sample_rate": "0"}, 1),
        ({"sample_rate": "-1"}, 1),
        ({"sample_rate": "2"}, 1),
        ({"sample_rate": "nan"}, 1),
        ({"sample_rate": "inf"}, 1),
        ({"sample_rate": "many"}, 1),
        ({"sample_rate": []}, 1),
        ({}, 1),
        ("garbage", 1),
        (None, 1),
    ],
)
def test_weight_is_one_over_the_rate_within_bounds(trace: object, weight: float) -> None:
    assert one_transaction(transaction(), trace=trace).weight == pytest.approx(weight)


@pytest.mark.parametrize(
    ("header", "payload", "expected"),
    [
        ("4c79f60c-1121-4eb3-8604-f4ae0781bfb2", None, "4c79f60c11214eb38604f4ae0781bfb2"),
        (None, "4C79F60C-1121-4EB3-8604-F4AE0781BFB2", "4c79f60c11214eb38604f4ae0781bfb2"),
        ("a" * 32, "b" * 32, "a" * 32),  # the envelope's wins
        (None, "b" * 32, "b" * 32),
    ],
)
def test_event_id_may_have_dashes_and_stand_in_either_place(header: object, payload: object, expected: str) -> None:
    headers: dict[str, Any] = {"event_id": header} if header else {}
    assert one_transaction(transaction(event_id=payload), **headers).event_id == expected
    [event] = batch_of(("event", error(event_id=payload)), **headers).errors
    assert event.event_id == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"a": "1", "b": 2, "c": None, "": "x"}, {"a": "1", "b": "2"}),
        ([["a", "1"], ["a", "2"], ["", "x"], ["c", None], ["d"], None, "ab", 5], {"a": "1"}),
        ({"k" * 300: "v" * 300}, {"k" * 200: "v" * 200}),
        ({"a": "nul\u0000"}, {"a": "nul\u0000"}),
        ("nonsense", {}),
        (5, {}),
        (None, {}),
    ],
)
def test_tags_come_in_both_forms(tags: object, expected: dict[str, str]) -> None:
    assert one_transaction(transaction(tags=tags)).tags == expected
    assert batch_of(("event", error(tags=tags))).errors[0].tags == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, 200), (503, 503), (True, None), ("503", None), (0, None), (10**18, None), (-5, None), (None, None)],
)
def test_http_status_is_a_number_of_three_digits(status: object, expected: int | None) -> None:
    trace = _trace()["trace"]
    assert one_transaction(transaction(contexts={"trace": trace, "response": {"status_code": status}})).http_status == (
        expected
    )
    data = trace | {"data": {"http.response.status_code": status}}
    assert one_transaction(transaction(contexts={"trace": data})).http_status == expected


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "ValueError: it broke"),
        ({"exception": {"values": [{"type": "A"}, {"type": "B", "value": " first\nsecond"}]}}, "B: first"),
        ({"exception": [{"type": "A"}]}, "A"),  # the older wire shape
        ({"exception": {"values": [{"value": "x"}]}}, "Error: x"),
        ({"exception": None, "message": "hello\nworld"}, "hello"),
        ({"exception": None, "logentry": {"message": "user %s", "formatted": "user 5"}}, "user %s"),
        ({"exception": None}, "<unlabeled event>"),
        ({"exception": {"values": [{"type": "T" * 500}]}}, "T" * 200),
    ],
)
def test_error_title_is_type_and_first_line(changes: dict[str, Any], title: str) -> None:
    assert batch_of(("event", error(**changes))).errors[0].title == title


@pytest.mark.parametrize(
    ("level", "expected"),
    [("fatal", "fatal"), ("warning", "warning"), ("error", "error"), (None, "error"), ("loud", "error"), ([], "error")],
)
def test_error_level_is_one_of_sentrys(level: object, expected: str) -> None:
    assert batch_of(("event", error(level=level))).errors[0].level == expected


def test_sessions_become_counts() -> None:
    attributes = {"release": "isl@1", "environment": "test"}
    rows = [{"started": "2026-03-04T11:59:00Z", "exited": 5, "errored": 2}, {"started": NOW.timestamp(), "crashed": -1}]
    batch = batch_of(("sessions", {"attrs": attributes, "aggregates": rows}))
    assert batch.sessions == (
        SessionCounts(NOW - timedelta(minutes=1), "isl@1", "test", exited=5, errored=2, crashed=0, abnormal=0),
        SessionCounts(NOW, "isl@1", "test", exited=0, errored=0, crashed=0, abnormal=0),
    )
    assert batch.outcomes == (OutcomeCount("session", Outcome.ACCEPTED, "", 1),)


@pytest.mark.parametrize("aggregates", [[{}], [5], [{"started": "soon"}]])
def test_sessions_without_a_start_are_invalid(aggregates: object) -> None:
    assert invalid_reason("sessions", {"aggregates": aggregates}) == ("session", "invalid_session")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"reason": "sample_rate", "category": "transaction", "quantity": 3}], [("transaction", "sample_rate", 3)]),
        (
            [
                {"reason": "r", "category": "error", "quantity": 42},
                {"reason": "r", "category": "error", "quantity": 42},
            ],
            [("error", "r", 84)],  # summed
        ),
        ([{"reason": "r", "category": "error", "quantity": 2**31}], [("error", "r", MAX_QUANTITY)]),
        ([{"reason": "r", "category": "error", "quantity": -5}], []),
        ([{"reason": "r", "category": "error", "quantity": 0}], []),
        ([{"reason": "r", "category": "error", "quantity": "5"}], []),
        ([{"reason": "r", "category": "error", "quantity": True}], []),
        ([{"reason": "r" * 201, "category": "error", "quantity": 1}], []),
        ([{"reason": "r", "category": "c" * 201, "quantity": 1}], []),
        ([{"reason": "", "category": "error", "quantity": 1}], []),
        ([{"category": "error", "quantity": 1}, {"reason": "r", "quantity": 1}, 5, None, []], []),
        ("nonsense", []),
        (5, []),
        (None, []),
    ],
)
def test_client_report_is_counted_as_far_as_it_can_be_believed(
    rows: object, expected: list[tuple[str, str, int]]
) -> None:
    outcomes = batch_of(("client_report", {"discarded_events": rows})).outcomes
    assert outcomes == tuple(OutcomeCount(kind, Outcome.CLIENT_DISCARD, why, number) for kind, why, number in expected)


@pytest.mark.parametrize(
    ("sent_at", "is_booked"),
    [
        (NOW - timedelta(days=89), True),
        (NOW - timedelta(days=91), False),
        (NOW + timedelta(seconds=59), True),
        (NOW + timedelta(days=300), False),
    ],
)
def test_client_report_of_another_time_is_ignored(sent_at: Any, is_booked: bool) -> None:
    rows = [{"reason": "r", "category": "error", "quantity": 1}]
    for stamp in (sent_at.isoformat(), sent_at.timestamp()):
        batch = batch_of(("client_report", {"timestamp": stamp, "discarded_events": rows}))
        assert bool(batch.outcomes) is is_booked


def test_client_reports_of_an_envelope_are_summed_and_bounded() -> None:
    rows = [{"reason": f"r{number}", "category": "error", "quantity": 1} for number in range(2_000)]
    outcomes = batch_of(*[("client_report", {"discarded_events": rows})] * 2).outcomes
    assert len(outcomes) == MAX_DISCARDS
    assert {count.quantity for count in outcomes} == {2}


@pytest.mark.parametrize("payload", [b"nonsense", b"[]", b""])
def test_client_report_that_cannot_be_read_is_ignored(payload: bytes) -> None:
    assert batch_of(("client_report", payload)).outcomes == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("event_id", "transaction", "transaction_info", "start_timestamp", "timestamp", "contexts", "spans", "tags"),
    *("request", "release", "environment", "level", "exception", "message", "logentry", "fingerprint"),
    *("attrs", "aggregates", "discarded_events"),
]
FRAME = st.dictionaries(st.sampled_from(["module", "filename", "function", "context_line", "in_app", "lineno"]), JSON)
EXCEPTION = st.dictionaries(st.sampled_from(["type", "value", "mechanism"]), JSON) | st.fixed_dictionaries(
    {"stacktrace": JSON | st.fixed_dictionaries({"frames": JSON | st.lists(FRAME | JSON, max_size=3)})}
)
PAYLOAD = st.dictionaries(st.sampled_from(FIELDS), JSON) | st.fixed_dictionaries(
    {
        "exception": st.fixed_dictionaries({"values": st.lists(EXCEPTION | JSON, max_size=3) | JSON}) | JSON,
        "fingerprint": st.lists(
            st.sampled_from(["{{ default }}", "{{ tags.a }}", "{{ type }}", "{{transaction}}"]) | JSON
        ),
        "tags": JSON,
    }
)


@given(kind=st.sampled_from(["event", "transaction", "sessions", "client_report"]), changes=PAYLOAD)
def test_normalise_survives_any_json(kind: str, changes: dict[str, Any]) -> None:
    """Each item ends as a record or as outcomes, whatever is in its fields; what a row cannot hold is not let in."""
    whole = {"event": error(), "transaction": transaction()}.get(kind, {}) | changes
    for payload in (changes, whole):
        batch = batch_of((kind, payload))
        assert len(batch.transactions) + len(batch.errors) <= 1
        for record in batch.transactions:
            assert abs(to_ms(record.ended_at)) < 2**63
            assert record.http_status is None or record.http_status < 2**63
