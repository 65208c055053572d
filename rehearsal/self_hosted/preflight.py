"""Can self-hosted Sentry run here? Found against needed, one row for each; changes nothing.

Source: install/_min-requirements.sh and install/check-minimum-requirements.sh of self-hosted 26.8.0, and
https://develop.sentry.dev/self-hosted/ (swap, disk), read 2026-11.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from rehearsal.docker import ASK_TIMEOUT_S, docker, look_at_docker, parse_version
from rehearsal.errors import EnvironmentMissingError

DOCKER_NEEDED: Final = "19.03.6"
COMPOSE_NEEDED: Final = "2.32.2"
BASH_NEEDED: Final = "4.4"
DISK_NEEDED_GB: Final = 20
SWAP_WANTED_MB: Final = 16_000  # recommended with 16 GB of memory since 25.9.0, and not checked by upstream
OPEN_FILES_WANTED: Final = 262_144  # what ClickHouse's service asks for
ARCHITECTURES: Final = {"amd64", "arm64", "x86_64", "aarch64"}
# Named on the whole host, not in a Compose project: a second install would share them with the first.
VOLUMES: Final = tuple(f"sentry-{each}" for each in ("clickhouse", "data", "kafka", "postgres", "redis", "seaweedfs"))


class Profile(StrEnum):
    """What of Sentry runs."""

    ERRORS_ONLY = "errors-only"
    FEATURE_COMPLETE = "feature-complete"


CPUS_NEEDED: Final = {Profile.ERRORS_ONLY: 2, Profile.FEATURE_COMPLETE: 4}
MEMORY_NEEDED_MB: Final = {Profile.ERRORS_ONLY: 7_000, Profile.FEATURE_COMPLETE: 14_000}


class Level(StrEnum):
    """What a row means."""

    OK = "ok"
    WARNING = "warning"  # upstream does not refuse it, and it is known to hurt
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Machine:
    """What is here; empty or 0 where it is not or cannot be told."""

    docker: str = ""
    docker_said: str = ""  # why there is none
    compose: str = ""
    bash: str = ""
    architecture: str = ""
    has_sse42: bool = False
    cpus: int = 0  # that the engine may use, like the memory
    memory_mb: int = 0
    swap_mb: int = 0
    disk_free_gb: int = 0  # where the engine keeps images and volumes
    open_files: int = 0  # hard limit; 0: without limit
    taken_port: bool = False
    volumes: tuple[str, ...] = ()  # of an install that is not ours


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement."""

    name: str
    found: str
    needed: str
    level: Level
    remedy: str


def judge(machine: Machine, profile: Profile, bind: str) -> tuple[Row, ...]:
    """Compare what was found with what the profile needs, every requirement in one go."""
    cpus, memory_mb = CPUS_NEEDED[profile], MEMORY_NEEDED_MB[profile]
    is_intel = machine.architecture in ("amd64", "x86_64")
    smaller = "" if profile is Profile.ERRORS_ONLY else ", or PROFILE=errors-only"
    rows = [
        _row("Docker engine", machine.docker or machine.docker_said or "none", f"{DOCKER_NEEDED} or newer",
             _is_new(machine.docker, DOCKER_NEEDED), "install Docker Engine and let this user use it"),
        _row("Docker Compose", machine.compose or "none", f"{COMPOSE_NEEDED} or newer",
             _is_new(machine.compose, COMPOSE_NEEDED), "install a newer Compose plugin"),
        _row("bash", machine.bash or "none", f"{BASH_NEEDED} or newer", _is_new(machine.bash, BASH_NEEDED),
             "install bash; upstream's installer needs it"),
        _row("architecture", machine.architecture or "unknown", "amd64 or arm64",
             machine.architecture in ARCHITECTURES, "use another machine: there are no images for this one"),
        _row("SSE 4.2", _yes(machine.has_sse42), "yes" if is_intel else "not asked on this architecture",
             machine.has_sse42 or not is_intel, "use a CPU with SSE 4.2: ClickHouse does not start without it"),
        _row("CPUs", f"{machine.cpus}", f"{cpus} ({profile})", machine.cpus >= cpus,
             f"give Docker {cpus} CPUs{smaller}"),
        _row("memory", f"{machine.memory_mb} MB", f"{memory_mb} MB ({profile})", machine.memory_mb >= memory_mb,
             f"give Docker {memory_mb} MB{smaller}"),
        _row("swap", f"{machine.swap_mb} MB", f"{SWAP_WANTED_MB} MB", machine.swap_mb >= SWAP_WANTED_MB,
             "add swap: without it ClickHouse is killed under load", Level.WARNING),
        _row("disk", f"{machine.disk_free_gb} GB free", f"{DISK_NEEDED_GB} GB", machine.disk_free_gb >= DISK_NEEDED_GB,
             "free space where Docker keeps its data: docker system df"),
        _row("open files", f"{machine.open_files or 'no limit'}", f"{OPEN_FILES_WANTED}",
             not 0 < machine.open_files < OPEN_FILES_WANTED,
             "raise the hard limit of dockerd (LimitNOFILE): ClickHouse and Kafka ask for more", Level.WARNING),
        _row(f"port {bind}", "taken" if machine.taken_port else "free", "free", not machine.taken_port,
             "stop what listens there, or SENTRY_BIND=127.0.0.1:<another>"),
        _row("other installs", ", ".join(machine.volumes) or "none", "none", not machine.volumes,
             "use that install, or remove its volumes: docker volume rm; one host holds one self-hosted Sentry"),
    ]  # fmt: skip
    return tuple(rows)


def look(bind: str, data: Path, *, is_ours: bool) -> Machine:
    """Look around. With `is_ours` the port and the volumes are those of the install that is under way."""
    facts = look_at_docker()
    meminfo, cpuinfo = _read("/proc/meminfo"), _read("/proc/cpuinfo")
    # Docker may have less than the machine, as in a virtual machine of its own. Without Docker the machine counts.
    own: dict[str, Any] = {"NCPU": os.cpu_count() or 0, "MemTotal": _kilobytes(meminfo, "MemTotal") * 1024}
    info = _ask_info() if facts.engine else own
    folder = Path(str(info.get("DockerRootDir", "")))
    return Machine(
        docker=facts.engine,
        docker_said=facts.said,
        compose=facts.compose,
        bash=_bash_version(),
        architecture=facts.architecture or platform.machine(),
        has_sse42="sse4_2" in cpuinfo,
        cpus=int(info.get("NCPU", 0)),
        memory_mb=int(info.get("MemTotal", 0)) // 1024**2,
        swap_mb=_kilobytes(meminfo, "SwapTotal") // 1024,
        disk_free_gb=shutil.disk_usage(folder if folder.is_dir() else _existing(data)).free // 1024**3,
        open_files=_open_files(),
        taken_port=not is_ours and _is_taken(bind),
        volumes=() if is_ours or not facts.engine else _other_volumes(),
    )


def render(rows: tuple[Row, ...]) -> str:
    """A table, and below it what to do about each row that is not ok."""
    shown = [("requirement", "found", "needed", ""), *((row.name, row.found, row.needed, row.level) for row in rows)]
    widths = [max(len(line[column]) for line in shown) for column in range(3)]
    lines = ["  ".join(f"{text:<{width}}" for text, width in zip(line, (*widths, 0), strict=True)) for line in shown]
    lines += [f"{row.level}: {row.name}: {row.remedy}" for row in rows if row.level is not Level.OK]
    return "\n".join(line.rstrip() for line in lines)


def find_missing(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows without which an install would fail."""
    return tuple(row for row in rows if row.level is Level.MISSING)


def _row(name: str, found: str, needed: str, is_met: object, remedy: str, otherwise: Level = Level.MISSING) -> Row:
    return Row(name, found, needed, Level.OK if is_met else otherwise, remedy)


def _is_new(found: str, needed: str) -> bool:
    return parse_version(found) >= parse_version(needed)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def _ask_info() -> dict[str, Any]:
    found = json.loads(docker("info", "--format", "{{json .}}", timeout_s=ASK_TIMEOUT_S).stdout)
    return dict(found)


def _other_volumes() -> tuple[str, ...]:
    named = docker("volume", "ls", "--format", "{{.Name}}", timeout_s=ASK_TIMEOUT_S).stdout.split()
    return tuple(each for each in VOLUMES if each in named)


def _is_taken(bind: str) -> bool:
    host, _, port = bind.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, ValueError, OverflowError):
            return True
    return False


def _bash_version() -> str:
    try:
        asked = ["bash", "-c", 'printf %s "$BASH_VERSION"']
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603
    except FileNotFoundError:
        return ""


def _kilobytes(meminfo: str, name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+)", meminfo, re.MULTILINE)
    return int(match[1]) if match else 0


def _open_files() -> int:
    match = re.search(r"^Max open files\s+\S+\s+(\d+)", _read("/proc/self/limits"), re.MULTILINE)
    return int(match[1]) if match else 0


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def check(machine: Machine, profile: Profile, bind: str) -> tuple[Row, ...]:
    """Return the rows. Raises EnvironmentMissingError with the whole table if something is missing."""
    rows = judge(machine, profile, bind)
    if missing := find_missing(rows):
        names = ", ".join(row.name for row in missing)
        raise EnvironmentMissingError(
            f"self-hosted Sentry cannot be installed here: {names}\n{render(rows)}\nnext: mend that, then make"
            " sentry-preflight"
        )
    return rows
