"""Span v2 containers -> requests: what JavaScript SDKs, and Python's stream mode, send instead of transactions.

A segment span (the root of a service's part of a trace) becomes the same record as a transaction, so endpoints, rates
and monitors do not see the difference. It carries no event id: one is derived from trace and span id, so that a
container that is sent twice is stored once. Source: develop.sentry.dev span protocol; observed with sentry-sdk 2.75 and
@sentry/node 11.12, read 2026-11.
"""

from collections import Counter
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from embedded.categories import SPAN
from embedded.lenient import hex_id, instant, mapping, quantity, sequence, tags, text, within_range
from embedded.records import Entry, Outcome, Transaction

UNMATCHED: Final = "<unmatched>"  # the name of requests that no route took: their raw URLs are unbounded
INVALID_SPAN: Final = "invalid_span"
MAX_TAGS: Final = 100  # attributes of one segment that can be searched by
EVENT_ID_BYTES: Final = 16
HTTP_STATUSES: Final = range(100, 1000)
# Source: Sentry's span status by HTTP status, as sentry-sdk 2.75 sets it on transactions, read 2026-11.
STATUS_OF_HTTP: Final = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    409: "already_exists",
    413: "failed_precondition",
    429: "resource_exhausted",
    499: "cancelled",
    501: "unimplemented",
    503: "unavailable",
    504: "deadline_exceeded",
}


def container_entries(found: dict[str, Any], item_count: object, received_at: datetime, weight: float) -> list[Entry]:
    """Return one entry per segment with its spans, one for the spans of segments elsewhere, one for invalid spans.

    `weight` is how many requests each segment stands for.
    """
    spans = [mapping(span) for span in sequence(found.get("items"))]
    if not spans or item_count != len(spans):  # the container's own rule: what it announces is what it holds
        return [Entry(((SPAN, max(quantity(item_count), 1)),), Outcome.INVALID, INVALID_SPAN)]
    valid = [span for span in spans if _is_valid(span)]
    roots = [span for span in valid if _is_segment(span)]
    known = {_span_key(root) for root in roots}
    children = Counter(key if (key := _segment_key(span)) in known else None for span in valid if span not in roots)
    entries = [
        Entry(((SPAN, record.span_count),), record=record)
        for root in roots
        for record in (segment(root, received_at, weight, 1 + children[_span_key(root)]),)
    ]
    if children[None]:
        entries.append(Entry(((SPAN, children[None]),)))
    if len(valid) < len(spans):
        entries.append(Entry(((SPAN, len(spans) - len(valid)),), Outcome.INVALID, INVALID_SPAN))
    return entries


def segment(span: dict[str, Any], received_at: datetime, weight: float, span_count: int) -> Transaction:
    """Return a valid segment span as the record of one request."""
    values = attribute_values(span)
    started, ended = instant(span["start_timestamp"]), instant(span.get("end_timestamp")) or received_at
    assert started is not None  # noqa: S101 - `_is_valid` has seen it
    http_status = values.get("http.response.status_code")
    source = text(values.get("sentry.segment.name.source") or values.get("sentry.span.source")) or "custom"
    name = text(values.get("sentry.segment.name")) or text(span.get("name")) or "<unlabeled transaction>"
    is_http = isinstance(http_status, int) and http_status in HTTP_STATUSES
    return Transaction(
        event_id=blake2b("/".join(_span_key(span)).encode(), digest_size=EVENT_ID_BYTES).hexdigest(),
        trace_id=str(span["trace_id"]).lower(),
        name=UNMATCHED if source == "url" else name,
        source=source,
        op=text(values.get("sentry.op")) or "default",
        method=text(values.get("http.request.method")),
        ended_at=within_range(ended, received_at),
        duration_ms=(ended - started) / timedelta(milliseconds=1),
        status=_status(span.get("status"), http_status if is_http else None),
        http_status=http_status if is_http else None,
        release=text(values.get("sentry.release")),
        environment=text(values.get("sentry.environment")),
        tags=dict(list(tags({key: _scalar(value) for key, value in values.items()}).items())[:MAX_TAGS]),
        weight=weight,
        span_count=span_count,
        payload=orjson.dumps({"type": "span", **span}),
    )


def attribute_values(span: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes without their types: {"value": v, "type": t} becomes v."""
    return {key: mapping(each).get("value") for key, each in mapping(span.get("attributes")).items()}


def _is_valid(span: dict[str, Any]) -> bool:
    started, ended = instant(span.get("start_timestamp")), instant(span.get("end_timestamp"))
    has_ids = hex_id(span.get("trace_id"), 32) is not None and hex_id(span.get("span_id"), 16) is not None
    return has_ids and started is not None and (ended is None or ended >= started)


def _is_segment(span: dict[str, Any]) -> bool:
    return span.get("is_segment") is True or (span.get("is_segment") is None and not span.get("parent_span_id"))


def _span_key(span: dict[str, Any]) -> tuple[str, str]:
    return str(span["trace_id"]).lower(), str(span["span_id"]).lower()


def _segment_key(span: dict[str, Any]) -> tuple[str, str]:
    named = attribute_values(span).get("sentry.segment.id") or span.get("segment_id") or span.get("parent_span_id")
    return str(span["trace_id"]).lower(), str(named).lower()


def _status(found: object, http_status: int | None) -> str:
    """v2 knows ok and error only; what kind of error is told by the HTTP status, as for a transaction."""
    if found != "error":
        return "ok" if found == "ok" else text(found) or "unknown"
    if http_status is None or http_status < 400:
        return "internal_error"
    return STATUS_OF_HTTP.get(http_status, "invalid_argument" if http_status < 500 else "internal_error")


def _scalar(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else None
