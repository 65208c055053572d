"""An earlier run's report.json against this run: which drills turned, which pages got slower."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rehearsal.clock import show_span
from rehearsal.errors import UsageError
from rehearsal.reports.jsonfile import VERSION
from rehearsal.verdict import PageTimes, Report

# Two runs of the same stack differ by chance: the failures of a fault do not come evenly.
NOTABLE: Final = timedelta(minutes=1)

Page = tuple[str, str]  # drill, alert


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an earlier run found."""

    started_at: str  # RFC 3339
    statuses: dict[str, str]  # by drill
    waits: dict[Page, timedelta]  # from the possible breach to the page, production time


def read_baseline(path: Path) -> Baseline:
    """Read a report.json. Raises UsageError if it is none, or of another version."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["version"] != VERSION:
            raise UsageError(f"{path}: version {report['version']!r}, allowed is {VERSION}: run the baseline again")
        return Baseline(report["started_at"], _statuses(report), _waits(report))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no report.json of a run: {type(error).__name__} {error}") from None


def compare(baseline: Baseline, report: Report) -> list[str]:
    """Return a sentence for each difference worth a look; none if there is none."""
    statuses = {result.drill.name: result.status.value for result in report.drills}
    waits = {
        (result.drill.name, times.alert): wait
        for result in report.drills
        for times in result.times
        if (wait := _wait(times)) is not None
    }
    turned = [
        f"{name}: {baseline.statuses.get(name, 'not run')} before, {statuses.get(name, 'not run')} now"
        for name in sorted(statuses if report.options.only else baseline.statuses.keys() | statuses.keys())
        if baseline.statuses.get(name) != statuses.get(name)
    ]
    moved = [
        f"{drill}, {alert}: paged {show_span(waits[drill, alert])} after the breach became possible,"
        f" {show_span(before)} before"
        for (drill, alert), before in sorted(baseline.waits.items())
        if (drill, alert) in waits and abs(waits[drill, alert] - before) >= NOTABLE
    ]
    return turned + moved


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
