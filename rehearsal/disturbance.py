"""What is done to a service or to its Sentry while a drill lasts. Spans are production time."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from loadtest.shapes import SHAPES


@dataclass(frozen=True, slots=True)
class Fault:
    """A flag of the service, switched on while the drill lasts."""

    flag: str
    value: float
    routes: tuple[str, ...] = ("*",)  # globs over route templates, or over the names of dependencies
    hits: float = 1.0  # share of all requests that go to these routes
    is_even: bool = False  # a share hits every n-th time, and not each time by chance
    creeps: timedelta | None = None  # it grows from nothing to its value in this time; None: it is there at once

    def __str__(self) -> str:
        where = "" if self.routes == ("*",) else f" on {', '.join(self.routes)}"
        slowly = "" if self.creeps is None else ", slowly"
        return f"{self.flag} = {self.value:g}{where}{slowly}"


@dataclass(frozen=True, slots=True)
class HookFault:
    """A fault of the service's own, which the plan's hook of that name switches on. None: it does no such thing."""

    hook: str
    fails: float | None  # share of all requests that fail while it is on
    slows_ms: float | None  # every request takes so much longer

    def __str__(self) -> str:
        return self.hook


class How(StrEnum):
    """What Sentry is like while it is out."""

    AWAY = "away"  # stopped: connections are refused
    KILLED = "killed"  # ended by force, and started again at once
    SLOW = "slow"  # every answer takes seconds
    LIMITING = "429"  # it answers that this is too much
    FAILING = "500"

    @property
    def is_switched(self) -> bool:
        """Is it there, behind a switch that decides how it answers?"""
        return self in (How.SLOW, How.LIMITING, How.FAILING)

    @property
    def is_kept(self) -> bool:
        """Is what it refused on file, and with it what the SDK's reports said?"""
        return self in (How.LIMITING, How.FAILING)


_OUT = {
    How.AWAY: "Sentry away",
    How.KILLED: "Sentry killed and started again",
    How.SLOW: "Sentry slow",
    How.LIMITING: "Sentry answers 429",
    How.FAILING: "Sentry answers 500",
}


@dataclass(frozen=True, slots=True)
class Outage:
    """Sentry does not do its work for a while in the middle of the drill."""

    after: timedelta  # from the start of the drill; what the requests before it took is the yardstick
    lasts: timedelta  # killed: at least
    slower_at_most: float | None  # median latency in the outage, as a multiple of that before it; None: not judged
    how: How = How.AWAY
    fault: Fault | HookFault | None = None  # of the service, from the start of the drill on

    def __str__(self) -> str:
        return _OUT[self.how] + (f", {self.fault}" if self.fault else "")


@dataclass(frozen=True, slots=True)
class Silence:
    """No request arrives for a while in the middle of the drill."""

    after: timedelta
    lasts: timedelta

    def __str__(self) -> str:
        return "no traffic"


@dataclass(frozen=True, slots=True)
class Deploy:
    """The service goes to another release in the middle of the drill, with a fault in it that the old one had once."""

    after: timedelta  # the old release fails once, and the issue of that is resolved
    fault: Fault | HookFault
    unanswered_at_most: float = 0.0  # share of the requests of the drill

    def __str__(self) -> str:
        return f"a deploy, then {self.fault}"


@dataclass(frozen=True, slots=True)
class Storm:
    """One issue takes all that the project's key may send; another one is there at the same time."""

    fault: Fault
    beside: Fault
    limit: int  # error events in each span of `per`, as set on the client key
    per: timedelta

    def __str__(self) -> str:
        return f"{self.fault} and {self.beside}, {self.limit} errors allowed"


@dataclass(frozen=True, slots=True)
class Forcing:
    """Strangers send requests whose trace headers say that they are sampled, and others that say that they are not."""

    method: str
    target: str  # path and query
    body: str  # empty: none
    times: int  # of each kind

    def __str__(self) -> str:
        return f"{self.times} requests that ask to be traced and {self.times} that ask not to be"


@dataclass(frozen=True, slots=True)
class Forced:
    """Request ids of the strangers, by what they asked for."""

    in_ids: tuple[str, ...]  # to be traced
    out_ids: tuple[str, ...]  # not to be


@dataclass(frozen=True, slots=True)
class Shape:
    """The rate of the load follows a shape over the whole drill, with the declared traffic as its mean."""

    name: str  # of loadtest.shapes

    @property
    def peak(self) -> float:
        """The full rate, as a multiple of the mean."""
        steps = 1000
        return steps / sum(SHAPES[self.name]((step + 0.5) / steps) for step in range(steps))

    def __str__(self) -> str:
        return f"traffic in the shape of a {self.name}"


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


# What needs more of a Sentry than its web API: to stop, limit or refuse, or to look into its disk and at its wire.
NEEDS_OWN_ENGINE = (Outage, Planting, Storm)

Disturbance = Fault | HookFault | Outage | Silence | Deploy | Storm | Forcing | Shape | Planting


def faults_of(disturbance: Disturbance | None) -> tuple[Fault | HookFault, ...]:
    """Every fault of the service that it switches on."""
    match disturbance:
        case Fault() | HookFault():
            return (disturbance,)
        case Outage():
            return (disturbance.fault,) if disturbance.fault else ()
        case Deploy():
            return (disturbance.fault,)
        case Storm():
            return (disturbance.fault, disturbance.beside)
        case Planting():
            return tuple(carrier.fault for carrier in disturbance.carriers if carrier.fault)
        case _:
            return ()


def main_fault(disturbance: Disturbance | None) -> Fault | HookFault | None:
    """The fault that the expected pages are about; None where there is none."""
    return None if isinstance(disturbance, Planting) else next(iter(faults_of(disturbance)), None)
