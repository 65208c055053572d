"""Item payloads -> frozen records. What cannot be one is counted as invalid with its reason, never raised.

Source of fields, defaults and bounds: getsentry/relay normalisation as observed with sentry-sdk 2.75, read 2026-11.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from embedded.categories import CONTAINERS, ERROR, Quantities, quantities, transaction_quantities
from embedded.envelope import Envelope, Item
from embedded.grouping import event_hashes, exceptions, message_of
from embedded.lenient import (
    MAX_FUTURE,
    MAX_NAME,
    MAX_QUANTITY,
    hex_id,
    instant,
    mapping,
    quantity,
    sequence,
    tags,
    text,
    uuid_hex,
    within_range,
)
from embedded.limits import SPAN_CONTAINER_TYPE
from embedded.records import Batch, Entry, ErrorEvent, Outcome, OutcomeCount, SessionCounts, Transaction
from embedded.scrub import scrubber
from embedded.spans import HTTP_STATUSES, UNMATCHED, container_entries
from embedded.suspects import Scrubbing

MAX_REPORT_AGE: Final = timedelta(days=90)  # of a client report: what is older than the books is not booked
MAX_MESSAGE: Final = 8192  # characters
MAX_REASON: Final = 200  # of a client discard, characters
MAX_DISCARDS: Final = 500  # lines of all client reports of an envelope; SDKs know some 15 reasons for 10 categories
MIN_SAMPLE_RATE: Final = 1e-4  # a forged tiny rate must not make one request weigh millions
# Sentry's levels; any other is taken for an error.
LEVELS: Final = frozenset({"fatal", "error", "warning", "info", "debug"})
CONTAINER_TYPES: Final = {
    "log": "application/vnd.sentry.items.log+json",
    "span": SPAN_CONTAINER_TYPE,
    "trace_metric": "application/vnd.sentry.items.trace-metric+json",
}
INVALID_CONTAINER: Final = {"log": "invalid_log", "span": "invalid_span", "trace_metric": "invalid_trace_metric"}
Scrub = Callable[[bytes], tuple[bytes, Any]]  # a payload -> the same without what must not be stored, and what it says
AS_IT_IS: Final = scrubber(Scrubbing(is_on=False))


class _InvalidError(Exception):
    """Raised inside this module: the item cannot be a record; carries the outcome's reason."""


def normalise(envelope: Envelope, project_id: int, received_at: datetime, scrub: Scrub = AS_IT_IS) -> Batch:
    """Turn every item of the envelope into records and outcomes; `scrub` sees a payload before it is kept."""
    entries: list[Entry] = []
    discards: list[OutcomeCount] = []
    for item in envelope.items:
        try:
            if item.type == "client_report":
                discards += _client_discards(item, received_at)
            else:
                entries += _entries(item, envelope, received_at, scrub)
        except _InvalidError as error:
            entries.append(Entry(quantities(item), Outcome.INVALID, str(error)))
    return Batch(project_id, received_at, tuple(entries), _summed(discards))


def _entries(item: Item, envelope: Envelope, received_at: datetime, scrub: Scrub) -> list[Entry]:
    match item.type:
        case "transaction":
            transaction = _transaction(*_read(item.payload, scrub), envelope, received_at)
            return [Entry(transaction_quantities(transaction.span_count - 1), record=transaction)]
        case "event":
            return [Entry(((ERROR, 1),), record=_error_event(*_read(item.payload, scrub), envelope, received_at))]
        case "sessions":
            return [Entry(quantities(item), record=tuple(_sessions(item)))]
        case "span" if item.headers.get("content_type") == SPAN_CONTAINER_TYPE:
            _, found = _read(item.payload, scrub, "invalid_span")
            return container_entries(found, item.headers.get("item_count"), received_at, _weight(envelope))
        case "log" | "trace_metric":
            return [Entry(_container_quantities(item))]
        case _:
            return [Entry(quantities(item))]


def _container_quantities(item: Item) -> Quantities:
    """Logs and metrics are counted, not stored; a container that is not what it announces is rejected as a whole."""
    reason = INVALID_CONTAINER[item.type]
    if item.headers.get("content_type") != CONTAINER_TYPES[item.type]:
        raise _InvalidError(reason)
    found = sequence(_read(item.payload, reason=reason)[1].get("items"))
    if not found or item.headers.get("item_count") != len(found):
        raise _InvalidError(reason)
    entries, content = CONTAINERS[item.type]
    return (entries, len(found)), (content, len(item.payload))


def _transaction(payload: bytes, data: dict[str, Any], envelope: Envelope, received_at: datetime) -> Transaction:
    trace = mapping(mapping(data.get("contexts")).get("trace"))
    trace_id, started, ended = (
        hex_id(trace.get("trace_id"), 32),
        instant(data.get("start_timestamp")),
        instant(data.get("timestamp")),
    )
    if trace_id is None or hex_id(trace.get("span_id"), 16) is None or started is None or (ended and ended < started):
        raise _InvalidError("invalid_transaction")
    spans = sequence(data.get("spans"))
    if any(map(_ends_before_it_starts, spans)):
        raise _InvalidError("invalid_transaction")
    ended = ended or received_at
    source = str(mapping(data.get("transaction_info")).get("source") or "custom")
    name = UNMATCHED if source == "url" else str(data.get("transaction") or "<unlabeled transaction>")[:MAX_NAME]
    return Transaction(
        event_id=_event_id(envelope, data),
        trace_id=trace_id,
        name=name,
        source=source,
        op=str(trace.get("op") or "default")[:MAX_NAME],
        method=text(mapping(data.get("request")).get("method")),
        ended_at=within_range(ended, received_at),
        duration_ms=(ended - started) / timedelta(milliseconds=1),
        status=str(trace.get("status") or "unknown")[:MAX_NAME],
        http_status=_http_status(data, trace),
        release=text(data.get("release")),
        environment=text(data.get("environment")),
        tags=tags(data.get("tags")),
        weight=_weight(envelope),
        span_count=1 + len(spans),
        payload=payload,
    )


def _ends_before_it_starts(span: object) -> bool:
    started, ended = instant(_get(span, "start_timestamp")), instant(_get(span, "timestamp"))
    return started is not None and ended is not None and ended < started


def _error_event(payload: bytes, data: dict[str, Any], envelope: Envelope, received_at: datetime) -> ErrorEvent:
    raised = exceptions(data)
    trace_id = hex_id(mapping(mapping(data.get("contexts")).get("trace")).get("trace_id"), 32)
    return ErrorEvent(
        event_id=_event_id(envelope, data),
        trace_id=trace_id,
        occurred_at=within_range(instant(data.get("timestamp")) or received_at, received_at),
        level=level if (level := str(data.get("level"))) in LEVELS else "error",
        title=_title(data, raised),
        culprit=str(data.get("transaction") or data.get("culprit") or "")[:MAX_NAME],
        transaction=text(data.get("transaction")),
        release=text(data.get("release")),
        environment=text(data.get("environment")),
        tags=tags(data.get("tags")),
        hashes=event_hashes(data),
        payload=payload,
    )


def _title(data: dict[str, Any], raised: list[dict[str, Any]]) -> str:
    if raised:
        kind, value = str(raised[-1].get("type") or "Error")[:MAX_NAME], str(raised[-1].get("value") or "").strip()
        return f"{kind}: {value.splitlines()[0]}"[:MAX_MESSAGE] if value else kind
    lines = message_of(data).strip().splitlines()
    return lines[0][:MAX_MESSAGE] if lines else "<unlabeled event>"


def _sessions(item: Item) -> list[SessionCounts]:
    _, data = _read(item.payload)
    attributes = mapping(data.get("attrs"))
    counts: list[SessionCounts] = []
    release, environment = text(attributes.get("release")) or "", text(attributes.get("environment")) or ""
    for row in sequence(data.get("aggregates")):
        started = instant(_get(row, "started"))
        if started is None:
            raise _InvalidError("invalid_session")
        ends = {name: quantity(row.get(name, 0)) for name in ("exited", "errored", "crashed", "abnormal")}
        counts.append(SessionCounts(started, release, environment, **ends))
    return counts


def _client_discards(item: Item, received_at: datetime) -> Iterable[OutcomeCount]:
    """Counts of what the SDK dropped itself. A report that cannot be read is ignored, as Relay does."""
    try:
        _, report = _read(item.payload)
    except _InvalidError:
        return
    sent_at = instant(report.get("timestamp")) or received_at
    if not received_at - MAX_REPORT_AGE <= sent_at <= received_at + MAX_FUTURE:
        return
    for row in sequence(report.get("discarded_events")):
        reason, category = str(_get(row, "reason") or ""), str(_get(row, "category") or "")
        dropped = quantity(_get(row, "quantity"))
        if dropped and 0 < len(category) <= MAX_NAME and 0 < len(reason) <= MAX_REASON:
            yield OutcomeCount(category, Outcome.CLIENT_DISCARD, reason, dropped)


def _summed(discards: Iterable[OutcomeCount]) -> tuple[OutcomeCount, ...]:
    """Reports of one envelope are summed; of forged ones with endless reasons only so many lines are kept."""
    totals: dict[tuple[str, str], int] = {}
    for each in discards:
        if (each.category, each.reason) in totals or len(totals) < MAX_DISCARDS:
            known = totals.get((each.category, each.reason), 0)
            totals[each.category, each.reason] = min(known + each.quantity, MAX_QUANTITY)
    return tuple(
        OutcomeCount(category, Outcome.CLIENT_DISCARD, reason, total) for (category, reason), total in totals.items()
    )


def _weight(envelope: Envelope) -> float:
    """How many requests this one stands for: 1 over the rate at which the head of the trace was sampled."""
    trace = envelope.headers.get("trace")
    try:
        rate = float(_get(trace, "sample_rate"))  # all values of this header are strings
    except (TypeError, ValueError):
        return 1.0
    return 1.0 / max(rate, MIN_SAMPLE_RATE) if 0 < rate <= 1 else 1.0


def _http_status(data: dict[str, Any], trace: dict[str, Any]) -> int | None:
    found = _get(mapping(data.get("contexts")).get("response"), "status_code") or mapping(trace.get("data")).get(
        "http.response.status_code"
    )
    return found if isinstance(found, int) and found in HTTP_STATUSES else None


def _event_id(envelope: Envelope, data: dict[str, Any]) -> str:
    """The envelope's id wins over the payload's; dashes are allowed in both."""
    found = uuid_hex(envelope.headers.get("event_id")) or uuid_hex(data.get("event_id"))
    if found is None:
        raise _InvalidError("missing_event_id")
    return found


def _read(payload: bytes, scrub: Scrub = AS_IT_IS, reason: str = "invalid_json") -> tuple[bytes, dict[str, Any]]:
    """Return a payload as it may be stored, and what it says."""
    try:
        payload, data = scrub(payload)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise _InvalidError(reason) from None
    if not isinstance(data, dict):
        raise _InvalidError(reason)
    return payload, data


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
