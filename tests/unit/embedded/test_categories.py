"""What each item counts as."""

from typing import Any

import orjson
import pytest

from embedded.categories import quantities
from embedded.envelope import Item
from embedded.normalise import CONTAINER_TYPES
from embedded.records import Outcome, OutcomeCount
from tests.unit.embedded.fakes import batch_of

SPAN_TYPE = CONTAINER_TYPES["span"]


@pytest.mark.parametrize(
    ("kind", "headers", "payload", "expected"),
    [
        ("event", {}, b"{}", [("error", 1)]),
        ("transaction", {}, b'{"spans":[{},{}]}', [("transaction", 1), ("span", 3)]),
        ("transaction", {}, b"nonsense", [("transaction", 1), ("span", 1)]),
        ("transaction", {}, b'{"spans":5}', [("transaction", 1), ("span", 1)]),
        ("attachment", {}, b"abc", [("attachment", 3), ("attachment_item", 1)]),
        ("attachment", {}, b"", [("attachment", 1), ("attachment_item", 1)]),
        ("session", {}, b"{}", [("session", 1)]),
        ("sessions", {"item_count": 5}, b"{}", [("session", 5)]),
        ("client_report", {}, b"{}", []),
        ("check_in", {}, b"{}", [("monitor", 1)]),
        ("log", {"item_count": 2}, b"12345", [("log_item", 2), ("log_byte", 5)]),
        ("log", {"item_count": -2}, b"", [("log_item", 1), ("log_byte", 1)]),
        ("trace_metric", {"item_count": 4}, b"12345", [("trace_metric", 4), ("trace_metric_byte", 5)]),
        ("span", {"item_count": 7}, b"", [("span", 7)]),
        ("span", {}, b"{}", [("span", 1)]),
        ("span", {"item_count": True}, b"{}", [("span", 1)]),
        ("profile", {}, b"{}", [("profile", 1)]),
        ("profile_chunk", {"platform": "python"}, b"{}", [("profile_chunk", 1)]),
        ("profile_chunk", {"platform": "javascript"}, b"{}", [("profile_chunk_ui", 1)]),
        ("profile_chunk", {"platform": []}, b"{}", [("profile_chunk", 1)]),
        ("feedback", {}, b"{}", [("feedback", 1)]),
        ("user_report", {}, b"{}", [("feedback", 1)]),
        ("replay_recording", {}, b"{}", [("replay", 1)]),
        ("security", {}, b"{}", [("security", 1)]),
        ("from_the_future", {"item_count": 9}, b"{}", [("default", 1)]),
    ],
)
def test_quantities_follow_relays_table(
    kind: str, headers: dict[str, Any], payload: bytes, expected: list[tuple[str, int]]
) -> None:
    assert list(quantities(Item(kind, headers, payload))) == expected


@pytest.mark.parametrize("kind", ["attachment", "check_in", "profile", "session", "from_the_future", "feedback"])
def test_what_is_not_stored_is_counted_and_not_read(kind: str) -> None:
    payload = b"\x00nonsense"
    counted = quantities(Item(kind, {}, payload))
    assert batch_of((kind, payload)).outcomes == tuple(
        OutcomeCount(category, Outcome.ACCEPTED, "", quantity) for category, quantity in counted
    )


ENTRY = {"trace_id": "a" * 32}


@pytest.mark.parametrize(("kind", "category"), [("log", "log_item"), ("trace_metric", "trace_metric")])
@pytest.mark.parametrize(
    ("payload", "headers", "is_accepted"),
    [
        ({"items": [ENTRY, ENTRY]}, {"item_count": 2}, True),
        ({"items": [ENTRY]}, {"item_count": 2}, False),
        ({"items": [ENTRY, ENTRY]}, {}, False),
        ({"items": [ENTRY]}, {"item_count": 1, "content_type": "application/json"}, False),
        ({"items": []}, {"item_count": 0}, False),
        ({"items": {}}, {"item_count": 1}, False),
        (b"nonsense", {"item_count": 1}, False),
        ([], {"item_count": 1}, False),
    ],
)
def test_container_is_taken_or_rejected_as_a_whole(
    kind: str, category: str, payload: object, headers: dict[str, Any], is_accepted: bool
) -> None:
    entries, content = batch_of((kind, payload, {"content_type": CONTAINER_TYPES[kind]} | headers)).outcomes
    declared = max(headers.get("item_count", 1), 1)
    size = len(payload if isinstance(payload, bytes) else orjson.dumps(payload))
    assert (entries.category, entries.quantity) == (category, declared)
    assert (content.category, content.quantity) == (category.removesuffix("_item") + "_byte", size)
    assert {entries.outcome, content.outcome} == {Outcome.ACCEPTED if is_accepted else Outcome.INVALID}
    assert entries.reason == ("" if is_accepted else f"invalid_{kind}")
