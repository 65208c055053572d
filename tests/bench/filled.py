"""The data folder of an engine with many requests and issues in it, filled once and kept for further runs.

The clock of an engine on a kept folder is set back to when it was filled, so that its last minutes are full.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import apsw

from embedded.clock import SystemClock
from rehearsal.console.runs import REPORT
from rehearsal.reports.jsonfile import as_json
from rehearsal.verdict import Finding, Status
from tests.bench.filling import Content, fill
from tests.path.engine import ORGANIZATION, detector_body, start_engine
from tests.unit.rehearsal.samples import report

RUNS: Final = 25  # past rehearsals: more than a page of them
NOTE: Final = "filled.json"


@dataclass(frozen=True)
class Filled:
    """Where it is, and what pages ask for of it."""

    folder: Path
    requests: int
    issues: int
    at: datetime  # when it was filled
    monitor: int
    trace: str  # of a request in the middle
    run: str  # the newest rehearsal

    @property
    def file(self) -> Path:
        return self.folder / "engine.sqlite"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def ahead(self) -> timedelta:
        """How far its clock is before the machine's, negative where it is behind."""
        return min(self.at - SystemClock().now(), timedelta(0))


def filled(content: Content, scratch: Path, kept: Path | None) -> Filled:
    """Fill a folder below `scratch`, or copy the one that is kept; keep a new one where that is asked for."""
    folder = scratch / "engine"
    if kept and (kept / NOTE).exists():
        shutil.copytree(kept, folder)
    else:
        _fill(folder, content)
        if kept:
            shutil.copytree(folder, kept)
    note = json.loads((folder / NOTE).read_text())
    return Filled(
        folder=folder,
        requests=note["requests"],
        issues=note["issues"],
        at=datetime.fromisoformat(note["at"]),
        monitor=note["monitor"],
        trace=_trace(folder),
        run=_runs(folder / "runs"),
    )


def _fill(folder: Path, content: Content) -> None:
    engine = start_engine(folder)
    project = engine.project()
    made = engine.ask("POST", f"{ORGANIZATION}/projects/{project.slug}/detectors/", detector_body())
    engine.end()
    at = SystemClock().now()
    fill(folder / "engine.sqlite", project.id, content, at)
    note = {"requests": content.requests, "issues": content.issues, "at": at.isoformat(), "monitor": int(made["id"])}
    (folder / NOTE).write_text(json.dumps(note))


def _trace(folder: Path) -> str:
    connection = apsw.Connection(str(folder / "engine.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    middle = "SELECT max(id) / 2 FROM request_span"
    found: str = connection.execute(f"SELECT lower(hex(trace_id)) FROM request_span WHERE id = ({middle})").get  # noqa: S608 - no input in it
    connection.close()
    return found


def _runs(folder: Path) -> str:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    name = ""
    for number in range(RUNS):
        name = f"{first + timedelta(hours=number):%Y%m%dT%H%M%S}"
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = as_json(report(folder / name, Finding(Status.HELD, "it pages", "in time")))
        (folder / name / REPORT).write_text(text)
    return name
