"""Traffic, what each endpoint emits, and sample rates -> what Sentry meters in a month, with the noise of sampling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from rehearsal.cost.measured import OTHER_SPANS
from rehearsal.cost.wilson import Z95
from rehearsal.errors import UsageError

SECONDS_PER_HOUR: Final = 3600
ACCEPTED: Final = "accepted"
SHARES_TOLERANCE: Final = 1e-6
GIGABYTE: Final = 1e9  # decimal, as Sentry's subscription page counts


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one route emits per request."""

    name: str  # the route without its prefix, causal/validate
    share: float  # of all requests, 0 to 1
    errors: float  # error events per request, 0 to 1
    spans: float  # per sampled request, the transaction's own included, at least 1
    duration_ms: float  # mean
    route: str = ""  # template, as a sampler knows it; empty: the name
    payload_bytes: float = 0.0  # of a transaction, uncompressed JSON; 0: not known
    latency_ms: tuple[float, ...] = ()  # quantiles at LEVELS; empty: not known
    span_names: tuple[tuple[str, float], ...] = ()  # (name, spans per sampled request); empty: not known


@dataclass(frozen=True, slots=True)
class Beside:
    """What is metered beside errors and traces."""

    logs_bytes: float = 0.0  # per request, like the next two
    metrics_bytes: float = 0.0
    attachments_bytes: float = 0.0
    cron_monitors: float = 0.0  # active ones, like the next
    uptime_monitors: float = 0.0


NOTHING_BESIDE: Final = Beside()


@dataclass(frozen=True, slots=True)
class Rates:
    """How much of what happens is sent."""

    traces: float  # of all routes that `routes` does not name
    routes: Mapping[str, float] = field(default_factory=dict)  # endpoint -> rate
    profiles: float = 0.0  # relative to SAMPLED requests, as the SDK has it
    errors: float = 1.0

    def of(self, endpoint: str) -> float:
        """Return the traces rate of an endpoint."""
        return self.routes.get(endpoint, self.traces)


@dataclass(frozen=True, slots=True)
class Volume:
    """How much of one category a month brings."""

    category: str
    mean: float  # in the category's unit
    deviation: float  # standard deviation over months of the same traffic

    @property
    def interval(self) -> tuple[float, float]:
        """Between these lie 95 of 100 months."""
        return max(0.0, self.mean - Z95 * self.deviation), self.mean + Z95 * self.deviation


def check_workload(requests: float, endpoints: tuple[Endpoint, ...], rates: Rates) -> None:
    """Raise UsageError for what cannot be: traffic below zero, rates outside of 0 to 1, routes nobody knows."""
    if not requests > 0:
        raise UsageError(f"traffic is {requests:g} requests a month, allowed is more than 0")
    named = {f"rate of {name}": rate for name, rate in rates.routes.items()}
    for what, rate in {"traces": rates.traces, "profiles": rates.profiles, "errors": rates.errors, **named}.items():
        if not 0 <= rate <= 1:
            raise UsageError(f"{what} is {rate:g}, allowed are 0 to 1")
    known = [each.name for each in endpoints]
    for name in rates.routes:
        if name not in known:
            raise UsageError(f"no endpoint {name!r}, allowed are {', '.join(known)}")
    if abs(sum(each.share for each in endpoints) - 1) > SHARES_TOLERANCE:
        raise UsageError(f"shares add up to {sum(each.share for each in endpoints):g}, allowed is 1")


def accepted(outcomes: Mapping[str, int]) -> int:
    """Return what bills: accepted items alone, not what was filtered, limited, invalid or dropped by the client.

    Source: Sentry docs, pricing/quotas, "What counts towards my quota", read 2026-11-23.
    """
    return outcomes.get(ACCEPTED, 0)


def volumes(
    requests: float, endpoints: tuple[Endpoint, ...], rates: Rates, beside: Beside = NOTHING_BESIDE
) -> tuple[Volume, ...]:
    """Return a month's volume of each category.

    Each request is sampled on its own, so an endpoint's transactions are binomial: variance n r (1 - r), and every one
    brings its spans. Error events are binomial too. Transactions and profiles are units of older price lists.
    Raises UsageError when the input is impossible.
    """
    check_workload(requests, endpoints, rates)
    traced = [(each, requests * each.share, rates.of(each.name)) for each in endpoints]
    profiled = [(each, n, rate * rates.profiles) for each, n, rate in traced]
    failed = [(each, n, each.errors * rates.errors) for each, n, _ in traced]
    return (
        _volume("errors", [(n, rate, 1.0) for _, n, rate in failed]),
        _volume("spans", [(n, rate, each.spans) for each, n, rate in traced]),
        _volume("transactions", [(n, rate, 1.0) for _, n, rate in traced]),
        _volume("profiles", [(n, rate, 1.0) for _, n, rate in profiled]),
        _volume("profile_hours", [(n, rate, each.duration_ms / 1000 / SECONDS_PER_HOUR) for each, n, rate in profiled]),
        Volume("logs_gb", requests * beside.logs_bytes / GIGABYTE, 0.0),
        Volume("metrics_gb", requests * beside.metrics_bytes / GIGABYTE, 0.0),
        Volume("attachments_gb", requests * beside.attachments_bytes / GIGABYTE, 0.0),
        Volume("cron_monitors", beside.cron_monitors, 0.0),
        Volume("uptime_monitors", beside.uptime_monitors, 0.0),
    )


@dataclass(frozen=True, slots=True)
class Billed:
    """What one endpoint, or one name of its spans, adds to a month."""

    endpoint: str
    span_name: str  # empty: of all its spans together
    spans: float
    errors: float


def billed(requests: float, endpoints: tuple[Endpoint, ...], rates: Rates) -> tuple[Billed, ...]:
    """Return the billed volume of each endpoint, each followed by its span names, the largest first.

    No meter of Sentry's tells this: its statistics know categories, not names. Raises UsageError as `volumes` does.
    """
    check_workload(requests, endpoints, rates)
    found: list[Billed] = []
    for each in sorted(endpoints, key=lambda each: -each.share * rates.of(each.name) * each.spans):
        n = requests * each.share
        sampled = n * rates.of(each.name)
        found.append(Billed(each.name, "", sampled * each.spans, n * each.errors * rates.errors))
        names = sorted(each.span_names, key=lambda pair: (pair[0] == OTHER_SPANS, -pair[1]))
        found += [Billed(each.name, name, sampled * spans, 0.0) for name, spans in names]
    return tuple(found)


def _volume(category: str, parts: list[tuple[float, float, float]]) -> Volume:
    """Add up (requests, probability, units each)."""
    variance = sum(n * rate * (1 - rate) * units**2 for n, rate, units in parts)
    return Volume(category, sum(n * rate * units for n, rate, units in parts), sqrt(variance))
