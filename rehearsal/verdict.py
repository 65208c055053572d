"""What a rehearsal found: expectations held or failed, pages with their times, the books, and one verdict."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from loadtest.ledger import Entry
from monitors.model import RuleSet
from rehearsal.breakdown import Part
from rehearsal.cost.measured import Measured
from rehearsal.cost.month import Month
from rehearsal.counts import Count
from rehearsal.curves import Curve
from rehearsal.disturbance import Forced
from rehearsal.drill import Drill
from rehearsal.privacy.secret import Planted
from rehearsal.reconcile import Books
from rehearsal.sampling import Row
from rehearsal.settings import Options
from rehearsal.sink import Page
from rehearsal.usage import Arrivals, Usage


class Status(StrEnum):
    HELD = "held"
    FAILED = "failed"
    UNTRUSTED = "untrusted"  # Sentry itself did not work, so nothing is concluded


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation and what became of it."""

    status: Status
    what: str  # the expectation, as a sentence
    detail: str  # what was seen, and in a failure where to look


@dataclass(frozen=True, slots=True)
class PageTimes:
    """When an expected page came about, all as production time since the start of the run; None: it never happened."""

    alert: str
    channel: str
    possible_at: timedelta  # the window can be over the threshold from here on
    breached_at: timedelta | None  # first evaluation over the threshold
    paged_at: timedelta | None  # arrival at the sink
    recoverable_at: timedelta | None
    resolved_at: timedelta | None
    seen_at: timedelta | None = None  # the first request that the fault spoiled had ended, and Sentry has it
    over_at: timedelta | None = None  # the window's value was over the threshold, whether or not anybody looked
    acknowledged_at: timedelta | None = None  # the sink had kept the page


@dataclass(frozen=True, slots=True)
class Detection:
    """One page's time to detect and its parts, which add up to it."""

    drill: str
    alert: str
    channel: str
    total: timedelta  # from the fault to the page, production time like all others
    seen: timedelta  # until a request that it spoiled had ended and was sampled
    filled: timedelta  # until the window was over the threshold; 0 for an alert that looks at single events
    ticked: timedelta  # until the monitor was next evaluated, its ingestion included
    delivered: timedelta  # until the notification arrived
    acknowledged: timedelta  # and until its receiver had it: after the arrival, so beyond the total


@dataclass(frozen=True, slots=True)
class DrillResult:
    """A drill as it went."""

    drill: Drill
    started_at: timedelta  # production time since the start of the run, like all below
    fault_at: timedelta | None  # None, like the next: no fault was injected
    cleared_at: timedelta | None
    ended_at: timedelta
    findings: tuple[Finding, ...]
    times: tuple[PageTimes, ...]
    planted: Planted | None = None
    out: tuple[timedelta, timedelta] | None = None  # from when to when Sentry was out
    forced: Forced | None = None

    @property
    def status(self) -> Status:
        return worst(self.findings)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A drill that was not run."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that a rehearsal leaves behind."""

    started_at: datetime
    origin: datetime  # production time zero
    ended_at: datetime
    options: Options
    engine: str  # `embedded`, or which Sentry it was
    rules: RuleSet  # as they were when it began
    canary: Finding
    drills: tuple[DrillResult, ...]
    pages: tuple[Page, ...]
    entries: tuple[Entry, ...]  # the ledger
    books: Books
    counts: tuple[Count, ...]  # of the requests, by sources that do not know each other
    by_endpoint: tuple[Part, ...]  # the books, in parts
    by_drill: tuple[Part, ...]
    measured: Measured  # of each endpoint while nothing was disturbed
    month: Month  # what a month of the declared traffic costs
    rates: tuple[Row, ...]  # effective sample rates, by source
    detections: tuple[Detection, ...]  # the time of every page that came for a fault, in its parts
    curves: tuple[Curve, ...]  # each monitor's value
    usage: Usage  # CPU time while load was sent
    arrivals: Arrivals
    warnings: tuple[str, ...]  # why the numbers may mean less than they seem to
    run_findings: tuple[Finding, ...]  # on the run as a whole: pages outside of the drills, and the books
    folder: Path
    skipped: tuple[Skipped, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (self.canary, *(finding for drill in self.drills for finding in drill.findings), *self.run_findings)

    @property
    def where(self) -> str:
        """The engine as a sentence has it."""
        return "the embedded engine" if self.engine == "embedded" else self.engine

    @property
    def status(self) -> Status:
        return worst(self.findings) if self.canary.status is Status.HELD else Status.UNTRUSTED


def worst(findings: tuple[Finding, ...]) -> Status:
    """FAILED if any finding failed."""
    return Status.FAILED if any(finding.status is Status.FAILED for finding in findings) else Status.HELD
