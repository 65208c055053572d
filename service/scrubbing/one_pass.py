"""Transactions are walked once, here, before the SDK writes them as JSON; that was most of what tracing a request cost.

Left to itself the SDK walks an event in its scrubber, then in its serialiser, and then our hook does: three times in
Python. The walk of our scrubber yields JSON without secrets, so for transactions it stands for all (decision 0016).
Errors, which are few and hold what nobody foresaw, are still walked by each of them.
"""

from typing import Any, cast

from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.types import Event

from service.scrubbing.event import scrub_event
from service.scrubbing.tree import JsonDict, JsonList


class OnePassScrubber(EventScrubber):
    """The SDK's scrubber for errors, and ours in its place for transactions."""

    def scrub_event(self, event: Event) -> None:
        """Scrub an event in place, just before it is written as JSON."""
        if event.get("type") != "transaction" or not _scrub_for_good(cast(dict[str, Any], event)):
            super().scrub_event(event)


def _scrub_for_good(event: dict[str, Any]) -> bool:
    """Make it JSON without secrets. False where that fails: the SDK writes it, and the hook scrubs or reduces it."""
    try:
        event.update({name: _mark(part) for name, part in scrub_event(event).items()})
    except Exception:  # noqa: BLE001  # whatever it is, the hook meets it again, and says so
        return False
    return True


def _mark(part: object) -> object:
    """Tell the serialiser, and the hook, that this part is done."""
    if type(part) is dict:
        return JsonDict(part)
    return JsonList(part) if type(part) is list else part
