"""The report as Markdown for a pull request: the verdict, what failed, the times, the difference to a baseline."""

from collections.abc import Iterator, Sequence

from rehearsal.clock import show_span
from rehearsal.reports.tables import PARTS, show_parts, show_total
from rehearsal.reports.terminal import HEADINGS, VERDICTS, moments, show_moment
from rehearsal.verdict import Report, Status


def as_markdown(report: Report, differences: Sequence[str] | None) -> str:
    """Return the summary; `differences` are sentences, None where there is no baseline."""
    return "\n".join(_lines(report, differences)) + "\n"


def _lines(report: Report, differences: Sequence[str] | None) -> Iterator[str]:
    failed = [finding for finding in report.findings if finding.status is Status.FAILED]
    took_s = (report.ended_at - report.started_at).total_seconds()
    count = f"{len(failed)} of {len(report.findings)} expectations failed" if failed else "All expectations held"
    yield f"## Sentry rehearsal: {VERDICTS[report.status][0]}"
    yield ""
    yield f"{count}. On {report.where}, {took_s:.0f} s at speed {report.options.speed:g}."
    yield from ["", *(f"- ✗ **{_escape(each.what)}**: {_escape(each.detail)}" for each in failed)] if failed else []
    yield from ("", *(f"> {_escape(each)}" for each in report.warnings)) if report.warnings else ()
    yield from ["", "| drill | verdict |", "|---|---|"]
    yield from (f"| {_escape(result.drill.name)} | {result.status} |" for result in report.drills)
    yield from (f"| {_escape(each.name)} | skipped: {_escape(each.reason)} |" for each in report.skipped)
    yield from ["", f"| drill | {' | '.join(HEADINGS)} |", "|" + "---|" * (1 + len(HEADINGS))]
    for result in report.drills:
        for times in result.times:
            cells = [result.drill.name, times.alert, *map(show_moment, moments(result, times))]
            yield f"| {' | '.join(map(_escape, cells))} |"
    if report.detections:
        yield from ["", f"| drill | alert | to detect | {' | '.join(heading for heading, _, _ in PARTS)} |"]
        yield "|---|---|" + "---|" * (1 + len(PARTS))
        for each in report.detections:
            shown = (part.text for part in show_parts(each, report.options.speed))
            yield f"| {' | '.join(map(_escape, (each.drill, each.alert, show_span(each.total), *shown)))} |"
    books = report.books
    yield ""
    yield (
        f"Books: {books.sent} requests sent, {books.transactions.arrived} transactions,"
        f" {sum(books.transactions.discards.values())} dropped by the SDK; {books.failed} failed,"
        f" {books.errors.arrived} error events. Times are production time, from the start of the fault."
    )
    if report.month.bills:
        bills = ", ".join(f"{bill.plan} {show_total(bill)}" for bill in report.month.bills)
        yield from ["", f"A month of {report.month.requests:,.0f} requests in {report.month.currency}: {bills}."]
    if differences is not None:
        yield from ["", "### Against the baseline", ""]
        yield from (f"- {_escape(each)}" for each in differences or ["no notable difference"])


def _escape(text: str) -> str:
    """Keep text from being read as markup: tables, code, HTML, links."""
    for character in "\\|`*_<>[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
