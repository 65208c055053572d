"""A fault under the declared traffic, drawn many times: how many requests a monitor has in each step, how many are bad.

Requests come as a Poisson process. A fault hits each of them by chance or, `evenly`, every n-th of each process; Sentry
sees each with the chance of the traces' sample rate, and it stands for one divided by it.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rehearsal.disturbance import Deploy, Disturbance, Fault, HookFault, Storm
from rehearsal.settings import Options

STEP: Final = timedelta(seconds=20)
PROCESSES: Final = 2  # each hits its own every n-th request; as many as the reference stack has
BACKPRESSURE: Final = 0.5  # of the traces' rate while a limit on errors holds: the SDK does not tell categories apart
Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Course:
    """What happens when, in steps. The fault begins after `before`."""

    before: int  # healthy: every window is full
    most: int  # that the fault can be on
    after: int  # healthy again, until every window is free of it

    @property
    def steps(self) -> int:
        return self.before + self.most + self.after


@dataclass(frozen=True, slots=True)
class Drawn:
    """Requests of many runs, by step."""

    total: Counts  # (runs, steps)
    hit: Counts  # of those; while the fault could be on

    def until(self, off: Counts) -> "Drawn":
        """The same with the fault off from a step of each run's own on."""
        is_on = np.arange(self.hit.shape[1]) < off[:, np.newaxis]
        return replace(self, hit=self.hit * is_on)


def steps_of(span: timedelta) -> int:
    """Whole steps of a span, rounded up."""
    return -(-span // STEP)


def draw(
    course: Course,
    disturbance: Disturbance | None,
    fault: Fault | HookFault,
    share: float,
    options: Options,
    runs: int,
    rng: np.random.Generator,
) -> Drawn:
    """Draw the requests of `runs` runs, of which the fault hits `share`, as soon as it has grown."""
    per_step = options.traffic * STEP.total_seconds() / PROCESSES
    growth = _growth(course, fault)
    total = hit = np.zeros((runs, course.steps), dtype=np.int64)
    for _ in range(PROCESSES):
        requests = rng.poisson(per_step, (runs, course.steps))
        total = total + requests
        if isinstance(fault, Fault) and fault.is_even:
            aimed = rng.binomial(requests, fault.hits) if fault.hits < 1 else requests
            # A new release's processes owe nothing yet; others may be about to pay.
            owed = np.zeros((runs, 1)) if isinstance(disturbance, Deploy) else rng.random((runs, 1))
            paid = np.floor(owed + np.cumsum(aimed * (growth * share / fault.hits), axis=1))
            hit = hit + np.diff(paid, axis=1, prepend=0.0).astype(np.int64)
        else:
            hit = hit + rng.binomial(requests, growth * share)
    return Drawn(total, hit)


def _growth(course: Course, fault: Fault | HookFault) -> Weights:
    """The share of its value that a fault has in each step."""
    since = np.arange(course.steps) - course.before
    creeps = (isinstance(fault, Fault) and fault.creeps) or timedelta(0)
    grown = np.minimum(1.0, (since + 0.5) / (creeps / STEP)) if creeps else np.ones(course.steps)
    return np.where((since >= 0) & (since < course.most), grown, 0.0)


def sampled(
    drawn: Drawn,
    course: Course,
    disturbance: Disturbance | None,
    unseen: int,
    options: Options,
    rng: np.random.Generator,
) -> tuple[Weights, Weights]:
    """The weights of all and of the bad requests of each step, as Sentry has them.

    What was hit is seen `unseen` steps later: a slow request is seen when it ends.
    """
    good, bad = drawn.total - drawn.hit, drawn.hit
    rates = np.full(course.steps, options.traces_sample_rate)
    if isinstance(disturbance, Storm):
        rates[course.before : course.before + course.most] *= BACKPRESSURE
    kept_good, kept_bad = (rng.binomial(each, rates) if rates.min() < 1 else each for each in (good, bad))
    weights = np.divide(1.0, rates, out=np.zeros_like(rates), where=rates > 0)
    bad_weights = kept_bad * weights
    if unseen:
        bad_weights = np.pad(bad_weights, ((0, 0), (unseen, 0)))[:, : course.steps]
    return kept_good * weights + bad_weights, bad_weights
