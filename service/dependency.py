"""What the service depends on, and the one error that says that a dependency is missing."""

from collections.abc import Callable
from enum import Enum
from typing import Final, Literal

import sentry_sdk

from monitors import signals
from service.errors import Details, ErrorCode, IslError

RETRY_AFTER_S: Final = 10  # when a caller may try again: by then a breaker lets a request through


class Dependency(Enum):
    """The names by which faults, tags, messages and /ready know the dependencies."""

    DATABASE = "database"
    CACHE = "cache"
    PLOT = "plot"


Verdict = Literal["ok", "down", "timeout"]
# Asked before each call of a dependency, with the seconds after which the caller gives up: waits for as long as a
# fault says, and tells how the call is to end. Whoever calls then raises what its driver raises in earnest.
Interference = Callable[[float], Verdict]


def undisturbed(_limit_s: float) -> Verdict:
    """Let every call through."""
    return "ok"


def mark_degraded(dependency: Dependency) -> None:
    """Tag the current request: it is answered without this dependency."""
    scope = sentry_sdk.get_isolation_scope()
    scope.set_tag(signals.DEGRADED.name, "true")
    scope.set_tag(signals.DEPENDENCY.name, dependency.value)


class DependencyError(IslError):
    """The 503 of a request that cannot be answered without this dependency; tags the request with its name.

    `message` must be free of data: it goes to the caller and to Sentry.
    """

    def __init__(self, dependency: Dependency, reason: str, message: str) -> None:
        sentry_sdk.get_isolation_scope().set_tag(signals.DEPENDENCY.name, dependency.value)
        details = Details(reason=reason, retry_after_s=RETRY_AFTER_S)
        super().__init__(ErrorCode.ISL_SERVICE_UNAVAILABLE, message, details)
        self.dependency = dependency
