"""Any monitor, traffic, rates and health -> its power: exact and by share where that can be, else by simulation.

A monitor of a share (`failure_rate`, a percentile) is one model, `power.py`. All others are simulated on their streams
(`mix.py`, `simulate.py`): a month of healthy traffic for the false pages, RUNS steps for the times. What a step does
depends on what the monitor looks at: failures go to the degraded share; durations become `times` as long; traffic
becomes `times` as much, or, where the monitor waits for too little, as much less. A probability of RUNS runs is known
to 0.04 (95 %), false pages of one month to about twice their root.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from monitors.model import Dataset, Monitor, Priority
from rehearsal.breach import share_limit
from rehearsal.cost.mix import OF_STATUS, Floats, Health, Mix, mix_of, seen_by, sides
from rehearsal.cost.power import (
    CERTAINTY,
    FEW,
    HORIZONS,
    MINUTE,
    MONTH,
    Kind,
    Power,
    effective_per_second,
    power,
    quantile,
    requests_needed,
    watch,
)
from rehearsal.cost.simulate import Clockwork, breaches, clockwork, count_firings, draw, values
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError

RUNS: Final = 600  # of a step
MORE: Final = 2  # months, where the first had few false pages
WINDOWS: Final = 200  # of one try of the search for what is detectable
TRIES: Final = 9  # halvings of it, in the logarithm
MOST_TIMES: Final = 100.0
TIMES: Final = 3.0  # a step that nobody would call noise
BELOW: Final = ("lt", "lte")


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be seen."""

    healthy: float  # share of bad requests
    degraded: float  # after the step
    times: float = TIMES  # durations and traffic change by this factor

    def __post_init__(self) -> None:
        for what, share in (("healthy", self.healthy), ("degraded", self.degraded)):
            if not 0 <= share <= 1:
                raise UsageError(f"the {what} share of bad requests is {share:g}, allowed are 0 to 1")
        if not 1 <= self.times < float("inf"):
            raise UsageError(f"times is {self.times:g}, allowed is a factor from 1 on")


def watched_power(
    monitor: Monitor, per_second: float, endpoints: tuple[Endpoint, ...], rates: Rates, step: Step
) -> Power | None:
    """Return the power of a monitor at `per_second` requests of all endpoints, None if none of its requests is sampled.

    Raises UsageError for a monitor that no model knows, or that needs what the assumptions do not say.
    """
    limit = share_limit(monitor)
    if limit is not None and 0 < limit < 1 and monitor.dataset is Dataset.SPANS:
        seen = seen_by(monitor, endpoints)
        effective = effective_per_second(per_second, seen, rates)
        if effective <= 0:
            return None
        watched = watch(monitor)
        found = power(watched, effective, step.healthy, step.degraded)
        return replace(found, needed=_needed(step.healthy, step.degraded, watched.limit))
    return _simulated(monitor, per_second, endpoints, rates, step)


def _needed(healthy: float, degraded: float, limit: float) -> float | None:
    try:
        return requests_needed(healthy, degraded, limit)
    except UsageError:
        return None


def _simulated(
    monitor: Monitor, per_second: float, endpoints: tuple[Endpoint, ...], rates: Rates, step: Step
) -> Power | None:
    clock, kind = clockwork(monitor), _kind(monitor)

    def mix(size: float) -> Mix:
        return mix_of(monitor, per_second, endpoints, rates, _health(monitor, step, size))

    healthy = mix(step.healthy if kind == "share" else 1.0)
    if not healthy.per_second.sum() > 0 and not _fires_on_nothing(monitor):
        return None
    degraded = mix(step.degraded if kind == "share" else step.times)
    rng = np.random.default_rng(0)
    minutes = _minutes_to_fire(monitor, clock, healthy, degraded, rng)
    month = _month(monitor, clock, healthy, rng)
    return Power(
        requests_per_window=float(healthy.per_second.sum()) * monitor.window.total_seconds(),
        healthy_breach=float(np.mean(breaches(monitor, month))),
        within=tuple(float(np.mean(minutes <= horizon)) for horizon in HORIZONS),
        median=quantile(minutes, 0.5),
        p95=quantile(minutes, 0.95),
        false_pages_per_month=_false_pages(monitor, clock, healthy, month, rng),
        detectable=_detectable(monitor, clock, healthy, mix, kind),
        kind=kind,
        needed=None,
    )


def _month(monitor: Monitor, clock: Clockwork, healthy: Mix, rng: np.random.Generator) -> Floats:
    return values(monitor, clock, healthy, draw(healthy, clock.step, (MONTH // clock.step + clock.history,), rng))


def _false_pages(monitor: Monitor, clock: Clockwork, healthy: Mix, month: Floats, rng: np.random.Generator) -> float:
    """Return the pages of a healthy month: of more than one, where they are few and the thresholds within reach."""
    found = count_firings(monitor, month)
    if found >= FEW or _is_out_of_reach(monitor, month):
        return float(found)
    more = sum(count_firings(monitor, _month(monitor, clock, healthy, rng)) for _ in range(MORE))
    return (found + more) / (1 + MORE)


def _is_out_of_reach(monitor: Monitor, month: Floats) -> bool:
    """Are the thresholds farther from all values of a month than those are spread, so that none comes in six?"""
    opening = [each.value for each in monitor.thresholds if each.priority is not Priority.RESOLVED]
    low, high = float(np.nanmin(month, initial=np.inf)), float(np.nanmax(month, initial=-np.inf))
    return low > high or all(each > high + (high - low) or each < low - (high - low) for each in opening)


def _kind(monitor: Monitor) -> Kind:
    if monitor.aggregate.function in OF_STATUS or monitor.dataset is Dataset.ERRORS:
        return "share"
    return "duration" if monitor.aggregate.argument else "traffic"


def _health(monitor: Monitor, step: Step, size: float) -> Health:
    match _kind(monitor):
        case "share":
            return Health(size)
        case "duration":
            return Health(step.healthy, slower=size)
        case "traffic":
            return Health(step.healthy, traffic=1 / size if _waits_for_less(monitor) else size)


def _waits_for_less(monitor: Monitor) -> bool:
    return any(each.comparison in BELOW for each in monitor.thresholds if each.priority is not Priority.RESOLVED)


def _fires_on_nothing(monitor: Monitor) -> bool:
    """Has it a value when nothing comes, a count of 0?"""
    return monitor.aggregate.argument is None and monitor.aggregate.function != "failure_rate"


def _minutes_to_fire(
    monitor: Monitor, clock: Clockwork, healthy: Mix, degraded: Mix, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return for each run the minutes from the step to the first breach, infinite where none comes in time."""
    before, after = sides(healthy, degraded)
    minutes = np.full(RUNS, np.inf)
    history = draw(before, clock.step, (RUNS, clock.history), rng)
    done, left = 0, np.arange(RUNS)
    for horizon in HORIZONS:  # only runs that have not fired go on
        steps = max(1, horizon * MINUTE // clock.step // clock.every) * clock.every
        history = np.concatenate((history, draw(after, clock.step, (left.size, steps - done), rng)), axis=1)
        over = breaches(monitor, values(monitor, clock, before, history))[:, 1:]  # the first window ends at the step
        first = np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)
        minutes[left] = first * clock.every * (clock.step / MINUTE)
        done, history, left = steps, history[np.isinf(first)], left[np.isinf(first)]
        if not left.size:
            break
    return minutes


def _detectable(
    monitor: Monitor, clock: Clockwork, healthy: Mix, mix: Callable[[float], Mix], kind: Kind
) -> float | None:
    """Return the smallest step of which 95 of 100 windows breach once they hold nothing else; None: none does."""
    whole = Clockwork(monitor.window, window=1, every=1, back=1 if clock.back else 0)
    low, high = (1e-4, 1.0) if kind == "share" else (1.0, MOST_TIMES)

    def is_seen(size: float) -> bool:
        before, after = sides(healthy, mix(size))
        rng = np.random.default_rng(1)  # the same for all sizes, so that chance does not turn the order of two
        # Whole windows at once; with a comparison the earlier one is healthy.
        earlier = draw(before, monitor.window, (WINDOWS, whole.back), rng)
        counts = np.concatenate((earlier, draw(after, monitor.window, (WINDOWS, 1), rng)), axis=1)
        found = values(monitor, whole, before, counts)[:, -1]
        return float(np.mean(breaches(monitor, found))) >= CERTAINTY

    if not is_seen(high):
        return None
    for _ in range(TRIES):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_seen(middle) else (middle, high)
    return high


def new_issue_pages(rate: float, events: int = 1) -> float:
    """Return the probability that a new error pages: that at least one of its first `events` events is sent.

    Errors are not sampled unless `sample_rate` says so, then it is 1. An alert on new issues needs one event.
    """
    return 1 - (1 - rate) ** events
