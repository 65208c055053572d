"""What is done to a service or to its Sentry while a drill lasts."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Fault:
    """A flag of the service, switched on while the drill lasts."""

    flag: str
    value: float
    routes: tuple[str, ...] = ("*",)  # globs over route templates, or over the names of dependencies
    hits: float = 1.0  # share of all requests that go to these routes

    def __str__(self) -> str:
        where = "" if self.routes == ("*",) else f" on {', '.join(self.routes)}"
        return f"{self.flag} = {self.value:g}{where}"


@dataclass(frozen=True, slots=True)
class HookFault:
    """A fault of the service's own, which the plan's hook of that name switches on. None: it does no such thing."""

    hook: str
    fails: float | None  # share of all requests that fail while it is on
    slows_ms: float | None  # every request takes so much longer

    def __str__(self) -> str:
        return self.hook


@dataclass(frozen=True, slots=True)
class Outage:
    """Sentry is away for a while in the middle of the drill. Spans are production time."""

    after: timedelta  # from the start of the drill; what the requests before it took is the yardstick
    lasts: timedelta
    slower_at_most: float  # median latency in the outage, as a multiple of that before it

    def __str__(self) -> str:
        return "Sentry away"


@dataclass(frozen=True, slots=True)
class Silence:
    """No request arrives for a while in the middle of the drill. Spans are production time."""

    after: timedelta
    lasts: timedelta

    def __str__(self) -> str:
        return "no traffic"


@dataclass(frozen=True, slots=True)
class Carrier:
    """A request that carries secrets. `$email` and its like stand for a fresh secret of that kind."""

    method: str
    target: str  # path and query
    headers: tuple[str, ...]  # `Name: value`, beside those that every carrier has
    body: str  # empty: none
    fault: Fault | HookFault | None  # on for this one request, so that it fails and becomes an error event

    def __str__(self) -> str:
        return f"{self.method} {self.target.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Planting:
    """Requests with secrets in them, evenly over the drill; none of the secrets may turn up in telemetry."""

    carriers: tuple[Carrier, ...]

    def __str__(self) -> str:
        return f"{len(self.carriers)} requests that carry secrets"


# What needs more of a Sentry than its web API: to stop its process, or to look into its disk and at its wire.
NEEDS_OWN_ENGINE = (Outage, Planting)

Disturbance = Fault | HookFault | Outage | Silence | Planting
