"""What was configured and what arrived -> the effective sample rates, per endpoint and in total; pure.

Nobody counts what a client dropped by endpoint: client reports and sessions know a project only. So the total has three
sources that do not know each other, and an endpoint has two, of which the ledger exists in a rehearsal only.

  reports   accepted / (accepted + what the SDK says that sampling dropped)
  weights   accepted / sum of weights, each 1 / the rate that the SDK wrote into the envelope: what it BELIEVES it did
  sessions  accepted / requests that the SDK counted, which no sampling touches
  ledger    accepted / requests that the load sent

A probe's route is never traced: its requests are taken out of reports and sessions. What was sampled and lost later on
(a full queue, a network error) is no sampling: `lost` names it, and it counts as kept in every source that can know it.
Forced: sent at a higher rate than configured, which a caller's headers can do. Reduced: sent at a lower one, which the
SDK does when it cannot keep up (backpressure); reports name the drops of that time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from rehearsal.cost.wilson import Share, share

Source = Literal["reports", "weights", "sessions", "ledger"]
Kind = Literal["traces", "profiles", "errors"]
TOTAL: Final = "all endpoints"
SAMPLED_OUT: Final = ("sample_rate", "backpressure")  # reasons of drops that are sampling
BACKPRESSURE: Final = "backpressure"
# A table has some 20 intervals; at 95 % one of them would be off by chance in most runs. At 99.9 % in one run of 50.
Z_VERDICT: Final = 3.290527
TELLING: Final = 2.0  # enough is known when a rate half as high would have been seen
CLEARLY_NONE: Final = 0.01  # and of a rate of 0 when one of 1 % would have been
SAME_RATE: Final = 0.02  # a weight is 1 / rate in decimal digits: closer than 2 % is the same


class Verdict(StrEnum):
    """What a row says."""

    AS_CONFIGURED = "as configured"
    OFF = "off"
    TOO_FEW = "too few to tell"


@dataclass(frozen=True, slots=True)
class Sampled:
    """One transaction that arrived."""

    endpoint: str
    weight: float  # 1 / the rate that its envelope names


@dataclass(frozen=True, slots=True)
class Configured:
    """The rates that the service was told."""

    traces: float
    routes: Mapping[str, float] = field(default_factory=dict)  # endpoint -> rate
    profiles: float = 0.0  # of the SAMPLED transactions
    errors: float = 1.0

    def of(self, endpoint: str) -> float:
        """Return the traces rate of an endpoint."""
        return self.routes.get(endpoint, self.traces)


@dataclass(frozen=True, slots=True)
class Arrived:
    """All that was observed of a run. None: that source was not there."""

    transactions: tuple[Sampled, ...]
    dropped: Mapping[str, int]  # transactions that the client dropped, by reason
    untraced: int = 0  # requests of routes that are never traced, probes above all
    requests: Mapping[str, int] | None = None  # of the ledger, answered ones of traced routes, by endpoint
    sessions: int | None = None  # requests that the SDK counted, probes too
    profiles: int = 0  # transactions that were profiled
    dropped_profiles: Mapping[str, int] = field(default_factory=dict)
    errors: int = 0  # events accepted
    dropped_errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    kind: Kind
    name: str  # endpoint, or TOTAL
    configured: float  # 0 to 1
    kept: int  # arrived
    sources: Mapping[Source, Share]  # observed rate by source, with its 95 % interval
    forced: int  # of those that arrived: at a higher rate than configured
    reduced: int  # at a lower one
    lost: int  # sampled, and dropped by the client for another reason; known in total only
    verdict: Verdict
    why: str  # of the verdict, as half a sentence


def effective_rates(configured: Configured, arrived: Arrived) -> tuple[Row, ...]:
    """Return the rows: traces in total, traces of each endpoint, profiles, errors.

    The verdict of a row is that of its worst source. Raises nothing: what was not seen is too few to tell.
    """
    endpoints = dict.fromkeys([*(arrived.requests or {}), *(each.endpoint for each in arrived.transactions)])
    by_endpoint: dict[str, list[Sampled]] = defaultdict(list)
    for each in arrived.transactions:
        by_endpoint[each.endpoint].append(each)
    return (
        _total(configured, arrived),
        *(_endpoint(configured, name, by_endpoint[name], arrived) for name in endpoints),
        _profiles(configured, arrived),
        _errors(configured, arrived),
    )


def warn_of_rates(rows: Iterable[Row]) -> str | None:
    """Say which rates are not as configured; no failure, since one in fifty runs has such a row by chance."""
    off = [
        f"{row.name} {row.why} where {row.configured:.4g} is configured" for row in rows if row.verdict is Verdict.OFF
    ]
    return f"Sample rates are not as configured: {'; '.join(off)}." if off else None


def _total(configured: Configured, arrived: Arrived) -> Row:
    kept = len(arrived.transactions)
    dropped = sum(arrived.dropped.get(reason, 0) for reason in SAMPLED_OUT)
    lost = sum(arrived.dropped.values()) - dropped
    found: dict[Source, Share | None] = {
        "reports": share(kept + lost, kept + lost + max(0, dropped - arrived.untraced)),
        "weights": share(kept, sum(each.weight for each in arrived.transactions)),
    }
    if arrived.sessions is not None:
        found["sessions"] = share(kept + lost, arrived.sessions - arrived.untraced)
    if arrived.requests is not None:
        found["ledger"] = share(kept + lost, sum(arrived.requests.values()))
    forced, reduced = _off_rate(configured, arrived.transactions)
    expected = _expected(configured, arrived)
    return _row("traces", TOTAL, expected, kept, found, (forced, reduced, lost), arrived.dropped.get(BACKPRESSURE, 0))


def _expected(configured: Configured, arrived: Arrived) -> float:
    """The rate that all endpoints together should have: by their requests, or by their weights without a ledger."""
    if arrived.requests:
        requests: Mapping[str, float] = arrived.requests
    else:
        summed: dict[str, float] = defaultdict(float)
        for each in arrived.transactions:
            summed[each.endpoint] += each.weight
        requests = summed
    total = sum(requests.values())
    return sum(n * configured.of(name) for name, n in requests.items()) / total if total else configured.traces


def _endpoint(configured: Configured, name: str, sampled: list[Sampled], arrived: Arrived) -> Row:
    """Of which endpoint the lost ones are nobody knows, so each may have any of them before it is called off."""
    requests = arrived.requests
    lost = sum(count for reason, count in arrived.dropped.items() if reason not in SAMPLED_OUT)
    found: dict[Source, Share | None] = {"weights": share(len(sampled), sum(each.weight for each in sampled))}
    if requests is not None and name in requests:
        found["ledger"] = share(len(sampled), requests[name])
    forced, reduced = _off_rate(configured, sampled)
    return _row("traces", name, configured.of(name), len(sampled), found, (forced, reduced, 0), 0, slack=lost)


def _profiles(configured: Configured, arrived: Arrived) -> Row:
    found: dict[Source, Share | None] = {"reports": share(arrived.profiles, len(arrived.transactions))}
    lost = sum(count for reason, count in arrived.dropped_profiles.items() if reason not in SAMPLED_OUT)
    return _row("profiles", TOTAL, configured.profiles, arrived.profiles, found, (0, 0, lost), 0)


def _errors(configured: Configured, arrived: Arrived) -> Row:
    dropped = sum(arrived.dropped_errors.get(reason, 0) for reason in SAMPLED_OUT)
    found: dict[Source, Share | None] = {"reports": share(arrived.errors, arrived.errors + dropped)}
    lost = sum(arrived.dropped_errors.values()) - dropped
    return _row("errors", TOTAL, configured.errors, arrived.errors, found, (0, 0, lost), 0)


def _off_rate(configured: Configured, sampled: Iterable[Sampled]) -> tuple[int, int]:
    """How many were sent at a higher, and how many at a lower rate than configured."""
    forced = reduced = 0
    for each in sampled:
        ratio = configured.of(each.endpoint) * each.weight  # configured / sent
        forced += ratio < 1 - SAME_RATE
        reduced += ratio > 1 + SAME_RATE
    return forced, reduced


def _row(
    kind: Kind,
    name: str,
    configured: float,
    kept: int,
    found: Mapping[Source, Share | None],
    apart: tuple[int, int, int],
    backpressured: int,
    slack: int = 0,
) -> Row:
    sources = {source: each for source, each in found.items() if each is not None}
    forced, reduced, lost = apart
    verdict, why = _judge(configured, sources, slack)
    if verdict is Verdict.OFF:
        why = "; ".join([why, *_causes(kept, forced, reduced, backpressured)])
    return Row(kind, name, configured, kept, sources, forced, reduced, lost, verdict, why)


def _judge(configured: float, sources: Mapping[Source, Share], slack: int) -> tuple[Verdict, str]:
    if not sources:
        return Verdict.TOO_FEW, "nothing arrived"
    judged = {
        source: _judge_one(configured, each, slack if source == "ledger" else 0) for source, each in sources.items()
    }
    for verdict in (Verdict.OFF, Verdict.TOO_FEW):
        of = [source for source, found in judged.items() if found is verdict]
        if of and (verdict is Verdict.OFF or len(of) == len(judged)):
            return verdict, _say(verdict, of, sources)
    return Verdict.AS_CONFIGURED, f"by {' and '.join(sources)}"


def _judge_one(configured: float, found: Share, slack: int) -> Verdict:
    strict = share(found.kept, found.of, Z_VERDICT)
    most = share(found.kept + slack, found.of, Z_VERDICT)
    if strict is None or most is None or not strict.low <= configured <= most.high:
        return Verdict.OFF
    if configured == 0:
        return Verdict.AS_CONFIGURED if strict.high < CLEARLY_NONE else Verdict.TOO_FEW
    return Verdict.AS_CONFIGURED if strict.low > configured / TELLING else Verdict.TOO_FEW


def _say(verdict: Verdict, of: list[Source], sources: Mapping[Source, Share]) -> str:
    if verdict is Verdict.OFF:
        return ", ".join(f"{sources[each].value:.4g} by {each}" for each in of)
    return f"{max(sources[each].of for each in of):.0f} requests; half the rate would look the same"


def _causes(kept: int, forced: int, reduced: int, backpressured: int) -> list[str]:
    causes = [f"{forced / kept:.0%} forced by callers"] if forced else []
    causes += [f"{reduced / kept:.0%} at a reduced rate"] if reduced else []
    return causes + ([f"{backpressured} dropped under backpressure"] if backpressured else [])
