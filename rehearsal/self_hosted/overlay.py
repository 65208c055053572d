"""Our deltas over an unpacked release: files that its installer leaves alone, and no change of its own ones.

Two are upstream's examples with our lines appended, as its installer would copy them; two are ours alone. Made anew
whenever they are laid: all that they depend on is the release, the overlay and our own secrets.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rehearsal.errors import EnvironmentMissingError
from rehearsal.self_hosted.preflight import Profile
from rehearsal.self_hosted.release import FOLDER
from rehearsal.self_hosted.state import home
from rehearsal.statefile import read_json, write_json

SUBNET: Final = "172.29.48.0/23"  # room for 510 containers; outside of what Docker hands out first (172.17 and up)
SINK_HOST: Final = "172.29.48.1"  # this machine in it: Docker gives the first address to the host
ADMIN_EMAIL: Final = "admin@sentry.internal"
RETENTION_DAYS: Final = 7  # a rehearsal is looked at within days, and disks fill up
CLICKHOUSE_MEMORY_RATIO: Final = "0.3"  # of the memory that Docker has; upstream's own value
TASKWORKER_CONCURRENCY: Final = {Profile.ERRORS_ONLY: 1, Profile.FEATURE_COMPLETE: 4}
READABLE: Final = 0o644  # containers read it as another user
PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of the overlay."""

    source: str  # in overlay/
    target: str  # in the release
    example: str  # of upstream, which goes before ours; empty: ours alone
    mode: int


LAYERS: Final = (
    Layer("env.custom", ".env.custom", "", PRIVATE),
    Layer("docker-compose.override.yml", "docker-compose.override.yml", "", READABLE),
    Layer("sentry.conf.py.append", "sentry/sentry.conf.py", "sentry/sentry.conf.example.py", READABLE),
    Layer("config.yml.append", "sentry/config.yml", "sentry/config.example.yml", READABLE),
)


def lay(release_folder: Path, values: dict[str, str], folder: Path = FOLDER) -> None:
    """Write every layer. Raises EnvironmentMissingError if the release lacks an example, or a value is missing."""
    for layer in LAYERS:
        content = render((folder / "overlay" / layer.source).read_text(encoding="utf-8"), values, layer.source)
        if layer.example:
            example = release_folder / layer.example
            if not example.is_file():
                raise EnvironmentMissingError(
                    f"{example}: found no such file, needed by overlay/{layer.source}; next: a release that has it"
                )
            content = example.read_text(encoding="utf-8") + content
        target = release_folder / layer.target
        fresh = target.with_name(f"{target.name}.new")
        fresh.touch(PRIVATE)
        fresh.write_text(content, encoding="utf-8")
        fresh.chmod(layer.mode)
        fresh.replace(target)


def render(text: str, values: dict[str, str], name: str) -> str:
    """Put the values in place of `@NAME@`. Raises EnvironmentMissingError for a name without one."""

    def replace(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise EnvironmentMissingError(f"overlay/{name}: found @{match[1]}@, known are {', '.join(sorted(values))}")
        return values[match[1]]

    return re.sub(r"@([A-Z_]+)@", replace, text)


def choose_values(var: Path, profile: Profile, bind: str) -> dict[str, str]:
    """What the overlay depends on besides the release; its secrets are made once and kept."""
    return {
        "PROFILE": profile.value,
        "BIND": bind,
        "URL": f"http://{bind}",
        "SUBNET": SUBNET,
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "RETENTION_DAYS": str(RETENTION_DAYS),
        "CLICKHOUSE_MEMORY_RATIO": CLICKHOUSE_MEMORY_RATIO,
        "TASKWORKER_CONCURRENCY": str(TASKWORKER_CONCURRENCY[profile]),
        **_keep_secrets(home(var) / "secrets.json"),
    }


def _keep_secrets(file: Path) -> dict[str, str]:
    kept = read_json(file)
    wanted = ("SECRET_KEY", "LAUNCHPAD_SECRET", "ADMIN_PASSWORD")
    if missing := [name for name in wanted if name not in kept]:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept |= {name: secrets.token_hex(32) for name in missing}
        write_json(file, kept)
    return {name: str(kept[name]) for name in wanted}
