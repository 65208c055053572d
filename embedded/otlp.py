"""OTLP over HTTP -> the containers that SDKs send: spans of traces as span v2, log records as logs.

JSON only; its ids are hex and its 64-bit numbers texts. Protobuf is answered 415.
Source: opentelemetry.io, OTLP 1.x specification, JSON Protobuf encoding, read 2026-11.
"""

from typing import Any, Final

import orjson

from embedded.envelope import Envelope, Item
from embedded.errors import RejectedError
from embedded.lenient import mapping, sequence
from embedded.limits import SPAN_CONTAINER_TYPE

JSON: Final = "application/json"
NANOSECONDS: Final = 1e9
ERROR_STATUS: Final = (2, "STATUS_CODE_ERROR")
# What says whose request it was, in OpenTelemetry's words -> in Sentry's.
ATTRIBUTES: Final = {
    "deployment.environment": "sentry.environment",
    "deployment.environment.name": "sentry.environment",
    "service.version": "sentry.release",
}
SERVER_KINDS: Final = (2, "SPAN_KIND_SERVER")
LOG_TYPE: Final = "application/vnd.sentry.items.log+json"


def read_traces(body: bytes, content_type: str) -> Envelope:
    """Return the spans as one container. Raises RejectedError: 415 for another type than JSON, 400 when malformed."""
    spans = [
        _span(mapping(span), resource)
        for resource, span in _walk(_load(body, content_type), "resourceSpans", "scopeSpans", "spans")
    ]
    return _container("span", SPAN_CONTAINER_TYPE, spans)


def read_logs(body: bytes, content_type: str) -> Envelope:
    """Return the log records as one container. Raises RejectedError as `read_traces` does."""
    records = [
        {"body": _value(mapping(record).get("body")), "attributes": mapping(resource)}
        for resource, record in _walk(_load(body, content_type), "resourceLogs", "scopeLogs", "logRecords")
    ]
    return _container("log", LOG_TYPE, records)


def _load(body: bytes, content_type: str) -> dict[str, Any]:
    if content_type != JSON:
        raise RejectedError(415, f"unsupported content type {content_type!r}, send {JSON}", reason="content_type")
    try:
        return mapping(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, "invalid JSON data", str(error), reason="invalid_json") from None


def _walk(found: dict[str, Any], outer: str, scope: str, inner: str) -> list[tuple[dict[str, Any], Any]]:
    """(attributes of the resource, entry) for each entry, whatever scope it is of."""
    return [
        (_attributes(mapping(mapping(group).get("resource")).get("attributes")), entry)
        for group in sequence(found.get(outer))
        for part in sequence(mapping(group).get(scope))
        for entry in sequence(mapping(part).get(inner))
    ]


def _container(kind: str, content_type: str, entries: list[dict[str, Any]]) -> Envelope:
    if not entries:
        return Envelope({}, ())
    headers = {"type": kind, "content_type": content_type, "item_count": len(entries)}
    return Envelope({}, (Item(kind, headers, orjson.dumps({"version": 2, "items": entries})),))


def _span(span: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    attributes = resource | _attributes(span.get("attributes"))
    for theirs, ours in ATTRIBUTES.items():
        if theirs in attributes:
            attributes.setdefault(ours, attributes[theirs])
    is_server = span.get("kind") in SERVER_KINDS
    attributes.setdefault("sentry.op", {"value": "http.server" if is_server else "default", "type": "string"})
    return {
        "trace_id": span.get("traceId"),
        "span_id": span.get("spanId"),
        "parent_span_id": span.get("parentSpanId") or None,
        "name": span.get("name"),
        "status": "error" if mapping(span.get("status")).get("code") in ERROR_STATUS else "ok",
        "is_segment": is_server or not span.get("parentSpanId"),
        "start_timestamp": _seconds(span.get("startTimeUnixNano")),
        "end_timestamp": _seconds(span.get("endTimeUnixNano")),
        "attributes": attributes,
    }


def _attributes(found: object) -> dict[str, Any]:
    pairs = [mapping(each) for each in sequence(found)]
    return {str(pair.get("key")): {"value": _value(pair.get("value")), "type": "string"} for pair in pairs}


def _value(found: object) -> object:
    """{"intValue": "5"} -> 5: a value without the name of its kind."""
    for kind, value in mapping(found).items():
        if kind == "intValue" and str(value).lstrip("-").isdecimal() and len(str(value)) < 20:
            return int(value)
        return value if isinstance(value, str | int | float) else None
    return None


def _seconds(nanoseconds: object) -> float | None:
    written = str(nanoseconds)
    return int(written) / NANOSECONDS if written.isascii() and written.isdigit() and len(written) < 20 else None
