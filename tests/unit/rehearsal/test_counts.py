"""Three counts of the same requests: what each says, and when they do not agree with the ledger."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from loadtest.ledger import CANARY, NO_ANSWER, PROBE, Entry
from rehearsal.counts import Count, Risks, Seen, count_requests
from rehearsal.reconcile import Arrival
from tests.unit.rehearsal.samples import entry

LOAD = [entry(number, 500 if number % 10 == 0 else 200) for number in range(100)]
OWN = [replace(entry(200), intent=PROBE), replace(entry(201), intent=CANARY)]
LEDGER = [*LOAD, *OWN]
CANARY_ARRIVED = Arrival(OWN[1].request_id)
SESSIONS = {"healthy": 91, "errored": 7, "crashed": 3}


def arrived(count: int, weight: float = 1.0) -> list[Arrival]:
    return [CANARY_ARRIVED, *(Arrival(entry(number).request_id, "/v", weight) for number in range(count))]


def counts(
    transactions: Sequence[Arrival],
    dropped: dict[str, int],
    *,
    sessions: Mapping[str, int] | None = None,
    dropped_sessions: dict[str, int] | None = None,
    lost_reports: int = 0,
    ledger: Sequence[Entry] = LEDGER,
    risks: Risks | None = None,
    has_sessions: bool = False,
) -> dict[tuple[str, str], Count]:
    found = SESSIONS if sessions is None else sessions
    seen = Seen(transactions, dropped, found, dropped_sessions or {}, lost_reports)
    return {
        (each.source, each.what): each
        for each in count_requests(ledger, seen, risks or Risks(), has_sessions=has_sessions)
    }


def wrong(found: Mapping[tuple[str, str], Count]) -> list[str]:
    return [each.source for each in found.values() if not each.is_close]


def test_all_three_agree_where_everything_is_traced() -> None:
    found = counts(arrived(100), {"sample_rate": 1})
    assert {key: each.counted for key, each in found.items()} == {
        ("reports", "requests"): 101,
        ("weights", "requests of the load"): 100,
        ("sessions", "requests"): 101,
        ("sessions", "failed requests"): 10,
    }
    assert wrong(found) == []


def test_weights_may_be_off_by_the_chance_of_sampling_and_no_more() -> None:
    assert wrong(counts(arrived(12, 10.0), {"sample_rate": 89})) == []
    assert wrong(counts(arrived(12, 40.0), {"sample_rate": 89})) == ["weights"]  # 480 of 100, at a spread of 62


def test_what_was_dropped_after_sampling_stands_for_as_many_as_what_arrived() -> None:
    found = counts(arrived(8, 10.0), {"sample_rate": 91, "network_error": 2})
    assert found["weights", "requests of the load"].counted == pytest.approx(100)


def test_what_was_lost_under_backpressure_may_stand_for_all_that_it_dropped_and_no_more() -> None:
    lost = {"backpressure": 10, "queue_overflow": 10}
    assert wrong(counts(arrived(80), lost | {"sample_rate": 1})) == []  # each lost one may have stood for two
    assert wrong(counts(arrived(79), lost | {"sample_rate": 2})) == ["weights"]
    assert wrong(counts(arrived(90), {"backpressure": 11})) == ["weights"]  # nothing was lost after sampling


@pytest.mark.parametrize(
    ("dropped", "sessions", "expected"),
    [
        ({}, SESSIONS, ["reports"]),  # one request is neither
        ({"sample_rate": 5}, SESSIONS, ["reports"]),
        ({"sample_rate": 1}, {"healthy": 80, "errored": 10}, ["sessions"]),
        ({"sample_rate": 1}, {"healthy": 97, "errored": 4}, ["sessions"]),  # four of ten failures
        ({"sample_rate": 1}, {}, []),  # an SDK without sessions
    ],
)
def test_a_count_that_is_off_is_named(dropped: dict[str, int], sessions: dict[str, int], expected: list[str]) -> None:
    assert wrong(counts(arrived(100), dropped, sessions=sessions)) == expected


def test_a_request_without_answer_may_be_counted_or_not() -> None:
    ledger = [*LEDGER, entry(300, NO_ANSWER)]
    assert wrong(counts(arrived(100), {"sample_rate": 1}, ledger=ledger)) == []
    assert wrong(counts(arrived(100), {"sample_rate": 2}, ledger=ledger)) == []
    assert wrong(counts(arrived(100), {"sample_rate": 3}, ledger=ledger)) == ["reports"]


def sent_before(number: int) -> Callable[[Entry], bool]:
    early = {entry(each).request_id for each in range(number)}
    return lambda each: each.request_id in early


@pytest.mark.parametrize(("early", "expected"), [(1, []), (0, ["reports", "weights"])])
def test_a_lost_report_excuses_what_was_sent_in_its_time_and_no_more(early: int, expected: list[str]) -> None:
    risks = Risks(report=sent_before(early))
    first_lost = [CANARY_ARRIVED, *arrived(100)[2:]]
    assert wrong(counts(first_lost, {"sample_rate": 1}, lost_reports=1, risks=risks)) == expected


def test_a_count_that_the_sdk_lost_is_never_long() -> None:
    long, lost = {"healthy": 95, "errored": 10}, {"network_error": 1}
    risks = Risks(session=sent_before(100))
    assert wrong(counts(arrived(100), {"sample_rate": 1}, sessions=long, dropped_sessions=lost, risks=risks)) == [
        "sessions"
    ]


@pytest.mark.parametrize(("early", "expected"), [(46, []), (45, ["sessions"]), (30, ["sessions", "sessions"])])
def test_lost_session_envelopes_excuse_what_was_sent_in_their_time_and_no_more(early: int, expected: list[str]) -> None:
    """55 of 101 are counted, and 5 of 10 failures."""
    short, lost = {"healthy": 50, "errored": 5}, {"network_error": 1}
    risks = Risks(session=sent_before(early))
    assert (
        wrong(counts(arrived(100), {"sample_rate": 1}, sessions=short, dropped_sessions=lost, risks=risks)) == expected
    )


@pytest.mark.parametrize(("has_sessions", "expected"), [(True, ["sessions", "sessions"]), (False, [])])
def test_no_sessions_at_all_is_wrong_where_the_plan_says_that_they_are_sent(
    has_sessions: bool, expected: list[str]
) -> None:
    assert wrong(counts(arrived(100), {"sample_rate": 1}, sessions={}, has_sessions=has_sessions)) == expected
