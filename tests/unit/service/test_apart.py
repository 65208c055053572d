"""Computing processes: what crosses over, what ends them, and that none is left."""

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from service.apart import ROOT, Apart, Process, ProcessLostError
from service.errors import ErrorCode, IslError
from service.graph import no_checkpoint
from service.pool import Task
from tests.unit.service import apart_work

PLENTY_S = 60.0
T = TypeVar("T")
PARENT = """
import sys, time
from service.apart import Apart, Process
from tests.unit.service import apart_work
apart = Apart([Process(0)])
while True:
    with apart.lend() as process:
        if process is not None:
            print(process.call(apart_work.add, (1, 2), 60, 60)[1], flush=True)
    time.sleep(0.02)
"""


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart([Process(0)])
    yield made
    made.close()


def _call(apart: Apart, work: Callable[..., T], *arguments: int, left_s: float = PLENTY_S) -> T:
    """Compute in a process, as soon as there is one."""
    end = time.monotonic() + PLENTY_S
    while time.monotonic() < end:
        with apart.lend() as process:
            if process is not None:
                return process.call(work, arguments, left_s, 0.9)
        time.sleep(0.02)
    raise AssertionError(f"waited {PLENTY_S:g} s for a process to be ready")


def _pid(apart: Apart) -> int:
    total, pid = _call(apart, apart_work.add, 1, 2)
    assert total == 3
    return pid


def _is_alive(pid: int) -> bool:
    """Tell if it runs; one that has ended and that nobody has asked for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _await_end(pid: int) -> None:
    end = time.monotonic() + PLENTY_S
    while _is_alive(pid):
        assert time.monotonic() < end, f"waited {PLENTY_S:g} s for process {pid} to end"
        time.sleep(0.02)


def test_one_process_computes_one_after_the_other_until_it_is_closed(apart: Apart) -> None:
    pid = _pid(apart)
    assert pid != os.getpid()
    assert _pid(apart) == pid
    apart.close()
    assert not _is_alive(pid)


def test_errors_come_back_with_their_details_and_the_way_to_them(apart: Apart) -> None:
    with pytest.raises(ZeroDivisionError) as bug:
        _call(apart, apart_work.divide, 1)
    last = traceback.extract_tb(bug.value.__traceback__)[-1]
    assert (last.name, Path(last.filename).name) == ("divide", "apart_work.py")
    with pytest.raises(IslError) as refusal:
        _call(apart, apart_work.refuse)
    assert refusal.value.code is ErrorCode.ISL_INVALID_MODEL
    assert (refusal.value.message, refusal.value.details.node_count) == ("no", 3)
    assert refusal.value.details.validation_failures == ("here",)


def test_past_its_deadline_work_stops_itself_or_is_ended(apart: Apart) -> None:
    pid = _pid(apart)
    cases: list[tuple[Callable[..., None], bool]] = [(apart_work.obey, True), (apart_work.ignore, False)]
    for work, is_same in cases:
        with pytest.raises(IslError) as late:
            _call(apart, work, left_s=0.2)
        assert (late.value.code, "0.9 seconds" in late.value.message) == (ErrorCode.ISL_TIMEOUT, True)
        assert _is_alive(pid) is is_same
    assert _pid(apart) != pid


def test_nobody_waits_for_one_that_is_not_ready(apart: Apart) -> None:
    with apart.lend() as process:
        assert process is None
    task = Task(PLENTY_S, no_checkpoint, apart, threading.Lock())
    assert task.compute(apart_work.add, 1, 2)[0] == 3
    pid = _pid(apart)
    assert task.compute(apart_work.add, 1, 2) == (3, pid)


def test_one_that_was_prepared_is_ready_for_the_first_who_comes(apart: Apart) -> None:
    apart.prepare()
    apart.prepare()  # starts no second one
    [process] = apart._processes
    end = time.monotonic() + PLENTY_S
    while not process.is_ready():
        assert time.monotonic() < end, f"waited {PLENTY_S:g} s for a process to be ready"
        time.sleep(0.02)
    with apart.lend() as lent:
        assert lent is process


def test_one_that_is_lent_is_left_alone(apart: Apart) -> None:
    with apart.lend():
        apart.prepare()
    assert _pid(apart)


def test_a_process_that_is_lost_is_an_error_once(apart: Apart) -> None:
    pid = _pid(apart)
    with pytest.raises(ProcessLostError):
        _call(apart, apart_work.die)
    assert _pid(apart) != pid


def test_none_is_left_when_its_worker_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert _is_alive(pid)
        worker.kill()
        _await_end(pid)
