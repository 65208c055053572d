"""The terminal: progress on stderr while it runs, the verdict on stdout when it is over."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.status import Status as Spinner
from rich.table import Table
from rich.text import Text

from rehearsal.breakdown import Part
from rehearsal.clock import now, show_span
from rehearsal.cost.month import Month
from rehearsal.disturbance import Fault, HookFault
from rehearsal.reports.fitting import Fitting
from rehearsal.reports.tables import (
    PARTS,
    SOURCES,
    explain_counts,
    show_imbalances,
    show_interval,
    show_ms,
    show_parts,
    show_rate,
    show_total,
    show_what,
    shown_usage,
)
from rehearsal.sampling import TOTAL, Row, Verdict
from rehearsal.verdict import DrillResult, Finding, PageTimes, Report, Status

MARKS: Final = {Status.HELD: ("✓", "green"), Status.FAILED: ("✗", "bold red")}
VERDICTS: Final = {
    Status.HELD: ("HELD", "bold green"),
    Status.FAILED: ("FAILED", "bold red"),
    Status.UNTRUSTED: ("SENTRY NOT TRUSTWORTHY", "bold yellow"),
}
HEADINGS: Final = ("alert", "breach possible", "breach", "page", "recovery possible", "resolved")
NO_TERMINAL: Final = 80  # columns that Rich takes where there is no terminal
LOG_WIDTH: Final = 140
LOUD: Final = ("FIRING",)
SHOW_EVERY_S: Final = 10.0  # where there is no terminal, a line this often


def report_console() -> Console:
    """Where the report goes: a log or a file has more room than the 80 columns that Rich takes there."""
    console = Console(highlight=False)
    if not console.is_terminal and console.width == NO_TERMINAL:
        console.width = LOG_WIDTH
    return console


class TerminalProgress:
    """Lines for what happened; a spinner for what is going on, or now and then a line where nobody can see it spin."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner: Spinner | None = console.status("") if console.is_terminal else None
        self._started_at = now()
        self._shown_at = 0.0

    def __enter__(self) -> "TerminalProgress":
        if self._spinner:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._spinner:
            self._spinner.stop()

    def say(self, text: str) -> None:
        self._print(text)

    def show(self, text: str) -> None:
        if self._spinner:
            shown = Text(text)  # its lines stand below each other
            shown.highlight_words(LOUD, "bold red")
            self._spinner.update(shown)
        elif self._elapsed_s() - self._shown_at >= SHOW_EVERY_S:
            self._shown_at = self._elapsed_s()
            self._print(text.replace("\n", "; "))

    def _print(self, text: str) -> None:
        self._console.print(Text.assemble((f"{self._elapsed_s():6.1f}s  ", "dim"), text), soft_wrap=True)

    def _elapsed_s(self) -> float:
        return (now() - self._started_at).total_seconds()


def render(report: Report, differences: Sequence[str] | None = None) -> RenderableType:
    """The verdict, drill by drill, with its times, the books and where the whole report lies.

    `differences` are to a baseline, None without one.
    """
    parts: list[RenderableType] = [_headline(report)]
    for drill in report.drills:
        parts += [
            Text.assemble("\n", (drill.drill.name, "bold"), "  ", (_period(drill), "dim")),
            _findings(drill.findings),
        ]
        if drill.times:
            parts.append(Padding(Fitting(_times(drill)), (0, 0, 0, 4)))
    for skipped in report.skipped:
        parts.append(Text.assemble("\n", (skipped.name, "bold"), "  ", (f"skipped: {skipped.reason}", "yellow")))
    if report.detections:
        parts += [Text("\ntime to detect, from the fault to the page", style="bold"), _detections(report)]
    if report.rates:
        parts += [
            Text("\nsample rates as each source observed them, and the widest of their 95 % intervals", style="bold"),
            _rates(report.rates),
        ]
    if odd := [part for part in report.by_endpoint if part.imbalances]:
        parts += [Text("\nthe books of endpoints that do not close", style="bold"), _odd_parts(odd)]
    parts += [Text("\nthe whole run", style="bold"), _findings((report.canary, *report.run_findings))]
    if discards := report.books.transactions.discards:
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(discards.items()))
        parts.append(_remark(f"transactions dropped by the SDK: {listed}"))
    if report.counts:
        parts.append(_remark(explain_counts(report)))
    parts += [_remark(_usage(report)), _remark(_month(report.month))]
    parts += [Text(f"  ! {warning}", style="bold yellow") for warning in report.warnings]
    if differences is not None:
        listed = "\n".join(f"  {each}" for each in differences or ["no notable difference"])
        parts.append(Text.assemble(("\nagainst the baseline\n", "bold"), listed))
    word, style = VERDICTS[report.status]
    failed = sum(finding.status is Status.FAILED for finding in report.findings)
    count = (
        f"{failed} of {len(report.findings)} expectations failed"
        if failed
        else f"all {len(report.findings)} expectations held"
    )
    parts.append(Text.assemble("\nverdict: ", (word, style), f", {count}"))
    parts.append(Text(f"report: {report.folder / 'report.html'}"))
    return Group(*parts)


def _headline(report: Report) -> Text:
    took = (report.ended_at - report.started_at).total_seconds()
    options = report.options
    return Text(
        f"Rehearsal on {report.where}: speed {options.speed:g}, {options.traffic:.3g} production requests/s"
        f" ({options.rate:.0f}/s here), traces at {options.traces_sample_rate:.0%}, took {took:.0f} s."
        f"\nAll times are production time."
    )


def _period(drill: DrillResult) -> str:
    whole = f"from {show_span(drill.started_at)} to {show_span(drill.ended_at)}"
    if drill.fault_at is None or drill.cleared_at is None:
        return whole
    disturbance = drill.drill.disturbance
    what = "the fault" if isinstance(disturbance, Fault | HookFault) else str(disturbance)
    return f"{whole}, {what} for {show_span(drill.cleared_at - drill.fault_at)}"


def _findings(findings: tuple[Finding, ...]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=3, justify="right")
    table.add_column()
    for finding in findings:
        mark, style = MARKS[finding.status]
        table.add_row(
            Text(mark, style=style),
            Text.assemble(finding.what, ": ", (finding.detail, style if finding.status is Status.FAILED else "dim")),
        )
    return table


def _times(drill: DrillResult) -> Table:
    table = _table(*HEADINGS)
    for times in drill.times:
        table.add_row(times.alert, *(show_moment(moment) for moment in moments(drill, times)))
    return table


def _table(*headings: str, left: int = 1) -> Table:
    """A table whose first columns are text and whose others are numbers."""
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right")
    return table


def _detections(report: Report) -> RenderableType:
    table = _table("drill", "alert", "total", *(heading for heading, _, _ in PARTS), "received", left=2)
    table.columns[0].no_wrap = True
    for each in report.detections:
        shown = (part.text for part in show_parts(each, report.options.speed))
        acknowledged = show_ms(each.acknowledged / report.options.speed)
        table.add_row(each.drill, each.alert, show_span(each.total), *shown, acknowledged)
    return Padding(Fitting(table, names=2), (0, 0, 0, 4))


def _rates(rows: Sequence[Row]) -> RenderableType:
    """The sums, and endpoints that are not as configured: of the others there is nothing to say."""
    table = _table("what", "configured", *SOURCES, "95 %", "verdict")
    as_configured, reasons = 0, []
    for row in rows:
        is_sum = row.kind != "traces" or row.name == TOTAL
        if row.verdict is Verdict.AS_CONFIGURED and not is_sum:
            as_configured += 1
            continue
        is_off = row.verdict is Verdict.OFF
        style = "bold red" if is_off else ""
        reasons += [f"{show_what(row)}: {row.why}"] if is_off else []
        shown = (show_rate(row, source) for source in SOURCES)
        verdict = Text(row.verdict, style=style)
        table.add_row(show_what(row), f"{row.configured:.1%}", *shown, show_interval(row), verdict)
    each = "1 endpoint is" if as_configured == 1 else f"{as_configured} endpoints are each"
    also = [*reasons, f"{each} as configured" if as_configured else ""]
    return Padding(Group(Fitting(table), Text("\n".join(filter(None, also)), style="dim")), (0, 0, 0, 4))


def _odd_parts(parts: Sequence[Part]) -> RenderableType:
    table = _table("endpoint", "sent", "failed", "transactions", "error events", "does not fit", "for example")
    for part in parts:
        counts = map(str, (part.sent, part.failed, part.traced, part.errors))
        table.add_row(part.name, *counts, show_imbalances(part), part.imbalances[0].request_id)
    return Padding(Fitting(table), (0, 0, 0, 4))


def _remark(text: str) -> RenderableType:
    return Padding(Text(text, style="dim"), (0, 0, 0, 4))


def _usage(report: Report) -> str:
    used = ", ".join(f"{each.name} {each.cores:.2f}" for each in shown_usage(report))
    return f"CPU, of {report.usage.cores} cores: {used}"


def _month(month: Month) -> str:
    if not month.bills:
        return f"cost: not computed, {month.why_none}"
    bills = ", ".join(f"{bill.plan} {show_total(bill)}" for bill in month.bills)
    what = f"{month.requests:,.0f} requests, traces at {month.traces:.0%}, errors as in undisturbed time"
    return f"cost of a month in {month.currency}: {bills} ({what})"


def moments(drill: DrillResult, times: PageTimes) -> tuple[timedelta | None, ...]:
    """The instants of a page in the order of the headings, counted from the fault."""
    seen = (times.possible_at, times.breached_at, times.paged_at, times.recoverable_at, times.resolved_at)
    origin = drill.fault_at or drill.started_at
    return tuple(None if moment is None else moment - origin for moment in seen)


def show_moment(moment: timedelta | None) -> str:
    return "-" if moment is None else f"+{show_span(moment)}"
