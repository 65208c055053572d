"""What a run showed of each endpoint while nothing disturbed it: the part `measured` of report.json, and its reading.

A bill and the power of monitors need what each endpoint emits and how long it takes, and nothing else of a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

LEVELS: Final = (0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99, 0.999, 1.0)  # of the kept quantiles
MAX_SPAN_NAMES: Final = 40  # of an endpoint; the rest are one line
OTHER_SPANS: Final = "(others)"


@dataclass(frozen=True, slots=True)
class MeasuredEndpoint:
    """One route in undisturbed time."""

    route: str  # the transaction's name, a route template
    requests: int  # answered, by the ledger
    failures: int  # of those: the service failed (5xx)
    errors: int  # error events of those requests that arrived
    transactions: int  # of those requests that arrived
    profiled: int  # of those transactions that were looked into
    looked_into: int  # transactions whose whole payload was read; the next three are of these
    spans: int  # the transactions' own included
    span_names: Mapping[str, int]  # operation and description -> spans
    payload_bytes: int  # of the transactions' payloads as the web API gives them, JSON without compression
    mean_ms: float  # of the transactions' durations; 0 of none
    latency_ms: tuple[float, ...]  # quantiles of the transactions' durations at LEVELS; empty of none


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run showed while nothing disturbed it."""

    began_at: datetime
    ended_at: datetime
    requests: int  # answered, in undisturbed time; all shares are of these
    load_per_cpu: float  # the machine's load average of the last minutes: above 1, latencies are its as well
    levels: tuple[float, ...]  # of the quantiles
    endpoints: tuple[MeasuredEndpoint, ...]
    items: Mapping[str, int]  # accepted in the WHOLE run by Sentry's category, bytes where it meters bytes
    sent: int  # requests of the whole run, which `items` belongs to
