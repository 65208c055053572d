"""Charts as inline SVG: shapes only, stretched to the page's width; axis texts are HTML, so they stay readable.

Colours come from the style sheet by class, since the content security policy allows no style attributes. Every column
has a title with its numbers, which browsers show on hover.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Final

from markupsafe import Markup

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0
ROUND: Final = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)  # of an axis's top, times a power of ten


@dataclass(frozen=True, slots=True)
class Curve:
    """One line; a missing value interrupts it."""

    kind: str  # class of its colour
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Limit:
    """A horizontal line."""

    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Band:
    """A span on the time axis, as shares of its length from 0 to 1."""

    kind: str
    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the round value at its upper edge."""

    svg: Markup
    top: float


def stacked(kinds: Sequence[str], columns: Sequence[Sequence[float]], titles: Sequence[str], label: str) -> Chart:
    """Bars: per column one value for each kind, the first at the bottom."""
    top = round_up(max((sum(column) for column in columns), default=0.0))
    step = WIDTH / max(len(columns), 1)
    parts: list[str] = []
    for number, (column, title) in enumerate(zip(columns, titles, strict=True)):
        floor = HEIGHT
        inside = ""
        for kind, value in zip(kinds, column, strict=True):
            height = HEIGHT * value / top
            floor -= height
            inside += _rect(f"bar {kind}", number * step + step * 0.08, floor, step * 0.84, height) if value else ""
        parts.append(_column(number * step, step, inside, title))
    return Chart(_svg(parts, label), top)


def curves(
    lines: Sequence[Curve],
    titles: Sequence[str],
    label: str,
    limits: Sequence[Limit] = (),
    bands: Sequence[Band] = (),
    top: float | None = None,
) -> Chart:
    """Lines over equal steps, limits across them, bands behind them; `top` is the upper edge, None: by the values."""
    values = [value for line in lines for value in line.values if value is not None] + [each.value for each in limits]
    top = top or round_up(max([*values, 0.0]))
    step = WIDTH / max(len(titles), 1)
    parts = [_band(band) for band in bands]
    parts += [_line(f"limit {each.kind}", [(0, _y(each.value, top)), (WIDTH, _y(each.value, top))]) for each in limits]
    for line in lines:
        for run in _runs(line.values):
            points = [((number + 0.5) * step, _y(value, top)) for number, value in run]
            if len(points) == 1:  # a point of its own would be invisible
                points = [(points[0][0] - step * 0.4, points[0][1]), (points[0][0] + step * 0.4, points[0][1])]
            parts.append(_line(f"curve {line.kind}", points))
    parts += [_column(number * step, step, "", title) for number, title in enumerate(titles)]
    return Chart(_svg(parts, label), top)


def strip(bands: Sequence[Band], marks: Sequence[Band], label: str) -> Markup:
    """One lane of a time line: bands, and marks as thin lines at their start."""
    parts = [_band(band) for band in bands]
    for mark in marks:
        x = min(WIDTH - 2, WIDTH * mark.start)
        inside = _line(f"mark {mark.kind}", [(x, 0), (x, HEIGHT)])
        parts.append(_column(max(0.0, x - 6), 12, inside, mark.title))
    return _svg(parts, label)


def meter(share: float, kind: str) -> Markup:
    """A bar that is filled to a share from 0 to 1; hidden from screen readers, since its number stands beside it."""
    filled = _rect(f"bar {kind}", 0, 0, WIDTH * min(1.0, max(0.0, share)), HEIGHT)
    inside = _rect("track", 0, 0, WIDTH, HEIGHT) + filled
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return Markup(  # noqa: S704 - as in `_svg`
        f'<svg class="meter" viewBox="{box}" preserveAspectRatio="none" aria-hidden="true">{inside}</svg>'
    )


def round_up(value: float) -> float:
    """The first round number that is not below a value, 1 for nothing: where an axis ends, so its label is true."""
    if value <= 0:
        return 1.0
    power = floor(log10(value))
    share = value / 10.0**power
    found = next((each for each in ROUND if share <= each * (1 + 1e-9)), ROUND[-1])  # 0.1 + 0.2 is 0.3 here
    return float(f"{found:g}e{power}")


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if run]


def _y(value: float, top: float) -> float:
    return HEIGHT - HEIGHT * min(value, top) / top


def _band(band: Band) -> str:
    start, end = max(0.0, band.start), min(1.0, band.end)
    return _column(
        0, 0, _rect(f"band {band.kind}", WIDTH * start, 0, max(3.0, WIDTH * (end - start)), HEIGHT), band.title
    )


def _column(x: float, width: float, inside: str, title: str) -> str:
    """What is drawn, with a transparent area over it that shows the title."""
    area = _rect("hit", x, 0, width, HEIGHT) if width else ""
    return f"<g>{inside}{area}<title>{escape(title)}</title></g>"


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"/>'


def _line(kind: str, points: Sequence[tuple[float, float]]) -> str:
    listed = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polyline class="{kind}" points="{listed}" vector-effect="non-scaling-stroke"/>'


def _svg(parts: Sequence[str], label: str) -> Markup:
    # Safe: classes are ours, numbers are formatted, and every text is escaped.
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )
