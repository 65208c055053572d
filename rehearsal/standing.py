"""A stack that stays up: `rehearse up` starts it and returns, `rehearse down` finds it again and stops it."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from monitors.errors import MonitorsError, RulesError
from monitors.load import load_rules
from rehearsal.drilling import Progress
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.processes import Mark, stop_marked
from rehearsal.settings import Options
from rehearsal.stack import Stack


def bring_up(options: Options, progress: Progress) -> dict[str, str]:
    """Start engine, sink and service, apply the rules, and return what a person needs to know, by name.

    A stack that is up already stays as it is. Raises UsageError, EnvironmentMissingError; then nothing is left running.
    """
    state = _read(options.var)
    if state and all(found.is_running for found in _marks(state)):
        progress.say("already up")
        return dict(state["facts"])
    take_down(options.var, with_data=False)
    stack = Stack(options, folder(options.var), outlives_us=True)
    try:
        facts = _start(stack, options, progress)
        state = {"facts": facts, "processes": [asdict(found) for found in stack.marks()]}
        _file(options.var).write_text(json.dumps(state, indent=2))
    except BaseException:
        stack.stop()
        raise
    return facts


def take_down(var: Path, *, with_data: bool) -> list[str]:
    """Stop what `bring_up` started, the service first; return the names of what was running."""
    running = [found for found in reversed(_marks(_read(var))) if found.is_running]
    for found in running:
        stop_marked(found)
    _file(var).unlink(missing_ok=True)
    if with_data:
        shutil.rmtree(folder(var), ignore_errors=True)
    return [found.name for found in running]


def folder(var: Path) -> Path:
    """Where a standing stack keeps its data, logs and pages."""
    return var / "stack"


def _start(stack: Stack, options: Options, progress: Progress) -> dict[str, str]:
    try:
        rules = load_rules(options.rules)
        stack.set_fault(None)
        progress.show("starting the embedded engine")
        stack.start_engine()
        progress.show("starting the notification sink")
        stack.start_sink()
        progress.say(f"{stack.provision(rules)} monitors and alerts changed")
        progress.show("starting the service under gunicorn")
        stack.start_service()
    except RulesError as error:
        raise UsageError(str(error)) from None
    except MonitorsError as error:
        raise EnvironmentMissingError(str(error)) from error
    return {
        "service": stack.urls["service"],
        "engine": stack.urls["sentry"],
        "sink": stack.urls["sink"],
        "DSN": stack.dsn,
        "API token": str(stack.folder / "engine" / "token"),
        "faults": str(stack.folder / "faults.json"),
        "pages": str(stack.pages),
        "logs": str(stack.folder / "logs"),
    }


def _file(var: Path) -> Path:
    return folder(var) / "stack.json"


def _read(var: Path) -> dict[str, Any]:
    return dict(json.loads(_file(var).read_text())) if _file(var).exists() else {}


def _marks(state: dict[str, Any]) -> list[Mark]:
    return [Mark(**fields) for fields in state.get("processes", [])]
