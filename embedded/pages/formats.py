"""Numbers and times as people read them, always with their unit; pure."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from embedded.store.alerts import DueMonitor
from monitors.fields import SYMBOLS
from monitors.model import parse_aggregate

NOTHING: Final = "no data"
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
SECOND_MS: Final = 1_000
COMPARED: Final = {str(name): symbol for name, symbol in SYMBOLS.items()}
PERCENT_OF: Final = " % of earlier"


def show_number(value: float | Decimal | None) -> str:
    """`1,234`, `12.3`, `0.0042`: three digits that count, no more."""
    if value is None:
        return NOTHING
    number = float(value)
    return f"{number:,.0f}" if number == int(number) or abs(number) >= 100 else f"{number:.3g}"


def show_spread(value: float) -> str:
    """The half of an interval, to two digits that count: `139`, `8.7`, `0.072`."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def show_money(value: Decimal, currency: str = "") -> str:
    """An amount in whole cents: `1,234.50 USD`."""
    return f"{value:,.2f} {currency}".rstrip()


def show_ms(value: float | None) -> str:
    """A duration given in milliseconds."""
    if value is None:
        return NOTHING
    return f"{show_number(value)} ms" if value < SECOND_MS else f"{value / SECOND_MS:.2f} s"


def show_ms_between(between: tuple[float | None, float | None]) -> str:
    """An interval of durations in ms: `12 ms to 15 ms`, `12 ms or more`; None is an end that is not known."""
    low, high = between
    if low is None:
        return "not known" if high is None else f"up to {show_ms(high)}"
    return f"{show_ms(low)} or more" if high is None else f"{show_ms(low)} to {show_ms(high)}"


def show_percent(value: float | None) -> str:
    """A fraction as percent."""
    if value is None:
        return NOTHING
    return f"{value * 100:.3g} %" if value < 1 else f"{value * 100:.0f} %"


def show_span(span: timedelta) -> str:
    """`5 min`, `1 h 30 min`, `12 s`."""
    seconds = span.total_seconds()
    if seconds < MINUTE_S:
        return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"
    days, rest = divmod(round(seconds), DAY_S)
    hours, rest = divmod(rest, HOUR_S)
    minutes, rest = divmod(rest, MINUTE_S)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2])


def show_late(span: timedelta) -> str:
    """How far an instant lies from another: `12 s after`, `10 s before`."""
    return f"{show_span(abs(span))} {'before' if span < timedelta(0) else 'after'}"


def show_ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in wall time."""
    if moment is None:
        return "never"
    span = now - moment
    return (
        "just now" if span < timedelta(seconds=1) else f"{show_span(timedelta(seconds=int(span.total_seconds())))} ago"
    )


def show_clock(moment: datetime) -> str:
    """Time of day, UTC."""
    return f"{moment:%H:%M:%S}"


def show_moment(moment: datetime | None) -> str:
    """Date and time, UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def show_value(monitor: DueMonitor, value: float | None) -> str:
    """A monitor's value with the unit of its aggregate."""
    if value is None:
        return NOTHING
    if monitor.compared_to is not None:
        return f"{show_number(value)}{PERCENT_OF}"
    wanted = parse_aggregate(monitor.aggregate)
    if wanted.is_fraction and wanted.function != "apdex":
        return show_percent(value)
    timed = wanted.share is not None or wanted.function in ("avg", "min", "max", "sum")
    return show_ms(value) if timed else show_number(value)


def show_condition(monitor: DueMonitor, condition: tuple[str, float, int]) -> str:
    """A threshold as a person says it: `> 5 %`."""
    return f"{COMPARED[condition[0]]} {show_value(monitor, condition[1])}"
