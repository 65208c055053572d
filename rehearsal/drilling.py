"""One drill: fault on, wait for the pages, fault off, wait for the recoveries; `judge` then decides."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from loadtest.ledger import NO_ANSWER
from monitors.model import Monitor, RuleSet
from rehearsal.breach import UNKNOWN, Prediction, predict
from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.disturbance import Fault, HookFault, Outage, Planting, Silence
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.errors import EnvironmentMissingError
from rehearsal.judge import Expectation, Seen, judge_latency, judge_page, judge_silence, times_of
from rehearsal.observe import breaches
from rehearsal.privacy.plant import Planter
from rehearsal.privacy.secret import Planted
from rehearsal.progress import Progress
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from rehearsal.verdict import DrillResult, Finding

POLL: Final = timedelta(milliseconds=100)
GRACE: Final = timedelta(minutes=2)  # production time waited past a deadline, to tell late from never


def longest_window(rules: RuleSet) -> timedelta:
    """The longest that any monitor looks back."""
    return max((monitor.window for monitor in rules.monitors), default=timedelta(0))


@dataclass(frozen=True, slots=True)
class Period:
    """When the service or Sentry was disturbed."""

    since: datetime
    until: datetime | None  # None: still


class Drilling:
    """Runs one drill against a running stack under load."""

    def __init__(self, drill: Drill, stack: Stack, rules: RuleSet, pace: Pace, progress: Progress) -> None:
        self._drill, self._stack, self._rules, self._pace, self._progress = drill, stack, rules, pace, progress
        self._started_at = now()
        self._phase = "healthy traffic"
        self._planted: Planted | None = None
        self._grace = pace.wall(GRACE) + stack.engine.lag  # a late page is late; this long it is told from none

    def run(self, *, with_faults: bool) -> DrillResult:
        """1 disturb, 2 pages, 3 all clear, 4 recoveries, 5 judge."""
        self._progress.say(f"drill {self._drill.name}: {self._drill.hypothesis}")
        disturbed = self._disturb() if with_faults else None  # 1
        expectations = [self._expect(page) for page in self._drill.pages]
        self._wait_for_pages(expectations)  # 2
        self._stack.set_fault(None)  # 3
        cleared_at = now()
        if disturbed and disturbed.until is None:
            disturbed = Period(disturbed.since, cleared_at)
            self._progress.say("fault off")
        self._phase = "waiting for the recovery"
        for each in expectations:
            self._wait_for_recovery(each, cleared_at)  # 4
        return self._judge(expectations, cleared_at, disturbed)  # 5

    def _disturb(self) -> Period | None:
        """Switch the fault on, or go through the whole outage."""
        match self._drill.disturbance:
            case Fault() | HookFault() as fault:
                self._stack.set_fault(fault)
                self._phase = str(fault)
                self._progress.say(f"fault on: {fault}")
                return Period(self._started_at, None)
            case Outage() as outage:
                return self._take_down_sentry(outage)
            case Silence() as silence:
                return self._fall_silent(silence)
            case Planting() as planting:
                return self._plant(planting)
            case None:
                return None
            case unknown:
                assert_never(unknown)

    def _take_down_sentry(self, outage: Outage) -> Period:
        self._watch(self._started_at + self._pace.wall(outage.after), lambda: False)
        self._phase = str(outage)
        since = now()
        self._progress.say("Sentry stops")
        self._stack.stop_part("engine")
        self._watch(since + self._pace.wall(outage.lasts), lambda: False)
        until = now()
        self._stack.start_engine()
        self._progress.say("Sentry is back")
        self._phase = "after the outage"
        return Period(since, until)

    def _fall_silent(self, silence: Silence) -> Period:
        """Stop the load and start it again; the next drill finds every window full."""
        self._watch(self._started_at + self._pace.wall(silence.after), lambda: False)
        self._phase = str(silence)
        since = now()
        self._stack.stop_part("load")
        self._progress.say("the load has stopped")
        self._watch(since + self._pace.wall(silence.lasts), lambda: False)
        self._stack.resume_load()
        until = now()
        self._progress.say("the load is back")
        self._phase = "until every window is full"
        self._watch(until + self._pace.wall(longest_window(self._rules)), lambda: False)
        return Period(since, until)

    def _plant(self, planting: Planting) -> Period:
        """Spread the carriers: those that fail must stay a small share of every window."""
        planter, since = Planter(self._stack), now()
        self._phase = str(planting)
        for number, carrier in enumerate(planting.carriers, start=1):
            share = number / (len(planting.carriers) + 1)
            self._watch(self._started_at + self._pace.wall(self._drill.lasts * share), lambda: False)
            planter.plant(carrier)
        self._planted = planter.planted
        self._progress.say(f"{len(self._planted.secrets)} secrets planted")
        until = now()
        # Were the load to stop with failures still in a window, their share of it would grow, and page.
        self._watch(until + self._pace.wall(longest_window(self._rules)), lambda: False)
        return Period(since, until)

    def _expect(self, page: ExpectedPage) -> Expectation:
        alert = next((each for each in self._rules.alerts if each.name == page.alert), None)
        monitor = next((each for each in self._rules.monitors if alert and each.name in alert.monitors), None)
        expected = self._predict(monitor)
        possible_at = self._started_at + self._pace.wall(expected.breach_after)
        deadline = possible_at + self._pace.wall(page.within)
        if page.of_fault is not None:
            deadline = min(deadline, self._started_at + self._pace.wall(page.of_fault))
        return Expectation(page, alert, monitor, expected.can_breach, self._started_at, possible_at, deadline)

    def _predict(self, monitor: Monitor | None) -> Prediction:
        fault = self._drill.disturbance
        if monitor is None or not isinstance(fault, Fault | HookFault):
            return UNKNOWN
        return predict(monitor, fault, self._pace.speed)

    def _wait_for_pages(self, expectations: list[Expectation]) -> None:
        """Let the drill take its whole time; after that, wait for what is missing only."""
        self._watch(self._started_at + self._pace.wall(self._drill.lasts), lambda: False)
        if expectations:
            limit = max(each.deadline for each in expectations) + self._grace
            self._watch(limit, lambda: all(self._pages_of(each) for each in expectations))

    def _wait_for_recovery(self, each: Expectation, cleared_at: datetime) -> None:
        if each.page.resolved_within is None or not self._pages_of(each):
            return
        deadline = self._recoverable_at(each, cleared_at) + self._pace.wall(each.page.resolved_within) + self._grace
        self._watch(deadline, lambda: bool(self._recoveries_of(each)))

    def _watch(self, limit: datetime, is_over: Callable[[], bool]) -> None:
        said = len(self._pages())
        while True:
            if dead := self._stack.dead():
                raise EnvironmentMissingError("\n".join(["a part of the stack ended in the middle of a drill", *dead]))
            pages = self._pages()
            for page in pages[said:]:
                self._progress.say(f"page on {page.channel}: {page.title} ({page.text})")
            said = len(pages)
            if is_over() or now() >= limit:
                return
            self._progress.show(self._describe(limit))
            sleep(POLL)

    def _describe(self, limit: datetime) -> str:
        entries = self._stack.ledger.refresh()
        failed = sum(entry.is_failed for entry in entries)
        left = show_span(self._pace.production(max(timedelta(0), limit - now())))
        return f"{self._drill.name}, {self._phase}: {len(entries)} requests, {failed} failed, at most {left} to go"

    def _judge(self, expectations: list[Expectation], cleared_at: datetime, disturbed: Period | None) -> DrillResult:
        seen = [(each, self._see(each, cleared_at)) for each in expectations]
        findings = [finding for each, found in seen for finding in judge_page(each, found, self._pace)]
        return DrillResult(
            drill=self._drill,
            started_at=self._pace.at(self._started_at),
            fault_at=self._pace.at(disturbed.since) if disturbed else None,
            cleared_at=self._pace.at(disturbed.until or cleared_at) if disturbed else None,
            ended_at=self._pace.at(now()),
            findings=(*findings, judge_silence(self._drill, self._unexpected()), *self._judge_outage(disturbed)),
            times=tuple(times_of(each, found, self._pace) for each, found in seen),
            planted=self._planted,
        )

    def _judge_outage(self, disturbed: Period | None) -> list[Finding]:
        outage = self._drill.disturbance
        if disturbed is None or not isinstance(outage, Outage):
            return []
        before = self._latencies(Period(self._started_at, disturbed.since))
        return [judge_latency(outage, before, self._latencies(disturbed))]

    def _latencies(self, period: Period) -> list[float]:
        """Latencies in ms of the requests that were sent in a period and answered."""
        since, until = period.since.timestamp(), (period.until or now()).timestamp()
        entries = self._stack.ledger.refresh()
        return [each.latency_ms for each in entries if since <= each.sent_at < until and each.status != NO_ANSWER]

    def _see(self, each: Expectation, cleared_at: datetime) -> Seen:
        recoverable_at = self._recoverable_at(each, cleared_at)
        within = each.page.resolved_within
        return Seen(
            pages=tuple(self._pages_of(each)),
            recoveries=tuple(self._recoveries_of(each)),
            elsewhere=tuple(sorted({page.channel for page in self._unexpected() if page.alert == each.page.alert})),
            breached_at=self._breached_at(each),
            cleared_at=cleared_at,
            recoverable_at=recoverable_at,
            recovery_deadline=recoverable_at + self._pace.wall(within) if within else None,
            failed_share=self._failed_share(cleared_at),
        )

    def _recoverable_at(self, each: Expectation, cleared_at: datetime) -> datetime:
        return cleared_at + self._pace.wall(self._predict(each.monitor).recovery_after)

    def _breached_at(self, each: Expectation) -> datetime | None:
        if each.monitor is None:
            return None
        with self._stack.client() as client:
            return next(iter(breaches(client, self._stack.project_id, each.monitor.name, self._started_at)), None)

    def _failed_share(self, until: datetime) -> float:
        since = self._started_at.timestamp()
        failed = [e.is_failed for e in self._stack.ledger.refresh() if since <= e.sent_at < until.timestamp()]
        return sum(failed) / len(failed) if failed else 0.0

    def _pages(self) -> list[Page]:
        return [page for page in read_pages(self._stack.pages) if page.received_at >= self._started_at]

    def _unexpected(self) -> list[Page]:
        expected = {(page.alert, page.channel) for page in self._drill.pages}
        wrong = [page for page in self._pages() if (page.alert, page.channel) not in expected]
        return [page for page in wrong if page.alert not in self._drill.may_page]

    def _pages_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._of(each) if not page.is_resolve]

    def _recoveries_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._of(each) if page.is_resolve]

    def _of(self, each: Expectation) -> list[Page]:
        wanted = (each.page.alert, each.page.channel)
        return [page for page in self._pages() if (page.alert, page.channel) == wanted]
