"""Past rehearsals as their folders have them: report.json read leniently, since other versions wrote some of them."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from embedded.lenient import instant, mapping, sequence
from rehearsal.sink.pages import RESOLVED

NAME: Final = re.compile(r"\d{8}T\d{6}(-\d+)?")  # of a run's folder
REPORT: Final = "report.json"
PAGE: Final = "report.html"
MAX_BYTES: Final = 20_000_000  # of a report
KEPT: Final = 256  # reports in memory


@dataclass(frozen=True, slots=True)
class Found:
    """An expectation that did not hold."""

    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waited:
    """How long an alert took."""

    alert: str
    channel: str
    to_page: timedelta | None  # since the breach became possible, production time; None: it never paged
    to_recovery: timedelta | None  # since it became possible


@dataclass(frozen=True, slots=True)
class DrillRun:
    """One drill of a run."""

    name: str
    hypothesis: str
    status: str
    lasted: timedelta  # production time
    failed: tuple[Found, ...]
    waits: tuple[Waited, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One rehearsal."""

    name: str  # of its folder
    verdict: str | None  # None: it left no report
    started_at: datetime | None
    took: timedelta | None  # wall time
    engine: str
    speed: float
    traffic: float  # production requests a second
    traces: float
    drills: tuple[DrillRun, ...]
    failed: tuple[Found, ...]  # of the run as a whole
    pages: int  # recoveries are none, as in the report
    has_page: bool

    @property
    def held(self) -> int:
        return sum(each.status == "held" for each in self.drills)


def list_runs(folder: Path, limit: int, offset: int = 0) -> tuple[list[Run], bool]:
    """Return the newest runs, and whether there are older ones."""
    names = sorted((each.name for each in _folders(folder)), reverse=True)
    return [_read(folder / name) for name in names[offset : offset + limit]], len(names) > offset + limit


def find_run(folder: Path, name: str) -> Run | None:
    """Return a run by the name of its folder."""
    return _read(folder / name) if NAME.fullmatch(name) and (folder / name).is_dir() else None


def _folders(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if NAME.fullmatch(each.name)] if folder.is_dir() else []


def _read(folder: Path) -> Run:
    try:
        written = (folder / REPORT).stat()
    except OSError:
        return _run(folder.name, {}, has_page=False)
    return _read_written(folder, written.st_mtime_ns, written.st_size)


@lru_cache(KEPT)
def _read_written(folder: Path, written_ns: int, size: int) -> Run:  # noqa: ARG001 - when it was written is the key
    try:
        content = json.loads((folder / REPORT).read_text("utf-8")) if size <= MAX_BYTES else {}
    except (OSError, ValueError):
        content = {}
    return _run(folder.name, mapping(content), has_page=(folder / PAGE).is_file())


def _run(name: str, report: dict[str, Any], *, has_page: bool) -> Run:
    options = mapping(report.get("options"))
    started_at, ended_at = instant(report.get("started_at")), instant(report.get("ended_at"))
    return Run(
        name=name,
        verdict=str(report["verdict"]) if "verdict" in report else None,
        started_at=started_at,
        took=ended_at - started_at if started_at and ended_at else None,
        engine=str(report.get("engine", "")),
        speed=_number(options.get("speed"), 1.0),
        traffic=_number(options.get("traffic"), 0.0),
        traces=_number(options.get("traces_sample_rate"), 0.0),
        drills=tuple(_drill(mapping(each)) for each in sequence(report.get("drills"))),
        failed=_failed([report.get("canary"), *sequence(report.get("run_findings"))]),
        pages=sum(mapping(each).get("action") != RESOLVED for each in sequence(report.get("pages"))),
        has_page=has_page,
    )


def _drill(result: dict[str, Any]) -> DrillRun:
    drill = mapping(result.get("drill"))
    return DrillRun(
        name=str(drill.get("name", "")),
        hypothesis=str(drill.get("hypothesis", "")),
        status=str(result.get("status", "")),
        lasted=timedelta(seconds=_number(result.get("ended_at"), 0.0) - _number(result.get("started_at"), 0.0)),
        failed=_failed(sequence(result.get("findings"))),
        waits=tuple(_waited(mapping(each)) for each in sequence(result.get("times"))),
    )


def _waited(times: dict[str, Any]) -> Waited:
    return Waited(
        str(times.get("alert", "")),
        str(times.get("channel", "")),
        _between(times.get("possible_at"), times.get("paged_at")),
        _between(times.get("recoverable_at"), times.get("resolved_at")),
    )


def _failed(findings: list[Any]) -> tuple[Found, ...]:
    found = [mapping(each) for each in findings]
    return tuple(
        Found(str(each.get("what", "")), str(each.get("detail", ""))) for each in found if each.get("status") != "held"
    )


def _between(start: object, end: object) -> timedelta | None:
    is_known = isinstance(start, int | float) and isinstance(end, int | float)
    return timedelta(seconds=_number(end, 0.0) - _number(start, 0.0)) if is_known else None


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
