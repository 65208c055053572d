"""The stack in containers: `rehearse up --sentry embedded` or `self-hosted`, where a Docker engine is reachable.

docker-compose.yml says what runs; here it gets its ports, its owner and its options, and is found and removed again.
"""

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from rehearsal.docker import docker, find_obstacle
from rehearsal.errors import EnvironmentMissingError, UsageError
from rehearsal.interrupts import shielded
from rehearsal.plan_file import load_plan
from rehearsal.ports import HOST, Port, hold_port
from rehearsal.progress import Progress
from rehearsal.provisioning import DSN_FILE
from rehearsal.self_hosted import upstream
from rehearsal.self_hosted.state import find_installed, token_file
from rehearsal.settings import PORTS, ROOT, Options
from rehearsal.statefile import locked, read_json, write_json, write_text
from rehearsal.which_sentry import Sentry
from service.release import read_git_sha

PROJECT: Final = "sentry-rehearsal"
IMAGES: Final = {"STACK_SERVICE_IMAGE": f"{PROJECT}-service:local", "STACK_IMAGE": f"{PROJECT}:local"}
LABEL: Final = "org.opencontainers.image.title=sentry-rehearsal"  # of our images, by the Dockerfile
STATE: Final = "stack.json"  # written before anything is started, so that `down` finds what an interrupted `up` left
UP_TIMEOUT_S: Final = 300  # all health checks green; the image is built before this clock starts
ALL_PROFILES: Final = ("--profile", "*")
VARIABLES: Final = {"service": "STACK_ISL_PORT", "sentry": "STACK_SENTRY_PORT", "sink": "STACK_SINK_PORT"}
SELF_HOSTED_FILES: Final = ("docker-compose.yml", "docker-compose.self-hosted.yml")


@dataclass(frozen=True, slots=True)
class Containers:
    """A stack of containers of ours, as it was asked for."""

    sentry: str  # embedded or self-hosted
    project: str  # Compose's name for it
    speed: float
    traces_sample_rate: float
    rules: str  # folder
    environ: dict[str, str]  # STACK_* for docker-compose.yml
    is_up: bool  # False after `down`, while its data is still there

    def compose(self, *arguments: str, timeout_s: float | None = None) -> "subprocess.CompletedProcess[str]":
        """Run `docker compose` on it. Raises EnvironmentMissingError with what it said if it fails."""
        files = SELF_HOSTED_FILES if self.sentry == Sentry.SELF_HOSTED else SELF_HOSTED_FILES[:1]
        given = [part for file in files for part in ("-f", str(ROOT / file))]
        profile = ("--profile", "embedded") if self.sentry == Sentry.EMBEDDED else ()
        argv = ["compose", "--ansi", "never", "-p", self.project, *given, *profile, *arguments]
        return docker(*argv, environ=self.environ, timeout_s=timeout_s)


def bring_up(options: Options, sentry: Sentry, progress: Progress) -> dict[str, Any]:
    """Start the containers, wait until all are healthy, and return where everything is.

    Running again changes nothing, or brings back what has died. Raises UsageError if it is up with other options,
    EnvironmentMissingError; what this call started is then taken down, the data kept.
    """
    if obstacle := find_obstacle():
        raise EnvironmentMissingError(obstacle)
    with locked(options.var / "stack.lock", "bringing this stack up or down"):
        found = find_containers(options.var)
        if found and found.is_up:
            wanted = _keep(found, options, sentry)
            _start(wanted, progress)
        else:
            wanted = _bring_up_anew(options, sentry, progress)
        return describe(wanted, options.var)


def take_down(var: Path, *, with_data: bool) -> list[str]:
    """Remove containers and networks; with data also volumes, secrets, pages and the image. Names what was there.

    A self-hosted Sentry is stopped too; its data is sentry-self-hosted/remove's to remove.
    """
    if find_containers(var) is None:
        return []
    if obstacle := find_obstacle():
        raise EnvironmentMissingError(
            f"the stack is in containers, and cannot be taken down: {obstacle}; next: start it, then make down"
        )
    with locked(var / "stack.lock", "bringing this stack up or down"):
        return _take_down(var, with_data=with_data)


def find_containers(var: Path) -> Containers | None:
    """What an earlier `up` started or tried to, also after `down`; None once its data is gone too."""
    state = read_json(folder(var) / STATE)
    if not state:
        return None
    try:
        return Containers(**state)
    except TypeError as error:
        raise EnvironmentMissingError(f"{folder(var) / STATE} is of another version ({error}); remove it") from None


def describe(wanted: Containers, var: Path) -> dict[str, Any]:
    """Where everything is, under the names that a stack of processes uses too."""
    urls = {part: f"http://{HOST}:{wanted.environ[VARIABLES[part]]}" for part in ("service", "sink")}
    installed = find_installed(var) if wanted.sentry == Sentry.SELF_HOSTED else None
    urls["engine"] = installed.url if installed else f"http://{HOST}:{wanted.environ[VARIABLES['sentry']]}"
    own = folder(var)
    return {
        "sentry": wanted.sentry,
        "speed": wanted.speed,
        "traces_sample_rate": wanted.traces_sample_rate,
        "rules": wanted.rules,
        **urls,
        "dsn": (own / "exchange" / DSN_FILE).read_text(encoding="ascii"),
        "token": wanted.environ.get("STACK_TOKEN_FILE", str(own / "secrets" / "sentry_auth_token")),
        "service_key": str(own / "secrets" / "service_key"),
        "faults": str(own / "exchange" / "faults.json"),
        "pages": str(own / "pages" / "pages.jsonl"),
        "ledger": str(own / "load" / "ledger.jsonl"),
        "logs": f"docker compose -p {wanted.project} logs",
    }


def folder(var: Path) -> Path:
    """Where the containers' files are: secrets, what they tell each other, pages, ledgers."""
    return var / "compose"


def _bring_up_anew(options: Options, sentry: Sentry, progress: Progress) -> Containers:
    ports = {part: _hold_port(part) for part in VARIABLES if part != "sentry" or sentry is Sentry.EMBEDDED}
    try:
        wanted = _prepare(options, sentry, ports)
        _start(wanted, progress)
    except BaseException:
        with shielded():
            _take_down(options.var, with_data=False)
        raise
    finally:
        for port in ports.values():  # held until Docker has it, so that no other stack takes it meanwhile
            port.release()
    return wanted


def _start(wanted: Containers, progress: Progress) -> None:
    progress.show("building the image, starting the containers, waiting for their health checks")
    try:
        wanted.compose("up", "--detach", "--wait", "--wait-timeout", str(UP_TIMEOUT_S))
    except EnvironmentMissingError as error:
        raise EnvironmentMissingError(
            f"{error}\n{_last_words(wanted)}\nnext: mend what it says, then make up again; data is kept, nothing runs"
        ) from None


def _prepare(options: Options, sentry: Sentry, ports: dict[str, Port]) -> Containers:
    """Make folders and secrets, and write down what is about to be started."""
    environ = _init(folder(options.var)) | {
        "STACK_VAR": str(folder(options.var)),
        "STACK_RULES": str(options.rules),
        "STACK_RUNS": str(options.var / "runs"),
        "STACK_SPEED": f"{options.speed:g}",
        "STACK_TRACES_SAMPLE_RATE": f"{options.traces_sample_rate:g}",
        "ISL_GIT_SHA": read_git_sha(ROOT) or "",
    }
    environ |= {VARIABLES[part]: str(port.number) for part, port in ports.items()}
    if sentry is Sentry.SELF_HOSTED:
        environ["STACK_TOKEN_FILE"] = str(_copy_token(options.var, environ))
    named = PROJECT + ("" if options.var == Options().var else f"-{_short_hash(options.var)}")
    wanted = Containers(
        sentry.value, named, options.speed, options.traces_sample_rate, str(options.rules), environ, is_up=True
    )
    write_json(folder(options.var) / STATE, asdict(wanted))
    return wanted


def _copy_token(var: Path, owner: dict[str, str]) -> Path:
    """The self-hosted Sentry's token as a secret of ours: the original belongs to whoever installed it."""
    copy = folder(var) / "secrets" / "self_hosted_token"
    write_text(copy, token_file(var).read_text(encoding="ascii").strip())
    if os.getuid() == 0:
        os.chown(copy, int(owner["STACK_UID"]), int(owner["STACK_GID"]))
    return copy


def _init(target: Path) -> dict[str, str]:
    """Run the script that a person would run by hand, and return the owner that it found."""
    script = ["sh", str(ROOT / "scripts" / "stack-init.sh"), str(target)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    if done.returncode:
        raise EnvironmentMissingError(
            f"{target} cannot be prepared: {done.stderr.strip()}; needed is a folder of ours; next: make up ARGS='--var"
            " <another>'"
        )
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def _hold_port(part: str) -> Port:
    """The port of the contract, or a free one where that is taken. Raises EnvironmentMissingError for a named one."""
    named = os.environ.get(VARIABLES[part], "")
    wanted = PORTS | {each.name: each.port for each in load_plan(Options().plan).parts}
    port = hold_port(int(named) if named.isdigit() else wanted[part])
    if named and named != str(port.number):
        port.release()
        raise EnvironmentMissingError(
            f"{VARIABLES[part]}: port {named} on {HOST} is taken, needed is a free one; next: make up"
            f" {VARIABLES[part]}={port.number}"
        )
    return port


def _keep(found: Containers, options: Options, sentry: Sentry) -> Containers:
    asked = (sentry.value, options.speed, options.traces_sample_rate, str(options.rules))
    if (found.sentry, found.speed, found.traces_sample_rate, found.rules) != asked:
        raise UsageError(
            f"the containers are up with other options ({found.sentry}, speed {found.speed:g}, traces"
            f" {found.traces_sample_rate:g}, rules {found.rules}); take them down first: rehearse down"
        )
    return found


def _take_down(var: Path, *, with_data: bool) -> list[str]:
    found = find_containers(var)
    if found is None:  # nothing was written down, so nothing was started
        return []
    running = found.compose(*ALL_PROFILES, "ps", "--services").stdout.split()
    found.compose(*ALL_PROFILES, "down", "--remove-orphans", *(["--volumes"] if with_data else []))
    if installed := find_installed(var) if found.sentry == Sentry.SELF_HOSTED else None:
        upstream.stop(var, installed)  # after ours, which are on its network
        running.append(f"Sentry {installed.release}")
    if with_data:
        with suppress(EnvironmentMissingError):  # another stack is using it, or it was never built
            docker("image", "rm", *(os.environ.get(name) or tag for name, tag in IMAGES.items()))
        docker("image", "prune", "--force", "--filter", f"label={LABEL}")  # what newer builds have replaced
        shutil.rmtree(folder(var))
        with suppress(OSError):  # there is none, or a rehearsal's report is in it
            (var / "runs").rmdir()
    else:
        write_json(folder(var) / STATE, asdict(replace(found, is_up=False)))
    return running


def _last_words(wanted: Containers) -> str:
    try:
        return wanted.compose("logs", "--no-color", "--tail", "15").stdout
    except EnvironmentMissingError:
        return ""


def _short_hash(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
