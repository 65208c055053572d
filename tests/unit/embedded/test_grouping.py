"""Which events are one issue."""

from typing import Any

import pytest

from embedded.grouping import event_hashes, parameterise, resolve

IN_APP = {"module": "app.api", "function": "view", "context_line": "  return compute(x)", "in_app": True, "lineno": 5}
LIBRARY = {"module": "lib.core", "function": "call", "context_line": "f()", "in_app": False, "lineno": 9}


def raised(kind: str, *frames: dict[str, Any], value: str = "it broke", **fields: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "stacktrace": {"frames": list(frames)}} | fields


def event(*exceptions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"exception": {"values": list(exceptions)}} | fields


BASE = event(raised("ValueError", LIBRARY, IN_APP))


@pytest.mark.parametrize(
    "other",
    [
        event(raised("ValueError", LIBRARY, IN_APP, value="another text")),
        event(raised("ValueError", LIBRARY | {"lineno": 77}, IN_APP | {"lineno": 78, "vars": {"x": 1}})),
        event(raised("ValueError", LIBRARY, IN_APP | {"context_line": "return   compute(x)  "})),
        event(raised("ValueError", LIBRARY, IN_APP, IN_APP, IN_APP)),  # recursion counts once
        event(raised("ValueError", LIBRARY, IN_APP), message="ignored", level="fatal", transaction="/x"),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=["{{ default }}"]),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=["{{default}}"]),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=[]),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=5),
        {"exception": [raised("ValueError", LIBRARY, IN_APP)]},  # the older wire shape
    ],
)
def test_event_hashes_are_the_same_for(other: dict[str, Any]) -> None:
    assert event_hashes(other) == event_hashes(BASE)


@pytest.mark.parametrize(
    "other",
    [
        event(raised("KeyError", LIBRARY, IN_APP)),
        event(raised("ValueError", LIBRARY, IN_APP | {"function": "other"})),
        event(raised("ValueError", LIBRARY, IN_APP | {"context_line": "return other(x)"})),
        event(raised("OSError"), raised("ValueError", LIBRARY, IN_APP)),  # chained
        event(raised("ValueError", LIBRARY, IN_APP), raised("OSError")),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=["{{ default }}", "more"]),
        event(raised("ValueError", LIBRARY, IN_APP), fingerprint=["CODE"]),
        event(raised("ValueError", LIBRARY, IN_APP, mechanism={"synthetic": True})),
    ],
)
def test_event_hashes_differ_for(other: dict[str, Any]) -> None:
    assert not set(event_hashes(other)) & set(event_hashes(BASE))


def test_in_app_and_all_frames_give_one_hash_each_and_either_joins() -> None:
    elsewhere = event(raised("ValueError", LIBRARY | {"function": "other"}, IN_APP))
    assert len(event_hashes(BASE)) == len(event_hashes(elsewhere)) == 2
    assert len(set(event_hashes(BASE)) & set(event_hashes(elsewhere))) == 1
    # No frame of ours: all frames only; all frames ours: both variants are the same.
    assert len(event_hashes(event(raised("ValueError", LIBRARY)))) == 1
    assert len(event_hashes(event(raised("ValueError", IN_APP)))) == 1


@pytest.mark.parametrize("order", [("OSError", "ValueError"), ("ValueError", "OSError")])
def test_chained_exceptions_take_part_in_their_order(order: tuple[str, str]) -> None:
    chained = event(*(raised(kind, IN_APP) for kind in order))
    assert event_hashes(chained) == event_hashes(chained)
    assert event_hashes(chained) != event_hashes(event(*(raised(kind, IN_APP) for kind in reversed(order))))


def test_fingerprint_replaces_everything_else() -> None:
    assert event_hashes(event(raised("KeyError"), fingerprint=["CODE"])) == event_hashes({"fingerprint": ["CODE"]})
    assert event_hashes({"fingerprint": ["a", "b"]}) == event_hashes({"fingerprint": ["ab"]})  # as Sentry: no separator
    assert event_hashes({"fingerprint": ["{{ tags.code }}"], "tags": {"code": "X"}}) == event_hashes(
        {"fingerprint": ["X"]}
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("plain", "plain"),
        ("{{ transaction }}", "/x"),
        ("{{transaction}}", "/x"),
        ("{{ level }}", "error"),
        ("{{ type }}", "ValueError"),
        ("{{ error.type }}", "ValueError"),
        ("{{ error.value }}", "it broke"),
        ("{{ tags.code }}", "E1"),
        ("{{ tags.none }}", "<no-value-for-tag-none>"),
        ("{{ logger }}", "<no-logger>"),
        ("a {{ transaction }}", "a {{ transaction }}"),  # a variable stands alone
    ],
)
@pytest.mark.parametrize("tags", [{"code": "E1"}, [["code", "E1"]]])
def test_resolve_replaces_variables(entry: str, expected: str, tags: object) -> None:
    whole = event(raised("KeyError"), raised("ValueError"), transaction="/x", level="error", tags=tags)
    assert resolve(entry, whole) == expected


@pytest.mark.parametrize(
    ("one", "other", "joins"),
    [
        ({"message": "user 5 is gone"}, {"message": "user 77 is gone"}, True),
        ({"message": "user 5 is gone"}, {"message": "user 5 is here"}, False),
        ({"logentry": {"message": "user %s", "formatted": "user a"}}, {"logentry": {"message": "user %s"}}, True),
        ({"logentry": {"formatted": "hello"}}, {"message": "hello"}, True),
        ({"message": {"message": "t %s", "formatted": "t 1"}}, {"message": "t %s"}, True),
        (event(raised("E", value="id 1")), event(raised("E", value="id 2")), True),  # no frames: the text counts
        (event(raised("E", value="a")), event(raised("E", value="b")), False),
        ({}, {"message": ""}, True),
    ],
)
def test_messages_group_by_template(one: dict[str, Any], other: dict[str, Any], joins: bool) -> None:
    assert (event_hashes(one) == event_hashes(other)) is joins


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from a.b+c@example.org now", "from <email> now"),
        ("GET https://host/a?b=1 failed", "GET <url> failed"),
        ("id 4c79f60c-1121-4eb3-8604-f4ae0781bfb2", "id <uuid>"),
        ("host 10.0.0.1:80", "host <ip>:<int>"),
        ("at 2026-03-04T12:00:00.123Z", "at <date>"),
        ("on 2026-03-04", "on <date>"),
        ("at 0xdeadBEEF", "at <hex>"),
        ("sha 4c79f60c11214eb38604f4ae0781bfb2", "sha <hex>"),
        ("took 1.5 s of -2", "took <float> s of <int>"),
        ("word1 stays", "word1 stays"),
        ("\n\nfirst\n\nsecond\nthird", "first\nsecond..."),
        ("first\nsecond", "first\nsecond"),
        ("", ""),
    ],
)
def test_parameterise_replaces_what_varies(text: str, expected: str) -> None:
    assert parameterise(text) == expected


@pytest.mark.parametrize(
    "event",
    [
        {"exception": 5},
        {"exception": {"values": 5}},
        {"exception": {"values": ["x", None, {"stacktrace": []}]}},
        {"exception": {"values": [{"stacktrace": {"frames": 5}, "mechanism": "x"}]}},
        {"exception": {"values": [{"stacktrace": {"frames": [None, {"context_line": 5, "filename": []}]}}]}},
        {"fingerprint": "text"},
        {"fingerprint": {"a": 1}},
        {"fingerprint": [None, 5, {}]},
        {"fingerprint": ["{{ tags.a }}"], "tags": "x"},
        {"logentry": 5, "message": 5},
    ],
)
def test_event_hashes_never_raises(event: dict[str, Any]) -> None:
    hashes = event_hashes(event)
    assert hashes
    assert all(len(each) == 32 for each in hashes)


@pytest.mark.parametrize("text", ["x" * 1_000_000, "a." * 500_000, "1" * 1_000_000, "0x" * 500_000, "a@" * 500_000])
@pytest.mark.timeout(20)
def test_parameterise_takes_any_text_in_bounded_time(text: str) -> None:
    """A message of one long word once took half a minute."""
    assert len(parameterise(text)) <= len(text)
