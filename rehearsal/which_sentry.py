"""Which Sentry `rehearse up` brings up, and how: asked for, or chosen by what is there. The reason is said."""

from dataclasses import dataclass
from enum import StrEnum

from rehearsal.errors import EnvironmentMissingError


class Sentry(StrEnum):
    """What can be asked for."""

    EMBEDDED = "embedded"
    SELF_HOSTED = "self-hosted"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is brought up."""

    sentry: Sentry
    in_containers: bool
    why: str


def choose(asked: Sentry | None, obstacle: str | None, *, is_installed: bool) -> Choice:
    """Decide from what was asked, why Docker cannot be used (None: it can) and whether self-hosted Sentry is installed.

    Raises EnvironmentMissingError if self-hosted Sentry was asked for and cannot be had.
    """
    if asked is Sentry.SELF_HOSTED:
        return _choose_self_hosted(obstacle, is_installed=is_installed)
    if asked is Sentry.EMBEDDED:
        if obstacle:
            return Choice(Sentry.EMBEDDED, in_containers=False, why=f"as processes: {obstacle}")
        return Choice(Sentry.EMBEDDED, in_containers=True, why="in containers, as asked: a Docker engine is reachable")
    if is_installed and obstacle is None:
        return Choice(Sentry.SELF_HOSTED, in_containers=True, why="it is installed here, and Docker is reachable")
    reason = f"installed but {obstacle}" if is_installed else "not installed; make sentry-install does it"
    return Choice(Sentry.EMBEDDED, in_containers=False, why=f"as processes, which need nothing; self-hosted: {reason}")


def _choose_self_hosted(obstacle: str | None, *, is_installed: bool) -> Choice:
    if obstacle:
        raise EnvironmentMissingError(f"{obstacle}; without it: make up SENTRY=embedded")
    if not is_installed:
        raise EnvironmentMissingError(
            "found no self-hosted Sentry below var/, needed is one that is installed; next: make sentry-install"
        )
    return Choice(Sentry.SELF_HOSTED, in_containers=True, why="as asked")
