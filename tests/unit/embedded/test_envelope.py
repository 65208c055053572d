"""Framing: rules R1 to R4, and what strangers send instead."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded.envelope import MAX_ITEMS, parse_envelope
from embedded.errors import RejectedError
from tests.unit.embedded.fakes import envelope_of

NO_NEWLINE = "missing newline after header or payload"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", []),
        (b"{}\n", []),
        (b'{"sent_at":null,"trace":"garbage"}\n', []),
        # R2: exactly `length` bytes, whatever they are, then a newline or the end.
        (b'{}\n{"type":"a","length":2}\nxx', [("a", b"xx")]),
        (b'{}\n{"type":"a","length":2}\nxx\n', [("a", b"xx")]),
        (b'{}\n{"type":"a","length":4}\n\r\n\n\n\n', [("a", b"\r\n\n\n")]),
        (b'{}\n{"type":"a","length":0}\n', [("a", b"")]),
        (b'{}\n{"type":"a","length":0}', [("a", b"")]),
        (b'{}\n{"type":"a","length":0}\n\n{"type":"b","length":1}\nx', [("a", b""), ("b", b"x")]),
        # R3: without `length` up to the next newline or the end; a carriage return belongs to the payload.
        (b'{}\n{"type":"a"}\nxx\r\n', [("a", b"xx\r")]),
        (b'{}\n{"type":"a"}\nxx', [("a", b"xx")]),
        (b'{}\n{"type":"a"}\n', [("a", b"")]),
        (b'{}\n{"type":"a"}', [("a", b"")]),
        (b'{}\n{"type":"a"}\nx\n{"type":"b"}\ny\n', [("a", b"x"), ("b", b"y")]),
    ],
)
def test_parse_envelope_splits_items(body: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert [(item.type, item.payload) for item in parse_envelope(body).items] == expected


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b" \n", "missing envelope header"),
        (b"\n{}\n", "missing envelope header"),
        (b"nonsense\n", "invalid envelope header"),
        (b"[]\n", "invalid envelope header"),
        (b'"{}"\n', "invalid envelope header"),
        (b'{"event_id":"x\n', "invalid envelope header"),
        (b'{"a":}\n', "invalid envelope header"),
        (b'{"a":"\xff"}\n', "invalid envelope header"),
        (b"{}\r\n", NO_NEWLINE),
        (b"{} \n", NO_NEWLINE),
        (b"{}\nnonsense\n", "invalid item header"),
        (b"{}\n[]\n", "invalid item header"),
        (b"{}\n{}\nx", "invalid item header"),
        (b'{}\n{"type":""}\nx', "invalid item header"),
        (b'{}\n{"type":1}\nx', "invalid item header"),
        (b'{}\n{"type":"a","length":3}\nxx', "unexpected end of file: 3 bytes announced, 2 left"),
        (b'{}\n{"type":"a","length":1}', "unexpected end of file: 1 bytes announced, 0 left"),
        (b'{}\n{"type":"a","length":1}\nxx', NO_NEWLINE),
        (b'{}\n{"type":"a","length":-1}\nxx', "invalid item header"),
        (b'{}\n{"type":"a","length":"2"}\nxx', "invalid item header"),
        (b'{}\n{"type":"a","length":1.5}\nxx', "invalid item header"),
        (b'{}\n{"type":"a","length":true}\nx', "invalid item header"),
        (b'{}\n{"type":"a","length":null}\nx', "invalid item header"),
        (b'{}\n{"type":"a","length":18446744073709551615}\nxx', "invalid item header"),
        (b'{}\n{"type":"a","length":4294967296}\nxx', "invalid item header"),
        (b'{}\n{"type":"a"}\n{"x":\n1}\n', "invalid item header"),  # R3: the payload ended at the newline
        (b'{}\n{"type":"a","length":2}\nxx\n\n', "missing item header"),  # R4
        (b"{}\n\n", "missing item header"),  # R4
    ],
)
def test_parse_envelope_refuses(body: bytes, cause: str) -> None:
    with pytest.raises(RejectedError) as caught:
        parse_envelope(body)
    assert (caught.value.status, caught.value.detail) == (400, "bad envelope")
    assert caught.value.causes[0] == cause


def test_parse_envelope_refuses_nothing_at_all() -> None:
    with pytest.raises(RejectedError, match="empty request body"):
        parse_envelope(b"")


def test_parse_envelope_stops_at_too_many_items() -> None:
    item = b'{"type":"a"}\n\n'
    assert len(parse_envelope(b"{}\n" + item * MAX_ITEMS).items) == MAX_ITEMS
    with pytest.raises(RejectedError) as caught:
        parse_envelope(b"{}\n" + item * 10_000_000)
    assert (caught.value.status, caught.value.reason) == (413, "too_large")


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.binary(max_size=30))))
def test_parse_envelope_returns_what_was_framed(items: list[tuple[str, bytes]]) -> None:
    assert [(item.type, item.payload) for item in parse_envelope(envelope_of(*items)).items] == items


@given(st.binary(max_size=200))
def test_parse_envelope_refuses_or_reads_any_bytes(body: bytes) -> None:
    """Nothing but RejectedError comes out."""
    with suppress(RejectedError):
        parse_envelope(b"{}\n" + body)
