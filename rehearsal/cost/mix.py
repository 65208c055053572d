"""Endpoints, rates and health -> the sampled requests of a monitor as independent Poisson streams; pure.

Requests come as a Poisson process. Split by endpoint, outcome and duration, and thinned by sampling, it falls apart
into independent Poisson processes (Kingman 1993, Poisson Processes, section 5.1), each with one weight, outcome and
duration. A duration is that of its bin: 9 bins, finer in the tail, of the quantiles that a run measured.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitors.model import Dataset, Monitor
from monitors.query import Query, matches, parse_query
from rehearsal.cost.measured import LEVELS
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError

TRANSACTION: Final = "transaction"
EDGES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0)  # of the bins
FINE: Final = 1000  # points of an endpoint's distribution
OF_STATUS: Final = ("failure_rate", "failure_count")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Health:
    """How the service does: before a step, or after it."""

    bad: float  # share of requests that fail
    slower: float = 1.0  # durations are so many times the measured ones
    traffic: float = 1.0  # so many times the declared


@dataclass(frozen=True, slots=True)
class Mix:
    """Streams of one monitor; all arrays have one element per stream."""

    per_second: Floats  # sampled
    weight: Floats  # requests that one stands for, as the monitor counts
    is_bad: Floats  # 0 or 1
    duration_ms: Floats


def seen_by(monitor: Monitor, endpoints: Iterable[Endpoint]) -> tuple[Endpoint, ...]:
    """Return the endpoints whose requests the monitor's query takes; terms about anything but the route let all in."""
    terms = tuple(each for each in parse_query(monitor.query).terms if each.name == TRANSACTION)
    return tuple(each for each in endpoints if matches(Query(terms), {TRANSACTION: each.route or each.name}))


def mix_of(monitor: Monitor, per_second: float, endpoints: tuple[Endpoint, ...], rates: Rates, health: Health) -> Mix:
    """Return what the monitor sees of `per_second` requests of all endpoints.

    Error events are sampled by their own rate and carry no weight. Raises UsageError where the monitor asks for
    durations and the endpoints have none.
    """
    flow = per_second * health.traffic
    if monitor.dataset is Dataset.ERRORS:
        events = flow * health.bad * rates.errors * sum(each.share for each in seen_by(monitor, endpoints))
        return _mix([(events, 1.0, 1.0, 0.0)])
    by_rate: dict[float, list[Endpoint]] = defaultdict(list)
    for each in seen_by(monitor, endpoints):
        by_rate[rates.of(each.name)].append(each)
    is_weighted = monitor.extrapolation != "none"
    streams: list[tuple[float, float, float, float]] = []
    for rate, group in by_rate.items():
        sampled = flow * rate * sum(each.share for each in group)
        if sampled > 0:
            weight = 1 / rate if is_weighted else 1.0
            streams += [(sampled * share, weight, bad, ms) for share, bad, ms in _kinds(monitor, group, health)]
    return _mix(streams)


def _kinds(monitor: Monitor, group: list[Endpoint], health: Health) -> list[tuple[float, float, float]]:
    """(share, is bad, duration in ms) of what the monitor tells apart."""
    if monitor.aggregate.function in OF_STATUS:
        return [(health.bad, 1.0, 0.0), (1 - health.bad, 0.0, 0.0)]
    if monitor.aggregate.argument is None:
        return [(1.0, 0.0, 0.0)]
    missing = [each.name for each in group if not each.latency_ms]
    if missing:
        raise UsageError(
            f"{monitor.source}: {monitor.name} measures durations, and those of {', '.join(missing)} are not known;"
            " add latency_ms to the assumptions, or use --run"
        )
    durations, masses = _bins(tuple(group))
    return [(mass, 0.0, ms * health.slower) for ms, mass in zip(durations.tolist(), masses.tolist(), strict=True)]


@lru_cache(maxsize=256)
def _bins(group: tuple[Endpoint, ...]) -> tuple[Floats, Floats]:
    """Return mean duration and mass of each bin of the endpoints' durations together."""
    levels = (np.arange(FINE) + 0.5) / FINE
    values = np.concatenate([np.interp(levels, LEVELS, each.latency_ms) for each in group])
    masses = np.repeat([each.share / FINE for each in group], FINE)
    order = np.argsort(values)
    values, masses = values[order], masses[order] / masses.sum()
    middle = np.cumsum(masses) - masses / 2
    which = np.clip(np.searchsorted(EDGES, middle, side="right") - 1, 0, len(EDGES) - 2)
    total = np.bincount(which, masses, len(EDGES) - 1).astype(np.float64)
    summed = np.bincount(which, masses * values, len(EDGES) - 1).astype(np.float64)
    return np.divide(summed, total, out=np.zeros_like(total), where=total > 0), total


def _mix(streams: list[tuple[float, float, float, float]]) -> Mix:
    columns = np.array(streams, dtype=np.float64).reshape(-1, 4).T
    return Mix(*columns)


def sides(before: Mix, after: Mix) -> tuple[Mix, Mix]:
    """Return both with the streams of both, of which only their own flow: counts of either are then of one kind."""
    both = Mix(*(np.concatenate(pair) for pair in zip(_arrays(before), _arrays(after), strict=True)))
    first = np.arange(both.per_second.size) < before.per_second.size
    return replace(both, per_second=both.per_second * first), replace(both, per_second=both.per_second * ~first)


def _arrays(mix: Mix) -> tuple[Floats, ...]:
    return mix.per_second, mix.weight, mix.is_bad, mix.duration_ms
