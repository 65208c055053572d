"""The books of a run in all their parts, from one ledger and one observation."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from loadtest.ledger import CANARY, PLANTED, PROBE, Entry
from rehearsal.closing import Spans, close
from rehearsal.counts import Risks
from rehearsal.observe import Observation
from rehearsal.reconcile import Arrival
from rehearsal.sampling import TOTAL, Configured, Verdict
from rehearsal.verdict import Status
from tests.unit.rehearsal.samples import entry

# A hundred requests of the load; twenty of them while Sentry was away.
LOAD = [entry(number, at_s=float(number)) for number in range(100)]
AWAY = {each.request_id for each in LOAD[40:60]}
OWN = [
    replace(entry(200), intent=PROBE, route="/ready"),
    replace(entry(201), intent=CANARY, route="rehearsal.canary"),
    replace(entry(202), intent=PLANTED, route="/v"),
]
LEDGER = [*LOAD, *OWN]
ARRIVED = [each for each in LEDGER if each.request_id not in AWAY and each.intent != PROBE]
SEEN = Observation(
    transactions=tuple(Arrival(each.request_id, each.route) for each in ARRIVED),
    errors=(),
    dropped={"sample_rate": 1, "network_error": 20},
    dropped_errors={},
    dropped_sessions={},
    lost_reports=0,
    sessions={"healthy": 102},
)
CONFIGURED = Configured(1.0, {"/ready": 0.0})


def could_arrive(each: Entry) -> bool:
    return each.request_id not in AWAY


SPANS = Spans(lambda each: "away" if each.request_id in AWAY else "else", could_arrive)


def test_everything_closes_and_what_was_lost_is_in_its_drill() -> None:
    closing = close(LEDGER, SEEN, CONFIGURED, SPANS)
    assert [finding.status for finding in closing.findings] == [Status.HELD] * 3, closing.findings
    assert {part.name: (part.sent, part.untraced) for part in closing.by_drill} == {"else": (82, 1), "away": (20, 20)}
    assert {part.name: part.sent for part in closing.by_endpoint} == {"/v": 101, "/ready": 1}


@pytest.mark.parametrize(("could", "observed"), [(could_arrive, 1.0), (lambda _: True, 0.8)])
def test_what_sentry_could_not_get_is_no_sampling(could: Callable[[Entry], bool], observed: float) -> None:
    rates = close(LEDGER, SEEN, CONFIGURED, Spans(SPANS.drill_of, could)).rates
    total, endpoint = rates[:2]
    assert (total.kind, total.name, total.verdict) == ("traces", TOTAL, Verdict.AS_CONFIGURED)
    assert (endpoint.name, endpoint.sources["ledger"].value) == ("/v", observed)
    assert [row.kind for row in rates] == ["traces", "traces", "profiles", "errors"]


def test_where_nobody_knows_the_rates_there_are_none() -> None:
    closing = close(LEDGER, SEEN, None, SPANS)
    assert (closing.rates, closing.books.is_closed) == ((), True)


def is_away(each: Entry) -> bool:
    return each.request_id in AWAY


@pytest.mark.parametrize(
    ("risks", "rate", "is_excused"),
    [
        (Risks(report=is_away), 1.0, True),
        (Risks(sampled=is_away), 1.0, False),  # everything is sampled: only what was lost on the way is in a report
        (Risks(sampled=is_away), 0.5, True),
        (Risks(session=is_away), 0.5, False),
    ],
)
def test_a_lost_report_excuses_what_it_can_have_told_of(risks: Risks, rate: float, is_excused: bool) -> None:
    lost = replace(SEEN, dropped={"sample_rate": 1}, lost_reports=1)
    books = close(LEDGER, lost, Configured(rate, {"/ready": 0.0}), replace(SPANS, risks=risks)).books
    assert (books.difference, books.is_excused) == (20, is_excused)
