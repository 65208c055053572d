"""A monitor of a share, traffic and health -> how surely and how fast it fires, and how often for nothing.

The model: requests come as a Poisson process, are sampled one by one, and each is bad with a fixed probability, so the
sampled good and bad ones of a window are independent Poisson counts. Traffic is flat: with real traffic false pages are
likelier at quiet hours and rarer at busy ones. `failure_rate` breaches when more than a share c of the requests is bad,
and a percentile p is over T exactly when more than 1 - p of them are slower than T, so one model serves both (up to the
interpolation between two samples, which Sentry's percentile makes).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from embedded.evaluate import Condition, Level, State, evaluate
from embedded.measure import cadence
from monitors.model import Monitor
from rehearsal.breach import share_limit
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError

HORIZONS: Final = (5, 15, 60)  # minutes after a step
RUNS: Final = 1000  # of a step; a probability is then known to 0.031 (95 %)
MONTH: Final = timedelta(days=30)
MINUTE: Final = timedelta(minutes=1)
START: Final = datetime(2026, 1, 1, tzinfo=UTC)  # of the manual clock; any instant does
ROUNDING: Final = 1e-9
TAIL: Final = 12  # standard deviations of a Poisson count that are summed; what is left out is below 1e-20
HALVINGS: Final = 24
GROWTH: Final = 1.02  # step of the search for the requests needed: 2 %
MAX_REQUESTS: Final = 1e6  # per window; beyond, the monitor cannot tell the two apart
CERTAINTY: Final = 0.95
NEXT_TO_NOTHING: Final = 0.02  # pages a month
FEW: Final = 10  # pages of one month; fewer say too little
MORE_MONTHS: Final = 3
Kind = Literal["share", "duration", "traffic"]
Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Watch:
    """What a monitor of a share does."""

    limit: float  # it breaches above this share of bad requests
    window: timedelta
    every: timedelta  # between two evaluations

    @property
    def ticks(self) -> int:
        """How many evaluations fit into a window."""
        return max(1, round(self.window / self.every))


@dataclass(frozen=True, slots=True)
class Power:
    """What a monitor is worth at one rate."""

    requests_per_window: float  # sampled, on average
    healthy_breach: float  # probability that a window breaches while all is well
    within: tuple[float, ...]  # probability to fire within each of HORIZONS after the step
    median: timedelta | None  # to fire after the step; None: more than the last of HORIZONS
    p95: timedelta | None
    false_pages_per_month: float
    # The smallest step whose windows breach with a probability of CERTAINTY; None: none does.
    detectable: float | None
    kind: Kind = "share"  # of the step: share of bad requests, or times the durations or the traffic
    needed: float | None = (
        None  # sampled requests in a window to tell well from ill; None: no number does, or not known
    )


def watch(monitor: Monitor) -> Watch:
    """Return what a monitor does. Raises UsageError if it does not measure a share of requests."""
    limit = share_limit(monitor)
    if limit is None or not 0 < limit < 1:  # p100 turns at the first slow request: no share
        raise UsageError(f"{monitor.source}: {monitor.name} measures no share of requests; its power is not known")
    return Watch(limit, monitor.window, cadence(monitor.window, monitor.compared_to))


@lru_cache(maxsize=4096)
def power(watched: Watch, sampled_per_second: float, healthy: float, degraded: float, seed: int = 0) -> Power:
    """Return the power of a monitor against a step from a `healthy` to a `degraded` share of bad requests.

    Monitors of the same share and window have the same power, so it is kept. Raises UsageError for shares outside of 0
    to 1 and for traffic that is not above zero.
    """
    _check(sampled_per_second, healthy, degraded)
    rng = np.random.default_rng(seed)
    expected = sampled_per_second * watched.window.total_seconds()
    healthy_breach = breach_probability(expected, healthy, watched.limit)
    minutes = _minutes_to_fire(watched, sampled_per_second, healthy, degraded, rng)
    return Power(
        requests_per_window=expected,
        healthy_breach=healthy_breach,
        within=tuple(float(np.mean(minutes <= horizon)) for horizon in HORIZONS),
        median=quantile(minutes, 0.5),
        p95=quantile(minutes, 0.95),
        false_pages_per_month=_false_pages(watched, sampled_per_second, healthy, healthy_breach, rng),
        detectable=detectable(expected, watched.limit),
    )


def breach_probability(expected: float, share: float, limit: float) -> float:
    """Return the probability that more than `limit` of a window's requests are bad. Exact.

    With b bad and g good requests, b / (b + g) > c is g < b (1 - c) / c, and both counts are Poisson (thinning):
    the sum over b of P(b) P(g < b (1 - c) / c). An empty window is no breach.
    """
    bad = _poisson(expected * share)
    good = np.cumsum(_poisson(expected * (1 - share)))
    most = np.ceil(np.arange(1, bad.size) * (1 - limit) / limit - ROUNDING) - 1  # good requests that still breach
    below = good[np.clip(most, 0, good.size - 1).astype(np.int64)]
    return float(min(1.0, np.dot(bad[1:], np.where(most < 0, 0.0, below))))


def detectable(expected: float, limit: float, certainty: float = CERTAINTY) -> float:
    """Return the smallest share of bad requests at which a window breaches with `certainty`; 1.0 if none does."""
    low, high = limit, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if breach_probability(expected, middle, limit) >= certainty else (middle, high)
    return high


@cache
def requests_needed(
    healthy: float, degraded: float, limit: float, false: float = 1e-3, certainty: float = 0.95
) -> float:
    """Return how many sampled requests a window needs on average, to 2 %.

    So that a healthy window breaches with probability `false` at most, a degraded one with `certainty` at least.
    Raises UsageError if no number up to MAX_REQUESTS does it.
    """
    expected = 10.0 if healthy < limit < degraded else MAX_REQUESTS  # else more requests make it worse
    while expected < MAX_REQUESTS:
        is_seen = breach_probability(expected, degraded, limit) >= certainty
        if is_seen and breach_probability(expected, healthy, limit) <= false:
            return expected
        expected *= GROWTH
    raise UsageError(f"no traffic tells {healthy:g} from {degraded:g} at a threshold of {limit:g}; move the threshold")


def _false_pages(watched: Watch, per_second: float, healthy: float, breach: float, rng: np.random.Generator) -> float:
    """Return the pages of a healthy month: of one simulated, of more where they are few.

    Each page needs a window that breaches, so their number is below breach x evaluations: where that is next to
    nothing, it is returned, and nothing is simulated.
    """
    most = breach * (MONTH / watched.every)
    if most < NEXT_TO_NOTHING:
        return most
    found = count_pages(watched, per_second, healthy, MONTH, rng)
    if found >= FEW:
        return found
    more = count_pages(watched, per_second, healthy, MORE_MONTHS * MONTH, rng)
    return (found + more) / (1 + MORE_MONTHS)


def effective_per_second(per_second: float, endpoints: tuple[Endpoint, ...], rates: Rates) -> float:
    """Return how many equally sampled requests a second tell as much as these, of `per_second` of all endpoints.

    A request weighs 1 / rate, so unequal rates make the estimate noisier than their number says: (sum w)^2 / sum w^2.
    Endpoints that are never sampled are not seen at all and do not count.
    Source: Kish 1965, Survey Sampling, 11.7 (effective sample size under unequal weights).
    """
    seen = [(per_second * each.share, rates.of(each.name)) for each in endpoints]
    seen = [(n, rate) for n, rate in seen if n > 0 and rate > 0]
    return sum(n for n, _ in seen) ** 2 / sum(n / rate for n, rate in seen) if seen else 0.0


def count_pages(watched: Watch, per_second: float, share: float, span: timedelta, rng: np.random.Generator) -> float:
    """Return how often the monitor fires in `span` of steady traffic, by the engine's own state machine.

    The evaluator is asked where it can change its mind alone: at a breach and right after one. Elsewhere the state is
    ok and stays so. Windows without data are skipped, as it skips them.
    """
    ticks = span // watched.every
    per_tick = per_second * watched.every.total_seconds()
    bad, total = _windows(watched, rng.poisson(per_tick * share, ticks), rng.poisson(per_tick * (1 - share), ticks))
    at = np.flatnonzero(total > 0)
    values = bad[at] / total[at]
    over = values > watched.limit
    turning = over | np.concatenate(([False], over[:-1]))
    return float(count_firings(watched, at[turning], values[turning]))


def count_firings(watched: Watch, ticks: Counts, values: NDArray[np.float64]) -> int:
    """Return how often the engine's evaluator leaves ok over these values at these ticks."""
    conditions = (Condition("gt", watched.limit, Level.HIGH), Condition("lte", watched.limit, Level.OK))
    state, fired = State(Level.OK, None), 0
    for tick, value in zip(ticks.tolist(), values.tolist(), strict=True):
        state, change = evaluate(conditions, value, state, START + tick * watched.every)
        fired += change is not None and change.before is Level.OK
    return fired


def _minutes_to_fire(
    watched: Watch, per_second: float, healthy: float, degraded: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return for each run the minutes from the step to the first breach, infinite if none comes within the horizon."""
    per_tick = per_second * watched.every.total_seconds()

    def draw(share: float, runs: int, ticks: int) -> tuple[Counts, Counts]:
        return rng.poisson(per_tick * share, (runs, ticks)), rng.poisson(per_tick * (1 - share), (runs, ticks))

    bad, good = draw(healthy, RUNS, watched.ticks)
    found, left, done = np.full(RUNS, np.inf), np.arange(RUNS), 0
    for minutes in HORIZONS:  # only runs that have not fired go on
        until = max(1, int(minutes * MINUTE / watched.every))
        more_bad, more_good = draw(degraded, left.size, until - done)
        bad, good = np.concatenate((bad, more_bad), axis=1), np.concatenate((good, more_good), axis=1)
        over = _share(*_windows(watched, bad, good))[:, 1:] > watched.limit  # the first window ends at the step
        first = np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)
        found[left] = first * (watched.every / MINUTE)
        bad, good, left, done = bad[np.isinf(first)], good[np.isinf(first)], left[np.isinf(first)], until
        if not left.size:
            break
    return found


def _windows(watched: Watch, bad: Counts, good: Counts) -> tuple[Counts, Counts]:
    """Sum the counts of each tick over the sliding window; the first result is of the first full window."""
    return _slide(bad, watched.ticks), _slide(bad + good, watched.ticks)


def _slide(counts: Counts, width: int) -> Counts:
    sums: Counts = np.cumsum(counts, axis=-1)
    sums[..., width:] -= sums[..., :-width].copy()
    return np.asarray(sums[..., width - 1 :], dtype=np.int64)


def _share(bad: Counts, total: Counts) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.divide(bad, total, out=np.zeros(bad.shape), where=total > 0)
    return shares


def _poisson(mean: float) -> NDArray[np.float64]:
    """Return the probabilities of 0, 1, 2 and so on: log P(k) = k log m - m - log k!."""
    size = int(mean + TAIL * np.sqrt(mean) + 5 * TAIL)
    if mean == 0:
        return np.concatenate(([1.0], np.zeros(size - 1)))
    numbers = np.arange(1, size)
    logs = np.concatenate(([0.0], np.cumsum(np.log(mean / numbers))))
    probabilities: NDArray[np.float64] = np.exp(logs - mean)
    return probabilities


def quantile(minutes: NDArray[np.float64], share: float) -> timedelta | None:
    """Return the span that `share` of the runs did not exceed, None if that is infinite."""
    found = float(np.quantile(minutes, share, method="higher"))
    return None if np.isinf(found) else found * MINUTE


def _check(sampled_per_second: float, healthy: float, degraded: float) -> None:
    if not sampled_per_second > 0:
        raise UsageError(f"{sampled_per_second:g} sampled requests a second: nothing is sampled, so nothing fires")
    for what, share in (("healthy", healthy), ("degraded", degraded)):
        if not 0 <= share <= 1:
            raise UsageError(f"the {what} share of bad requests is {share:g}, allowed are 0 to 1")
