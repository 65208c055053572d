"""Drawings as inline SVG: the time axis that all charts of a run share, and the strokes that they are made of.

Colours come from the page's style sheet, by class. Every text is escaped here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Final

from rehearsal.clock import show_span

WIDE: Final = 960.0  # pixels of a desktop or a sheet of paper
NARROW: Final = 372.0  # and of a phone: the same chart, drawn for that width, so that its text stays readable
LEFT: Final = 46.0  # room for the scale
LANE_NAMES: Final = 112.0  # and for the names of lanes, where there is that much room
RIGHT: Final = 14.0
AXIS_HEIGHT: Final = 22.0
TICKS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440))
TICK_WIDTH: Final = 74.0  # what a label of the time axis needs
CHARACTER: Final = 6.6  # width of a letter at the label's size, roughly

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """Production time from 0 to `end`, over the width of a drawing."""

    width: float
    end: timedelta

    def x(self, at: timedelta) -> float:
        share = at / self.end if self.end else 0.0
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    @property
    def is_wide(self) -> bool:
        return self.width >= WIDE

    @property
    def left(self) -> float:
        return LANE_NAMES if self.is_wide else LEFT

    @property
    def right(self) -> float:
        return self.width - RIGHT

    @property
    def ticks(self) -> list[timedelta]:
        room = max(2, int((self.right - self.left) / TICK_WIDTH))
        step = next((each for each in TICKS if self.end / each <= room), TICKS[-1])
        return [step * number for number in range(int(self.end / step) + 1)]


def drawing(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """An <svg> element; `label` is what a screen reader says of it."""
    inside = "".join(parts)
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(label)}">{inside}</svg>'


def text(kind: str, x: float, y: float, said: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def line(kind: str, start: Point, end: Point) -> str:
    return f'<line class="{kind}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"/>'


def box(kind: str, corner: Point, width: float, height: float, told: str = "") -> str:
    """A rectangle; `told` is shown when somebody points at it."""
    x, y = corner
    size = f'width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}"'
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" {size}>{_title(told)}</rect>'


def polyline(kind: str, points: Sequence[Point]) -> str:
    return f'<polyline class="{kind}" points="{_listed(points)}"/>'


def polygon(kind: str, points: Sequence[Point], told: str = "") -> str:
    return f'<polygon class="{kind}" points="{_listed(points)}">{_title(told)}</polygon>'


def dot(kind: str, centre: Point, radius: float, told: str = "") -> str:
    return f'<circle class="{kind}" cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius:.1f}">{_title(told)}</circle>'


def time_axis(axis: Axis, y: float) -> Iterable[str]:
    """Labels of the time axis below `y`."""
    for at in axis.ticks:
        said = show_span(at)
        is_last = axis.x(at) + len(said) * CHARACTER / 2 > axis.width
        yield text("axis", min(axis.x(at), axis.width - 1), y + 15, said, "end" if is_last else "middle")


def _listed(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _title(told: str) -> str:
    return f"<title>{escape(told)}</title>" if told else ""
