"""A run that is over -> what each endpoint emitted while nothing disturbed it, through the web API and the ledger."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import mean
from typing import Any, Final

import numpy as np

from loadtest.ledger import NO_ANSWER, Entry
from monitors import signals
from monitors.client import SentryClient
from rehearsal.clock import Pace, now
from rehearsal.cost.measured import LEVELS, MAX_SPAN_NAMES, OTHER_SPANS, Measured, MeasuredEndpoint
from rehearsal.observe import CLOCK_MARGIN
from rehearsal.reconcile import OURS
from rehearsal.verdict import DrillResult

LOOKED_INTO: Final = 30  # transactions of an endpoint: a mean of a few spans is then known to about a tenth
PROFILE: Final = "profile"  # context of a transaction that was profiled
MAX_SPAN_CHARS: Final = 80
UNIQUE: Final = r"\b[0-9a-f]{8,}\b|\d{4,}"  # hashes, identifiers, large numbers
AFTERMATH: Final = timedelta(seconds=2)  # of wall time: caches that were down fill again, queues drain
IDENT, TRANSACTION, DURATION = "id", "transaction", "span.duration"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """The payload of one transaction."""

    spans: tuple[str, ...]  # names of its spans, its own first
    size_bytes: int
    is_profiled: bool


def quiet_time(results: Iterable[DrillResult], pace: Pace) -> Callable[[Entry], bool]:
    """Return whether a request was sent while no drill disturbed anything, nor just after one had."""
    disturbed = [
        (each.fault_at, each.cleared_at + pace.production(AFTERMATH))
        for each in results
        if each.fault_at is not None and each.cleared_at is not None
    ]

    def is_quiet(entry: Entry) -> bool:
        at = timedelta(seconds=(entry.sent_at - pace.origin.timestamp()) * pace.speed)
        return not any(begin <= at <= end for begin, end in disturbed)

    return is_quiet


def measure(
    client: SentryClient,
    project_id: int,
    entries: Iterable[Entry],
    since: datetime,
    is_quiet: Callable[[Entry], bool] = lambda _: True,
) -> Measured:
    """Return what the requests of undisturbed time emitted. Raises ApiError if Sentry cannot be asked.

    1 the quiet requests of the ledger, 2 what arrived of them, 3 a look into some of each endpoint, 4 what all of the
    run cost in items.
    """
    load = [each for each in entries if each.status != NO_ANSWER and each.intent not in OURS]
    quiet = {each.request_id: each for each in load if is_quiet(each)}  # 1
    minutes = int((now() - since + CLOCK_MARGIN) / timedelta(minutes=1)) + 1
    request = signals.REQUEST_ID.name
    arrived = client.events(
        project_id,
        "spans",
        [IDENT, request, TRANSACTION, DURATION],
        f"{signals.IS_TRANSACTION.name}:true",
        stats_period=f"{minutes}m",
        sort="timestamp",
    )
    transactions = [row for row in arrived if row[request] in quiet]  # 2
    errors = client.events(project_id, "errors", [IDENT, request], stats_period=f"{minutes}m", sort="timestamp")
    failed = Counter(quiet[row[request]].route for row in errors if row[request] in quiet)
    by_route: dict[str, list[Row]] = defaultdict(list)
    for row in transactions:
        by_route[quiet[row[request]].route].append(row)
    contents = {route: _look_into(client, project_id, rows) for route, rows in by_route.items()}  # 3
    by_endpoint: dict[str, list[Entry]] = defaultdict(list)
    for entry in quiet.values():
        by_endpoint[entry.route].append(entry)
    return Measured(
        began_at=since,
        ended_at=now(),
        requests=len(quiet),
        load_per_cpu=round(os.getloadavg()[1] / (os.cpu_count() or 1), 2),
        levels=LEVELS,
        endpoints=tuple(
            _endpoint(route, found, failed[route], by_route.get(route, []), contents.get(route, []))
            for route, found in sorted(by_endpoint.items(), key=lambda pair: -len(pair[1]))
        ),
        items=_accepted(client, project_id),  # 4
        sent=len(load),
    )


def _endpoint(
    route: str, entries: list[Entry], errors: int, transactions: list[Row], contents: list[Content]
) -> MeasuredEndpoint:
    names = Counter(name for each in contents for name in each.spans)
    durations = [float(row[DURATION]) for row in transactions]
    return MeasuredEndpoint(
        route=route,
        requests=len(entries),
        failures=sum(each.is_failed for each in entries),
        errors=errors,
        transactions=len(transactions),
        profiled=sum(each.is_profiled for each in contents),
        looked_into=len(contents),
        spans=names.total(),
        span_names=_shorten(names),
        payload_bytes=sum(each.size_bytes for each in contents),
        mean_ms=round(mean(durations), 3) if durations else 0.0,
        latency_ms=quantiles(durations),
    )


def quantiles(values: list[float]) -> tuple[float, ...]:
    """Return the quantiles at LEVELS, to a microsecond; none of nothing."""
    return tuple(round(float(each), 3) for each in np.quantile(values, LEVELS)) if values else ()


def _shorten(names: Counter[str]) -> dict[str, int]:
    kept = dict(names.most_common(MAX_SPAN_NAMES))
    rest = names.total() - sum(kept.values())
    return kept | ({OTHER_SPANS: rest} if rest else {})


def _look_into(client: SentryClient, project_id: int, rows: list[Row]) -> list[Content]:
    """Read the payloads of some of them, evenly over the run."""
    step = max(1, len(rows) // LOOKED_INTO)
    return [_content(client.event(project_id, row[IDENT]), row) for row in rows[::step][:LOOKED_INTO]]


def _content(event: Row, row: Row) -> Content:
    entries = {each.get("type"): each.get("data") for each in event.get("entries", [])}
    spans = [each for each in entries.get("spans") or [] if isinstance(each, dict)]
    own = f"http.server {row[TRANSACTION]}"
    payload = {key: event.get(key) for key in ("entries", "contexts", "tags")}
    return Content(
        spans=(own, *map(_span_name, spans)),
        size_bytes=len(json.dumps(payload, separators=(",", ":"))),
        is_profiled=PROFILE in (event.get("contexts") or {}),
    )


def _span_name(span: Row) -> str:
    """Operation and description, without what differs from request to request."""
    text = " ".join(f"{span.get('op') or 'default'} {span.get('description') or ''}".split())
    return re.sub(UNIQUE, "*", text)[:MAX_SPAN_CHARS]


def _accepted(client: SentryClient, project_id: int) -> dict[str, int]:
    groups = client.stats_v2(project_id, ["category"], outcome="accepted")
    return {group.by["category"]: group.quantity for group in groups}
