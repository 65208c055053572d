"""Body of any ingest route -> envelope, so that all that follows knows one form only.

Source: getsentry/relay, endpoints/{store,security_report,monitor}.rs, read 2026-11.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import orjson

from embedded.envelope import Envelope, Item, parse_envelope
from embedded.errors import RejectedError
from embedded.inflate import Inflater
from embedded.lenient import mapping, text
from embedded.limits import MAX_EVENT_BYTES
from embedded.otlp import read_logs, read_traces
from embedded.routes import Kind, Route

ENVELOPE_TYPE: Final = "application/x-sentry-envelope"
SECURITY_TYPES: Final = frozenset(
    {
        "application/csp-report",
        "application/expect-ct-report",
        "application/expect-ct-report+json",
        "application/expect-staple-report",
        "application/json",
        "application/reports+json",
    }
)
CHECK_IN_STATUSES: Final = frozenset({"ok", "error", "in_progress", "missed"})
# Old Python clients write NaN and Infinity, which are no JSON; of them, and of nobody else, these are taken for null.
REPAIRED_CLIENTS: Final = ("raven-python/", "sentry-python/")


def read_envelope(route: Route, body: bytes, headers: Mapping[str, str], query: str, client: str) -> Envelope:
    """Return what the request carries. Raises RejectedError: 400 when it is malformed, 415 for another content type."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    match route.kind:
        case Kind.ENVELOPE:
            return parse_envelope(body)
        case Kind.STORE if content_type == ENVELOPE_TYPE:
            return parse_envelope(body)
        case Kind.STORE:
            return _stored_event(body or _queried(query), client)
        case Kind.SECURITY:
            return _security_report(body, content_type)
        case Kind.CRON:
            return _check_in(route, body, query)
        case Kind.OTLP_TRACES:
            return read_traces(body, content_type)
        case Kind.OTLP_LOGS:
            return read_logs(body, content_type)


def _stored_event(body: bytes, client: str) -> Envelope:
    if not body:
        raise RejectedError(400, "empty request body", reason="no_data")
    payload = body if body.lstrip().startswith(b"{") else _decoded(body)
    if client.startswith(REPAIRED_CLIENTS):
        payload = _repaired(payload)
    try:
        event = mapping(orjson.loads(payload))
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, "invalid JSON data", str(error), reason="invalid_json") from None
    kind = "transaction" if event.get("type") == "transaction" else "event"
    return Envelope({"event_id": event.get("event_id") or uuid4().hex}, (Item(kind, {}, payload),))


def _decoded(body: bytes) -> bytes:
    """base64 of JSON, or of zlib-compressed JSON."""
    try:
        plain = base64.b64decode(body.strip(), validate=True)
    except binascii.Error as error:
        raise RejectedError(400, "invalid request body", str(error), reason="payload") from None
    if plain.lstrip().startswith(b"{"):
        return plain
    inflater = Inflater("deflate", MAX_EVENT_BYTES)
    inflater.feed(plain)
    return inflater.finish()


def _repaired(payload: bytes) -> bytes:
    try:
        return orjson.dumps(json.loads(payload, parse_constant=lambda _: None))
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return payload  # what is wrong with it is said where it is parsed


def _queried(query: str) -> bytes:
    return parse_qs(query).get("sentry_data", [""])[0].replace(" ", "+").encode()


def _security_report(body: bytes, content_type: str) -> Envelope:
    if content_type not in SECURITY_TYPES:
        raise RejectedError(415, f"unsupported content type {content_type!r}", reason="content_type")
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RejectedError(400, "invalid JSON data", str(error), reason="security_report") from None
    return Envelope({"event_id": uuid4().hex}, (Item("security", {}, body),))


def _check_in(route: Route, body: bytes, query: str) -> Envelope:
    given: dict[str, Any] = {
        name: values[0] for name, values in parse_qs(query).items() if not name.startswith("sentry_")
    }
    if body:
        try:
            given |= mapping(orjson.loads(body))
        except orjson.JSONDecodeError as error:
            raise RejectedError(400, "invalid JSON data", str(error), reason="invalid_json") from None
    if given.get("status") not in CHECK_IN_STATUSES:
        allowed = ", ".join(sorted(CHECK_IN_STATUSES))
        raise RejectedError(400, f"status {text(given.get('status'))!r}, allowed are {allowed}", reason="payload")
    payload = orjson.dumps({"check_in_id": uuid4().hex, **given, "monitor_slug": route.monitor})
    return Envelope({}, (Item("check_in", {}, payload),))
