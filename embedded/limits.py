"""How large and how many: the bounds of one envelope, checked before anything is looked into.

Sizes are of decompressed bytes. Source: relay-config defaults, read 2026-11.
"""

from dataclasses import dataclass
from typing import Final

from embedded.envelope import Item
from embedded.errors import RejectedError
from embedded.lenient import quantity

KIB: Final = 1024
MIB: Final = 1024 * KIB
MAX_ENVELOPE_BYTES: Final = 200 * MIB
MAX_EVENT_BYTES: Final = MIB
MAX_ATTACHMENTS_BYTES: Final = 200 * MIB  # of all attachments together
MAX_CONTAINER_BYTES: Final = 12 * MIB
MAX_LOG_BYTES: Final = 2 * MIB  # of one entry, on average over its container
MAX_TRACE_METRIC_BYTES: Final = MIB
MAX_SPAN_BYTES: Final = 10 * MIB
MAX_PROFILE_BYTES: Final = 50 * MIB
MAX_REPLAY_BYTES: Final = 100 * MIB
INTERNAL: Final = "integration"  # Relay's own item type; a client must not send it


@dataclass(frozen=True, slots=True)
class Bound:
    """Of one kind of item."""

    bucket: str  # kinds that share a bucket are counted together
    max_bytes: int
    max_count: int
    max_entry_bytes: int | None = None  # of a container: the average over its `item_count`


EVENT: Final = Bound("event", MAX_EVENT_BYTES, 1)
PROFILE: Final = Bound("profile", MAX_PROFILE_BYTES, 1)
UNKNOWN: Final = Bound("unknown", MAX_EVENT_BYTES, 100)
BOUNDS: Final = {
    "attachment": Bound("attachment", MAX_ATTACHMENTS_BYTES, 30),
    "check_in": Bound("check_in", 100 * KIB, 1),
    "client_report": Bound("client_report", 100 * KIB, 100),
    "event": EVENT,
    "feedback": EVENT,
    "form_data": EVENT,
    "log": Bound("log", MAX_CONTAINER_BYTES, 1, MAX_LOG_BYTES),
    "profile": PROFILE,
    "profile_chunk": PROFILE,
    "profile_chunk_ui": PROFILE,
    "raw_security": EVENT,
    "replay_event": EVENT,
    "replay_recording": Bound("replay_recording", MAX_REPLAY_BYTES, 1),
    "replay_video": Bound("replay_video", MAX_REPLAY_BYTES, 1),
    "security": EVENT,
    "session": Bound("session", 10 * MIB, 100),
    "sessions": Bound("session", 10 * MIB, 100),
    "trace_metric": Bound("trace_metric", MAX_CONTAINER_BYTES, 1, MAX_TRACE_METRIC_BYTES),
    "transaction": EVENT,
    "user_report": Bound("attachment", MAX_EVENT_BYTES, 30),
}
SPAN_CONTAINER: Final = Bound("span_container", MAX_CONTAINER_BYTES, 1, MAX_SPAN_BYTES)
SPAN: Final = Bound("span", MAX_SPAN_BYTES, 25)  # the legacy form, one to an item
SPAN_CONTAINER_TYPE: Final = "application/vnd.sentry.items.span.v2+json"


def check_limits(items: tuple[Item, ...]) -> None:
    """Raise RejectedError (413) naming the first item that is too large or one too many; 400 for Relay's own items."""
    counts: dict[str, int] = {}
    attachments_bytes = 0
    for item in items:
        if item.type == INTERNAL:
            raise RejectedError(400, "envelope contains internal items")
        bound = bound_of(item)
        counts[bound.bucket] = counts.get(bound.bucket, 0) + 1
        attachments_bytes += len(item.payload) if item.type == "attachment" else 0
        if _is_too_large(item, bound) or counts[bound.bucket] > bound.max_count:
            raise _too_large(item.type, f"at most {bound.max_count} of {bound.max_bytes} bytes")
        if attachments_bytes > MAX_ATTACHMENTS_BYTES:
            raise _too_large(item.type, f"at most {MAX_ATTACHMENTS_BYTES} bytes together")


def bound_of(item: Item) -> Bound:
    """Return the bound that the item falls under; a span item is a container or one span, by its content type."""
    if item.type == "span":
        return SPAN_CONTAINER if item.headers.get("content_type") == SPAN_CONTAINER_TYPE else SPAN
    return BOUNDS.get(item.type, UNKNOWN)


def _is_too_large(item: Item, bound: Bound) -> bool:
    if len(item.payload) > bound.max_bytes:
        return True
    entries = max(quantity(item.headers.get("item_count", 1)), 1)
    return bound.max_entry_bytes is not None and len(item.payload) // entries > bound.max_entry_bytes


def _too_large(kind: str, allowed: str) -> RejectedError:
    return RejectedError(413, f"envelope exceeded size limits for type '{kind}' ({allowed})", reason="too_large")
