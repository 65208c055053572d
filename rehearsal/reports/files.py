"""The report's files, in the run's folder."""

from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.page import as_html
from rehearsal.verdict import Report


def write_files(report: Report) -> None:
    """Write report.json and report.html."""
    (report.folder / "report.json").write_text(as_json(report), encoding="utf-8")
    (report.folder / "report.html").write_text(as_html(report), encoding="utf-8")
