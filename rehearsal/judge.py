"""Expectations against what happened; pure. A failed finding says what is missing and where to look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitors.fields import SYMBOLS
from monitors.fields import show_span as show_window
from monitors.model import Alert, Monitor
from rehearsal.clock import Pace, show_span
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.reconcile import Books
from rehearsal.sink import Page
from rehearsal.verdict import Finding, PageTimes, Status


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expected page, what the rules know of its alert, and the times that follow from the fault."""

    page: ExpectedPage
    alert: Alert | None  # None: the rules have no alert of that name
    monitor: Monitor | None  # None: an alert on new issues, or no alert at all
    can_breach: bool  # False: this fault is too small for the monitor's threshold
    possible_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened to one expectation. Every page is of the drill's time."""

    pages: tuple[Page, ...]  # of the expected alert, recoveries apart
    recoveries: tuple[Page, ...]
    breached_at: datetime | None  # first evaluation over the threshold
    cleared_at: datetime  # the fault was over
    recoverable_at: datetime
    recovery_deadline: datetime | None
    failed_share: float  # of the requests while the fault was on


def judge_page(each: Expectation, seen: Seen, pace: Pace) -> list[Finding]:
    """One finding for the page and one for its recovery, where one is expected."""
    findings = [_judge_arrival(each, seen, pace)]
    if each.page.resolved_within is not None and seen.recovery_deadline is not None:
        findings.append(_judge_recovery(each, seen, pace))
    return findings


def _judge_arrival(each: Expectation, seen: Seen, pace: Pace) -> Finding:
    what = f"{each.page.alert} pages {each.page.channel} within {show_span(each.page.within)}"
    if not seen.pages:
        return Finding(
            Status.FAILED, what, f"no page from {each.page.alert!r} reached the sink: {diagnose(each, seen)}"
        )
    first = seen.pages[0]
    took = _relative(pace.production(first.received_at - each.possible_at), "the breach became possible")
    if first.received_at > each.deadline:
        return Finding(Status.FAILED, what, f"the page came late: {took}")
    if first.channel != each.page.channel:
        return Finding(Status.FAILED, what, f"the page went to {first.channel} instead")
    if not first.is_signed:
        return Finding(Status.FAILED, what, "the page is not signed with the integration's secret")
    if len(seen.pages) > 1:
        return Finding(Status.FAILED, what, f"it paged {len(seen.pages)} times for one fault")
    return Finding(Status.HELD, what, f"paged {took}")


def _judge_recovery(each: Expectation, seen: Seen, pace: Pace) -> Finding:
    what = f"{each.page.alert} resolves within {show_span(each.page.resolved_within or timedelta(0))}"
    if not seen.pages:
        return Finding(Status.FAILED, what, "it never paged, so there was nothing to resolve")
    if not seen.recoveries:
        return Finding(Status.FAILED, what, f"no recovery from {each.page.alert!r} reached the sink")
    first = seen.recoveries[0]
    if first.received_at < seen.cleared_at:
        early = show_span(pace.production(seen.cleared_at - first.received_at))
        return Finding(Status.FAILED, what, f"it resolved {early} before the fault was over")
    took = _relative(pace.production(first.received_at - seen.recoverable_at), "the recovery became possible")
    is_late = seen.recovery_deadline is not None and first.received_at > seen.recovery_deadline
    if is_late:
        return Finding(Status.FAILED, what, f"the recovery came late: {took}")
    return Finding(Status.HELD, what, f"resolved {took}")


def _relative(span: timedelta, event: str) -> str:
    """`45s after the breach became possible`; chance can put it before, since failures do not come evenly."""
    return f"{show_span(abs(span))} {'before' if span < timedelta(0) else 'after'} {event}"


def diagnose(each: Expectation, seen: Seen) -> str:
    """Say why a page did not come, from the rules, the ledger and the monitor's own history."""
    if each.alert is None:
        return "the rules have no alert of that name"
    if each.monitor is None:
        return _blame_path(each.alert) if seen.failed_share else "no request failed; was the fault injected?"
    limits = show_threshold(each.monitor)
    if seen.breached_at is not None:
        return f"the monitor opened ({limits}), so {_blame_path(each.alert)}"
    if not each.can_breach:
        return f"the monitor's threshold ({limits}) is above what the fault causes"
    if not seen.failed_share:
        return f"the monitor ({limits}) never opened, and no request failed; was the fault injected?"
    return f"the monitor ({limits}) never opened although {seen.failed_share:.1%} of the requests failed"


def show_threshold(monitor: Monitor) -> str:
    """The monitor's condition as people write it, for example `failure_rate() > 0.05 over 5m`."""
    first = monitor.thresholds[0]
    return f"{monitor.aggregate} {SYMBOLS[first.comparison]} {first.value:g} over {show_window(monitor.window)}"


def judge_silence(drill: Drill, unexpected: Sequence[Page]) -> Finding:
    """Whatever pages without being expected fails the drill."""
    what = "nothing else pages" if drill.pages else "nobody is paged"
    if unexpected:
        listed = "; ".join(f"{page.alert} on {page.channel}: {page.text}" for page in unexpected)
        return Finding(Status.FAILED, what, f"{len(unexpected)} unexpected: {listed}")
    return Finding(Status.HELD, what, "silence")


def judge_books(books: Books) -> tuple[Finding, ...]:
    """The two accounts, each as a finding."""
    return _judge_transactions(books), _judge_errors(books)


def _judge_transactions(books: Books) -> Finding:
    what = "every request is a transaction, or a drop that the SDK reported"
    dropped = sum(books.discards.values())
    sent = f"{books.sent} sent ({books.probes} of them probes, which are never traced)"
    seen = f"{sent}, {books.transactions} transactions, {dropped} dropped by the SDK"
    if books.difference:
        word = "lost" if books.difference > 0 else "too many"
        return Finding(Status.FAILED, what, f"{abs(books.difference)} {word}: {seen}")
    return Finding(Status.HELD, what, seen)


def _judge_errors(books: Books) -> Finding:
    what = "every failed request is exactly one error event"
    problems = (("lost", books.lost_errors), ("duplicated", books.duplicated), ("unexpected", books.unexpected))
    wrong = "; ".join(f"{len(idents)} {name}, for example {idents[0]}" for name, idents in problems if idents)
    if wrong:
        return Finding(Status.FAILED, what, wrong)
    return Finding(Status.HELD, what, f"{books.failed} failed, {books.errors} error events")


def times_of(each: Expectation, seen: Seen, pace: Pace) -> PageTimes:
    """The times of an expected page, as production time."""

    def at(moment: datetime | None) -> timedelta | None:
        return None if moment is None else pace.at(moment)

    return PageTimes(
        alert=each.page.alert,
        channel=each.page.channel,
        possible_at=pace.at(each.possible_at),
        breached_at=at(seen.breached_at),
        paged_at=at(seen.pages[0].received_at if seen.pages else None),
        recoverable_at=at(seen.recoverable_at if each.page.resolved_within else None),
        resolved_at=at(seen.recoveries[0].received_at if seen.recoveries else None),
    )


def _blame_path(alert: Alert) -> str:
    apps = ", ".join(action.app for action in alert.actions)
    return (
        f"look at what follows: is the alert connected and enabled, and does the webhook of {apps} point to the sink?"
    )
