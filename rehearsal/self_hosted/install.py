"""Install and upgrade: steps that are written down as they are done, so that the next run goes on from there."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rehearsal.docker import parse_version
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.processes import inherited
from rehearsal.progress import Progress
from rehearsal.self_hosted import release as releases
from rehearsal.self_hosted.bootstrap import bootstrap
from rehearsal.self_hosted.overlay import choose_values, lay
from rehearsal.self_hosted.preflight import Profile, check, look
from rehearsal.self_hosted.state import (
    LAST_STEP,
    START,
    Installation,
    checkout,
    find_installation,
    home,
    keep,
    keep_step,
)
from rehearsal.self_hosted.upstream import start

DEFAULT_BIND: Final = "127.0.0.1:9000"
# Unattended: nothing is asked, nothing is reported to upstream.
INSTALLER: Final = (
    "bash",
    "./install.sh",
    "--skip-commit-check",
    "--skip-user-creation",
    "--no-report-self-hosted-issues",
    "--apply-automatic-config-updates",
)
LAST_LINES: Final = 15
# Upgrades must stop at each of these. Source: https://develop.sentry.dev/self-hosted/releases/ as of 2026-07.
HARD_STOPS: Final = ("9.1.2", "21.5.0", "21.6.3", "23.6.2", "23.11.0", "24.8.0", "25.5.1", "26.7.0")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be installed."""

    var: Path
    release: str
    profile: Profile
    bind: str
    tarball: Path | None  # instead of a download
    url: str = releases.URL
    folder: Path = releases.FOLDER  # CHECKSUMS and overlay/


def install(order: Order, progress: Progress) -> Installation:
    """Bring the install to its end, from wherever an earlier run left it. Safe to repeat.

    1 preflight, 2 fetch and verify, 3 unpack, 4 overlay, 5 upstream's installer, 6 start, 7 bootstrap.
    Raises UsageError (another release or profile is installed), EnvironmentMissingError.
    """
    under_way = _begin(order)
    if under_way.is_complete:
        progress.say(f"{under_way.release} is installed, at {under_way.url}; nothing to do")
        return under_way
    steps: dict[str, Callable[[], None]] = {
        "fetch": lambda: _fetch(order, progress),
        "unpack": lambda: _unpack(order),
        "overlay": lambda: _lay(order),
        "installer": lambda: _run_installer(order, progress),
        START: lambda: start(order.var, under_way),
        LAST_STEP: lambda: bootstrap(order.var, under_way),
    }
    is_ours = "installer" in under_way.done or bool(under_way.previous) or _has_begun(order.var)
    check(look(order.bind, order.var, is_ours=is_ours), order.profile, order.bind)
    progress.say("preflight passed")
    for step, run in steps.items():
        if step not in under_way.done:
            progress.show(f"{step}, step {list(steps).index(step) + 1} of {len(steps)}")
            run()
            under_way = keep_step(order.var, under_way, step)
            progress.say(f"{step} done")
    return under_way


def upgrade(order: Order, progress: Progress) -> Installation:
    """Install another release over the one that is there; its data stays. Raises as `install` does."""
    found = find_installation(order.var)
    if found is None:
        raise EnvironmentMissingError("found no self-hosted Sentry to upgrade; next: make sentry-install")
    if found.release != order.release:
        check_upgrade(found.release, order.release)
        keep(order.var, Installation(order.release, found.profile, found.bind, previous=found.release))
    return install(replace(order, profile=Profile(found.profile), bind=found.bind), progress)


def check_upgrade(installed: str, wanted: str) -> None:
    """Raises UsageError for a way back, and for a jump over a release at which upstream wants a stop."""
    old, new = parse_version(installed), parse_version(wanted)
    if new < old:
        raise UsageError(f"found {installed} installed, {wanted} is older; Sentry's database knows no way back")
    if skipped := [stop for stop in HARD_STOPS if old < parse_version(stop) < new]:
        raise UsageError(f"from {installed} to {wanted} upstream wants a stop at {skipped[0]}: upgrade to that first")


def _begin(order: Order) -> Installation:
    """What is there, or a new one. Raises UsageError if something else is there."""
    wanted = Installation(order.release, order.profile.value, order.bind)
    found = find_installation(order.var)
    if found is None:
        return wanted
    if (found.release, found.profile, found.bind) != (wanted.release, wanted.profile, wanted.bind):
        raise UsageError(
            f"found {found.release} ({found.profile}, {found.bind}) installed or under way, asked for {wanted.release}"
            f" ({wanted.profile}, {wanted.bind}); next: sentry-self-hosted/upgrade for another release,"
            " sentry-self-hosted/remove --data for another profile or port"
        )
    return found


def _fetch(order: Order, progress: Progress) -> None:
    archive = releases.fetch(order.var, order.release, order.tarball, order.url)
    contents = releases.verify(archive, order.release, order.var, order.folder)
    if contents.is_pinned:
        progress.say(f"contents {contents.digest[:16]}..., as sentry-self-hosted/CHECKSUMS says")
    else:
        progress.say(
            f"{order.release} is not in sentry-self-hosted/CHECKSUMS: its contents {contents.digest} are pinned in"
            f" {home(order.var) / 'CHECKSUMS'} from now on, and nobody else has vouched for them"
        )


def _unpack(order: Order) -> None:
    """Verified again: between two runs the file may have changed."""
    archive = releases.fetch(order.var, order.release, order.tarball, order.url)
    releases.verify(archive, order.release, order.var, order.folder)
    releases.unpack(archive, order.var, order.release)


def _lay(order: Order) -> None:
    lay(checkout(order.var, order.release), choose_values(order.var, order.profile, order.bind), order.folder)


def _has_begun(var: Path) -> bool:
    """Did the installer run, even if it broke off? Then the volumes are ours."""
    return _log(var).exists()


def _run_installer(order: Order, progress: Progress) -> None:
    """Run upstream's installer into a log. Raises EnvironmentMissingError with the log's end if it fails."""
    progress.show(f"upstream's installer: pulls images and migrates databases, tens of minutes ({_log(order.var)})")
    docker_only = {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    with _log(order.var).open("ab") as log:
        done = subprocess.run(  # noqa: S603 - upstream's own, verified
            INSTALLER,
            cwd=checkout(order.var, order.release),
            env=inherited() | docker_only,  # our own SENTRY_* and COMPOSE_* would configure it
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        said = "\n".join(_log(order.var).read_text(errors="replace").splitlines()[-LAST_LINES:])
        raise EnvironmentMissingError(
            f"upstream's installer ended with code {done.returncode}; {_log(order.var)} ends with:\n{said}\n"
            "next: mend what it says, then make sentry-install again, which goes on from this step"
        )


def _log(var: Path) -> Path:
    return home(var) / "install.log"
