"""The report as one self-contained HTML file: it opens offline, on a phone and in print."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rehearsal.clock import show_span
from rehearsal.reports.svg import NARROW, WIDE
from rehearsal.reports.tables import (
    PARTS,
    SOURCES,
    explain_counts,
    show_imbalances,
    show_ms,
    show_parts,
    show_total,
    show_what,
    shown_lines,
    shown_usage,
)
from rehearsal.reports.terminal import HEADINGS, VERDICTS, moments, show_moment
from rehearsal.reports.timeline import curve_chart, lanes, load_chart
from rehearsal.verdict import Report, Status

TEMPLATES: Final = resources.files("rehearsal.reports")
NAMED: Final = 20  # requests that are named of an imbalance; the rest are in report.json


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart twice, for a desktop and for a phone; the style sheet shows one of them."""

    title: str
    wide: Markup
    narrow: Markup


def as_html(report: Report) -> str:
    """Render the report. Everything that came over the wire is escaped by the template engine."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "span": show_span,
        "moment": show_moment,
        "share": show_share,
        "digits": show_digits,
        "what": show_what,
        "ms": show_ms,
        "imbalances": show_imbalances,
        "total": show_total,
    }
    template = environment.from_string(_read("report.html.jinja"))
    return template.render(
        report=report,
        style=Markup(_read("report.css")),  # noqa: S704 - our own file
        verdict=VERDICTS[report.status][0],
        failed=[finding for finding in report.findings if finding.status is Status.FAILED],
        headings=HEADINGS,
        moments=moments,
        lanes=_chart("", lambda width: lanes(report, width)),
        charts=list(_charts(report)),
        parts=PARTS,
        detections=[(each, show_parts(each, report.options.speed)) for each in report.detections],
        usage=shown_usage(report),
        sources=SOURCES,
        about_counts=explain_counts(report),
        lines=shown_lines(report.month),
        second=timedelta(seconds=report.options.speed),
        named=NAMED,
        took_s=(report.ended_at - report.started_at).total_seconds(),
        slowest=max((each.total for each in report.detections), default=timedelta(0)),
    )


def show_share(value: float) -> str:
    """A share of 0 to 1 as a percentage of three digits."""
    return f"{show_digits(value * 100)} %"


def show_digits(value: float) -> str:
    """Three digits of a number, without an exponent."""
    return f"{float(f'{value:.3g}'):g}"


def _charts(report: Report) -> "list[Chart]":
    found = [_chart("Requests a minute, and those that failed", lambda width: load_chart(report, width))]
    for curve in report.curves:
        title = f"{curve.monitor}: {curve.condition}"
        found.append(_chart(title, lambda width, curve=curve: curve_chart(report, curve, width)))  # type: ignore[misc]
    return found


def _chart(title: str, draw: Callable[[float], str]) -> Chart:
    # Safe: the drawing escapes the texts that it puts in.
    return Chart(title, Markup(draw(WIDE)), Markup(draw(NARROW)))  # noqa: S704


def _read(name: str) -> Any:
    return TEMPLATES.joinpath(name).read_text("utf-8")
