"""The run over production time: drills, faults and pages in lanes; below them the load, and each monitor's value."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from rehearsal.clock import show_span
from rehearsal.curves import Curve
from rehearsal.reports.svg import (
    AXIS_HEIGHT,
    Axis,
    Point,
    box,
    dot,
    drawing,
    line,
    polygon,
    polyline,
    text,
    time_axis,
)
from rehearsal.sink import Page
from rehearsal.verdict import DrillResult, Report

LANE: Final = 26.0
NAME: Final = 12.0  # above each lane, where there is no room for it on the left
CHART: Final = 132.0
TOP: Final = 10.0
BINS: Final = 96  # of the load
HEADROOM: Final = 1.12
LOWEST_TOP: Final = {"fraction": 0.01, "ms": 10.0, "number": 1.0}  # of a scale: all zero would leave none
LABEL_HEIGHT: Final = 11.0  # of the axis, in the drawing's units
MARK: Final = 5.0
NUMBER: Final = 9.0  # width that a digit of a drill's number needs


def run_end(report: Report) -> timedelta:
    """The production time at which the last drill ended, or the last page came."""
    moments = [result.ended_at for result in report.drills]
    moments += [(page.received_at - report.origin) * report.options.speed for page in report.pages]
    return max(moments, default=timedelta(0)) or timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where each lane lies. On a phone its name stands above it."""

    axis: Axis
    names: tuple[str, ...]

    @property
    def step(self) -> float:
        return LANE if self.axis.is_wide else LANE + NAME

    @property
    def floor(self) -> float:
        return TOP + self.step * len(self.names)

    def middle(self, row: int) -> float:
        return TOP + self.step * row + (0 if self.axis.is_wide else NAME) + LANE / 2

    def frame(self) -> Iterator[str]:
        """Names of the lanes, and the lines between them."""
        for number, name in enumerate(self.names):
            top = TOP + self.step * number
            yield text("axis", 0, self.middle(number) + 4 if self.axis.is_wide else top + NAME, name)
            yield line("grid", (0, top + self.step), (self.axis.right, top + self.step))


def lanes(report: Report, width: float) -> str:
    """What was done and who was paged: a lane for drills, one for faults, one for each channel."""
    channels = sorted({page.channel for page in report.pages})
    found = Lanes(Axis(width, run_end(report)), ("drill", "disturbed", *channels))
    parts = list(found.frame())
    for number, result in enumerate(report.drills, start=1):
        parts += [*_drill_lane(result, number, found), *_fault_lane(result, found)]
    parts += [_page_mark(page, report, found, 2 + channels.index(page.channel)) for page in report.pages]
    parts += time_axis(found.axis, found.floor)
    return drawing(width, found.floor + AXIS_HEIGHT, "Drills, disturbances and pages over production time", parts)


def _drill_lane(result: DrillResult, number: int, lanes: Lanes) -> Iterator[str]:
    left, right = lanes.axis.x(result.started_at), lanes.axis.x(result.ended_at)
    span = f"{show_span(result.started_at)} to {show_span(result.ended_at)}"
    told = f"{number} {result.drill.name}: {result.status}, {span}"
    middle = lanes.middle(0)
    yield box(f"drill {result.status}", (left + 1, middle - 9), max(1.0, right - left - 2), 18, told)
    if right - left > NUMBER * len(str(number)):
        yield text("number", (left + right) / 2, middle + 4, str(number), "middle")
    yield line("grid", (right, TOP), (right, lanes.floor))


def _fault_lane(result: DrillResult, lanes: Lanes) -> Iterator[str]:
    if result.fault_at is not None and result.cleared_at is not None:
        left, right = lanes.axis.x(result.fault_at), lanes.axis.x(result.cleared_at)
        told = f"{result.drill.disturbance}: {show_span(result.fault_at)} to {show_span(result.cleared_at)}"
        yield box("fault", (left, lanes.middle(1) - 4), max(2.0, right - left), 8, told)


def _page_mark(page: Page, report: Report, lanes: Lanes, row: int) -> str:
    at = (page.received_at - report.origin) * report.options.speed
    told = f"{show_span(at)} {page.alert}: {page.action}"
    x, y = lanes.axis.x(at), lanes.middle(row)
    if page.is_resolve:
        return dot("resolved", (x, y), MARK - 1, told)
    return polygon("page", [(x - MARK, y + MARK), (x, y - MARK), (x + MARK, y + MARK)], told)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from 0 to `top`, from the chart's floor upwards."""

    top: float
    unit: str

    def y(self, value: float) -> float:
        return TOP + (CHART - TOP) * (1 - min(value, self.top) / self.top)

    def show(self, value: float) -> str:
        if self.unit == "fraction":
            return f"{value:.1%}" if 0 < value < 0.1 else f"{value:.0%}"
        if self.unit == "ms":
            return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.0f} ms"
        return f"{value:.3g}"


def load_chart(report: Report, width: float) -> str:
    """Requests a minute of production, and how many of them failed."""
    axis = Axis(width, run_end(report))
    sent, failed = _histogram(report, axis.end)
    scale = Scale(max([*sent, 1.0]) * HEADROOM, "number")
    highest = max([*sent, 1.0])
    parts = [*_backdrop(report, axis), text("axis", axis.left - 8, scale.y(highest) + 4, scale.show(highest), "end")]
    parts += [text("axis", axis.left - 8, CHART + 4, "0", "end"), line("grid", (axis.left, CHART), (axis.right, CHART))]
    parts += [polygon("sent", _area(sent, axis, scale)), polygon("failed", _area(failed, axis, scale))]
    label = "Requests sent per minute of production, and how many failed"
    return drawing(width, CHART + AXIS_HEIGHT, label, [*parts, *time_axis(axis, CHART)])


def _histogram(report: Report, end: timedelta) -> tuple[list[float], list[float]]:
    """Requests a minute of production by equal steps of the run: all, and the failed ones."""
    step = end / BINS
    sent, failed = [0.0] * BINS, [0.0] * BINS
    per_minute = timedelta(minutes=1) / step
    for entry in report.entries:
        at = timedelta(seconds=(entry.sent_at - report.origin.timestamp()) * report.options.speed)
        number = int(at / step)
        if 0 <= number < BINS and at >= timedelta(0):
            sent[number] += per_minute
            failed[number] += per_minute * entry.is_failed
    return sent, failed


def _area(values: list[float], axis: Axis, scale: Scale) -> list[Point]:
    step = axis.end / len(values)
    tops = [(axis.x(step * (number + side)), scale.y(value)) for number, value in enumerate(values) for side in (0, 1)]
    return [(axis.left, CHART), *tops, (axis.right, CHART)]


def curve_chart(report: Report, curve: Curve, width: float) -> str:
    """A monitor's value against its threshold, with the pages of the alerts on it."""
    axis = Axis(width, run_end(report))
    highest = max((value for _, value in curve.points if value is not None), default=0.0)
    top = max(highest, curve.threshold * 1.6, LOWEST_TOP[curve.unit])
    scale = Scale(top * HEADROOM, curve.unit)
    parts = [*_backdrop(report, axis), line("grid", (axis.left, CHART), (axis.right, CHART))]
    parts += [
        text("axis", axis.left - 8, scale.y(value) + 4, scale.show(value), "end")
        for value in _labels(curve, highest, scale)
    ]
    parts.append(line("limit", (axis.left, scale.y(curve.threshold)), (axis.right, scale.y(curve.threshold))))
    parts += [polyline("curve", [(axis.x(at), scale.y(value)) for at, value in piece]) for piece in _pieces(curve)]
    parts += _curve_marks(report, curve, axis)
    label = f"{curve.condition}: the value over production time, with the threshold and the pages"
    return drawing(width, CHART + AXIS_HEIGHT, label, [*parts, *time_axis(axis, CHART)])


def _labels(curve: Curve, highest: float, scale: Scale) -> list[float]:
    """The threshold, and 0 and the highest value where they do not stand on it."""
    is_apart = abs(highest - curve.threshold) > 0.15 * max(highest, curve.threshold) and highest > curve.threshold / 4
    has_zero = not curve.threshold or scale.y(0.0) - scale.y(curve.threshold) >= LABEL_HEIGHT
    return [
        *([0.0] if has_zero else []),
        *([highest] if is_apart else []),
        *([curve.threshold] if curve.threshold else []),
    ]


def _pieces(curve: Curve) -> Iterator[list[tuple[timedelta, float]]]:
    """The curve between its gaps: no data is not zero."""
    piece: list[tuple[timedelta, float]] = []
    for at, value in curve.points:
        if value is not None:
            piece.append((at, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _backdrop(report: Report, axis: Axis) -> Iterator[str]:
    """Where something was disturbed, behind the curve."""
    for result in report.drills:
        if result.fault_at is not None and result.cleared_at is not None:
            left, right = axis.x(result.fault_at), axis.x(result.cleared_at)
            yield box("shade", (left, TOP), max(1.0, right - left), CHART - TOP, str(result.drill.disturbance))


def _curve_marks(report: Report, curve: Curve, axis: Axis) -> Iterator[str]:
    """Breaches, pages and recoveries of the alerts on this monitor."""
    alerts = {alert.name for alert in report.rules.alerts if curve.monitor in alert.monitors}
    for at, kind, told in _moments(report, alerts):
        x = axis.x(at)
        yield line(f"mark {kind}", (x, TOP), (x, CHART))
        if kind == "resolved":
            yield dot(kind, (x, TOP), MARK - 1, told)
        elif kind == "page":
            yield polygon(kind, [(x - MARK, TOP + MARK), (x, TOP - MARK), (x + MARK, TOP + MARK)], told)


def _moments(report: Report, alerts: set[str]) -> Iterable[tuple[timedelta, str, str]]:
    for page in report.pages:
        if page.alert in alerts:
            at = (page.received_at - report.origin) * report.options.speed
            yield at, "resolved" if page.is_resolve else "page", f"{show_span(at)} {page.alert}: {page.action}"
    for result in report.drills:
        for times in result.times:
            if times.alert in alerts and times.breached_at is not None:
                yield times.breached_at, "breach", f"{show_span(times.breached_at)} breach"
