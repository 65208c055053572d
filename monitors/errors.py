"""What can go wrong in this package: one class per kind of mistake, each saying who has to act."""

from dataclasses import dataclass


class MonitorsError(Exception):
    """Base of every error that this package raises on purpose."""


class QueryError(MonitorsError, ValueError):
    """A search query is outside the supported syntax; whoever wrote the query mends it."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"column {position + 1}: {message}")
        self.message = message
        self.position = position  # offset from 0, in characters


class AggregateError(MonitorsError, ValueError):
    """An aggregate such as `p95(span.duration)` is not one of those that the monitors know."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a rules file."""

    file: str
    line: int  # from 1
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class RulesError(MonitorsError):
    """Rules files hold mistakes: all of them, so that one run shows what there is to mend."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PlanError(MonitorsError):
    """The rules are sound, but that Sentry lacks something they need: a project, a default monitor, an integration."""


class ApiError(MonitorsError):
    """A Sentry refused a call, gave up on it, or was not there. `status` is None when no answer came."""

    def __init__(self, status: int | None, method: str, url: str, detail: str) -> None:
        super().__init__(f"{method} {url}: {detail}")
        self.status = status
        self.method = method
        self.url = url
        self.detail = detail
