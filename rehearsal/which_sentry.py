"""Which Sentry `rehearse up` brings up, and how: asked for, or chosen by what is there. The reason is said."""

from collections.abc import Callable
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


def choose(asked: Sentry | None, obstacle: str | None, ask_self_hosted: Callable[[], str | None]) -> Choice:
    """Decide from what was asked, why Docker cannot be used (None: it can), and what stands in the way of full Sentry.

    The last is a question, since the answer takes time; it is asked only where Docker can be used and nobody asked for
    the embedded engine. Raises EnvironmentMissingError if self-hosted Sentry was asked for and cannot be had.
    """
    if asked is Sentry.SELF_HOSTED:
        if problem := obstacle or ask_self_hosted():
            raise EnvironmentMissingError(f"{problem}; without it: make up SENTRY=embedded")
        return Choice(Sentry.SELF_HOSTED, in_containers=True, why="as asked")
    if asked is Sentry.EMBEDDED:
        if obstacle:
            return Choice(Sentry.EMBEDDED, in_containers=False, why=f"as processes: {obstacle}")
        return Choice(Sentry.EMBEDDED, in_containers=True, why="in containers, as asked: a Docker engine is reachable")
    if problem := obstacle or ask_self_hosted():
        return Choice(
            Sentry.EMBEDDED, in_containers=False, why=f"as processes, which need nothing; not self-hosted: {problem}"
        )
    why = "a Docker engine is reachable and nothing that Sentry needs is missing; without it: make up SENTRY=embedded"
    return Choice(Sentry.SELF_HOSTED, in_containers=True, why=why)
