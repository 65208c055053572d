"""A store that Sentry can watch, and that never fails a request: whatever is wrong with it counts as a miss.

Spans as Sentry's Caches page reads them. Source: https://develop.sentry.dev/sdk/performance/modules/caches/
"""

import hashlib
import json
from typing import Final

import sentry_sdk

from monitors import signals
from service.cache.stores import Store, StoreError
from service.dependency import Dependency, mark_degraded
from service.spans import AnySpan, start_span

KEY_PREFIX: Final = "isl"


def make_key(kind: str, version: str, question: object) -> str:
    """Hash a question, given as JSON values, into a key that says nothing about it.

    `version` is that of the code: an answer must not outlive what computed it.
    """
    canonical = json.dumps([version, question], sort_keys=True, separators=(",", ":"))
    return f"{KEY_PREFIX}:{kind}:{hashlib.sha256(canonical.encode()).hexdigest()}"


class ResultCache:
    """Bytes by key, with a span and a breadcrumb for each access."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None: there is nothing, or the store failed and the request is marked degraded."""
        with start_span(signals.OP_CACHE_GET, key) as span:
            span.set_data(signals.CACHE_KEY.name, [key])
            try:
                found = self._store.get(key)
            except StoreError as error:
                _report_failure(span, "get", error)
                return None
            span.set_data(signals.CACHE_HIT.name, found is not None)
            if found is not None:
                span.set_data(signals.CACHE_ITEM_SIZE.name, len(found))
        _leave_crumb("miss" if found is None else "hit", key)
        return found

    def put(self, key: str, value: bytes) -> None:
        """Keep it; if the store fails, the request is marked degraded and goes on."""
        with start_span(signals.OP_CACHE_PUT, key) as span:
            span.set_data(signals.CACHE_KEY.name, [key])
            span.set_data(signals.CACHE_ITEM_SIZE.name, len(value))
            try:
                self._store.put(key, value)
            except StoreError as error:
                _report_failure(span, "put", error)


def _leave_crumb(message: str, key: str) -> None:
    sentry_sdk.add_breadcrumb(category=signals.CRUMB_CACHE.name, message=message, data={"key": key})


def _report_failure(span: AnySpan, what: str, error: StoreError) -> None:
    span.set_status("unavailable")
    mark_degraded(Dependency.CACHE)
    message = f"{what} failed: {error}"
    sentry_sdk.add_breadcrumb(category=signals.CRUMB_CACHE.name, message=message, level="warning")
