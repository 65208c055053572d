"""The end of a run: read what arrived until the books close, and count the same requests in every way there is."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from loadtest.ledger import FORCED, NO_ANSWER, PLANTED, PROBE, Entry
from rehearsal.breakdown import Part, PartOf, break_down, by_endpoint
from rehearsal.clock import now, sleep
from rehearsal.counts import Count, Risks, Seen, count_requests
from rehearsal.judge import judge_books, judge_counts
from rehearsal.observe import Observation, observe
from rehearsal.plan import Plan
from rehearsal.reconcile import OURS, Books, reconcile
from rehearsal.refused import read_refused, with_refused
from rehearsal.sampling import TOTAL, Arrived, Configured, Row, Sampled, effective_rates
from rehearsal.second_opinion import codes_beside
from rehearsal.stack import Stack
from rehearsal.verdict import Finding
from service.sampling import RouteRate, parse_route_rates

DEADLINE: Final = timedelta(seconds=15)  # for what is still on its way when the service has stopped
# Envelopes that are under way when the engine is killed: one for each process that sends. They may have arrived, and be
# network errors to their sender.
CUT_OFF: Final = 8
POLL: Final = timedelta(milliseconds=200)
ROUTE_RATES: Final = "SENTRY_TRACES_ROUTES"  # of the reference service: template=rate, comma separated


@dataclass(frozen=True, slots=True)
class Closing:
    """The books of a run, as a whole and in parts."""

    books: Books
    counts: tuple[Count, ...]
    by_endpoint: tuple[Part, ...]
    by_drill: tuple[Part, ...]
    rates: tuple[Row, ...]
    traced: frozenset[str | None]  # ids of the requests that have a transaction
    raised: frozenset[str | None]  # and of those that have an error event

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*judge_books(self.books), judge_counts(self.counts))


@dataclass(frozen=True, slots=True)
class Spans:
    """Which requests belong together."""

    drill_of: PartOf
    could_arrive: Callable[[Entry], bool]  # False while a drill kept telemetry from Sentry: losing it is no sampling
    risks: Risks = Risks()  # noqa: RUF009 - frozen; of what was counted at such a time


def close_books(stack: Stack, since: datetime, spans: Spans, *, is_patient: bool) -> Closing:
    """Read what arrived until the accounts close or, with patience, time is up; then they stay as they are."""
    deadline = now() + (DEADLINE + stack.engine.lag if is_patient else timedelta(0))
    entries = stack.ledger.refresh()
    with stack.client() as client:
        while True:
            seen = with_refused(observe(client, stack.project_id, since), read_refused(stack.folder))
            cut_off, has_sessions = stack.kills * CUT_OFF, stack.plan.has_sessions
            beside = codes_beside(stack.plan)
            closing = close(entries, seen, _configured(stack), spans, cut_off, beside, has_sessions=has_sessions)
            is_even = closing.books.is_closed and all(count.is_close for count in closing.counts)
            if is_even or now() >= deadline or not stack.plan.has_books:
                return closing
            sleep(POLL)


def close(
    entries: Sequence[Entry],
    seen: Observation,
    configured: Configured | None,
    spans: Spans,
    cut_off: int = 0,
    beside: frozenset[str] = frozenset(),
    *,
    has_sessions: bool = False,
) -> Closing:
    """Compare the ledger with what arrived, in every way there is; without the configured rates there are no rates.

    `cut_off`: how many requests may have been cut off with the engine. `beside`: codes of events that are no failures.
    """
    risks = _risks(spans.risks, configured)
    books = reconcile(
        entries,
        seen.transactions,
        seen.errors,
        seen.dropped,
        seen.dropped_errors,
        rate_of=configured.of if configured else None,
        lost_reports=seen.lost_reports,
        could_be_lost=risks.report,
        cut_off=cut_off,
        codes_beside=beside,
    )
    counted = Seen(seen.transactions, seen.dropped, seen.sessions, seen.dropped_sessions, seen.lost_reports, cut_off)
    return Closing(
        books=books,
        counts=count_requests(entries, counted, risks, has_sessions=has_sessions),
        by_endpoint=break_down(entries, seen.transactions, seen.errors, books, by_endpoint),
        by_drill=break_down(entries, seen.transactions, seen.errors, books, spans.drill_of),
        rates=_rates(configured, entries, seen, spans.could_arrive) if configured else (),
        traced=frozenset(each.request_id for each in seen.transactions),
        raised=frozenset(each.request_id for each in seen.errors if each.code not in beside),
    )


def _risks(risks: Risks, configured: Configured | None) -> Risks:
    """Where everything is sampled, reports tell of losses on the way only; elsewhere of what was sampled out, too."""

    def could_be_lost(entry: Entry) -> bool:
        is_all_sampled = configured is not None and configured.of(entry.route) >= 1
        return risks.report(entry) if is_all_sampled else risks.sampled(entry)

    return replace(risks, report=could_be_lost)


def _rates(
    configured: Configured, entries: Sequence[Entry], seen: Observation, could_arrive: Callable[[Entry], bool]
) -> tuple[Row, ...]:
    """Of an endpoint nobody knows what was lost on the way, so the time in which a drill saw to that is left out."""
    whole = effective_rates(configured, _arrived(entries, seen))
    parts = effective_rates(configured, _arrived([entry for entry in entries if could_arrive(entry)], seen))
    endpoints = [row for row in parts if row.kind == "traces" and row.name != TOTAL]
    return (whole[0], *sorted(endpoints, key=lambda row: row.name), *(row for row in whole if row.kind != "traces"))


def _arrived(entries: Sequence[Entry], seen: Observation) -> Arrived:
    """What the sample rates are told from: the load alone, our own requests apart."""
    load = {entry.request_id: entry for entry in entries if entry.intent not in OURS}
    transactions = [each for each in seen.transactions if each.request_id in load]
    sessions = sum(seen.sessions.values())
    return Arrived(
        transactions=tuple(Sampled(load[each.request_id or ""].route, each.weight) for each in transactions),
        dropped=seen.dropped,
        untraced=sum(entry.intent == PROBE for entry in entries),
        requests=Counter(entry.route for entry in load.values() if entry.status != NO_ANSWER),
        sessions=sessions - sum(entry.intent in (PLANTED, FORCED) for entry in entries) if sessions else None,
        errors=len(seen.errors),
        dropped_errors=seen.dropped_errors,
    )


def _configured(stack: Stack) -> Configured | None:
    """The rates that the service was told; None for a plan without `$traces`: nobody knows them."""
    plan = stack.plan
    if not plan.takes_traces:
        return None
    routes = {each.template: each.rate for each in route_rates(plan)}
    if plan.probes == "sampled_out":
        routes[plan.service.ready] = 0.0
    return Configured(stack.options.traces_sample_rate, routes)


def route_rates(plan: Plan) -> tuple[RouteRate, ...]:
    """Return the rates of single routes that a plan tells its service, none where it tells none."""
    found = parse_route_rates(plan.service.environment.get(ROUTE_RATES, ""))
    return found if isinstance(found, tuple) else ()
