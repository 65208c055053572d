"""A plan: which service is rehearsed, how it starts, which load it gets, and what can be done to it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

# What a plan may say `$...` for, in commands and environments; with `$url_<part>` for each part that listens.
PLACEHOLDERS: Final = {
    "dsn": "where the service sends its telemetry",
    "environment": "name of the environment for Sentry",
    "traces": "traces sample rate, 0 to 1",
    "port": "the part's own port",
    "folder": "folder of this run, for databases and the like",
    "key": "a random key, which the load sends as X-API-Key",
    "release": "release that the service is of, 12 hex digits; each deploy of a drill has another",
    "faults": "file of fault flags, as the drills set them",
    "python": "the Python that runs the rehearsal",
}

# What Sentry gets to know of the requests to `ready` before the load begins.
Probes = Literal["ignored", "traced", "sampled_out"]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to a service: an HTTP call or a command; one of the two is empty."""

    method: str = ""
    url: str = ""
    body: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.url}" if self.url else " ".join(self.command)


@dataclass(frozen=True, slots=True)
class Hook:
    """A fault of the service's own: how it is switched on, and off again."""

    name: str
    begin: Action
    end: Action


@dataclass(frozen=True, slots=True)
class Part:
    """A process to start, or a service that runs already."""

    name: str
    command: tuple[str, ...]  # empty: it runs already, at `url`
    port: int  # preferred; 0: any
    url: str  # empty: on this machine, at its port
    ready: str  # path that answers 2xx once it is there
    environment: dict[str, str] = field(default_factory=dict)
    start: Action | None = None  # before it is waited for: what makes a service that runs elsewhere use the DSN
    stop: Action | None = None


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One kind of request of the load."""

    name: str
    weight: int
    method: str
    target: str  # path and query
    body: str  # JSON, or empty
    headers: dict[str, str]
    status: int  # that its answer has when all is well


@dataclass(frozen=True, slots=True)
class Plan:
    """What is rehearsed. Paths are absolute."""

    folder: Path  # where commands run
    name: str  # of the project in Sentry
    service: Part
    beside: tuple[Part, ...]  # started before the service, stopped after it
    probes: Probes
    overlaps: bool  # a second one of the service may listen on its port: a deploy leaves no gap
    has_books: bool  # telemetry is tagged `request_id`, so that the books can be closed
    has_sessions: bool  # its SDK counts each request as a session
    load: Path | tuple[PlannedRequest, ...]  # a Locust file, or requests
    hooks: tuple[Hook, ...]
    rules: Path
    drills: Path

    @property
    def parts(self) -> tuple[Part, ...]:
        """In the order of starting."""
        return (*self.beside, self.service)

    @property
    def takes_flags(self) -> bool:
        """Does some part read the file of fault flags?"""
        return self._mentions("$faults")

    @property
    def takes_release(self) -> bool:
        """Can the service be given another release?"""
        return bool(self.service.command) and self._mentions("$release")

    @property
    def takes_key(self) -> bool:
        return self._mentions("$key")

    @property
    def takes_traces(self) -> bool:
        """Is the service told the sample rate of a run?"""
        return self._mentions("$traces")

    def _mentions(self, placeholder: str) -> bool:
        texts = (text for part in self.parts for text in (*part.command, *part.environment.values()))
        return any(placeholder in text for text in texts)
