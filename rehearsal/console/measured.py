"""What the engine holds of a service's requests -> the endpoints, traffic and health that a what-if asks about.

Numbers are rounded to what so few samples carry, so that the same answer can be kept while load goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from embedded.store.periods import GroupSum
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


def measure(sums: Mapping[str | None, GroupSum], errors: Mapping[str, float], span: timedelta) -> Measured | None:
    """Return the service of these requests, None where there are too few.

    `errors` are error events by endpoint, `span` is production time.
    """
    stored, total = sum(each.samples for each in sums.values()), sum(each.weight for each in sums.values())
    if stored < MIN_STORED:
        return None
    ranked = sorted(sums.items(), key=lambda pair: -pair[1].weight)
    own = [name for name, each in ranked[:MOST] if name is not None and each.weight >= LEAST * total]
    groups = [(name, [name]) for name in own] + [(REST, [name for name, _ in ranked if name not in own])]
    return Measured(
        endpoints=_whole([_endpoint(name, names, sums, errors, total) for name, names in groups if names]),
        per_second=float(f"{total / span.total_seconds():.{DIGITS}g}"),
        failed=round(sum(each.failed_weight for each in sums.values()) / total, 3),
        stored=stored,
        span=span,
    )


def _endpoint(
    name: str,
    names: Sequence[str | None],
    sums: Mapping[str | None, GroupSum],
    errors: Mapping[str, float],
    total: float,
) -> Endpoint:
    group = [sums[each] for each in names]
    requests = sum(each.weight for each in group)
    return Endpoint(
        name=name,
        share=round(requests / total, 2),
        errors=round(min(1.0, sum(errors.get(each or "", 0.0) for each in names) / requests), 3),
        spans=round(sum(each.spans for each in group) / requests, 1),
        duration_ms=round(sum(each.duration_ms for each in group) / requests),
    )


def _whole(endpoints: list[Endpoint]) -> tuple[Endpoint, ...]:
    """Give the busiest what rounding took, so that the shares are 1 together."""
    first, *others = endpoints
    return (replace(first, share=1 - sum(each.share for each in others)), *others)
