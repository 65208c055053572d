"""Transactions are walked once, and are then what three walks would have made of them."""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sentry_sdk import Client
from sentry_sdk.envelope import Envelope
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.transport import Transport
from sentry_sdk.types import Event, Hint

from service import event_hooks
from service.event_hooks import before_send, before_send_transaction
from service.scrubbing import one_pass
from service.scrubbing.one_pass import PARCEL, JsonDict, JsonList, OnePassScrubber

DSN = "http://0123456789abcdef0123456789abcdef@127.0.0.1:9/1"
BEGUN = datetime(2026, 11, 27, 0, 0, 0, 5, UTC)


class Kept(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.payloads: list[bytes] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Write it as the SDK's sender does."""
        self.payloads += [item.payload.get_bytes() for item in envelope.items]


def _transaction() -> dict[str, Any]:
    span = {"op": "db", "description": "SELECT 'jane'", "start_timestamp": BEGUN, "timestamp": BEGUN, "data": {}}
    return {
        "type": "transaction",
        "event_id": "0" * 32,
        "transaction": "/a/{b}",
        "transaction_info": {"source": "route"},
        "start_timestamp": BEGUN,
        "timestamp": BEGUN,
        "spans": [span | {"data": {"db.password": "jane", "rows": (1, 2.5, None), "note": "token=jane"}}],
        "contexts": {"trace": {"trace_id": "1" * 32}, "odd": {"a": [{"deep": {"X-Auth-Token": "jane"}}]}},
        "tags": {"note": "mail to jane@example.org"},
        "request": {"url": "http://h/a/jane?b=jane", "headers": {"cookie": "jane", "host": "h"}},
        "user": {"email": "jane"},
    }


def _send(event: dict[str, Any], scrubber: EventScrubber, hook: Callable[[Event, Hint], Any]) -> dict[str, Any]:
    kept = Kept()
    client = Client(DSN, transport=kept, event_scrubber=scrubber, before_send=before_send, before_send_transaction=hook)
    client.capture_event(cast(Event, event))
    client.close()
    [payload] = kept.payloads
    found: dict[str, Any] = json.loads(payload)
    return found


def test_one_walk_makes_of_a_transaction_what_three_make() -> None:
    sent = _send(_transaction(), OnePassScrubber(recursive=True), before_send_transaction)
    by_all_three = _send(_transaction(), EventScrubber(recursive=True), before_send_transaction)
    by_all_three.pop("_meta", None)  # what the SDK's scrubber notes down of its own work
    assert sent == by_all_three
    assert sent["timestamp"] == sent["spans"][0]["timestamp"] == "2026-11-27T00:00:00.000005Z"
    assert "jane" not in json.dumps(sent)


def test_the_sdk_takes_what_is_done_as_it_is() -> None:
    """Fails when a new SDK walks it again: `__sentry_repr__` is then no longer what it asks for."""
    seen: dict[str, Any] = {}

    def look(event: Event, hint: Hint) -> Event:
        seen.update(event)
        return before_send_transaction(event, hint)

    _send(_transaction(), OnePassScrubber(recursive=True), look)
    assert {name: type(part) for name, part in seen.items()} == {
        "type": str,
        "transaction": str,
        "spans": JsonList,
        PARCEL: JsonDict,
    }


def test_the_parcel_is_not_sent() -> None:
    assert PARCEL not in _send(_transaction(), OnePassScrubber(recursive=True), before_send_transaction)


def test_a_transaction_that_cannot_be_finished_is_reduced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_on_requests(event: dict[str, Any]) -> dict[str, Any]:
        if "request" in event:
            raise ValueError
        return event

    monkeypatch.setattr(event_hooks, "_show_route", fail_on_requests)  # nothing that is known makes it fail
    event = _transaction() | {"request": {"url": "http://h/", "method": "GET"}}
    sent = _send(event, OnePassScrubber(recursive=True), before_send_transaction)
    assert (sent["event_id"], sent["transaction"]) == ("0" * 32, "/a/{b}")
    assert "request" not in sent


@pytest.mark.parametrize("odd", [math.nan, -math.inf, b"jane", {"jane"}, object(), 1 << 200])
def test_what_is_no_json_does_not_lose_a_transaction(odd: object) -> None:
    event = _transaction() | {"contexts": {"odd": {"value": odd}}}
    sent = _send(event, OnePassScrubber(recursive=True), before_send_transaction)
    assert sent["contexts"]["odd"]["value"] in {"nan", "-inf", "[Filtered]"}


def test_where_the_walk_fails_the_hook_still_scrubs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_event: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError

    monkeypatch.setattr(one_pass, "scrub_event", fail)
    sent = _send(_transaction(), OnePassScrubber(recursive=True), before_send_transaction)
    assert sent["tags"] == {"note": "mail to [Filtered]"}
    assert "jane" not in json.dumps(sent)


def test_errors_are_walked_by_the_sdks_scrubber_too() -> None:
    event = {"event_id": "0" * 32, "extra": {"mysql_pwd": "jane", "privatekey": "jane"}, "timestamp": BEGUN}
    sent = _send(event, OnePassScrubber(recursive=True), before_send_transaction)
    assert sent["extra"] == {"mysql_pwd": "[Filtered]", "privatekey": "[Filtered]"}
    assert sent["_meta"]["extra"].keys() == {"mysql_pwd", "privatekey"}  # its mark
