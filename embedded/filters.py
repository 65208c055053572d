"""Inbound filters: what a project does not want is dropped and booked as filtered, before any limit counts it; pure.

Source: docs.sentry.io, inbound data filters; getsentry/relay, relay-filter, read 2026-11.
"""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

import orjson

from embedded.grouping import exceptions, message_of
from embedded.records import Batch, Entry, ErrorEvent, Outcome, Transaction
from embedded.store.options import ProjectOptions

HEALTH_CHECK: Final = "filtered-transaction"  # the reasons, under Sentry's names
RELEASE: Final = "release-version"
ERROR_MESSAGE: Final = "error-message"
MAX_KNOWN: Final = 1_000  # names whose verdict is remembered
# Transactions of load balancers and orchestrators. A trailing slash does not matter.
HEALTH_CHECKS: Final = (
    "*healthcheck*",
    "*heartbeat*",
    "*/health",
    "*/healthy",
    "*/healthz",
    "*/health_check",
    "*/_health",
    "*/live",
    "*/livez",
    "*/ready",
    "*/readyz",
    "*/ping",
    "*/up",
)


def filter_batch(batch: Batch, options: ProjectOptions) -> Batch:
    """Return the batch with what the project filters turned into `filtered` outcomes."""
    entries = tuple(_filtered(entry, options) for entry in batch.entries)
    return batch if entries == batch.entries else replace(batch, entries=entries)


def _filtered(entry: Entry, options: ProjectOptions) -> Entry:
    record = entry.record
    if not isinstance(record, Transaction | ErrorEvent):
        return entry
    reason = _reason(record, options)
    return entry.dropped(Outcome.FILTERED, reason) if reason else entry


def _reason(record: Transaction | ErrorEvent, options: ProjectOptions) -> str | None:
    if options.filter_releases and _matches(record.release or "", options.filter_releases):
        return RELEASE
    if isinstance(record, Transaction):
        is_probe = options.filter_health_checks and _is_health_check(record.name)
        return HEALTH_CHECK if is_probe else None
    if options.filter_error_messages:
        texts = _messages(orjson.loads(record.payload))
        if any(_matches(each, options.filter_error_messages) for each in texts):
            return ERROR_MESSAGE
    return None


@lru_cache(maxsize=MAX_KNOWN)
def _is_health_check(name: str) -> bool:
    return _matches(name.rstrip("/"), HEALTH_CHECKS)


def _messages(event: dict[str, Any]) -> Iterable[str]:
    """What the filter by message looks at: the message, and `Type: value` of each exception."""
    yield message_of(event)
    for raised in exceptions(event):
        kind, value = str(raised.get("type") or ""), str(raised.get("value") or "")
        yield from (f"{kind}: {value}", value)


def _matches(text: str, globs: Iterable[str]) -> bool:
    lowered = text.lower()
    return any(fnmatchcase(lowered, glob.lower()) for glob in globs)
