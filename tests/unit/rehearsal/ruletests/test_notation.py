"""The compact notation: what a track is worth at a minute, and what is no track."""

import pytest

from rehearsal.ruletests.notation import read_latency, read_minutes, read_rate, read_status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60/m", {0: 60, 1000: 60}),
        ("2/s", {0: 120}),
        ("30/h", {0: 0.5}),
        ("10/m for 5m, gap for 5m, 20/m", {0: 10, 4: 10, 5: 0, 9: 0, 10: 20, 500: 20}),
        ("0..100/m for 11m", {0: 0, 1: 10, 10: 100, 11: 100, 99: 100}),  # a ramp stays at its end
        ("100..0/m for 3m, 7/m", {0: 100, 1: 50, 2: 0, 3: 7}),
        ("5/m for 2h, 6/m for 1d, 7/m", {119: 5, 120: 6, 1559: 6, 1560: 7}),
    ],
)
def test_rate_at_a_minute(text: str, expected: dict[int, float]) -> None:
    track = read_rate(text)
    assert {minute: track.at(minute)[0] for minute in expected} == pytest.approx(expected)


def test_status_says_which_and_how_many() -> None:
    track = read_status("ok for 10m, 10% internal_error for 10m, 0..50% unavailable for 6m, deadline_exceeded")
    found = [(track.at(minute)[0], track.at(minute)[1].word) for minute in (0, 10, 20, 25, 26)]
    assert found == [
        (100, "ok"),
        (10, "internal_error"),
        (0, "unavailable"),
        (50, "unavailable"),
        (100, "deadline_exceeded"),
    ]


def test_latency_is_in_ms_and_may_have_a_tail() -> None:
    track = read_latency("200ms with 10% 3s for 5m, 1..3s for 3m, 0.5s")
    assert [track.at(minute)[0] for minute in (0, 5, 6, 7, 8)] == [200, 1000, 2000, 3000, 500]
    assert [track.at(minute)[1].tail for minute in (0, 5)] == [(10, 3000), None]


@pytest.mark.parametrize(("text", "minutes"), [("0m", 0), ("90m", 90), ("2h", 120), ("30d", 43_200), (" 5m ", 5)])
def test_minutes(text: str, minutes: int) -> None:
    assert read_minutes(text) == minutes


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_rate, "60", "allowed is such as 60/m"),
        (read_rate, "-1/m", "allowed is such as 60/m"),
        (read_rate, "", "allowed is such as 60/m"),
        (read_rate, "1..2..3/m for 5m", "allowed is such as 60/m"),
        (read_rate, "60/m, 10/m", "'60/m' needs its length"),  # it would never end
        (read_rate, "1..9/m", "needs its length"),  # a ramp to where?
        (read_rate, "gap for 0m, 1/m", "lasts no time"),
        (read_rate, "gap for 5 minutes, 1/m", "allowed is a number of m, h or d"),
        (read_status, "101% internal_error", "allowed is such as ok"),
        (read_status, "10%", "allowed is such as ok"),
        (read_latency, "200", "allowed is such as 200ms"),
        (read_latency, "200ms with 101% 3s", "allowed is such as 200ms"),
        (read_minutes, "5", "allowed is a number of m, h or d"),
    ],
)
def test_what_is_no_track_says_what_is_allowed(read: object, text: str, said: str) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r".+") as caught:
        read(text)
    assert said in str(caught.value)
