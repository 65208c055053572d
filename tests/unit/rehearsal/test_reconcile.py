"""The books over small ledgers: closed, and each way of not closing."""

import pytest

from loadtest.ledger import NO_ANSWER, Entry
from rehearsal.reconcile import Arrival, Books, reconcile
from tests.unit.rehearsal.samples import entry

LEDGER = [entry(1), entry(2), entry(3, 500), entry(4, 400)]


def arrivals(*numbers: int) -> list[Arrival]:
    return [Arrival(entry(number).request_id) for number in numbers]


def ident(number: int) -> str:
    return entry(number).request_id


def books(ledger: list[Entry], transactions: list[Arrival], errors: list[Arrival], **discards: int) -> Books:
    return reconcile(ledger, transactions, errors, discards)


def test_everything_accepted_closes() -> None:
    found = books(LEDGER, arrivals(1, 2, 3, 4), arrivals(3))
    assert (found.sent, found.failed, found.difference, found.is_closed) == (4, 1, 0, True)


def test_reported_drops_close_too() -> None:
    assert books(LEDGER, arrivals(1, 3), arrivals(3), sample_rate=1, queue_overflow=1).is_closed


@pytest.mark.parametrize(
    ("transactions", "errors", "difference", "lost", "duplicated", "unexpected"),
    [
        (arrivals(1, 2, 3), arrivals(3), 1, (), (), ()),
        (arrivals(1, 2, 3, 4), [], 0, (ident(3),), (), ()),
        (arrivals(1, 2, 3, 4), arrivals(3, 3), 0, (), (ident(3),), ()),
        (arrivals(1, 2, 3, 4, 4), arrivals(3), -1, (), (ident(4),), ()),
        (arrivals(1, 2, 3, 4), arrivals(3, 1), 0, (), (), (ident(1),)),
        (arrivals(1, 2, 3, 4, 9), arrivals(3), -1, (), (), (ident(9),)),
        (arrivals(1, 2, 3, 4), [*arrivals(3), Arrival(None)], 0, (), (), ("(no request id)",)),
    ],
)
def test_what_does_not_add_up_is_named(
    transactions: list[Arrival],
    errors: list[Arrival],
    difference: int,
    lost: tuple[str, ...],
    duplicated: tuple[str, ...],
    unexpected: tuple[str, ...],
) -> None:
    found = books(LEDGER, transactions, errors)
    assert (found.difference, found.lost_errors, found.duplicated, found.unexpected) == (
        difference,
        lost,
        duplicated,
        unexpected,
    )
    assert not found.is_closed


def test_a_request_without_answer_may_have_an_error_event_or_not() -> None:
    ledger = [*LEDGER, entry(5, NO_ANSWER)]
    assert books(ledger, arrivals(1, 2, 3, 4, 5), arrivals(3, 5)).is_closed
    assert books(ledger, arrivals(1, 2, 3, 4, 5), arrivals(3)).is_closed


def test_a_request_without_answer_may_never_have_arrived_but_only_that_one() -> None:
    ledger = [*LEDGER, entry(5, NO_ANSWER)]
    assert books(ledger, arrivals(1, 2, 3, 4), arrivals(3)).is_closed
    assert books(ledger, arrivals(1, 2, 3), arrivals(3)).difference == 1
