"""What the SDK costs the service: variants of it take turns under the same load, in one run.

Three services, each a set of processes of its own beside one engine: the SDK off, at the configured rate, at 1.0; two
where the configured rate is 1.0. In each round each variant gets, in an order that rotates, an open load (requests come
at their rate, however slow the answers: latencies) and a closed one (a few callers ask as fast as they are answered:
throughput). Whatever else the machine does hits the variants alike. Intervals are of 95 %, by a bootstrap over the
requests of each round (latencies), or over the rounds (throughput: Student's t on the logarithms of their ratios).
Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from loadtest.ledger import Entry, Ledger
from monitors.model import RuleSet
from rehearsal.errors import EnvironmentMissingError
from rehearsal.load import Load, load_argv, load_environ, load_file
from rehearsal.processes import start, stop, tail
from rehearsal.progress import Progress
from rehearsal.settings import Options
from rehearsal.stack import Stack
from service.student_t import critical_t

Variant = Literal["off", "configured", "all"]
VARIANTS: Final[tuple[Variant, ...]] = ("off", "configured", "all")
QUANTILES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
# A quantile needs two requests beyond it on average, or it is one outlier.
NEEDED: Final = {"p50": 10, "p95": 40, "p99": 200}
CALLERS: Final = 20  # of the closed load: few enough to queue in no pool
FULL_SPEED: Final = 1000.0  # requests a second that they may send: more than they can
RESAMPLES: Final = 1000
LEVEL: Final = 0.975
MIN_ROUNDS: Final = 2
EVERYTHING: Final = "all endpoints"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A variant's figure over that without the SDK, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What one variant costs on one endpoint; None where there were too few requests to say."""

    endpoint: str
    variant: Variant
    requests: int  # of the open load
    throughput: Ratio | None
    latency: Mapping[str, Ratio | None]  # by name of the quantile


@dataclass(frozen=True, slots=True)
class Turn:
    """What one variant did in one round."""

    latencies_ms: Mapping[str, Sequence[float]]  # by endpoint, of the open load
    answered: Mapping[str, int]  # by endpoint, of the closed load


Floats = NDArray[np.float64]
Rounds = Sequence[Mapping[Variant, Turn]]


def variants_of(configured: float) -> tuple[Variant, ...]:
    """Return what takes turns: a configured rate of 1.0 is measured once."""
    return ("off", "all") if configured == 1.0 else VARIANTS


def load_span(span: timedelta, rounds: int, variants: int) -> timedelta:
    """How long load is sent in all: an open and a closed one for each variant in each round."""
    return rounds * variants * 2 * span


def measure_overhead(
    options: Options, folder: Path, rate: float, span: timedelta, rounds: int, progress: Progress
) -> tuple[Cost, ...]:
    """Start the variants, give each its turns, stop them, and return what the SDK costs.

    `span` is that of one load of one turn. Raises EnvironmentMissingError if a part does not start.
    """
    stacks: dict[Variant, Stack] = {}
    variants = variants_of(options.traces_sample_rate)
    whole = load_span(span, rounds, len(variants))
    try:
        for variant in variants:
            progress.show(f"starting the service: {variant}")
            stacks[variant] = _start(variant, options, folder / variant, stacks.get("off"))
        found = []
        for number in range(rounds):
            first = number % len(variants)
            order = variants[first:] + variants[:first]
            turns: dict[Variant, Turn] = {}
            for variant in order:
                left = whole - (number * len(variants) + len(turns)) * 2 * span
                progress.show(f"overhead, round {number + 1} of {rounds}: {variant}; {left.seconds} s of load to go")
                turns[variant] = _take_turn(stacks[variant], rate, span, f"{number}")
            found.append(turns)
        return tuple(compare(found))
    finally:
        for stack in reversed(stacks.values()):
            stack.stop()


def _start(variant: Variant, options: Options, folder: Path, first: Stack | None) -> Stack:
    """Start one variant; the first one brings the engine, which all of them send to."""
    rate = 1.0 if variant == "all" else options.traces_sample_rate
    stack = Stack(replace(options, traces_sample_rate=rate), folder)
    try:
        if variant == "off":
            service = stack.plan.service
            off = {"SENTRY_ENABLED": "false", "SENTRY_DSN": ""}
            silent = replace(service, environment=dict(service.environment) | off)
            stack.plan = replace(stack.plan, service=silent)
        stack.set_fault()
        if first is None:
            stack.start_engine()
            stack.provision(RuleSet((), ()))
        else:
            stack.dsn = first.dsn
        stack.start_service()
    except BaseException:
        stack.stop()
        raise
    return stack


def _take_turn(stack: Stack, rate: float, span: timedelta, number: str) -> Turn:
    opened = _send(stack, Load(rate, span), f"open-{number}")
    closed = _send(stack, Load(FULL_SPEED, span, users=CALLERS), f"closed-{number}")
    latencies: dict[str, list[float]] = defaultdict(list)
    answered: dict[str, int] = defaultdict(int)
    for entry in opened:
        latencies[entry.route].append(entry.latency_ms)
        latencies[EVERYTHING].append(entry.latency_ms)
    for entry in closed:
        answered[entry.route] += 1
        answered[EVERYTHING] += 1
    return Turn(latencies, answered)


def _send(stack: Stack, load: Load, name: str) -> list[Entry]:
    """Send one load and return the requests that were answered as they should be."""
    ledger, log = stack.folder / f"{name}.jsonl", stack.logs / f"{name}.log"
    argv = load_argv(stack.urls["service"], load, ledger, load_file(stack.plan, stack.folder))
    environ = load_environ(stack.service_key) if stack.plan.takes_key else {}
    child = start(f"load {name}", argv, environ, log)
    try:
        child.process.wait()
    finally:
        stop(child)
    found = [each for each in Ledger(ledger).refresh() if each.problem is None]
    if not found:
        raise EnvironmentMissingError(f"no request of the load was answered:\n{tail(child)}")
    return found


def compare(rounds: Rounds) -> Iterator[Cost]:
    """Yield what each variant with the SDK costs, for all endpoints together and then for each; pure."""
    names = dict.fromkeys(name for turns in rounds for turn in turns.values() for name in turn.latencies_ms)
    for name in sorted(names, key=lambda name: (name != EVERYTHING, name)):
        for variant in VARIANTS[1:]:
            if any(variant not in turns for turns in rounds):
                continue
            pairs = [(turns["off"], turns[variant]) for turns in rounds]
            off = [np.asarray(before.latencies_ms.get(name, ()), dtype=np.float64) for before, _ in pairs]
            on = [np.asarray(after.latencies_ms.get(name, ()), dtype=np.float64) for _, after in pairs]
            yield Cost(
                endpoint=name,
                variant=variant,
                requests=sum(each.size for each in on),
                throughput=_throughput([(a.answered.get(name, 0), b.answered.get(name, 0)) for a, b in pairs]),
                latency={key: _latency(off, on, level, NEEDED[key]) for key, level in QUANTILES.items()},
            )


def _throughput(pairs: Sequence[tuple[int, int]]) -> Ratio | None:
    """Geometric mean of the rounds' ratios, with Student's t on their logarithms."""
    if len(pairs) < MIN_ROUNDS or any(off == 0 or on == 0 for off, on in pairs):
        return None
    logs = np.log([on / off for off, on in pairs])
    half = critical_t(len(pairs) - 1, 2 * (1 - LEVEL)) * logs.std(ddof=1) / len(pairs) ** 0.5
    middle = logs.mean()
    return Ratio(*(float(np.exp(each)) for each in (middle, middle - half, middle + half)))


def _latency(off: list[Floats], on: list[Floats], level: float, needed: int) -> Ratio | None:
    """Ratio of two quantiles; each resample draws as many requests of each round as there were."""
    if min(sum(each.size for each in off), sum(each.size for each in on)) < needed:
        return None
    rng = np.random.default_rng(0)
    drawn = [_resampled(each, level, rng) for each in (on, off)]
    low, high = np.quantile(drawn[0] / drawn[1], [1 - LEVEL, LEVEL])
    whole = np.quantile(np.concatenate(on), level) / np.quantile(np.concatenate(off), level)
    return Ratio(float(whole), float(low), float(high))


def _resampled(rounds: list[Floats], level: float, rng: np.random.Generator) -> Floats:
    picked = [each[rng.integers(0, each.size, (RESAMPLES, each.size))] for each in rounds if each.size]
    found: Floats = np.quantile(np.concatenate(picked, axis=1), level, axis=1)
    return found
