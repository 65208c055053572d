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

from rehearsal.clock import now, show_span
from rehearsal.disturbance import Fault, HookFault
from rehearsal.verdict import DrillResult, Finding, PageTimes, Report, Status

MARKS: Final = {Status.HELD: ("✓", "green"), Status.FAILED: ("✗", "bold red")}
VERDICTS: Final = {
    Status.HELD: ("HELD", "bold green"),
    Status.FAILED: ("FAILED", "bold red"),
    Status.UNTRUSTED: ("SENTRY NOT TRUSTWORTHY", "bold yellow"),
}
HEADINGS: Final = ("alert", "breach possible", "breach", "page", "recovery possible", "resolved")
SHOW_EVERY_S: Final = 10.0  # where there is no terminal, a line this often


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
            self._spinner.update(Text(text))
        elif self._elapsed_s() - self._shown_at >= SHOW_EVERY_S:
            self._shown_at = self._elapsed_s()
            self._print(text)

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
            parts.append(Padding(_times(drill), (0, 0, 0, 4)))
    for skipped in report.skipped:
        parts.append(Text.assemble("\n", (skipped.name, "bold"), "  ", (f"skipped: {skipped.reason}", "yellow")))
    parts += [Text("\nthe whole run", style="bold"), _findings((report.canary, *report.run_findings))]
    if discards := report.books.transactions.discards:
        listed = ", ".join(f"{count} {reason}" for reason, count in sorted(discards.items()))
        parts.append(Text(f"    transactions dropped by the SDK: {listed}", style="dim"))
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
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "alert" else "right")
    for times in drill.times:
        table.add_row(times.alert, *(show_moment(moment) for moment in moments(drill, times)))
    return table


def moments(drill: DrillResult, times: PageTimes) -> tuple[timedelta | None, ...]:
    """The instants of a page in the order of the headings, counted from the fault."""
    seen = (times.possible_at, times.breached_at, times.paged_at, times.recoverable_at, times.resolved_at)
    origin = drill.fault_at or drill.started_at
    return tuple(None if moment is None else moment - origin for moment in seen)


def show_moment(moment: timedelta | None) -> str:
    return "-" if moment is None else f"+{show_span(moment)}"
