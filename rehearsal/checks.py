"""Lists of checks: each line is ok, wrong with its remedy, or skipped with what it would need."""

from dataclasses import dataclass
from enum import StrEnum

from monitors.answers import Project
from monitors.client import SentryClient


class State(StrEnum):
    OK = "ok"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a list."""

    state: State
    what: str
    detail: str  # what was found, and where it is wrong what to do


def ok_if(condition: object, what: str, detail: str, remedy: str) -> Check:
    """Return an ok line, or else a wrong one that ends in the remedy."""
    return Check(State.OK, what, detail) if condition else Check(State.WRONG, what, f"{detail}: {remedy}")


def find_project(client: SentryClient, project: str) -> Project | None:
    """The project with this slug or number."""
    return next((each for each in client.projects() if project in (each.slug, str(each.id))), None)
