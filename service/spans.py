"""Spans for the work that matters, in requests that are traced; in all others they cost nothing.

`sentry_sdk.start_span` makes a span, and forks a scope for it, also where the sampler has said no and where the SDK is
switched off: 10 us each, several times in each request, and then thrown away.
"""

from typing import Final

import sentry_sdk
from sentry_sdk.tracing import Span

from monitors.signals import Signal


class _Untraced:
    """What stands for a span where there is none. Has no state, so that all threads share it."""

    def __enter__(self) -> "_Untraced":
        return self

    def __exit__(self, *_: object) -> None:
        """Let errors pass."""

    def set_data(self, key: str, value: object) -> None:
        """Forget it."""

    def set_status(self, value: str) -> None:
        """Forget it."""


UNTRACED: Final = _Untraced()
AnySpan = Span | _Untraced


def start_span(op: Signal, name: str) -> AnySpan:
    """Return a context manager: a child of the current span where the request is traced."""
    parent = sentry_sdk.get_current_span()
    return parent.start_child(op=op.name, name=name) if parent is not None and parent.sampled else UNTRACED
