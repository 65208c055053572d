"""Item -> data categories and quantities: what one item counts as in the books, whatever becomes of it.

Every drop is counted by the same rule as an acceptance, so the sum over outcomes is what was received. The `*_indexed`
categories of Sentry's pipeline are left out: they split an acceptance by dynamic sampling, which this engine has not.
Source: getsentry/relay, Item::quantities and DataCategory, read 2026-11.
"""

from typing import Final

import orjson

from embedded.envelope import Item
from embedded.lenient import mapping, quantity, sequence

Quantities = tuple[tuple[str, int], ...]

ATTACHMENT: Final = "attachment"  # in bytes; the number is `attachment_item`
DEFAULT: Final = "default"  # of whatever has no category of its own, unknown types too
ERROR: Final = "error"
SPAN: Final = "span"
TRANSACTION: Final = "transaction"
# Containers: category of the entries, and of their bytes where Sentry meters them.
CONTAINERS: Final = {"log": ("log_item", "log_byte"), "trace_metric": ("trace_metric", "trace_metric_byte")}
SINGLE: Final = {
    "check_in": "monitor",
    "event": ERROR,
    "feedback": "feedback",
    "profile": "profile",
    "raw_security": "security",
    "replay_event": "replay",
    "replay_recording": "replay",
    "replay_video": "replay",
    "security": "security",
    "unreal_report": ERROR,
    "user_report": "feedback",
}
UI_PLATFORMS: Final = frozenset({"android", "cocoa", "javascript"})  # whose profile chunks are billed by the UI hour


def quantities(item: Item) -> Quantities:
    """Return (category, quantity) pairs of the item; none for a client report, whose content is counted instead."""
    size, declared = max(len(item.payload), 1), max(quantity(item.headers.get("item_count", 1)), 1)
    match item.type:
        case "transaction":
            return transaction_quantities(_spans(item.payload))
        case "attachment":
            return (ATTACHMENT, size), ("attachment_item", 1)
        case "log" | "trace_metric":
            entries, content = CONTAINERS[item.type]
            return (entries, declared), (content, size)
        case "span":
            return ((SPAN, declared),)
        case "session" | "sessions":
            return (("session", declared),)
        case "profile_chunk" | "profile_chunk_ui":
            is_ui = item.type.endswith("_ui") or str(item.headers.get("platform")) in UI_PLATFORMS
            return (("profile_chunk_ui" if is_ui else "profile_chunk", 1),)
        case "client_report":
            return ()
        case _:
            return ((SINGLE.get(item.type, DEFAULT), 1),)


def transaction_quantities(child_spans: int) -> Quantities:
    """A transaction is billed as itself and as its spans, the root included."""
    return (TRANSACTION, 1), (SPAN, 1 + child_spans)


def _spans(payload: bytes) -> int:
    try:
        return len(sequence(mapping(orjson.loads(payload)).get("spans")))
    except orjson.JSONDecodeError:
        return 0
