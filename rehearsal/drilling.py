"""One drill: disturb, wait for the pages, put everything back, wait for the recoveries; `judge` then decides."""

from dataclasses import replace
from datetime import datetime, timedelta
from string import Template
from typing import Final

from loadtest.ledger import NO_ANSWER
from monitors.model import Monitor, RuleSet
from rehearsal.breach import UNKNOWN, Prediction, predict
from rehearsal.clock import Pace, now
from rehearsal.disturbance import Deploy, Outage, Storm, main_fault
from rehearsal.drill import RELEASE, Drill, ExpectedPage
from rehearsal.judge import Expectation, Seen, judge_latency, judge_page, judge_silence, times_of
from rehearsal.methods import Disturbed, disturb
from rehearsal.observe import breaches
from rehearsal.progress import Progress
from rehearsal.second_opinion import leave_out
from rehearsal.sink import Page
from rehearsal.stack import Stack
from rehearsal.verdict import DrillResult, Finding
from rehearsal.watch import Watch

GRACE: Final = timedelta(minutes=2)  # production time waited past a deadline, to tell late from never


class Drilling:
    """Runs one drill against a running stack under load."""

    def __init__(self, drill: Drill, stack: Stack, rules: RuleSet, pace: Pace, progress: Progress) -> None:
        self._drill, self._stack, self._rules, self._pace = drill, stack, rules, pace
        self._watch = Watch(drill.name, stack, pace, progress)
        self._fault_at = self._watch.started_at  # pages of the drill's own count from here on
        self._release = ""
        self._grace = pace.wall(GRACE) + stack.engine.lag  # a late page is late; this long it is told from none

    def run(self, *, with_faults: bool) -> DrillResult:
        """1 disturb, 2 pages, 3 all clear, 4 recoveries, 5 judge."""
        self._watch.say(f"drill {self._drill.name}: {self._drill.hypothesis}")
        disturbed = disturb(self._drill, self._watch, self._rules) if with_faults else None  # 1
        if disturbed and isinstance(self._drill.disturbance, Deploy):
            self._fault_at, self._release = disturbed.since, disturbed.release
        expectations = [self._expect(page) for page in self._drill.pages]
        self._wait_for_pages(expectations)  # 2
        cleared_at = self._clear(disturbed)  # 3
        self._watch.phase = "waiting for the recovery"
        for each in expectations:
            self._wait_for_recovery(each, cleared_at)  # 4
        return self._judge(expectations, cleared_at, disturbed)  # 5

    def _clear(self, disturbed: Disturbed | None) -> datetime:
        """Take back whatever is still on."""
        self._stack.set_fault()
        cleared_at = now()
        if isinstance(self._drill.disturbance, Storm):
            self._stack.limit_errors(None)
        if disturbed and main_fault(self._drill.disturbance):
            self._watch.say("fault off")
        return cleared_at

    def _expect(self, page: ExpectedPage) -> Expectation:
        alert = next((each for each in self._rules.alerts if each.name == page.alert), None)
        monitor = next((each for each in self._rules.monitors if alert and each.name in alert.monitors), None)
        expected = self._predict(monitor)
        possible_at = self._fault_at + self._pace.wall(expected.breach_after)
        deadline = possible_at + self._pace.wall(page.within)
        if page.of_fault is not None:
            deadline = min(deadline, self._fault_at + self._pace.wall(page.of_fault))
        says = tuple(Template(each).safe_substitute({RELEASE: self._release}) for each in page.says)
        page = replace(page, says=says)
        return Expectation(page, alert, monitor, expected.can_breach, self._fault_at, possible_at, deadline)

    def _predict(self, monitor: Monitor | None) -> Prediction:
        fault = main_fault(self._drill.disturbance)
        if monitor is None or fault is None:
            return UNKNOWN
        return predict(monitor, fault, self._pace.speed)

    def _wait_for_pages(self, expectations: list[Expectation]) -> None:
        """Let the drill take its whole time; after that, wait for what is missing only."""
        self._watch.through(self._drill.lasts)
        if expectations:
            limit = max(each.deadline for each in expectations) + self._grace
            self._watch.until(limit, lambda: all(self._pages_of(each) for each in expectations))

    def _wait_for_recovery(self, each: Expectation, cleared_at: datetime) -> None:
        if each.page.resolved_within is None or not self._pages_of(each):
            return
        deadline = self._recoverable_at(each, cleared_at) + self._pace.wall(each.page.resolved_within) + self._grace
        self._watch.until(deadline, lambda: bool(self._recoveries_of(each)))

    def _judge(self, expectations: list[Expectation], cleared_at: datetime, disturbed: Disturbed | None) -> DrillResult:
        seen = [(each, self._see(each, cleared_at)) for each in expectations]
        findings = [finding for each, found in seen for finding in judge_page(each, found, self._pace)]
        return DrillResult(
            drill=self._drill,
            started_at=self._pace.at(self._watch.started_at),
            fault_at=self._pace.at(disturbed.since) if disturbed else None,
            cleared_at=self._pace.at(disturbed.until or cleared_at) if disturbed else None,
            ended_at=self._pace.at(now()),
            findings=(*findings, self._judge_silence(), *self._judge_service(disturbed)),
            times=tuple(times_of(each, found, self._pace) for each, found in seen),
            planted=disturbed.planted if disturbed else None,
            out=(self._pace.at(disturbed.out[0]), self._pace.at(disturbed.out[1]))
            if disturbed and disturbed.out
            else None,
            forced=disturbed.forced if disturbed else None,
        )

    def _judge_silence(self) -> Finding:
        return judge_silence(self._drill, self._unexpected(), len(self._watch.pages()) - len(self._pages()))

    def _judge_service(self, disturbed: Disturbed | None) -> list[Finding]:
        """What the callers noticed of what was done to Sentry."""
        outage = self._drill.disturbance
        if not isinstance(outage, Outage) or outage.slower_at_most is None or disturbed is None:
            return []
        since, until = disturbed.out or (disturbed.since, now())
        before = self._latencies(self._watch.started_at, since)
        return [judge_latency(outage.slower_at_most, before, self._latencies(since, until))]

    def _latencies(self, since: datetime, until: datetime) -> list[float]:
        """Latencies in ms of the requests that were sent in a period and answered."""
        return [each.latency_ms for each in self._stack.ledger.between(since, until) if each.status != NO_ANSWER]

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
            return next(iter(breaches(client, self._stack.project_id, each.monitor.name, self._fault_at)), None)

    def _failed_share(self, until: datetime) -> float:
        failed = [each.is_failed for each in self._stack.ledger.between(self._fault_at, until)]
        return sum(failed) / len(failed) if failed else 0.0

    def _unexpected(self) -> list[Page]:
        expected = {(page.alert, page.channel) for page in self._drill.pages}
        wrong = [
            page
            for page in self._pages()
            if (page.alert, page.channel) not in expected or page.received_at < self._fault_at
        ]
        return [page for page in wrong if page.alert not in self._drill.may_page]

    def _pages(self) -> list[Page]:
        """Pages that the drill answers for."""
        return leave_out(self._watch.pages(), self._stack.plan)

    def _pages_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._of(each) if not page.is_resolve]

    def _recoveries_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._of(each) if page.is_resolve]

    def _of(self, each: Expectation) -> list[Page]:
        wanted = (each.page.alert, each.page.channel)
        found = [page for page in self._pages() if page.received_at >= self._fault_at]
        return [page for page in found if (page.alert, page.channel) == wanted]
