"""The service's fault flags over time."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rehearsal.console.faults import FaultWatch, FaultWatches
from rehearsal.disturbance import HookFault
from rehearsal.faulting import HOOKS, Faulting
from rehearsal.plan import Action, Hook

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def switch(flags: Path, minute: int, **on: object) -> None:
    """Write the flags, so many minutes after the start."""
    flags.write_text(json.dumps(on))
    at = (START + minute * MINUTE).timestamp()
    os.utime(flags, (at, at))


def test_a_fault_lasts_from_one_writing_to_the_next_that_lacks_it(tmp_path: Path) -> None:
    flags = tmp_path / "faults.json"
    watch = FaultWatch(flags)
    watch.look()  # nothing is there yet
    switch(flags, 1, error_rate={"value": 0.2, "routes": ["/a", "/b"]})
    watch.look()
    [fault] = watch.between(START, START + 5 * MINUTE)
    assert (fault.what, fault.start, fault.end) == ("error_rate 0.2 at /a, /b", START + MINUTE, None)
    switch(flags, 3, dependency_down={"value": 1, "dependencies": ["plot"]})
    watch.look()
    watch.look()
    assert [(each.what, each.end) for each in watch.between(START, START + 5 * MINUTE)] == [
        ("error_rate 0.2 at /a, /b", START + 3 * MINUTE),
        ("dependency_down 1 at plot", None),
    ]
    assert [each.what for each in watch.between(START + 4 * MINUTE, START + 5 * MINUTE)] == [
        "dependency_down 1 at plot"
    ]
    assert watch.between(START, START + MINUTE) == []


def test_half_a_file_changes_nothing(tmp_path: Path) -> None:
    flags = tmp_path / "faults.json"
    watch = FaultWatch(flags)
    switch(flags, 1, error_rate={"value": 0.2, "routes": ["*"]})
    watch.look()
    flags.write_text('{"error')
    watch.look()
    assert [(each.what, each.end) for each in watch.between(START, START + 5 * MINUTE)] == [("error_rate 0.2", None)]


def test_a_hook_of_a_plan_is_a_fault_with_a_start_and_an_end(tmp_path: Path) -> None:
    flags, done = tmp_path / "faults.json", []
    action = Action(url="http://127.0.0.1:9/x")
    faulting = Faulting(flags, (Hook("broken", action, action),), lambda what, _: done.append(what))
    watch = FaultWatches(flags, tmp_path / HOOKS)
    faulting.set(HookFault("broken", fails=0.5, slows_ms=None))
    watch.look()
    [fault] = watch.between(*EVER)
    assert (fault.what, fault.end) == ("hook broken", None)
    faulting.set()
    watch.look()
    [fault] = watch.between(*EVER)
    assert fault.end is not None
    assert done == ["begin of hook broken", "end of hook broken"]
