"""The books in parts: each request in one endpoint and one drill, each imbalance where its request is."""

from dataclasses import replace

from loadtest.ledger import CANARY
from rehearsal.breakdown import UNKNOWN, Imbalance, break_down, by_endpoint, by_span
from rehearsal.reconcile import Arrival, reconcile
from tests.unit.rehearsal.samples import ORIGIN, entry

LEDGER = [
    entry(1, at_s=0),
    entry(2, 500, at_s=10),
    replace(entry(3, at_s=20), route="/w"),
    replace(entry(4, at_s=30), route="/w"),
    replace(entry(5, at_s=5), route="rehearsal.canary", intent=CANARY),
]
TRANSACTIONS = [Arrival(entry(number).request_id, weight=2.0) for number in (1, 2, 3, 5)] + [Arrival("req_x")]
ERRORS = [Arrival(entry(2).request_id), Arrival(entry(2).request_id), Arrival(None)]
BOOKS = reconcile(LEDGER, TRANSACTIONS, ERRORS, {}, {})
AT = ORIGIN.timestamp()


def test_each_endpoint_has_its_requests_and_its_imbalances() -> None:
    found = {part.name: part for part in break_down(LEDGER, TRANSACTIONS, ERRORS, BOOKS, by_endpoint)}
    assert [(each.sent, each.traced, each.untraced, each.errors) for each in found.values()] == [
        (2, 2, 0, 2),
        (2, 1, 1, 0),
        (0, 0, 0, 1),
    ]
    assert list(found) == ["/v", "/w", UNKNOWN]
    assert (found["/v"].stands_for, found["/v"].failed) == (4.0, 1)
    assert found["/v"].imbalances == (Imbalance("duplicated", "error event", entry(2).request_id),)
    assert found["/w"].imbalances == (Imbalance("lost", "transaction", entry(4).request_id),)
    assert {each.request_id for each in found[UNKNOWN].imbalances} == {"req_x", "(no request id)"}


def test_each_drill_has_what_was_sent_while_it_ran() -> None:
    part_of = by_span([("first", AT, AT + 10), ("second", AT + 10, AT + 25)], "between")
    found = {part.name: part.sent for part in break_down(LEDGER, TRANSACTIONS, ERRORS, BOOKS, part_of)}
    assert found == {"first": 1, "second": 2, "between": 1, UNKNOWN: 0}


def test_the_parts_add_up_to_the_whole() -> None:
    parts = break_down(LEDGER, TRANSACTIONS, ERRORS, BOOKS, by_endpoint)
    assert sum(part.sent for part in parts) == BOOKS.sent - 1  # the canary
    assert sum(part.errors for part in parts) == BOOKS.errors.arrived
