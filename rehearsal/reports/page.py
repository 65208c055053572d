"""The report as one self-contained HTML file: it opens offline, on a phone and in print."""

from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from monitors.model import Monitor
from rehearsal.clock import show_span
from rehearsal.curves import show_threshold
from rehearsal.reports.chart import timeline
from rehearsal.reports.terminal import HEADINGS, VERDICTS, moments, show_moment
from rehearsal.verdict import Report, Status

TEMPLATE: Final = "report.html.jinja"


def as_html(report: Report) -> str:
    """Render the report. Everything that came over the wire is escaped by the template engine."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"span": show_span, "moment": show_moment}
    template = environment.from_string(resources.files("rehearsal.reports").joinpath(TEMPLATE).read_text("utf-8"))
    return template.render(
        report=report,
        verdict=VERDICTS[report.status][0],
        failed=[finding for finding in report.findings if finding.status is Status.FAILED],
        headings=HEADINGS,
        moments=moments,
        charts=[(show_threshold(monitor), _chart(report, monitor)) for monitor in _charted(report)],
        took_s=(report.ended_at - report.started_at).total_seconds(),
    )


def _charted(report: Report) -> list[Monitor]:
    """The monitors whose value the ledger can show: those on the share of failed requests."""
    return [monitor for monitor in report.rules.monitors if monitor.aggregate.function == "failure_rate"]


def _chart(report: Report, monitor: Monitor) -> Markup:
    # Safe: `timeline` escapes the texts that it puts into the drawing.
    return Markup(timeline(report, monitor.thresholds[0].value, monitor.window))  # noqa: S704
