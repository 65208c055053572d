"""The rehearsal itself: stack up, drills, stack down, books closed, verdict. One function reads as the whole path."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from monitors.errors import MonitorsError, RulesError
from monitors.load import load_rules
from monitors.model import RuleSet
from rehearsal.breach import longest_window
from rehearsal.canary import send_canary, with_canary
from rehearsal.clock import Pace, now, show_span, sleep
from rehearsal.conclude import Ran, conclude
from rehearsal.disturbance import NEEDS_OWN_ENGINE, Outage, Planting
from rehearsal.drill import Drill
from rehearsal.drill_file import choose_drills, load_drills
from rehearsal.drilling import GRACE, Drilling
from rehearsal.duration import duration
from rehearsal.engines.engine import Engine
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.live import watching
from rehearsal.parts import start_parts
from rehearsal.plan_file import check_drills, load_plan
from rehearsal.progress import Progress
from rehearsal.settings import Options
from rehearsal.stack import Stack
from rehearsal.usage import usage_between
from rehearsal.verdict import DrillResult, Report, Skipped, Status

NOT_OURS: Final = "it needs an engine of our own: to stop it, to limit it, or to look at its wire and disk"
LOAD_MARGIN: Final = timedelta(minutes=5)  # wall time beyond the longest that all drills can take


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be rehearsed."""

    rules: RuleSet
    drills: list[Drill]
    skipped: tuple[Skipped, ...]

    @property
    def is_tapped(self) -> bool:
        """Is what arrives to be kept as it came?"""
        return any(isinstance(drill.disturbance, Planting) for drill in self.drills)

    @property
    def is_switched(self) -> bool:
        """Does a drill make Sentry slow, or refuse?"""
        return any(isinstance(each.disturbance, Outage) and each.disturbance.how.is_switched for each in self.drills)


def rehearse(options: Options, progress: Progress, remote: Engine | None = None) -> Report:
    """Run every drill and return the report; whatever was started is stopped, also after an error or Ctrl-C.

    `remote` is a Sentry that is there already; without it the embedded engine is started.

    1 plan, rules and drills, 2 the run, 3 books and report, 4 everything down. Raises UsageError,
    EnvironmentMissingError.
    """
    asked = _read(options, is_ours=remote is None)  # 1
    started_at = now()
    folder = _make_folder(options.var / "runs", started_at)
    stack = Stack(options, folder, remote=remote, is_tapped=asked.is_tapped, is_switched=asked.is_switched)
    try:
        ran = _run(asked, stack, started_at, progress)  # 2
        return conclude(ran, stack, asked.rules, asked.skipped, progress)  # 3
    except MonitorsError as error:
        raise EnvironmentMissingError(str(error)) from error
    finally:
        stack.stop()  # 4


def _run(asked: _Asked, stack: Stack, started_at: datetime, progress: Progress) -> Ran:
    """1 engine, sink, monitors and service, 2 canary, 3 load, 4 drills, 5 load and service down."""
    start_parts(stack, with_canary(asked.rules), progress)  # 1
    progress.show("waiting for the canary's page")
    canary = send_canary(stack, Pace(stack.options.speed, now()))  # 2
    progress.say(f"canary: {canary.detail}")
    is_trusted = canary.status is Status.HELD
    if is_trusted:
        _start_load(asked.drills, stack, asked.rules, progress)  # 3
    pace, before = Pace(stack.options.speed, now()), stack.read_cpu()
    results = _drill(asked.drills, stack, asked.rules, pace, progress) if is_trusted else []  # 4
    progress.say("stopping the load, then the service, which flushes its telemetry")
    usage = usage_between(before, stack.read_cpu())
    stack.stop_part("load")  # 5
    stack.stop_part("service")
    return Ran(started_at, canary, pace, results, usage)


def _read(options: Options, *, is_ours: bool) -> _Asked:
    plan = load_plan(options.plan)
    rules, drills = _load_rules(options.rules), choose_drills(load_drills(options.drills), options.only)
    check_drills(drills, plan)
    possible, skipped = _split(drills, is_ours=is_ours)
    return _Asked(rules, possible, skipped)


def _split(drills: list[Drill], *, is_ours: bool) -> tuple[list[Drill], tuple[Skipped, ...]]:
    """The drills that this engine can be put through, and the others. Raises UsageError if there is none."""
    possible = [each for each in drills if is_ours or not isinstance(each.disturbance, NEEDS_OWN_ENGINE)]
    if not possible:
        raise UsageError(f"{', '.join(each.name for each in drills)}: {NOT_OURS}")
    return possible, tuple(Skipped(each.name, NOT_OURS) for each in drills if each not in possible)


def _start_load(drills: list[Drill], stack: Stack, rules: RuleSet, progress: Progress) -> None:
    progress.show("starting the load")
    speed = stack.options.speed
    stack.start_load(_longest(drills, rules, stack.engine.lag * speed) / speed + LOAD_MARGIN)
    takes = sum((duration(drill, rules, speed) for drill in drills), timedelta(0)) / speed
    progress.say(f"load running; the drills take about {show_span(takes)}")


def _drill(drills: list[Drill], stack: Stack, rules: RuleSet, pace: Pace, progress: Progress) -> list[DrillResult]:
    _fill_windows(drills, rules, pace, progress)
    with_faults = stack.options.with_faults
    with watching(progress, stack, rules) as live:
        return [Drilling(drill, stack, rules, pace, live).run(with_faults=with_faults) for drill in drills]


def _load_rules(folder: Path) -> RuleSet:
    try:
        return load_rules(folder)
    except RulesError as error:
        raise UsageError(str(error)) from None


def _make_folder(runs: Path, started_at: datetime) -> Path:
    """Make a folder that no other run has, also when two start in the same second."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        folder = runs / (f"{started_at:%Y%m%dT%H%M%S}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("there is always another number")


def _fill_windows(drills: list[Drill], rules: RuleSet, pace: Pace, progress: Progress) -> None:
    """Let healthy traffic fill the longest window before anything is disturbed.

    In a window that has just begun one failure is a large share, and pages. A drill without disturbance fills its own.
    """
    if drills[0].disturbance is None:
        return
    takes = pace.wall(longest_window(rules))
    progress.say(f"healthy traffic for {show_span(takes)}, so that every window is full")
    sleep(takes)


def _longest(drills: list[Drill], rules: RuleSet, lag: timedelta) -> timedelta:
    """The production time that the drills take if every page comes at the last moment."""
    waits = [page.within + (page.resolved_within or timedelta(0)) for drill in drills for page in drill.pages]
    window = longest_window(rules)
    return sum((drill.lasts + 2 * (window + GRACE + lag) for drill in drills), window + sum(waits, timedelta(0)))
