"""An earlier run's report.json against this run: which drills turned, which pages got slower."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from rehearsal.clock import show_span
from rehearsal.errors import UsageError
from rehearsal.reports.jsonfile import VERSION
from rehearsal.verdict import PageTimes, Report

# Two runs of the same stack differ by chance: the failures of a fault do not come evenly.
NOTABLE: Final = timedelta(minutes=1)
# A month's volumes are estimates: of spans a request a few percent, from a look into some of them.
NOTABLE_SHARE: Final = Decimal("0.05")
ROUNDING: Final = Decimal("0.01")

Page = tuple[str, str]  # drill, alert


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an earlier run found."""

    started_at: str  # RFC 3339
    statuses: dict[str, str]  # by drill
    waits: dict[Page, timedelta]  # from the possible breach to the page, production time
    totals: dict[str, Decimal]  # of a month's bill, by plan


def read_baseline(path: Path) -> Baseline:
    """Read a report.json. Raises UsageError if it is none, or of another version."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["version"] != VERSION:
            raise UsageError(f"{path}: version {report['version']!r}, allowed is {VERSION}: run the baseline again")
        return Baseline(report["started_at"], _statuses(report), _waits(report), _totals(report))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidOperation) as error:
        raise UsageError(f"{path} is no report.json of a run: {type(error).__name__} {error}") from None


def baseline_of(report: Report) -> Baseline:
    """What this run found."""
    waits = {
        (result.drill.name, times.alert): wait
        for result in report.drills
        for times in result.times
        if (wait := _wait(times)) is not None
    }
    statuses = {result.drill.name: result.status.value for result in report.drills}
    totals = {bill.plan: bill.total for bill in report.month.bills}
    return Baseline(report.started_at.isoformat(), statuses, waits, totals)


def compare(baseline: Baseline, report: Report) -> list[str]:
    """Return a sentence for each difference worth a look; none if there is none."""
    return differences(baseline, baseline_of(report), is_whole=not report.options.only)


def differences(before: Baseline, after: Baseline, *, is_whole: bool) -> list[str]:
    """Return a sentence for each difference between two runs; drills that are gone count when the later was whole."""
    names = before.statuses.keys() | after.statuses.keys() if is_whole else after.statuses.keys()
    turned = [
        f"{name}: {before.statuses.get(name, 'not run')} before, {after.statuses.get(name, 'not run')} now"
        for name in sorted(names)
        if before.statuses.get(name) != after.statuses.get(name)
    ]
    moved = [
        f"{drill}, {alert}: paged {show_span(after.waits[drill, alert])} after the breach became possible,"
        f" {show_span(earlier)} before"
        for (drill, alert), earlier in sorted(before.waits.items())
        if (drill, alert) in after.waits and abs(after.waits[drill, alert] - earlier) >= NOTABLE
    ]
    dearer = [
        f"a month in plan {plan} costs {after.totals[plan]:,.2f}, {earlier:,.2f} before"
        for plan, earlier in sorted(before.totals.items())
        if plan in after.totals and abs(after.totals[plan] - earlier) > max(ROUNDING, NOTABLE_SHARE * earlier)
    ]
    return turned + moved + dearer


def _wait(times: PageTimes) -> timedelta | None:
    return None if times.paged_at is None else times.paged_at - times.possible_at


def _statuses(report: dict[str, Any]) -> dict[str, str]:
    return {result["drill"]["name"]: str(result["status"]) for result in report["drills"]}


def _waits(report: dict[str, Any]) -> dict[Page, timedelta]:
    return {
        (result["drill"]["name"], times["alert"]): timedelta(seconds=times["paged_at"] - times["possible_at"])
        for result in report["drills"]
        for times in result["times"]
        if times["paged_at"] is not None
    }


def _totals(report: dict[str, Any]) -> dict[str, Decimal]:
    """None of a run before bills were in reports."""
    return {bill["plan"]: Decimal(bill["total"]) for bill in report.get("month", {}).get("bills", ())}
