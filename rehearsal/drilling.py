"""One drill: fault on, wait for the pages, fault off, wait for the recoveries; `judge` then decides."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from monitors.model import RuleSet
from rehearsal.breach import breach_after, recovery_after
from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.errors import EnvironmentMissingError
from rehearsal.judge import Expectation, Seen, judge_page, judge_silence, times_of
from rehearsal.observe import breaches
from rehearsal.reconcile import SERVER_ERROR
from rehearsal.sink import Page, read_pages
from rehearsal.stack import Stack
from rehearsal.verdict import DrillResult

POLL: Final = timedelta(milliseconds=100)
GRACE: Final = timedelta(minutes=2)  # production time waited past a deadline, to tell late from never


class Progress(Protocol):
    """Where a rehearsal tells how far it is."""

    def say(self, text: str) -> None:
        """Something happened."""

    def show(self, text: str) -> None:
        """This is going on; replaces what was shown before."""


class Drilling:
    """Runs one drill against a running stack under load."""

    def __init__(self, drill: Drill, stack: Stack, rules: RuleSet, pace: Pace, progress: Progress) -> None:
        self._drill, self._stack, self._rules, self._pace, self._progress = drill, stack, rules, pace, progress
        self._started_at = now()
        self._phase = "healthy traffic"

    def run(self, *, with_faults: bool) -> DrillResult:
        """1 fault on, 2 pages, 3 fault off, 4 recoveries, 5 judge."""
        self._progress.say(f"drill {self._drill.name}: {self._drill.hypothesis}")
        if with_faults and self._drill.fault:
            self._stack.set_fault(self._drill.fault)  # 1
            self._phase = f"{self._drill.fault.flag} = {self._drill.fault.value:g}"
            self._progress.say(f"fault on: {self._phase}")
        expectations = [self._expect(page) for page in self._drill.pages]
        self._wait_for_pages(expectations)  # 2
        self._stack.set_fault(None)  # 3
        cleared_at = now()
        if with_faults and self._drill.fault:
            self._progress.say("fault off")
        self._phase = "waiting for the recovery"
        for each in expectations:
            self._wait_for_recovery(each, cleared_at)  # 4
        return self._judge(expectations, cleared_at)  # 5

    def _expect(self, page: ExpectedPage) -> Expectation:
        alert = next((each for each in self._rules.alerts if each.name == page.alert), None)
        monitor = next((each for each in self._rules.monitors if alert and each.name in alert.monitors), None)
        after = breach_after(monitor, self._drill.fault) if monitor and self._drill.fault else timedelta(0)
        possible_at = self._started_at + self._pace.wall(after or timedelta(0))
        deadline = possible_at + self._pace.wall(page.within)
        return Expectation(page, alert, monitor, after is not None, possible_at, deadline)

    def _wait_for_pages(self, expectations: list[Expectation]) -> None:
        """Let the drill take its whole time; after that, wait for what is missing only."""
        self._watch(self._started_at + self._pace.wall(self._drill.lasts), lambda: False)
        if expectations:
            limit = max(each.deadline for each in expectations) + self._pace.wall(GRACE)
            self._watch(limit, lambda: all(self._pages_of(each) for each in expectations))

    def _wait_for_recovery(self, each: Expectation, cleared_at: datetime) -> None:
        if each.page.resolved_within is None or not self._pages_of(each):
            return
        deadline = self._recoverable_at(each, cleared_at) + self._pace.wall(each.page.resolved_within + GRACE)
        self._watch(deadline, lambda: bool(self._recoveries_of(each)))

    def _watch(self, limit: datetime, is_over: Callable[[], bool]) -> None:
        said = len(self._pages())
        while True:
            if dead := self._stack.dead():
                logs = self._stack.folder / "logs"
                raise EnvironmentMissingError(f"{', '.join(dead)} ended in the middle of a drill; logs: {logs}")
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
        failed = sum(entry.status >= SERVER_ERROR for entry in entries)
        left = show_span(self._pace.production(max(timedelta(0), limit - now())))
        return f"{self._drill.name}, {self._phase}: {len(entries)} requests, {failed} failed, at most {left} to go"

    def _judge(self, expectations: list[Expectation], cleared_at: datetime) -> DrillResult:
        seen = [(each, self._see(each, cleared_at)) for each in expectations]
        findings = [finding for each, found in seen for finding in judge_page(each, found, self._pace)]
        expected = {each.page.alert for each in expectations}
        unexpected = [page for page in self._pages() if page.alert not in expected]
        fault = self._drill.fault
        return DrillResult(
            drill=self._drill,
            started_at=self._pace.at(self._started_at),
            fault_at=self._pace.at(self._started_at) if fault else None,
            cleared_at=self._pace.at(cleared_at) if fault else None,
            ended_at=self._pace.at(now()),
            findings=(*findings, judge_silence(self._drill, unexpected)),
            times=tuple(times_of(each, found, self._pace) for each, found in seen),
        )

    def _see(self, each: Expectation, cleared_at: datetime) -> Seen:
        recoverable_at = self._recoverable_at(each, cleared_at)
        within = each.page.resolved_within
        return Seen(
            pages=tuple(self._pages_of(each)),
            recoveries=tuple(self._recoveries_of(each)),
            breached_at=self._breached_at(each),
            cleared_at=cleared_at,
            recoverable_at=recoverable_at,
            recovery_deadline=recoverable_at + self._pace.wall(within) if within else None,
            failed_share=self._failed_share(cleared_at),
        )

    def _recoverable_at(self, each: Expectation, cleared_at: datetime) -> datetime:
        fault = self._drill.fault
        after = recovery_after(each.monitor, fault) if each.monitor and fault else timedelta(0)
        return cleared_at + self._pace.wall(after)

    def _breached_at(self, each: Expectation) -> datetime | None:
        if each.monitor is None:
            return None
        with self._stack.client() as client:
            return next(iter(breaches(client, self._stack.project_id, each.monitor.name, self._started_at)), None)

    def _failed_share(self, until: datetime) -> float:
        since = self._started_at.timestamp()
        statuses = [e.status for e in self._stack.ledger.refresh() if since <= e.sent_at < until.timestamp()]
        return sum(status >= SERVER_ERROR for status in statuses) / len(statuses) if statuses else 0.0

    def _pages(self) -> list[Page]:
        return [page for page in read_pages(self._stack.pages) if page.received_at >= self._started_at]

    def _pages_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._pages() if page.alert == each.page.alert and not page.is_resolve]

    def _recoveries_of(self, each: Expectation) -> list[Page]:
        return [page for page in self._pages() if page.alert == each.page.alert and page.is_resolve]
