"""The end of a run: read what arrived until the books close, and count the same requests in every way there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from loadtest.ledger import Entry
from rehearsal.breakdown import Part, PartOf, break_down, by_endpoint
from rehearsal.clock import now, sleep
from rehearsal.counts import Count, Seen, count_requests
from rehearsal.judge import judge_books, judge_counts
from rehearsal.observe import Observation, observe
from rehearsal.plan import Plan
from rehearsal.reconcile import Books, RateOf, reconcile
from rehearsal.stack import Stack
from rehearsal.verdict import Finding
from service.sampling import RouteRate, parse_route_rates

DEADLINE: Final = timedelta(seconds=15)  # for what is still on its way when the service has stopped
POLL: Final = timedelta(milliseconds=200)
ROUTE_RATES: Final = "SENTRY_TRACES_ROUTES"  # of the reference service: template=rate, comma separated


@dataclass(frozen=True, slots=True)
class Closing:
    """The books of a run, as a whole and in parts."""

    books: Books
    counts: tuple[Count, ...]
    by_endpoint: tuple[Part, ...]
    by_drill: tuple[Part, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*judge_books(self.books), judge_counts(self.counts))


def close_books(stack: Stack, since: datetime, drill_of: PartOf, *, is_patient: bool) -> Closing:
    """Read what arrived until the accounts close or, with patience, time is up; then they stay as they are."""
    deadline = now() + (DEADLINE + stack.engine.lag if is_patient else timedelta(0))
    entries = stack.ledger.refresh()
    with stack.client() as client:
        while True:
            closing = _close(entries, observe(client, stack.project_id, since), _rate_of(stack), drill_of)
            is_even = closing.books.is_closed and all(count.is_close for count in closing.counts)
            if is_even or now() >= deadline or not stack.plan.has_books:
                return closing
            sleep(POLL)


def _close(entries: Sequence[Entry], seen: Observation, rate_of: RateOf | None, drill_of: PartOf) -> Closing:
    books = reconcile(
        entries,
        seen.transactions,
        seen.errors,
        seen.dropped,
        seen.dropped_errors,
        rate_of=rate_of,
        lost_reports=seen.lost_reports,
    )
    counted = Seen(seen.transactions, seen.dropped, seen.sessions, seen.dropped_sessions, seen.lost_reports)
    endpoints, drills = (
        break_down(entries, seen.transactions, seen.errors, books, part_of) for part_of in (by_endpoint, drill_of)
    )
    return Closing(books, count_requests(entries, counted), endpoints, drills)


def _rate_of(stack: Stack) -> RateOf | None:
    """The rates that the service was told; None for a plan without `$traces`: nobody knows them."""
    plan = stack.plan
    if not plan.takes_traces:
        return None
    rates = {each.template: each.rate for each in _route_rates(plan)}
    if plan.probes == "sampled_out":
        rates[plan.service.ready] = 0.0
    return lambda endpoint: rates.get(endpoint, stack.options.traces_sample_rate)


def _route_rates(plan: Plan) -> tuple[RouteRate, ...]:
    found = parse_route_rates(plan.service.environment.get(ROUTE_RATES, ""))
    return found if isinstance(found, tuple) else ()
