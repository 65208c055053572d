"""A stack that stays up: `rehearse up` starts it and returns, `rehearse down` finds it again and stops it."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from monitors.errors import MonitorsError, RulesError
from monitors.load import load_rules
from rehearsal.children import PROCESSES
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.parts import start_parts
from rehearsal.processes import Mark, stop_marked
from rehearsal.progress import Progress
from rehearsal.settings import Options
from rehearsal.stack import Stack
from rehearsal.statefile import locked, read_json, write_json

STATE: Final = "stack.json"  # written last: while it is missing, the stack is not up


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person or a later command needs to know of a stack that is up."""

    speed: float
    traces_sample_rate: float
    plan: str  # file
    project: str
    rules: str  # folder
    service: str  # URL, like the next two
    engine: str
    sink: str
    dsn: str
    token: str  # file, like all below
    service_key: str
    faults: str
    pages: str
    ledger: str
    logs: str


def bring_up(options: Options, progress: Progress) -> Standing:
    """Start engine, sink and service, apply the rules, and return where everything is.

    A stack that is up already stays as it is. Raises UsageError (also for one that is up with other options),
    EnvironmentMissingError; then nothing that this call started is left running.
    """
    with locked(_lock(options.var), "bringing this stack up or down"):
        if found := find_standing(options.var):
            return _keep(found, options, progress)
        _take_down(options.var)
        stack = Stack(options, folder(options.var), outlives_us=True)
        try:
            standing = _start(stack, options, progress)
            write_json(folder(options.var) / STATE, asdict(standing))
        except BaseException:
            stack.stop()
            raise
        return standing


def take_down(var: Path, *, with_data: bool) -> list[str]:
    """Stop what `bring_up` started, the service first; return the names of what was running.

    Finds them also when `bring_up` was killed half-way.
    """
    with locked(_lock(var), "bringing this stack up or down"):
        stopped = _take_down(var)
        if with_data:
            shutil.rmtree(folder(var), ignore_errors=True)
        return stopped


def find_standing(var: Path) -> Standing | None:
    """Return the stack that is up; None where there is none, or where a part of it has died."""
    state = read_json(folder(var) / STATE)
    marks = _marks(var)
    if not state or not marks or not all(found.is_running for found in marks):
        return None
    try:
        return Standing(**state)
    except TypeError as error:
        raise EnvironmentMissingError(f"{folder(var) / STATE} is of another version ({error}); remove it") from None


def folder(var: Path) -> Path:
    """Where a standing stack keeps its data, logs and pages."""
    return var / "stack"


def _keep(found: Standing, options: Options, progress: Progress) -> Standing:
    asked = (options.speed, options.traces_sample_rate, str(options.plan), str(options.rules))
    if (found.speed, found.traces_sample_rate, found.plan, found.rules) != asked:
        raise UsageError(
            f"the stack is up with other options (speed {found.speed:g}, traces {found.traces_sample_rate:g}, plan"
            f" {found.plan}, rules {found.rules}); take it down first: rehearse down"
        )
    progress.say("already up")
    return found


def _take_down(var: Path) -> list[str]:
    running = [found for found in reversed(_marks(var)) if found.is_running]
    (folder(var) / STATE).unlink(missing_ok=True)
    for found in running:
        stop_marked(found)
    (folder(var) / PROCESSES).unlink(missing_ok=True)
    return [found.name for found in running]


def _start(stack: Stack, options: Options, progress: Progress) -> Standing:
    try:
        rules = load_rules(options.rules)
        start_parts(stack, rules, progress)
    except RulesError as error:
        raise UsageError(str(error)) from None
    except MonitorsError as error:
        raise EnvironmentMissingError(str(error)) from error
    return Standing(
        speed=options.speed,
        traces_sample_rate=options.traces_sample_rate,
        plan=str(options.plan),
        project=stack.plan.name,
        rules=str(options.rules),
        service=stack.urls["service"],
        engine=stack.urls["sentry"],
        sink=stack.urls["sink"],
        dsn=stack.dsn,
        token=str(folder(options.var) / "engine" / "token"),
        service_key=str(stack.service_key),
        faults=str(stack.faults),
        pages=str(stack.pages),
        ledger=str(stack.ledger_file),
        logs=str(stack.logs),
    )


def _lock(var: Path) -> Path:
    return var / "stack.lock"


def _marks(var: Path) -> list[Mark]:
    return [Mark(**fields) for fields in read_json(folder(var) / PROCESSES).get("processes", [])]
