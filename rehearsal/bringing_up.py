"""`rehearse up` and what finds it again: a stack of processes or of containers, never both below one folder."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rehearsal import containers, standing
from rehearsal.docker import find_obstacle
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.load import LoadFile, load_file
from rehearsal.plan_file import load_plan
from rehearsal.progress import Progress
from rehearsal.self_hosted import upstream
from rehearsal.self_hosted.state import find_installed
from rehearsal.settings import Options
from rehearsal.which_sentry import Choice, Sentry, choose


def bring_up_chosen(options: Options, asked: Sentry | None, progress: Progress) -> dict[str, Any]:
    """Choose, say what was chosen and why, bring it up, and return where everything is.

    Raises UsageError, EnvironmentMissingError.
    """
    if asked is None and (up := _up_in_containers(options.var)):
        asked = Sentry(up.sentry)
    choice = _choose(options, asked)
    progress.say(f"{choice.sentry} Sentry, {choice.why}")
    if not choice.in_containers:
        _refuse(_up_in_containers(options.var) is not None, "containers")
        return asdict(standing.bring_up(options, progress))
    if options.plan != Options().plan:
        raise UsageError(f"{options.plan}: containers run the reference stack; without --sentry any plan is brought up")
    if choice.sentry is Sentry.SELF_HOSTED and options.speed != 1:
        raise UsageError(f"speed {options.speed:g}: self-hosted Sentry keeps production time, allowed is 1")
    _refuse(standing.find_standing(options.var) is not None, "processes")
    if choice.sentry is Sentry.SELF_HOSTED and (installed := find_installed(options.var)):
        progress.show(f"starting self-hosted Sentry {installed.release}: minutes, where it was stopped")
        upstream.start(options.var, installed)
    return containers.bring_up(options, choice.sentry, progress)


@dataclass(frozen=True, slots=True)
class Target:
    """Where load goes."""

    url: str
    key: Path  # file of the key that the service takes
    ledger: Path
    file: LoadFile


def find_target(var: Path) -> Target:
    """What is up here, for a load. Raises EnvironmentMissingError if no stack is."""
    if up := standing.find_standing(var):
        file = load_file(load_plan(Path(up.plan)), Path(up.ledger).parent)
        return Target(up.service, Path(up.service_key), Path(up.ledger), file)
    if boxes := _up_in_containers(var):
        facts = containers.describe(boxes, var)
        ledger = Path(facts["ledger"])
        file = load_file(load_plan(Options().plan), ledger.parent)
        return Target(facts["service"], Path(facts["service_key"]), ledger, file)
    raise EnvironmentMissingError("no stack is up here; bring it up first: rehearse up")


def _choose(options: Options, asked: Sentry | None) -> Choice:
    is_installed = find_installed(options.var) is not None
    if asked is None and not is_installed:  # Docker makes no difference, and asking it takes time
        return choose(asked, None, is_installed=False)
    return choose(asked, find_obstacle(), is_installed=is_installed)


def _up_in_containers(var: Path) -> containers.Containers | None:
    found = containers.find_containers(var)
    return found if found and found.is_up else None


def _refuse(is_up: bool, kind: str) -> None:
    if is_up:
        raise UsageError(f"a stack of {kind} is up here; take it down first: rehearse down")
