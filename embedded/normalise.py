"""Item payloads -> frozen records. What cannot be one is counted as invalid with its reason, never raised.

Source of fields, defaults and bounds: getsentry/relay normalisation as observed with sentry-sdk 2.75, read 2026-11.
"""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from embedded.envelope import Envelope, Item
from embedded.grouping import event_hashes, exceptions, message_of
from embedded.lenient import mapping, sequence, tags
from embedded.records import Batch, ErrorEvent, Outcome, OutcomeCount, SessionCounts, Transaction

MAX_PAST: Final = timedelta(days=30)  # older or newer timestamps are replaced by the time of receipt
MAX_FUTURE: Final = timedelta(seconds=60)
MAX_NAME: Final = 200  # transaction name, culprit, release, category, exception type, characters
MAX_MESSAGE: Final = 8192  # characters
MAX_REASON: Final = 200  # of a client discard, characters
MAX_QUANTITY: Final = 1_000_000_000  # of one client discard; a forged one must not drown the books
MIN_SAMPLE_RATE: Final = 1e-4  # a forged tiny rate must not make one request weigh millions
HTTP_STATUSES: Final = range(100, 1000)
# Sentry's levels; any other is taken for an error.
LEVELS: Final = frozenset({"fatal", "error", "warning", "info", "debug"})
UNMATCHED: Final = "<unmatched>"  # the name of requests that no route took: their raw URLs are unbounded

# Item type -> data category, for items that are counted here but not stored. Source: relay Item::quantities.
COUNTED: Final = {
    "attachment": "attachment",
    "check_in": "monitor",
    "feedback": "feedback",
    "log": "log_item",
    "profile": "profile",
    "profile_chunk": "profile_chunk",
    "replay_event": "replay",
    "replay_recording": "replay",
    "session": "session",
    "span": "span",
    "trace_metric": "trace_metric",
    "user_report": "feedback",
}


class _InvalidError(Exception):
    """Raised inside this module: the item cannot be a record; carries the outcome's reason."""


def normalise(envelope: Envelope, project_id: int, received_at: datetime) -> Batch:
    """Turn every item of the envelope into records and outcome counts."""
    transactions: list[Transaction] = []
    errors: list[ErrorEvent] = []
    sessions: list[SessionCounts] = []
    outcomes: list[OutcomeCount] = []
    for item in envelope.items:
        try:
            match item.type:
                case "transaction":
                    transactions.append(_transaction(item, envelope, received_at))
                case "event":
                    errors.append(_error_event(item, envelope, received_at))
                case "sessions":
                    sessions += _sessions(item)
                    outcomes.append(_accepted("session", item))
                case "client_report":
                    outcomes += _client_discards(item)
                case _:
                    outcomes.append(_accepted(COUNTED.get(item.type, "default"), item))
        except _InvalidError as error:
            category = {"event": "error", "sessions": "session"}.get(item.type, item.type)
            outcomes.append(OutcomeCount(category, Outcome.INVALID, str(error), 1))
    return Batch(project_id, received_at, tuple(transactions), tuple(errors), tuple(sessions), tuple(outcomes))


def _transaction(item: Item, envelope: Envelope, received_at: datetime) -> Transaction:
    data = _object(item.payload)
    trace = mapping(mapping(data.get("contexts")).get("trace"))
    trace_id, started, ended = (
        _hex(trace.get("trace_id"), 32),
        _instant(data.get("start_timestamp")),
        _instant(data.get("timestamp")),
    )
    if trace_id is None or _hex(trace.get("span_id"), 16) is None or started is None or (ended and ended < started):
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
        method=_text(mapping(data.get("request")).get("method")),
        ended_at=_within_range(ended, received_at),
        duration_ms=(ended - started) / timedelta(milliseconds=1),
        status=str(trace.get("status") or "unknown")[:MAX_NAME],
        http_status=_http_status(data, trace),
        release=_text(data.get("release")),
        environment=_text(data.get("environment")),
        tags=tags(data.get("tags")),
        weight=_weight(envelope),
        span_count=1 + len(sequence(data.get("spans"))),
        payload=item.payload,
    )


def _error_event(item: Item, envelope: Envelope, received_at: datetime) -> ErrorEvent:
    data = _object(item.payload)
    raised = exceptions(data)
    trace_id = _hex(mapping(mapping(data.get("contexts")).get("trace")).get("trace_id"), 32)
    return ErrorEvent(
        event_id=_event_id(envelope, data),
        trace_id=trace_id,
        occurred_at=_within_range(_instant(data.get("timestamp")) or received_at, received_at),
        level=level if (level := str(data.get("level"))) in LEVELS else "error",
        title=_title(data, raised),
        culprit=str(data.get("transaction") or data.get("culprit") or "")[:MAX_NAME],
        transaction=_text(data.get("transaction")),
        release=_text(data.get("release")),
        environment=_text(data.get("environment")),
        tags=tags(data.get("tags")),
        hashes=event_hashes(data),
        payload=item.payload,
    )


def _title(data: dict[str, Any], raised: list[dict[str, Any]]) -> str:
    if raised:
        kind, value = str(raised[-1].get("type") or "Error")[:MAX_NAME], str(raised[-1].get("value") or "").strip()
        return f"{kind}: {value.splitlines()[0]}"[:MAX_MESSAGE] if value else kind
    lines = message_of(data).strip().splitlines()
    return lines[0][:MAX_MESSAGE] if lines else "<unlabeled event>"


def _sessions(item: Item) -> list[SessionCounts]:
    data = _object(item.payload)
    attributes = mapping(data.get("attrs"))
    counts: list[SessionCounts] = []
    release, environment = _text(attributes.get("release")) or "", _text(attributes.get("environment")) or ""
    for row in sequence(data.get("aggregates")):
        started = _instant(_get(row, "started"))
        if started is None:
            raise _InvalidError("invalid_session")
        ends = {name: _quantity(row.get(name, 0)) for name in ("exited", "errored", "crashed", "abnormal")}
        counts.append(SessionCounts(started, release, environment, **ends))
    return counts


def _client_discards(item: Item) -> Iterable[OutcomeCount]:
    """Counts of what the SDK dropped itself. A report that cannot be read is ignored, as Relay does."""
    try:
        discards = _object(item.payload).get("discarded_events")
    except _InvalidError:
        return
    for row in sequence(discards):
        reason, category = str(_get(row, "reason") or ""), str(_get(row, "category") or "")
        quantity = _quantity(_get(row, "quantity"))
        if quantity and 0 < len(category) <= MAX_NAME and 0 < len(reason) <= MAX_REASON:
            yield OutcomeCount(category, Outcome.CLIENT_DISCARD, reason, quantity)


def _accepted(category: str, item: Item) -> OutcomeCount:
    return OutcomeCount(category, Outcome.ACCEPTED, "", max(1, _quantity(item.headers.get("item_count", 1))))


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
    for found in (envelope.headers.get("event_id"), data.get("event_id")):
        try:
            return UUID(str(found)).hex
        except ValueError:
            continue
    raise _InvalidError("missing_event_id")


def _instant(value: object) -> datetime | None:
    """An RFC 3339 text or seconds since the epoch, as an aware UTC instant."""
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _within_range(moment: datetime, received_at: datetime) -> datetime:
    return moment if received_at - MAX_PAST <= moment <= received_at + MAX_FUTURE else received_at


def _object(payload: bytes) -> dict[str, Any]:
    """Parse a payload. What orjson reads but will not write is nested too deeply for any later reader."""
    try:
        data = orjson.loads(payload)
        orjson.dumps(data)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise _InvalidError("invalid_json") from None
    if not isinstance(data, dict):
        raise _InvalidError("invalid_json")
    return data


def _get(value: object, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _text(value: object) -> str | None:
    return value[:MAX_NAME] if isinstance(value, str) and value else None


def _quantity(value: object) -> int:
    return min(value, MAX_QUANTITY) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _hex(value: object, length: int) -> str | None:
    is_hex = isinstance(value, str) and len(value) == length and all(c in "0123456789abcdefABCDEF" for c in value)
    return str(value).lower() if is_hex else None
