"""Options: what is allowed, and what is said of the rest."""

import pytest

from rehearsal.clock import show_span
from rehearsal.disturbance_file import parse_span
from rehearsal.errors import UsageError
from rehearsal.settings import Options, check, parse_traffic


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("1M/month", 0.3858), ("500k/day", 5.787), ("20/s", 20.0), ("1.5k/hour", 0.41667), ("60/min", 1.0)],
)
def test_traffic_is_read_as_requests_per_second(text: str, per_second: float) -> None:
    assert parse_traffic(text) == pytest.approx(per_second, rel=1e-3)


@pytest.mark.parametrize("text", ["", "1M", "-1/s", "1M/year", "0/s", "many/month"])
def test_other_traffic_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write for example 1M/month"):
        parse_traffic(text)


def test_the_guides_million_a_month_is_23_requests_a_second_at_speed_60() -> None:
    assert Options().rate == pytest.approx(23.1, abs=0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (Options(speed=0.5), "speed 0.5: allowed are 1 to 120"),
        (Options(speed=121), "speed 121"),
        (Options(traces_sample_rate=1.5), "traces sample rate 1.5: allowed are 0 to 1"),
        (Options(traffic=20, speed=60), "1,200.0 requests per second; at most 150 .* a speed of 7 or less"),
        (Options(traffic=7, speed=30), "at most 150 .* a speed of 21 or less"),
        (Options(traffic=500, speed=1), "declare less traffic"),
        (Options(traffic=0.001, speed=60), "at least 0.2 are needed: declare more traffic or use a higher speed"),
        (Options(webhook_url="localhost:9000"), "webhook URL 'localhost:9000': allowed are http and https"),
        (Options(webhook_url="http://x:port/"), "allowed are http and https"),
    ],
)
def test_options_that_cannot_run_name_the_remedy(options: Options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check(options)


@pytest.mark.parametrize(("text", "shown"), [("45s", "45s"), ("125s", "2m 05s"), ("62m", "1h 02m")])
def test_spans_are_shown_as_people_say_them(text: str, shown: str) -> None:
    assert show_span(parse_span(text)) == shown
    assert show_span(-parse_span(text)) == f"-{shown}"
