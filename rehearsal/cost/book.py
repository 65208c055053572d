"""A price book's YAML -> PriceBook, or one UsageError with every mistake, its line and what is allowed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from monitors.errors import Problem
from monitors.model import Source
from monitors.nodes import Section, open_section
from rehearsal.cost.prices import CATEGORIES, ZERO, Band, Billing, Plan, PriceBook, Quote, Rate
from rehearsal.errors import UsageError

PRICES: Final = Path(__file__).parents[1] / "prices"
CURRENT: Final = PRICES / "sentry.yml"
GUIDE: Final = PRICES / "guide.yml"  # the guide's own numbers, wrong today
MAX_TEXT: Final = 200  # characters
MAX_BYTES: Final = 1_000_000  # a book has a few hundred lines
BILLINGS: Final[dict[str, Billing]] = {"annual": "annual", "monthly": "monthly"}


def load_book(path: Path = CURRENT) -> PriceBook:
    """Return the book in a file. Raises UsageError if it cannot be read or holds mistakes."""
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not readable as a price book: {error}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"{path}: {len(raw)} bytes, allowed are {MAX_BYTES}")
    return parse_book(text, path.name)


def parse_book(text: str, file: str) -> PriceBook:
    """1 open, 2 sources, 3 rates, 4 plans, 5 refuse with every mistake or return."""
    problems: list[Problem] = []
    top = open_section(text, file, problems)  # 1
    top.allow("name", "as_of", "currency", "sources", "plans", "rates")
    quotes = {quote.name: quote for quote in map(_quote, top.sections("sources"))}  # 2
    name, currency = top.text("name", MAX_TEXT), top.text("currency", 3)
    as_of = top.read("as_of", _day, date.min)
    plans = top.sections("plans")
    owners = {plan.read("rates_of", str, "", is_required=False) or plan.read("name", str, "") for plan in plans}
    rates = [_rate(section, owners, quotes) for section in top.sections("rates")]  # 3
    built = tuple(_plan(section, rates, quotes) for section in plans)  # 4
    _note_repeats(top, [plan.name for plan in built], "plan")
    if problems:  # 5
        raise UsageError("\n".join(str(each) for each in dict.fromkeys(problems)))
    return PriceBook(name, file, as_of, currency, built)


def _quote(section: Section) -> Quote:
    section.allow("name", "as_of", "where")
    return Quote(section.text("name", MAX_TEXT), section.read("as_of", _day, date.min), section.text("where", MAX_TEXT))


def _plan(section: Section, rates: Iterable[tuple[str, Rate]], quotes: dict[str, Quote]) -> Plan:
    section.allow("name", "rates_of", "billing", "base", "is_capped", "source")
    name = section.text("name", MAX_TEXT)
    owner = section.text("rates_of", MAX_TEXT, is_required=False) or name
    own = tuple(rate for plan, rate in rates if plan == owner)
    if not own:
        section.note(f"plan {name!r} has no rates")
    _note_repeats(section, [rate.category for rate in own], f"rate of plan {name!r}")
    return Plan(
        name=name,
        base=section.read("base", _amount, ZERO),
        billing=section.read("billing", _billing, "monthly"),
        is_capped=section.flag("is_capped", default=False),
        quote=_quoted(section, quotes),
        rates=own,
    )


def _rate(section: Section, plans: Iterable[str], quotes: dict[str, Quote]) -> tuple[str, Rate]:
    section.allow("category", "plan", "fee", "included", "source", "bands")
    plan = section.text("plan", MAX_TEXT)
    if plan and plan not in plans:
        section.note(f"unknown plan {plan!r}, allowed are {', '.join(sorted(plans))}", section.line_of("plan"))
    rate = Rate(
        category=section.read("category", _category, CATEGORIES[0]),
        fee=section.read("fee", _amount, ZERO, is_required=False),
        included=section.read("included", _amount, ZERO),
        bands=(),
        quote=_quoted(section, quotes),
    )
    bands = tuple(_band(each, quotes) for each in section.sections("bands", may_be_empty=True))
    _note_breaks(section, rate.included, bands)
    return plan, replace(rate, bands=bands)


def _band(section: Section, quotes: dict[str, Quote]) -> Band:
    section.allow("from", "to", "reserved", "payg", "source")
    has = section.fields
    return Band(
        start=section.read("from", _amount, ZERO),
        end=section.read("to", _amount, ZERO) if "to" in has else None,
        reserved=section.read("reserved", _amount, ZERO) if "reserved" in has else None,
        payg=section.read("payg", _amount, ZERO),
        quote=_quoted(section, quotes),
        source=Source(section.file, section.line),
    )


def _note_breaks(section: Section, included: Decimal, bands: tuple[Band, ...]) -> None:
    """Note where a band does not begin at the end of the one before, and a last band that ends."""
    reached: Decimal | None = included
    for band in bands:
        if reached is None:
            section.note("a band follows one without `to`, only the last has none", band.source.line)
            return
        if band.start != reached:
            kind = "gap" if band.start > reached else "overlap"
            message = f"{kind} in the bands: this one is from {band.start}, allowed is {reached}"
            section.note(message, band.source.line)
        if band.end is not None and band.end <= band.start:
            section.note(f"the band ends at {band.end}, before it begins", band.source.line)
        reached = band.end
    if bands and reached is not None:
        section.note(f"gap in the bands: the last one ends at {reached}, leave its `to` out", bands[-1].source.line)


def _note_repeats(section: Section, names: list[str], what: str) -> None:
    for name in sorted({name for name in names if names.count(name) > 1}):
        section.note(f"{what} {name!r} is here twice")


def _quoted(section: Section, quotes: dict[str, Quote]) -> Quote:
    name = section.text("source", MAX_TEXT)
    if name and name not in quotes:
        section.note(f"unknown source {name!r}, allowed are {', '.join(quotes)}", section.line_of("source"))
    return quotes.get(name, Quote(name, date.min, ""))


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text} is not allowed, a number from 0 on is")
    return amount


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day, write YYYY-MM-DD") from None


def _category(text: str) -> str:
    if text not in CATEGORIES:
        raise ValueError(f"{text!r} is no category, allowed are {', '.join(CATEGORIES)}")
    return text


def _billing(text: str) -> Billing:
    if text not in BILLINGS:
        raise ValueError(f"{text!r} is not allowed, {' and '.join(BILLINGS)} are")
    return BILLINGS[text]
