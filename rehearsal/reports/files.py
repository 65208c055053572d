"""The report's files, in the run's folder."""

from collections.abc import Sequence

from rehearsal.reports.jsonfile import as_json
from rehearsal.reports.junit import as_junit
from rehearsal.reports.markdown import as_markdown
from rehearsal.reports.page import as_html
from rehearsal.verdict import Report


def write_files(report: Report, differences: Sequence[str] | None) -> None:
    """Write the report as JSON, HTML, JUnit XML and Markdown; `differences` are to a baseline, None without one."""
    for name, text in (
        ("report.json", as_json(report)),
        ("report.html", as_html(report)),
        ("report.junit.xml", as_junit(report)),
        ("report.md", as_markdown(report, differences)),
    ):
        (report.folder / name).write_text(text, encoding="utf-8")
