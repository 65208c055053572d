"""What the engine holds of a service's requests -> the endpoints, traffic and health that a what-if asks about.

Numbers are rounded to what so few samples carry, so that the same answer can be kept while load goes on.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from embedded.store.traffic import Emitted
from rehearsal.cost.workload import NOTHING_BESIDE, Beside, Endpoint

MIN_STORED: Final = 200  # requests: below it a mix, and an average of spans, is too uncertain to plan with
DIGITS: Final = 2  # that count, of traffic
MOST: Final = 11  # endpoints that get a slider; the others have one together, and so have those with next to no load
LEAST: Final = 0.005  # share of the load
REST: Final = "all others"


@dataclass(frozen=True, slots=True)
class Measured:
    """A service as it was seen."""

    endpoints: tuple[Endpoint, ...]
    per_second: float  # production requests
    failed: float  # share of the requests
    stored: int  # requests that it stands on
    span: timedelta  # production time
    beside: Beside = NOTHING_BESIDE


def measure(emitted: list[Emitted], span: timedelta) -> Measured | None:
    """Return the service of these requests, None where there are too few; `span` is production time."""
    stored, total = sum(each.stored for each in emitted), sum(each.requests for each in emitted)
    if stored < MIN_STORED:
        return None
    ranked = sorted(emitted, key=lambda each: -each.requests)
    own = [each for each in ranked[:MOST] if each.requests >= LEAST * total]
    groups = [(each.name, [each]) for each in own] + [(REST, ranked[len(own) :])]
    return Measured(
        endpoints=_whole([_endpoint(name, group, total) for name, group in groups if group]),
        per_second=float(f"{total / span.total_seconds():.{DIGITS}g}"),
        failed=round(sum(each.failed for each in emitted) / total, 3),
        stored=stored,
        span=span,
    )


def _endpoint(name: str, group: list[Emitted], total: float) -> Endpoint:
    requests = sum(each.requests for each in group)
    return Endpoint(
        name=name,
        share=round(requests / total, 2),
        errors=round(min(1.0, sum(each.errors for each in group) / requests), 3),
        spans=round(sum(each.spans for each in group) / requests, 1),
        duration_ms=round(sum(each.duration_ms for each in group) / requests),
    )


def _whole(endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """Give the busiest what rounding took, so that the shares are 1 together."""
    first, *others = endpoints
    share = 1 - sum(each.share for each in others)
    return (Endpoint(first.name, share, first.errors, first.spans, first.duration_ms), *others)
