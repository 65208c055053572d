"""Path -> which ingest route it is. Two slashes count as one, as Relay folds them for old SDKs.

A path without its last slash is no route: a redirect would turn the SDK's POST into GETs.
Source: getsentry/relay, endpoints/mod.rs, read 2026-11.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from embedded.limits import MAX_ENVELOPE_BYTES, MAX_EVENT_BYTES


class Kind(Enum):
    """What a route takes."""

    ENVELOPE = "envelope"
    STORE = "store"  # one event as JSON, the protocol before envelopes
    SECURITY = "security"  # a browser's report
    CRON = "cron"  # a check-in by URL
    OTLP_TRACES = "otlp/v1/traces"
    OTLP_LOGS = "otlp/v1/logs"


@dataclass(frozen=True, slots=True)
class Route:
    """One request's route."""

    kind: Kind
    project: str | None  # as the path writes it; None on the oldest route, where the key alone tells
    monitor: str | None = None  # slug, of a check-in
    key: str | None = None  # of a check-in


METHODS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.ENVELOPE: ("POST",),
    Kind.STORE: ("POST", "GET"),
    Kind.SECURITY: ("POST",),
    Kind.CRON: ("POST", "GET"),
    Kind.OTLP_TRACES: ("POST",),
    Kind.OTLP_LOGS: ("POST",),
}
MAX_BODY_BYTES: Final[dict[Kind, int]] = {
    Kind.ENVELOPE: MAX_ENVELOPE_BYTES,
    Kind.STORE: MAX_EVENT_BYTES,
    Kind.SECURITY: MAX_EVENT_BYTES,
    Kind.CRON: MAX_EVENT_BYTES,
    Kind.OTLP_TRACES: MAX_ENVELOPE_BYTES,
    Kind.OTLP_LOGS: MAX_ENVELOPE_BYTES,
}
# What a body counts as that cannot be read.
UNREADABLE: Final[dict[Kind, str]] = {
    Kind.ENVELOPE: "default",
    Kind.STORE: "error",
    Kind.SECURITY: "security",
    Kind.CRON: "monitor",
    Kind.OTLP_TRACES: "span",
    Kind.OTLP_LOGS: "log_item",
}
_PROJECT: Final = r"/api/(?P<project>[^/]+)"
_ROUTES: Final = (
    (re.compile(_PROJECT + r"/envelope/"), Kind.ENVELOPE),
    (re.compile(_PROJECT + r"/store/"), Kind.STORE),
    (re.compile(r"/api/store/"), Kind.STORE),
    (re.compile(_PROJECT + r"/(?:security|csp-report)/"), Kind.SECURITY),
    (re.compile(_PROJECT + r"/cron/(?P<monitor>[^/]+)(?:/(?P<key>[^/]+))?/?"), Kind.CRON),
    (re.compile(_PROJECT + r"/(?:integration/)?otlp/v1/traces/?"), Kind.OTLP_TRACES),
    (re.compile(_PROJECT + r"/(?:integration/)?otlp/v1/logs/?"), Kind.OTLP_LOGS),
)
MAX_KNOWN: Final = 1_000  # paths whose route is remembered
_SLASHES: Final = re.compile(r"/{2,}")


@lru_cache(maxsize=MAX_KNOWN)
def find_route(path: str) -> Route | None:
    """Return the ingest route of a decoded path, None when the path is none of them."""
    folded = _SLASHES.sub("/", path)
    for pattern, kind in _ROUTES:
        if match := pattern.fullmatch(folded):
            found = match.groupdict()
            return Route(kind, found.get("project"), found.get("monitor"), found.get("key"))
    return None
