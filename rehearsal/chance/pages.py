"""Values of a monitor in many runs -> when it fires and resolves, by the engine's own evaluator."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from embedded.evaluate import Condition, Level, State, evaluate
from rehearsal.chance.traffic import STEP, Counts, Course, Weights
from rehearsal.cost.power import START, Watch

NEVER: Final = 1 << 30  # a step that does not come
ROUNDING: Final = 1e-9  # of weights


@dataclass(frozen=True, slots=True)
class Turns:
    """What a monitor did in each run; steps are counted from the fault on."""

    fired: Counts  # first time; NEVER: not at all
    firings: Counts  # how often
    resolved: Counts  # first time

    @classmethod
    def none(cls, runs: int) -> "Turns":
        return cls(np.full(runs, NEVER), np.zeros(runs, dtype=np.int64), np.full(runs, NEVER))


def turns_of(watched: Watch, course: Course, total: Weights, bad: Weights, phases: Counts) -> Turns:
    """Slide the window and evaluate it at each tick; a run's first tick comes `phases` steps after the fault began."""
    found = Turns.none(phases.size)
    every = watched.every // STEP
    for phase in range(every):
        of_phase = np.flatnonzero(phases == phase)
        ends = np.arange(course.before + phase, course.steps + 1, every)
        width = watched.window // STEP
        shares = _shares(total[of_phase], bad[of_phase], ends, width)
        _note(found, of_phase, shares, watched, ends - course.before)
    return found


def _shares(total: Weights, bad: Weights, ends: Counts, width: int) -> Weights:
    """The share of bad requests in the windows that end there; NaN in an empty one."""
    sums = [np.pad(np.cumsum(each, axis=1), ((0, 0), (1, 0))) for each in (total, bad)]
    seen, spoiled = (each[:, ends] - each[:, ends - width] for each in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Weights = spoiled / seen
    return shares


def _note(found: Turns, runs: Counts, shares: Weights, watched: Watch, ticks: Counts) -> None:
    """Where a window goes over the threshold once and under it once, that is it; elsewhere the evaluator is asked."""
    over = shares > watched.limit + ROUNDING
    edges = np.diff(over.astype(np.int8), axis=1, prepend=0)
    is_simple = ((edges > 0).sum(axis=1) <= 1) & ~np.isnan(shares).any(axis=1)
    found.fired[runs] = np.where(over.any(axis=1), ticks[over.argmax(axis=1)], NEVER)
    found.firings[runs] = over.any(axis=1)
    falls = edges < 0
    found.resolved[runs] = np.where(falls.any(axis=1), ticks[falls.argmax(axis=1)], NEVER)
    for row in np.flatnonzero(~is_simple):
        found.fired[runs[row]], found.firings[runs[row]], found.resolved[runs[row]] = _ask(watched, shares[row], ticks)


def _ask(watched: Watch, shares: NDArray[np.float64], ticks: Counts) -> tuple[int, int, int]:
    conditions = (
        Condition("gt", watched.limit + ROUNDING, Level.HIGH),
        Condition("lte", watched.limit + ROUNDING, Level.OK),
    )
    state = State(Level.OK, None)
    fired: list[int] = []
    resolved: list[int] = []
    for tick, value in zip(ticks.tolist(), shares.tolist(), strict=True):
        state, change = evaluate(conditions, None if np.isnan(value) else value, state, START + tick * STEP)
        if change is not None:
            (fired if change.before is Level.OK else resolved).append(tick)
    return (fired or [NEVER])[0], len(fired), (resolved or [NEVER])[0]
