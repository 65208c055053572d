"""Periods as Sentry writes them."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.exceptions import RequestValidationError

from embedded.api.steps import _ceiling, parse_period

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1m", timedelta(minutes=1)),
        ("30m", timedelta(minutes=30)),
        ("6h", 6 * HOUR),
        ("1d", 24 * HOUR),
        ("2w", timedelta(weeks=2)),
        ("90d", timedelta(days=90)),
    ],
)
def test_parse_period_reads(text: str, expected: timedelta) -> None:
    assert parse_period(text) == expected


@pytest.mark.parametrize("text", ["", "0m", "1", "h", "1s", "1.5h", "-1h", "1h ", "91d", "9999w", "99999m", "1H", "١h"])
def test_parse_period_refuses(text: str) -> None:
    with pytest.raises(RequestValidationError):
        parse_period(text)


@pytest.mark.parametrize(
    ("moment", "step", "expected"),
    [
        ((12, 30), HOUR, (4, 13)),
        ((12, 0), HOUR, (4, 13)),
        ((23, 59), HOUR, (5, 0)),
        ((12, 30), 6 * HOUR, (4, 18)),
        ((12, 30), 24 * HOUR, (5, 0)),
    ],
)
def test_ceiling_is_the_end_of_the_step(moment: tuple[int, int], step: timedelta, expected: tuple[int, int]) -> None:
    assert _ceiling(datetime(2026, 3, 4, *moment, tzinfo=UTC), step) == datetime(2026, 3, *expected, tzinfo=UTC)
