"""The time line as inline SVG: error share as the monitor sees it, its threshold, and marks for what happened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Final

from loadtest.ledger import Entry
from rehearsal.clock import show_span
from rehearsal.disturbance import Outage, Planting, Silence
from rehearsal.verdict import DrillResult, Report

WIDTH: Final = 960.0
HEIGHT: Final = 340.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 16.0, 98.0, 34.0
FLOOR: Final = HEIGHT - BOTTOM
STEPS: Final = 240  # points of a curve
LABEL_ROWS: Final = 5  # marks close to each other put their labels on different rows
LABEL_GAP: Final = 5.0
CHARACTER: Final = 6.8  # width of a letter at the label's size, roughly
LABEL_HEIGHT: Final = 17.0
TICKS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240))
MAX_TICKS: Final = 9
LOWEST_TOP: Final = 0.01  # of the scale: with no failures and a threshold of 0 there would be none


@dataclass(frozen=True, slots=True)
class Series:
    """A curve over production time."""

    points: tuple[tuple[timedelta, float], ...]

    @property
    def top(self) -> float:
        return max((value for _, value in self.points), default=0.0)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one instant."""

    at: timedelta
    label: str
    kind: str  # fault, breach, page or resolved: its colour


def error_share(report: Report, window: timedelta) -> Series:
    """Share of requests that failed (5xx) in the window before each instant, from the ledger; 0 to 1."""
    moments = sorted((_at(entry, report), entry.is_failed) for entry in report.entries)
    end = max((result.ended_at for result in report.drills), default=timedelta(0))
    points: list[tuple[timedelta, float]] = []
    low = high = failed = 0
    for step in range(STEPS + 1):
        at = end * (step / STEPS)
        while high < len(moments) and moments[high][0] <= at:
            failed += moments[high][1]
            high += 1
        while low < high and moments[low][0] < at - window:
            failed -= moments[low][1]
            low += 1
        points.append((at, failed / (high - low) if high > low else 0.0))
    return Series(tuple(points))


def _at(entry: Entry, report: Report) -> timedelta:
    """Production time of a request."""
    return timedelta(seconds=(entry.sent_at - report.origin.timestamp()) * report.options.speed)


def marks(report: Report) -> list[Mark]:
    """What happened, in order: faults, breaches, pages and recoveries."""
    found = [mark for result in report.drills for mark in _drill_marks(result)]
    found += [
        Mark(
            (page.received_at - report.origin) * report.options.speed,
            f"{page.alert}: {page.action}",
            "resolved" if page.is_resolve else "page",
        )
        for page in report.pages
    ]
    return sorted(found, key=lambda mark: mark.at)


_MARKS: Final[dict[type, tuple[str, str]]] = {
    Outage: ("Sentry down", "Sentry back"),
    Silence: ("load stops", "load back"),
    Planting: ("secrets", "no more secrets"),
}


def _drill_marks(result: DrillResult) -> Iterator[Mark]:
    if result.fault_at is not None and result.cleared_at is not None:
        begin, end = _MARKS.get(type(result.drill.disturbance), ("fault on", "fault off"))
        yield Mark(result.fault_at, begin, "fault")
        yield Mark(result.cleared_at, end, "fault")
    for times in result.times:
        if times.breached_at is not None:
            yield Mark(times.breached_at, "breach", "breach")


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps production time and values to the drawing's coordinates."""

    end: timedelta
    top: float

    def x(self, at: timedelta) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, at / self.end))

    def y(self, value: float) -> float:
        return FLOOR - (FLOOR - TOP) * value / self.top


def timeline(report: Report, threshold: float, window: timedelta) -> str:
    """Return the chart as an <svg> element; colours come from the page's style sheet."""
    series = error_share(report, window)
    frame = Frame(series.points[-1][0] or timedelta(seconds=1), max(series.top, threshold * 2, LOWEST_TOP) * 1.1)
    label = "Share of failed requests over production time, with the threshold and what happened"
    parts = [f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{label}">']
    parts += [_drill_band(result, frame) for result in report.drills]
    values = (0.0, threshold, series.top)
    parts += [_text("axis", LEFT - 8, frame.y(value) + 4, f"{value:.0%}", "end") for value in values]
    parts += [_text("axis", frame.x(at), HEIGHT - 12, show_span(at), "middle") for at in _ticks(frame.end)]
    parts.append(_polyline("limit", [(LEFT, frame.y(threshold)), (WIDTH - RIGHT, frame.y(threshold))]))
    parts.append(_polyline("curve", [(frame.x(at), frame.y(value)) for at, value in series.points]))
    placed = _place(marks(report), frame)
    parts += [_line(mark, row, frame) for mark, row in placed] + [_label(mark, row, frame) for mark, row in placed]
    return "".join([*parts, "</svg>"])


def _place(found: list[Mark], frame: Frame) -> list[tuple[Mark, int]]:
    """Give each label the first row in which it does not run into the one before it."""
    ends = [0.0] * LABEL_ROWS
    placed: list[tuple[Mark, int]] = []
    for mark in found:
        left, width = frame.x(mark.at), len(mark.label) * CHARACTER
        left -= width if _is_turned(mark, frame) else 0
        row = next((number for number, end in enumerate(ends) if end <= left), LABEL_ROWS - 1)
        ends[row] = left + width + LABEL_GAP
        placed.append((mark, row))
    return placed


def _drill_band(result: DrillResult, frame: Frame) -> str:
    left, right = frame.x(result.started_at), frame.x(result.ended_at)
    band = f'<rect class="drill" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{FLOOR - TOP}"/>'
    return band + _text("name", left + 6, TOP + 16, result.drill.name, "start")


def _line(mark: Mark, row: int, frame: Frame) -> str:
    at = frame.x(mark.at)
    return _polyline(f"mark {mark.kind}", [(at, LABEL_HEIGHT * row + 6), (at, FLOOR)])


def _label(mark: Mark, row: int, frame: Frame) -> str:
    anchor, offset = ("end", -LABEL_GAP) if _is_turned(mark, frame) else ("start", LABEL_GAP)
    return _text(f"label {mark.kind}", frame.x(mark.at) + offset, LABEL_HEIGHT * row + 14, mark.label, anchor)


def _is_turned(mark: Mark, frame: Frame) -> bool:
    """Does the label stand left of its mark, because there is no room on the right?"""
    return frame.x(mark.at) + len(mark.label) * CHARACTER > WIDTH


def _text(kind: str, x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _ticks(end: timedelta) -> list[timedelta]:
    step = next((each for each in TICKS if end / each <= MAX_TICKS), TICKS[-1])
    return [step * number for number in range(int(end / step) + 1)]


def _polyline(kind: str, points: Sequence[tuple[float, float]]) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{listed}"/>'
