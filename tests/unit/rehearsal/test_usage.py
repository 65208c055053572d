"""CPU time of processes, and when the load generator is the bottleneck."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from rehearsal.processes import Child
from rehearsal.usage import (
    Meter,
    Reading,
    Usage,
    cpu_seconds,
    measure_arrivals,
    usage_between,
    warn_of_load,
    warn_of_others,
)
from tests.unit.rehearsal.samples import ORIGIN, entry

BUSY = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}]); print(flush=True); input()"
USAGE = Usage(100.0, 2, {"load": 40.0, "service": 120.0}, 10.0)


def start(code: str) -> Child:
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it has been busy
    return Child("service", process, None)


def end(child: Child) -> None:
    child.process.communicate(b"\n", timeout=20)


def test_what_ended_children_used_counts_and_stays_when_the_part_is_stopped() -> None:
    child, meter = start(IN_A_CHILD), Meter()
    try:
        used = meter.read([child]).parts["service"]
        assert used >= 0.3
        meter.note_end(child)
    finally:
        end(child)
    assert meter.read([]).parts["service"] >= used


def test_a_process_that_is_gone_used_nothing() -> None:
    child = start("print(flush=True); input()")
    end(child)
    assert cpu_seconds(child.process.pid) == 0.0
    assert cpu_seconds(os.getpid()) > 0


def test_a_span_is_the_difference_of_two_readings() -> None:
    first = Reading(ORIGIN, {"service": 5.0}, 100.0)
    second = Reading(ORIGIN + timedelta(seconds=10), {"service": 9.0, "engine": 1.0}, 107.0)
    found = usage_between(first, second)
    assert (found.wall_s, found.parts, found.others_s) == (10.0, {"service": 4.0, "engine": 1.0}, 2.0)
    assert found.share("service") == 0.4


def test_a_load_that_keeps_up_gives_no_warning() -> None:
    slow_answers = [replace(entry(number), late_ms=900.0, lag_ms=1.0) for number in range(100)]
    arrivals = measure_arrivals(slow_answers)
    assert (arrivals.sent, arrivals.late_p95_ms, arrivals.lag_p95_ms) == (100, 900.0, 1.0)
    assert warn_of_load(arrivals, USAGE) is None
    assert warn_of_load(measure_arrivals([]), USAGE) is None


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (replace(USAGE, parts={"load": 97.0}), "it took 0.97 of its 1 core: send from more processes"),
        (replace(USAGE, others_s=150.0), "it took 0.40 cores, others on this machine 1.50 of 2"),
    ],
)
def test_a_load_that_wakes_up_late_is_named_with_its_reason(usage: Usage, reason: str) -> None:
    late = [replace(entry(number), late_ms=300.0, lag_ms=250.0 if number % 10 == 0 else 1.0) for number in range(100)]
    said = warn_of_load(measure_arrivals(late), usage)
    assert said is not None
    assert said.startswith("The load generator was the bottleneck, not the service: one request in twenty began 250 ms")
    assert reason in said


def test_a_machine_that_is_busy_with_something_else_is_told_of() -> None:
    assert warn_of_others(USAGE) is None
    said = warn_of_others(replace(USAGE, others_s=150.0))
    assert said is not None
    assert said.startswith("The machine was busy with something else: it took 75% of 2 cores.")
