"""`rehearse up` and what finds it again: a stack of processes or of containers, never both below one folder."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rehearsal import containers, standing
from rehearsal.closing import route_rates
from rehearsal.docker import find_obstacle
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.load import LoadFile, load_file
from rehearsal.plan_file import load_plan
from rehearsal.progress import Progress
from rehearsal.sampling import Configured
from rehearsal.self_hosted import install, release, upstream
from rehearsal.self_hosted.preflight import Profile, find_missing, judge, look
from rehearsal.self_hosted.state import Installation, find_installation, find_installed
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
    if choice.sentry is Sentry.SELF_HOSTED:
        _start_self_hosted(options.var, progress)
    return containers.bring_up(options, choice.sentry, progress)


@dataclass(frozen=True, slots=True)
class Target:
    """Where load goes."""

    url: str
    key: Path  # file of the key that the service takes
    ledger: Path
    file: LoadFile
    plan: Path
    configured: Configured  # the sample rates that the service was told
    engine: str  # URL of the Sentry that it reports to
    token: Path  # file
    dsn: str

    @property
    def project_id(self) -> int:
        """Of the service's project: a DSN ends with it."""
        return int(self.dsn.strip().rsplit("/", 1)[1])


def find_target(var: Path) -> Target:
    """What is up here, for a load. Raises EnvironmentMissingError if no stack is."""
    if up := standing.find_standing(var):
        return _target(Path(up.plan), asdict(up))
    if boxes := _up_in_containers(var):
        return _target(Options().plan, containers.describe(boxes, var))
    raise EnvironmentMissingError("no stack is up here; bring it up first: rehearse up")


def _target(file: Path, facts: dict[str, Any]) -> Target:
    plan, ledger = load_plan(file), Path(facts["ledger"])
    routes = {each.template: each.rate for each in route_rates(plan)}
    return Target(
        url=facts["service"],
        key=Path(facts["service_key"]),
        ledger=ledger,
        file=load_file(plan, ledger.parent),
        plan=file,
        configured=Configured(facts["traces_sample_rate"], routes),
        engine=facts["engine"],
        token=Path(facts["token"]),
        dsn=facts["dsn"],
    )


def _choose(options: Options, asked: Sentry | None) -> Choice:
    if asked is None and options.speed != 1:
        return choose(asked, f"speed {options.speed:g}, and it keeps production time", lambda: None)
    if asked is None and options.plan != Options().plan:
        return choose(asked, "a plan of your own, and containers run the reference stack", lambda: None)
    return choose(asked, find_obstacle(), lambda: _find_missing(options.var))


def _find_missing(var: Path) -> str | None:
    """What self-hosted Sentry lacks here; None where it is installed, or can be."""
    if find_installed(var):
        return None
    order = _order(var)
    machine = look(order.bind, var, is_ours=find_installation(var) is not None)
    missing = find_missing(judge(machine, order.profile, order.bind))
    listed = "; ".join(f"{row.name}: found {row.found}, needed {row.needed}: {row.remedy}" for row in missing)
    return f"{listed}; next: make sentry-preflight" if missing else None


def _start_self_hosted(var: Path, progress: Progress) -> None:
    """Install it first where it is missing; a run that was broken off goes on from where it was."""
    installed = find_installed(var)
    if installed is None:
        progress.say("it is fetched and installed first: tens of minutes, most of it images; broken off, it goes on")
        installed = install.install(_order(var), progress)
    progress.show(f"starting self-hosted Sentry {installed.release}: minutes, where it was stopped")
    upstream.start(var, installed)


def _order(var: Path) -> install.Order:
    """What `make sentry-install` would install, or has begun to."""
    under_way = find_installation(var) or Installation(
        release.read_release(release.FOLDER),
        os.environ.get("PROFILE") or Profile.FEATURE_COMPLETE,
        os.environ.get("SENTRY_BIND") or install.DEFAULT_BIND,
    )
    tarball = os.environ.get("SENTRY_TARBALL")
    return install.Order(
        var=var,
        release=under_way.release,
        profile=Profile(under_way.profile),
        bind=under_way.bind,
        tarball=Path(tarball).resolve() if tarball else None,
        folder=release.FOLDER,
    )


def _up_in_containers(var: Path) -> containers.Containers | None:
    found = containers.find_containers(var)
    return found if found and found.is_up else None


def _refuse(is_up: bool, kind: str) -> None:
    if is_up:
        raise UsageError(f"a stack of {kind} is up here; take it down first: rehearse down")
