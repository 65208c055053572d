"""Transactions are walked once, here, before the SDK writes them as JSON; that was most of what tracing a request cost.

Left to itself the SDK walks an event in its scrubber, then in its serialiser, and then our hook does: three times in
Python. The walk of our scrubber yields JSON without secrets, so for transactions it stands for all (decision 0016).
Errors, which are few and hold what nobody foresaw, are still walked by each of them.
"""

from typing import Any, Final, cast

from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.types import Event

from service.scrubbing.event import scrub_event

PARCEL: Final = "isl_parcel"  # only between the scrubber and the hook; nothing of that name is sent
READ_ON_THE_WAY: Final = ("type", "transaction")  # by the SDK and by the fault `silence`


class JsonDict(dict[str, object]):
    """JSON without secrets. The SDK's serialiser, asked to write it, takes it as it is."""

    def __sentry_repr__(self) -> "JsonDict":  # the SDK's name
        return self


class JsonList(list[object]):
    """The same, as a list."""

    def __sentry_repr__(self) -> "JsonList":  # the SDK's name
        return self


class OnePassScrubber(EventScrubber):
    """The SDK's scrubber for errors, and ours in its place for transactions."""

    def scrub_event(self, event: Event) -> None:
        """Scrub an event in place, just before it is written as JSON."""
        if event.get("type") != "transaction" or not _pack(cast(dict[str, Any], event)):
            super().scrub_event(event)


def _pack(event: dict[str, Any]) -> bool:
    """Leave of a transaction one part that is done, and what the SDK looks at on the way: it asks of each part a lot.

    False where our scrubber fails: the SDK writes the transaction, and the hook scrubs or reduces it.
    """
    try:
        done = scrub_event(event)
    except Exception:  # noqa: BLE001  # whatever it is, the hook meets it again, and says so
        return False
    event.clear()
    event.update({name: done[name] for name in READ_ON_THE_WAY if name in done})
    if isinstance(done.get("spans"), list):  # the SDK counts those of a transaction that is kept back
        event["spans"] = JsonList(done.pop("spans"))
    event[PARCEL] = JsonDict(done)
    return True


def unpack(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return what `_pack` made of a transaction as a whole, or None if it did not."""
    parcel = event.get(PARCEL)
    if type(parcel) is not JsonDict:
        return None
    return {name: part for name, part in event.items() if name != PARCEL} | parcel
