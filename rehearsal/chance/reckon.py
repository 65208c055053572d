"""A drill, the rules and the declared traffic -> how often it would not go as expected although nothing is wrong.

A drill that fails now and then by the chance of which requests come when is soon believed by nobody. Latencies,
deliveries and the machine are no chance and left out; a page is due half a minute before its deadline instead.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.model import Monitor, RuleSet
from rehearsal.breach import Prediction, bad_share, failing_share, predict, unseen_for
from rehearsal.chance.pages import NEVER, Turns, turns_of
from rehearsal.chance.traffic import STEP, Counts, Course, Drawn, draw, sampled, steps_of
from rehearsal.cost.power import Watch, watch
from rehearsal.disturbance import Deploy, Fault, HookFault, main_fault
from rehearsal.drill import Drill, ExpectedPage
from rehearsal.errors import UsageError
from rehearsal.judge import TOO_EARLY
from rehearsal.settings import Options

RUNS: Final = 100_000  # of a drill; of a chance of one in ten thousand, ten are seen
BATCH: Final = 10_000  # that are drawn at once, for the sake of memory
# A team that rehearses ten times a day sees such a drill fail for nothing once in three months. Those that ship fail in
# one of ten thousand, but for one whose share the load's mix decides.
ACCEPTED: Final = 1e-3
DELIVERY: Final = timedelta(seconds=30)  # half a second of wall time at the default speed, for notifier and sink
Mask = NDArray[np.bool_]
MORE: Final = timedelta(minutes=5)  # that a monitor is watched after the fault has left its window


@dataclass(frozen=True, slots=True)
class Chance:
    """How often a drill was drawn, and how often it went otherwise than expected."""

    runs: int  # 0: nothing was drawn, since chance has no part in it
    failed: int
    reasons: Mapping[str, int]  # what went wrong -> how often
    unknown: tuple[str, ...] = ()  # monitors that measure no share: of those nothing is reckoned

    @property
    def share(self) -> float:
        return self.failed / self.runs if self.runs else 0.0

    @property
    def is_accepted(self) -> bool:
        return self.share <= ACCEPTED


@dataclass(frozen=True, slots=True)
class _Due:
    """What a fault does to a monitor, and what the drill wants of that."""

    monitor: Monitor
    watched: Watch
    share: float  # of the requests that are bad in its eyes
    expected: Prediction
    page: ExpectedPage | None
    is_allowed: bool  # to page, though it need not

    @property
    def deadline(self) -> timedelta:
        """From the fault on."""
        if self.page is None:
            return timedelta(0)
        due = self.expected.breach_after + self.page.within
        return min(due, self.page.of_fault) if self.page.of_fault else due


def reckon(drill: Drill, rules: RuleSet, options: Options, runs: int = RUNS, seed: int = 0) -> Chance:
    """Draw a drill's traffic `runs` times and count what would not be as expected.

    A drill without a fault of the service has no failures that chance could bring together.
    """
    fault = main_fault(drill.disturbance)
    if fault is None:
        return Chance(0, 0, {})
    dues, unknown = _dues(drill, fault, rules, options.speed)
    rng, reasons, failed = np.random.default_rng(seed), Counter[str](), 0
    for begin in range(0, runs, BATCH):
        wrong = np.zeros(min(BATCH, runs - begin), dtype=np.bool_)
        for what, which in _Batch(drill, fault, dues, rules, options, wrong.size, rng).problems():
            reasons[what] += int(which.sum())
            wrong |= which
        failed += int(wrong.sum())
    return Chance(runs, failed, {what: count for what, count in reasons.items() if count}, unknown)


def show_chance(share: float) -> str:
    """A probability as people say it: `1 in 40`."""
    return f"1 in {1 / share:,.0f}" if share > 0 else "never"


def _dues(
    drill: Drill, fault: Fault | HookFault, rules: RuleSet, speed: float
) -> tuple[tuple[_Due, ...], tuple[str, ...]]:
    """What the fault can do to each monitor, and the names of those of which that is not known."""
    dues: list[_Due] = []
    unknown: list[str] = []
    for monitor in rules.monitors:
        share = bad_share(monitor, fault)
        alerts = [each.name for each in rules.alerts if monitor.name in each.monitors]
        try:
            watched = watch(monitor)
        except UsageError:
            unknown.append(monitor.name)
            continue
        if share:
            page = next((each for each in drill.pages if each.alert in alerts), None)
            is_allowed = not alerts or any(each in drill.may_page for each in alerts)
            dues.append(_Due(monitor, watched, share, predict(monitor, fault, speed), page, is_allowed))
    return tuple(dues), tuple(unknown)


class _Batch:
    """Some runs of a drill."""

    def __init__(
        self,
        drill: Drill,
        fault: Fault | HookFault,
        dues: tuple[_Due, ...],
        rules: RuleSet,
        options: Options,
        runs: int,
        rng: np.random.Generator,
    ) -> None:
        self._drill, self._fault, self._dues, self._options, self._rng = drill, fault, dues, options, rng
        errors = [each.name for each in rules.alerts if each.builtin]
        self._error_pages = [page for page in drill.pages if page.alert in errors]
        self._unseen = steps_of(unseen_for(fault, options.speed))
        self._course = self._plan()
        self._phases: Counts = rng.integers(0, 1 << 16, runs)
        self._off: Counts = np.full(runs, self._course.before + steps_of(self._lasts))

    @property
    def _lasts(self) -> timedelta:
        """How long the fault is on, if all pages come in that time."""
        done = self._drill.disturbance
        return self._drill.lasts - done.after if isinstance(done, Deploy) else self._drill.lasts

    def _plan(self) -> Course:
        window = max((due.watched.window for due in self._dues), default=timedelta(0))
        pages = max((page.within for page in self._error_pages), default=timedelta(0))
        resolved = max((due.page.resolved_within or MORE for due in self._dues if due.page), default=MORE)
        most = max(self._lasts, pages, *(due.deadline for due in self._dues))
        return Course(steps_of(window), steps_of(most), steps_of(window + resolved) + self._unseen)

    def problems(self) -> Iterator[tuple[str, Mask]]:
        """What goes wrong, and in which runs."""
        if self._error_pages:
            yield from self._judge_errors()
        for due in self._dues:
            yield from self._judge(due)

    def _draw(self, share: float) -> Drawn:
        course, runs = self._course, self._phases.size
        return draw(course, self._drill.disturbance, self._fault, share, self._options, runs, self._rng)

    def _judge_errors(self) -> Iterator[tuple[str, Mask]]:
        """A page for a new code needs one failure; the fault stays on until it is there."""
        hit = self._draw(failing_share(self._fault) or 0.0).hit > 0
        first = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, NEVER)
        self._off = np.maximum(self._off, np.minimum(first, self._course.before + self._course.most))
        for page in self._error_pages:
            yield f"{page.alert} does not page in time", first - self._course.before > _last(page.within)

    def _judge(self, due: _Due) -> Iterator[tuple[str, Mask]]:
        drawn = self._draw(due.share)
        if due.page is not None:  # the fault stays on until it pages
            fired = self._turns(due, drawn).fired + self._course.before
            self._off = np.maximum(self._off, np.minimum(fired, self._course.before + self._course.most))
        turns = self._turns(due, drawn.until(self._off))
        if due.page is not None:
            yield from _judge_page(due, due.page, turns, self._off - self._course.before)
        elif not due.is_allowed:
            yield f"{due.monitor.name} pages", turns.firings > 0

    def _turns(self, due: _Due, drawn: Drawn) -> Turns:
        unseen = self._unseen if due.monitor.aggregate.share is not None else 0
        total, bad = sampled(drawn, self._course, self._drill.disturbance, unseen, self._options, self._rng)
        return turns_of(due.watched, self._course, total, bad, self._phases % (due.watched.every // STEP))


def _judge_page(due: _Due, page: ExpectedPage, turns: Turns, off: Counts) -> Iterator[tuple[str, Mask]]:
    """The ways of not going as expected that `rehearsal.judge` knows; `off` is when the fault was over."""
    expected, name = due.expected, due.monitor.name
    yield f"{name} does not page in time", turns.fired > _last(due.deadline)
    yield f"{name} pages too early to be about the fault", turns.fired < expected.breach_after * TOO_EARLY / STEP
    yield f"{name} pages twice", turns.firings > 1
    yield f"{name} resolves before the fault is over", turns.resolved < off
    if page.resolved_within is not None:
        last = _last(expected.recovery_after + page.resolved_within)
        yield f"{name} does not resolve in time", turns.resolved - off > last


def _last(within: timedelta) -> int:
    """The last step at which a page may be raised that is due within this time."""
    return (within - DELIVERY) // STEP
