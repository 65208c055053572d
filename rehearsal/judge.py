"""Expectations against what happened; pure. A failed finding says what is missing and where to look."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from loadtest.ledger import NO_ANSWER, PROBE, Entry
from monitors.model import Alert, Monitor
from rehearsal.clock import Pace, show_span
from rehearsal.counts import Count
from rehearsal.curves import show_threshold
from rehearsal.disturbance import Deploy, How, Outage
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.reconcile import ON_THE_WAY, REFUSED, Account, Books
from rehearsal.sink import Page
from rehearsal.verdict import Finding, PageTimes, Status

SHOWN: Final = 5  # request ids that a finding names
# What an SDK calls the drops that each kind of outage leads to.
LOSSES: Final = {
    How.AWAY: ("network_error",),
    How.KILLED: ("network_error",),
    How.SLOW: ("queue_overflow", "backpressure"),
    How.LIMITING: (REFUSED, "ratelimit_backoff", "backpressure"),
    How.FAILING: ("network_error",),
}
# A page so early in the span from the fault to the possible breach has another cause. With failures that come by
# chance, a 5-minute window at 0.4 requests a second is over 5 % by then once in a thousand drills of 20 %.
TOO_EARLY: Final = 0.2


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expected page, what the rules know of its alert, and the times that follow from the fault."""

    page: ExpectedPage
    alert: Alert | None  # None: the rules have no alert of that name
    monitor: Monitor | None  # None: an alert on new issues, or no alert at all
    can_breach: bool | None  # False: this fault is too small for the monitor's threshold; None: unknown
    fault_at: datetime
    possible_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What happened to one expectation. Every page is of the drill's time."""

    pages: tuple[Page, ...]  # of the expected alert on the expected channel, recoveries apart
    recoveries: tuple[Page, ...]
    elsewhere: tuple[str, ...]  # channels on which this alert paged although nobody expects it there
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
    if problem := _find_problem(each, seen.pages, took):
        return Finding(Status.FAILED, what, problem)
    return Finding(Status.HELD, what, f"paged {took}")


def _find_problem(each: Expectation, pages: Sequence[Page], took: str) -> str:
    """Say what is wrong with pages that did arrive; empty if nothing is."""
    first, wanted = pages[0], each.page.says
    earliest = each.fault_at + (each.possible_at - each.fault_at) * TOO_EARLY
    if each.can_breach is False:
        return f"it paged, but this fault cannot breach its threshold ({_limits(each)}): something else did"
    if first.received_at < earliest:
        return f"the page came too early to be about this fault: {took}"
    if first.received_at > each.deadline:
        return f"the page came late: {took}"
    if first.is_signed is False:
        return "the page is not signed with the integration's secret"
    if missing := [each for page in pages for each in wanted if not page.tells(each)]:
        return f"the message does not say {missing[0]!r}"
    return f"it paged {len(pages)} times for one fault" if len(pages) > 1 else ""


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
    if seen.recovery_deadline is not None and first.received_at > seen.recovery_deadline:
        return Finding(Status.FAILED, what, f"the recovery came late: {took}")
    if len(seen.recoveries) > 1:
        return Finding(Status.FAILED, what, f"it resolved {len(seen.recoveries)} times for one fault")
    return Finding(Status.HELD, what, f"resolved {took}")


def _relative(span: timedelta, event: str) -> str:
    """`45s after the breach became possible`; chance can put it before, since failures do not come evenly."""
    return f"{show_span(abs(span))} {'before' if span < timedelta(0) else 'after'} {event}"


def diagnose(each: Expectation, seen: Seen) -> str:
    """Say why a page did not come, from the rules, the ledger and the monitor's own history."""
    if each.alert is None:
        return "the rules have no alert of that name"
    if seen.elsewhere:
        return f"it went to {', '.join(seen.elsewhere)} instead of {each.page.channel}"
    if each.monitor is None:
        return _blame_path(each.alert) if seen.failed_share else "no request failed; was the fault injected?"
    limits = _limits(each)
    if each.possible_at > each.deadline:
        allowed = show_span(each.page.of_fault or timedelta(0))
        return f"the monitor's window ({limits}) is too long for a page within {allowed} of the fault"
    if seen.breached_at is not None:
        return f"the monitor opened ({limits}), so {_blame_path(each.alert)}"
    if each.can_breach is False:
        return f"the monitor's threshold ({limits}) is above what the fault causes"
    if not seen.failed_share:
        return f"the monitor ({limits}) never opened, and no request failed; was the fault injected?"
    return f"the monitor ({limits}) never opened although {seen.failed_share:.1%} of the requests failed"


def _limits(each: Expectation) -> str:
    return show_threshold(each.monitor) if each.monitor else "new issues"


def judge_latency(slower_at_most: float, before_ms: Sequence[float], during_ms: Sequence[float]) -> Finding:
    """The service may not wait for Sentry. Medians, since a busy machine has outliers of its own."""
    what = f"the service answers as before, at most {slower_at_most:g} times as slow"
    if not before_ms or not during_ms:
        return Finding(Status.FAILED, what, "no request was answered before or during the outage")
    usual, measured = median(before_ms), median(during_ms)
    held = measured <= usual * slower_at_most
    seen = f"median {measured:.1f} ms over {len(during_ms)} requests, {usual:.1f} ms over {len(before_ms)} before"
    return Finding(Status.HELD if held else Status.FAILED, what, seen)


def judge_losses(outage: Outage, sent: Sequence[Entry], traced: Collection[str | None], books: Books) -> Finding:
    """What was sent to a Sentry that did not do its work is lost, which is no secret: the reason is in the books."""
    what = "what was lost meanwhile is in the books, under its reason"
    lost = [entry.request_id for entry in sent if entry.request_id not in traced and entry.intent != PROBE]
    reasons = {name: books.transactions.discards.get(name, 0) for name in LOSSES[outage.how]}
    said = f"{len(lost)} of {len(sent)} requests have no transaction"
    if not lost and outage.how is not How.SLOW:
        return Finding(Status.FAILED, what, f"{said}: was Sentry out?")
    if lost and not any(reasons.values()):
        return Finding(Status.FAILED, what, f"{said}, and the SDK reported none of {', '.join(reasons)}")
    listed = ", ".join(f"{count} {name}" for name, count in reasons.items() if count)
    return Finding(Status.HELD, what, f"{said}; in the whole run {listed}" if lost else said)


def judge_storm(sent: Sequence[Entry], raised: Collection[str | None], books: Books) -> Finding:
    """Say which errors the limit cost, by what their callers were told, and under which reasons the books have them."""
    what = "which errors the limit cost is known, and in the books"
    failed = Counter(entry.reason for entry in sent if entry.is_failed)
    lost = Counter(entry.reason for entry in sent if entry.is_failed and entry.request_id not in raised)
    if not lost:
        return Finding(Status.FAILED, what, f"all {failed.total()} errors reached Sentry: the limit never held")
    named = ", ".join(
        f"{count} of {failed[reason]} {reason or 'other'}" for reason, count in sorted(lost.items(), key=str)
    )
    reasons = [f"{count} {reason}" for reason, count in books.errors.discards.items() if reason in ON_THE_WAY]
    if not reasons:
        return Finding(Status.FAILED, what, f"lost {named}, and no book has a reason for it")
    return Finding(Status.HELD, what, f"lost {named}; in the whole run {', '.join(reasons)}")


def judge_answers(deploy: Deploy, entries: Sequence[Entry]) -> Finding:
    """Nobody should notice a deploy. A request that is sent into a connection just being closed gets no answer."""
    allowed = (
        f"all but {deploy.unanswered_at_most:.1%} of the requests" if deploy.unanswered_at_most else "every request"
    )
    what = f"{allowed} through the deploy get an answer"
    unanswered = [entry.request_id for entry in entries if entry.status == NO_ANSWER]
    held = len(unanswered) <= deploy.unanswered_at_most * len(entries)
    said = f"{len(unanswered)} of {len(entries)} got none: {', '.join(unanswered[:SHOWN])}"
    return Finding(Status.HELD if held else Status.FAILED, what, said if unanswered else f"all {len(entries)} did")


def judge_silence(drill: Drill, unexpected: Sequence[Page], beside: int = 0) -> Finding:
    """Whatever pages without being expected fails the drill; `beside` it, so many pages tell of y0's second opinion."""
    return _judge_quiet("nothing else pages" if drill.pages else "nobody is paged", unexpected, beside)


def judge_outside(pages: Sequence[Page], beside: int = 0) -> Finding:
    """Nor may anything page before the first drill, or after the last one while the stack goes down."""
    return _judge_quiet("nobody is paged before or after the drills", pages, beside)


def _judge_quiet(what: str, unexpected: Sequence[Page], beside: int) -> Finding:
    if unexpected:
        listed = "; ".join(f"{page.alert} on {page.channel}: {page.text}" for page in unexpected)
        return Finding(Status.FAILED, what, f"{len(unexpected)} unexpected: {listed}")
    said = f"silence, but for {beside} about y0's second opinion" if beside else "silence"
    return Finding(Status.HELD, what, said)


def judge_books(books: Books) -> tuple[Finding, ...]:
    """The two accounts, each as a finding."""
    return _judge_transactions(books), _judge_errors(books)


def _judge_transactions(books: Books) -> Finding:
    what = "every request is a transaction, or a drop that the SDK reported"
    account = books.transactions
    sent = f"{books.sent} sent ({books.probes} of them probes, which are never traced)"
    seen = f"{sent}, {account.arrived} transactions, {sum(account.discards.values())} dropped by the SDK"
    if problems := list(_problems(account)):
        return Finding(Status.FAILED, what, f"{'; '.join(problems)}: {seen}")
    if not books.traced:
        return Finding(
            Status.FAILED, what, f"no request has a transaction, so no monitor on them had anything to see: {seen}"
        )
    if books.is_excused:
        why = f"the SDK lost {books.lost_reports} of its own reports, and with it why {books.difference} are missing"
        return Finding(Status.HELD, what, f"{why}: {seen}")
    if books.difference:
        word = "lost" if books.difference > 0 else "too many"
        return Finding(Status.FAILED, what, f"{abs(books.difference)} {word}{_excused(books)}: {seen}")
    return Finding(Status.HELD, what, seen)


def _excused(books: Books) -> str:
    """How much of a loss the SDK's lost reports can stand for, when it is not all of it."""
    if books.difference < 0 or not books.lost_reports:
        return ""
    return f", of which reports that the SDK lost can explain {books.excusable} at most"


def _judge_errors(books: Books) -> Finding:
    what = "every failed request is exactly one error event"
    account = books.errors
    if problems := list(_problems(account)):
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(account.discards.items()))
        said = f" (the SDK says that it dropped {dropped})" if dropped else ""
        return Finding(Status.FAILED, what, "; ".join(problems) + said)
    beside = f", and {books.beside} of y0's second opinion" if books.beside else ""
    said = f"{books.failed} failed, {account.arrived} error events{beside}"
    lost = [f"{account.discards[reason]} {reason}" for reason in ON_THE_WAY if account.discards.get(reason)]
    return Finding(Status.HELD, what, f"{said}, lost on the way {', '.join(lost)}" if lost else said)


def judge_counts(counts: Sequence[Count]) -> Finding:
    """Three counts that do not know each other, each against the ledger."""
    what = "transactions with client reports, weights and sessions each count the requests that were sent"
    wrong = [each for each in counts if not each.is_close]
    status = Status.FAILED if wrong else Status.HELD
    return Finding(status, what, "; ".join(map(_show_count, wrong or counts)))


def _show_count(count: Count) -> str:
    due = f"{count.most:g}" if count.least == count.most else f"{count.least:g} to {count.most:g}"
    spread = f" ± {count.allowed:.0f}" if count.spread else ""
    excuse = f" ({count.excuse})" if count.excuse else ""
    counted = f"{count.counted:.0f}" + (f" to {count.counted + count.unknown:.0f}" if count.unknown else "")
    return f"{count.source} {counted}{spread} {count.what}, due {due}{excuse}"


def _problems(account: Account) -> Iterator[str]:
    for name, idents in account.imbalances:
        if idents:
            yield f"{len(idents)} {name}, for example {idents[0]}"


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
        acknowledged_at=at(seen.pages[0].acknowledged_at if seen.pages else None),
    )


def _blame_path(alert: Alert) -> str:
    apps = ", ".join(action.target for action in alert.actions)
    return (
        f"look at what follows: is the alert connected and enabled, and does the webhook of {apps} point to the sink?"
    )
