"""What is known of a self-hosted Sentry of ours: one file, replaced after each step that is done."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from rehearsal.errors import EnvironmentMissingError
from rehearsal.statefile import read_json, write_json

STATE: Final = "state.json"
START: Final = "start"
LAST_STEP: Final = "bootstrap"


@dataclass(frozen=True, slots=True)
class Installation:
    """An install, complete or under way."""

    release: str  # upstream's, for example 26.8.0
    profile: str  # errors-only or feature-complete
    bind: str  # address:port that its web page and ingest are published on
    done: tuple[str, ...] = ()  # steps, in their order
    previous: str = ""  # the release that is being upgraded from

    @property
    def url(self) -> str:
        """As this machine reaches it."""
        return f"http://{self.bind}"

    @property
    def is_installed(self) -> bool:
        """Has it been brought to its end? It may have been stopped since."""
        return LAST_STEP in self.done

    @property
    def is_complete(self) -> bool:
        """Is there no step left?"""
        return self.is_installed and START in self.done


def home(var: Path) -> Path:
    """Where releases, secrets and the state lie."""
    return var / "self-hosted"


def checkout(var: Path, release: str) -> Path:
    """The unpacked release with our overlay: where upstream's own commands are run."""
    return home(var) / release


def token_file(var: Path) -> Path:
    """The user token of its web API, mode 0600."""
    return home(var) / "token"


def find_installation(var: Path) -> Installation | None:
    """The install below `var`, also one that is half done. Raises EnvironmentMissingError for a damaged state file."""
    state = read_json(home(var) / STATE)
    if not state:
        return None
    try:
        return Installation(**state | {"done": tuple(state["done"])})
    except (TypeError, KeyError) as error:
        raise EnvironmentMissingError(
            f"{home(var) / STATE} is of another version ({error}); next: move it away, then make sentry-install"
        ) from None


def find_installed(var: Path) -> Installation | None:
    """The install below `var` if it was brought to its end, running or not."""
    found = find_installation(var)
    return found if found and found.is_installed else None


def keep(var: Path, installation: Installation) -> Installation:
    """Write it down, and return it."""
    home(var).mkdir(parents=True, exist_ok=True)
    write_json(home(var) / STATE, asdict(installation))
    return installation


def keep_without(var: Path, installation: Installation, step: str) -> Installation:
    """Write down that a step has to be done again."""
    return keep(var, replace(installation, done=tuple(each for each in installation.done if each != step)))


def keep_step(var: Path, installation: Installation, step: str) -> Installation:
    """Write down that a step is done."""
    return keep(var, replace(installation, done=(*installation.done, step)))
