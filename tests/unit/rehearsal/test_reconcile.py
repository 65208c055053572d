"""The books over small ledgers: closed, and each way of not closing."""

from dataclasses import replace

import pytest

from loadtest.ledger import CANARY, NO_ANSWER, OVERLOADED, PROBE, Entry
from rehearsal.reconcile import Account, Arrival, Books, reconcile
from tests.unit.rehearsal.samples import entry

LEDGER = [entry(1), entry(2), entry(3, 500), entry(4, 400)]


def arrivals(*numbers: int) -> list[Arrival]:
    return [Arrival(entry(number).request_id) for number in numbers]


def ident(number: int) -> str:
    return entry(number).request_id


def books(
    ledger: list[Entry],
    transactions: list[Arrival],
    errors: list[Arrival],
    *,
    dropped: dict[str, int] | None = None,
) -> Books:
    return reconcile(ledger, transactions, errors, dropped or {}, {})


def test_an_event_beside_an_answer_is_no_failure_where_its_code_is_expected() -> None:
    """It may come with a success, with a failure, and several times with one request; not of a request nobody sent."""
    opinions = [Arrival(ident(each), code="ISL_Y0_ERROR") for each in (1, 1, 3, 9)]
    everything, errors = arrivals(1, 2, 3, 4), [*arrivals(3), *opinions]
    expected = reconcile(LEDGER, everything, errors, {}, {}, codes_beside={"ISL_Y0_ERROR"})
    assert (expected.beside, expected.errors.arrived) == (3, 2)
    assert (expected.errors.unexpected, expected.errors.duplicated) == ((ident(9),), ())
    told = reconcile(LEDGER, everything, errors, {}, {})
    assert (told.beside, told.errors.arrived) == (0, 5)
    assert (told.errors.unexpected, told.errors.duplicated) == ((ident(1), ident(9)), (ident(1), ident(3)))


@pytest.mark.parametrize(
    ("dropped_errors", "lost_reports", "in_outage", "lost"),
    [
        ({"network_error": 1}, 0, (), ()),
        ({"ratelimit_backoff": 1, "key_quota": 1}, 0, (), ()),
        ({}, 1, (3,), ()),  # the SDK lost a report, and says so
        ({}, 1, (2,), (3,)),  # but not of that time
        ({}, 0, (3,), (3,)),  # it lost none
        ({"before_send": 1}, 0, (), (3,)),  # the service's own choice
        ({"filtered: error-message": 1}, 0, (), (3,)),  # nor may Sentry choose
        ({}, 0, (), (3,)),
    ],
)
def test_an_error_may_be_lost_on_the_way_if_somebody_says_so(
    dropped_errors: dict[str, int], lost_reports: int, in_outage: tuple[int, ...], lost: tuple[int, ...]
) -> None:
    def could_be_lost(each: Entry) -> bool:
        return each.request_id in map(ident, in_outage)

    everything = arrivals(1, 2, 3, 4)
    found = reconcile(
        LEDGER, everything, [], {}, dropped_errors, lost_reports=lost_reports, could_be_lost=could_be_lost
    )
    assert found.errors.lost == tuple(map(ident, lost))


@pytest.mark.parametrize(
    ("arrived", "difference", "excusable", "lost", "is_closed"),
    [
        ((1, 4), 2, 2, (), True),  # both went missing in the outage
        ((4,), 3, 2, (1,), False),  # one more did not
        ((2, 3, 4), 1, 0, (1,), False),
    ],
)
def test_a_lost_report_excuses_what_was_sent_in_its_time_and_no_more(
    arrived: tuple[int, ...], difference: int, excusable: int, lost: tuple[int, ...], is_closed: bool
) -> None:
    outage = {ident(2), ident(3)}
    found = reconcile(
        LEDGER,
        arrivals(*arrived),
        arrivals(3),
        {},
        {},
        lost_reports=1,
        could_be_lost=lambda each: each.request_id in outage,
    )
    assert (found.difference, found.excusable, found.is_closed) == (difference, excusable, is_closed)
    assert found.transactions.lost == tuple(map(ident, lost))


def test_a_send_that_a_kill_cut_off_may_be_in_the_books_twice() -> None:
    everything = arrivals(1, 2, 3, 4)
    found = [
        reconcile(LEDGER, everything, arrivals(3), {"network_error": 1}, {}, cut_off=cut_off).difference
        for cut_off in (0, 1)
    ]
    assert found == [-1, 0]


def test_everything_accepted_closes() -> None:
    found = books(LEDGER, arrivals(1, 2, 3, 4), arrivals(3))
    assert (found.sent, found.failed, found.difference, found.is_closed) == (4, 1, 0, True)


def test_our_own_requests_are_in_the_books_and_not_in_the_traced_ones() -> None:
    own = [replace(entry(8), intent=PROBE), replace(entry(9), intent=CANARY)]
    found = books([*LEDGER, *own], arrivals(1, 2, 3, 4, 9), arrivals(3), dropped={"sample_rate": 1})
    assert (found.sent, found.probes, found.traced, found.is_closed) == (6, 1, 4, True)


def test_reported_drops_close_too() -> None:
    assert books(LEDGER, arrivals(1, 3), arrivals(3), dropped={"sample_rate": 1, "queue_overflow": 1}).is_closed


@pytest.mark.parametrize(
    ("accepted", "difference", "lost", "duplicated", "unexpected"),
    [
        (arrivals(1, 2, 3), 1, (ident(4),), (), ()),
        (arrivals(1, 2, 3, 4, 4), 0, (), (ident(4),), ()),
        (arrivals(1, 2, 3, 4, 9), 0, (), (), (ident(9),)),
        (arrivals(1, 2, 3, 9), 1, (ident(4),), (), (ident(9),)),
    ],
)
def test_transactions_that_do_not_add_up_are_named(
    accepted: list[Arrival],
    difference: int,
    lost: tuple[str, ...],
    duplicated: tuple[str, ...],
    unexpected: tuple[str, ...],
) -> None:
    found = books(LEDGER, accepted, arrivals(3))
    assert found.difference == difference
    assert found.transactions == Account(len(accepted), {}, lost, duplicated, unexpected)
    assert found.errors.is_closed
    assert not found.is_closed


@pytest.mark.parametrize(
    ("raised", "lost", "duplicated", "unexpected"),
    [
        ([], (ident(3),), (), ()),
        (arrivals(3, 3), (), (ident(3),), ()),
        (arrivals(3, 1), (), (), (ident(1),)),
        ([*arrivals(3), Arrival(None)], (), (), ("(no request id)",)),
    ],
)
def test_error_events_that_do_not_add_up_are_named(
    raised: list[Arrival], lost: tuple[str, ...], duplicated: tuple[str, ...], unexpected: tuple[str, ...]
) -> None:
    found = books(LEDGER, arrivals(1, 2, 3, 4), raised)
    assert found.errors == Account(len(raised), {}, lost, duplicated, unexpected)
    assert found.transactions.is_closed
    assert not found.is_closed


def test_with_drops_the_lost_ones_are_counted_and_not_named() -> None:
    found = books(LEDGER, arrivals(3), arrivals(3), dropped={"sample_rate": 2})
    assert (found.difference, found.transactions.lost, found.is_closed) == (1, (), False)


def test_more_drops_than_requests_are_too_many() -> None:
    assert books(LEDGER, arrivals(1, 2, 3, 4), arrivals(3), dropped={"sample_rate": 1}).difference == -1


@pytest.mark.parametrize("raised", [arrivals(3, 5), arrivals(3)])
def test_a_request_without_answer_may_have_an_error_event_or_not(raised: list[Arrival]) -> None:
    assert books([*LEDGER, entry(5, NO_ANSWER)], arrivals(1, 2, 3, 4, 5), raised).is_closed


def test_a_request_without_answer_explains_its_own_absence_and_no_other() -> None:
    ledger = [*LEDGER, entry(5, NO_ANSWER)]
    assert books(ledger, arrivals(1, 2, 3, 4), arrivals(3)).is_closed
    assert books(ledger, arrivals(1, 2, 3, 4), arrivals(3), dropped={"sample_rate": 1}).is_closed
    assert books(ledger, arrivals(1, 2, 3, 5), arrivals(3)).difference == 1  # the fourth, although the fifth arrived


def test_shed_load_is_a_transaction_and_no_failure() -> None:
    shed = replace(entry(5, 503), reason=OVERLOADED)
    down = replace(entry(6, 503), reason="circuit_breaker_open")
    found = books([*LEDGER, shed, down], arrivals(1, 2, 3, 4, 5, 6), arrivals(3, 6))
    assert (found.failed, found.shed, found.is_closed) == (2, 1, True)
    assert books([*LEDGER, shed], arrivals(1, 2, 3, 4, 5), arrivals(3, 5)).errors.unexpected == (ident(5),)


def test_a_transaction_at_a_higher_rate_than_configured_was_forced() -> None:
    probe = replace(entry(8), intent=PROBE, route="/ready")
    arrived = [Arrival(ident(1), weight=10.0), Arrival(ident(2), weight=1.0), Arrival(probe.request_id, weight=1.0)]
    rates = {"/v": 0.1, "/ready": 0.0}
    found = reconcile([*LEDGER, probe], arrived, arrivals(3), {"sample_rate": 2}, {}, rate_of=rates.__getitem__)
    assert found.transactions.forced == (ident(2), probe.request_id)
    assert not found.is_closed
    assert reconcile([*LEDGER, probe], arrived, arrivals(3), {"sample_rate": 2}, {}).is_closed  # rates unknown
