"""Price books: the sums of the published bands, and each mistake with its line."""

from datetime import date
from decimal import Decimal

import pytest

from rehearsal.cost.book import CURRENT, GUIDE, load_book, parse_book
from rehearsal.cost.prices import Plan
from rehearsal.errors import UsageError

BOOK = """\
name: ours
as_of: 2026-09-20
currency: USD
sources:
  - {name: page, as_of: 2026-09-20, where: "the page"}
plans:
  - {name: team, billing: annual, base: "26", source: page}
rates:
  - category: errors
    plan: team
    included: "50"
    source: page
    bands:
      - {from: "50", to: "100", payg: "0.5", source: page}
      - {from: "100", payg: "0.25", source: page}
"""


def plan(name: str) -> Plan:
    return load_book().plan(name)


@pytest.mark.parametrize(
    ("category", "volume", "team", "business"),
    [
        ("errors", 50_000, "0", "0"),
        ("errors", 200_000, "40.00", "118.125"),
        ("errors", 2_000_000, "386.875", "868.125"),
        ("spans", 5_000_000, "0", "0"),
        ("spans", 8_000_000, "6.00", "12.00"),
        ("spans", 25_000_000, "40.00", "80.00"),
        ("spans", 415_000_000, "757.00", "1514.00"),
    ],
)
def test_overage_adds_up_band_by_band(category: str, volume: int, team: str, business: str) -> None:
    found = [plan(name).rate(category).overage(Decimal(volume)) for name in ("team", "business")]
    assert found == [Decimal(team), Decimal(business)]


def test_pay_as_you_go_costs_a_quarter_more_than_reserved() -> None:
    """Holds in every published row but one, which the vendor rounds; a typing mistake would break it."""
    bands = [band for name in ("team", "business") for rate in plan(name).rates for band in rate.bands if band.reserved]
    ratios = {band.payg / band.reserved for band in bands if band.reserved and band.start != 100_000_000}
    assert ratios == {Decimal("1.25")}


def test_every_number_has_a_source_with_a_day() -> None:
    book = load_book()
    quotes = [plan.quote for plan in book.plans] + [rate.quote for plan in book.plans for rate in plan.rates]
    quotes += [band.quote for plan in book.plans for rate in plan.rates for band in rate.bands]
    assert all(quote.where and quote.as_of > date(2025, 1, 1) for quote in quotes)


def test_guides_book_gives_the_guides_seventy_dollars() -> None:
    plan = load_book(GUIDE).plan("guide")
    volumes = {"errors": 10_000, "transactions": 100_000, "profiles": 50_000}
    total = plan.base + sum(plan.rate(name).fee + plan.rate(name).overage(Decimal(n)) for name, n in volumes.items())
    assert total == Decimal(70)


def test_book_warns_after_180_days() -> None:
    book = load_book(CURRENT)
    assert book.warning(date(2027, 3, 19)) is None
    assert "181 days" in (book.warning(date(2027, 3, 20)) or "")


@pytest.mark.parametrize(
    ("find", "put", "told"),
    [
        ('from: "100"', 'from: "120"', "b.yml:15: gap in the bands: this one is from 120, allowed is 100"),
        ('from: "100"', 'from: "90"', "b.yml:15: overlap in the bands: this one is from 90, allowed is 100"),
        ('from: "50"', 'from: "60"', "b.yml:14: gap in the bands: this one is from 60, allowed is 50"),
        ('{from: "100",', '{from: "100", to: "200",', "b.yml:15: gap in the bands: the last one ends at 200"),
        ('to: "100", ', "", "b.yml:15: a band follows one without `to`"),
        ("plan: team", "plan: teem", "b.yml:10: unknown plan 'teem', allowed are team"),
        ("category: errors", "category: erors", "b.yml:9: category: 'erors' is no category"),
        ('payg: "0.25"', 'payg: "-1"', "b.yml:15: payg: -1 is not allowed"),
        ('payg: "0.25"', "payg: nan", "b.yml:15: payg: nan is not allowed"),
        ("as_of: 2026-09-20", "as_of: soon", "b.yml:2: as_of: 'soon' is no day"),
        ("source: page}\nrates", "source: pge}\nrates", "b.yml:7: unknown source 'pge', allowed are page"),
    ],
)
def test_a_mistake_is_told_with_its_line(find: str, put: str, told: str) -> None:
    assert find in BOOK
    with pytest.raises(UsageError) as caught:
        parse_book(BOOK.replace(find, put), "b.yml")
    assert told in str(caught.value)


def test_unknown_plan_and_category_are_told_with_what_is_known() -> None:
    book = parse_book(BOOK, "b.yml")
    with pytest.raises(UsageError, match="no plan 'gold', allowed are team"):
        book.plan("gold")
    with pytest.raises(UsageError, match="no price for 'spans', it has errors"):
        book.plan("team").rate("spans")
