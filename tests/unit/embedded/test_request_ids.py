"""Requests are found by their ids, which are indexed by hour; one that is sent again is stored once."""

from datetime import timedelta
from pathlib import Path

from embedded.store.database import Database
from embedded.store.issues import find_event
from embedded.store.traffic import trace_requests
from tests.unit.embedded.fakes import NOW, TRACE_ID, opened, store, transaction

HOUR = timedelta(hours=1)
HOURS_AGO = (0, 0, 1, 7, 200)


def send(database: Database, number: int, hours_ago: int) -> None:
    at = NOW - hours_ago * HOUR
    times = {"start_timestamp": at.isoformat(), "timestamp": at.isoformat()}
    store(database, ("transaction", transaction(number, **times)), trace={"trace_id": TRACE_ID})


def test_requests_of_any_hour_are_found_by_event_and_by_trace(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        assert trace_requests(database.read(), 1, TRACE_ID) == []
        for number, hours_ago in enumerate(HOURS_AGO, start=1):
            send(database, number, hours_ago)
        found = trace_requests(database.read(), 1, TRACE_ID)
        assert [each.event_id for each in found] == [f"{number:032x}" for number in (5, 4, 3, 1, 2)]
        for number, hours_ago in enumerate(HOURS_AGO, start=1):
            event = find_event(database.read(), 1, f"{number:032x}")
            assert event
            assert event.occurred_at == NOW - hours_ago * HOUR
        assert find_event(database.read(), 1, f"{9:032x}") is None
        assert find_event(database.read(), 2, f"{1:032x}") is None


def test_a_request_that_is_sent_again_is_stored_once_and_an_id_of_another_hour_is_another_request(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as database:
        for hours_ago in (3, 0, 3, 0):
            send(database, 1, hours_ago)
        assert [each.ended_at for each in trace_requests(database.read(), 1, TRACE_ID)] == [NOW - 3 * HOUR, NOW]
        booked = dict(
            database.read().execute("SELECT outcome, quantity FROM outcome_minute WHERE category = 'transaction'")
        )
        assert booked == {"accepted": 2, "invalid": 2}
