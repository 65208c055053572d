"""Accepted items -> the bill of a month like that."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rehearsal.console.projection import project
from rehearsal.cost.book import load_book

BOOK = load_book()
DAY = timedelta(days=1)


def test_a_day_is_thirty_times_as_much_in_a_month() -> None:
    found = project(BOOK, {"error": 4_000, "span": 300_000, "transaction": 100_000}, DAY)
    assert found is not None
    lines = {each.category: each for each in found.lines}
    assert lines["errors"].used == 120_000
    assert lines["errors"].price == Decimal("50000") * Decimal("0.0003625") + Decimal("20000") * Decimal("0.00021875")
    assert lines["spans"].used == 9_000_000
    assert lines["spans"].price == Decimal("8.000000")
    assert found.total == found.base + lines["errors"].price + lines["spans"].price
    assert found.low < found.total < found.high


def test_fewer_items_make_a_wider_interval() -> None:
    """A count of n is known to 1.96 / sqrt(n) of it; spans come with their transactions."""
    many = project(BOOK, {"span": 300_000, "transaction": 100_000}, DAY)
    few = project(BOOK, {"span": 300_000, "transaction": 1_000}, DAY)
    assert many is not None
    assert few is not None
    assert few.high - few.low == pytest.approx((many.high - many.low) * 10, rel=Decimal("0.01"))


def test_bytes_are_billed_as_gigabytes() -> None:
    found = project(BOOK, {"log_byte": 10**9, "log_item": 10_000}, DAY)
    assert found is not None
    [line] = found.lines
    assert (line.category, line.used, line.price) == ("logs_gb", Decimal(30), Decimal("12.5"))


def test_without_items_that_bill_there_is_no_projection() -> None:
    assert project(BOOK, {}, DAY) is None
    assert project(BOOK, {"session": 5, "transaction": 7}, DAY) is None
