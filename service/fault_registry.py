"""Every fault that can be switched on: its name, what it does and which values it takes."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault flag."""

    name: str
    description: str  # what the service then does
    unit: str  # "1" for a share of requests
    maximum: float  # values range from 0 to this
    is_share: bool  # True: the value is the share of requests that are hit; False: it hits all of them
    default: float = 0.0  # off
    aims_at: Literal["routes", "dependencies"] = "routes"  # what the file may limit it to, under this key
    may_spread: bool = False  # the file may give a `spread`: the value is then the median of a log-normal distribution


ERROR_RATE: Final = Fault(
    name="error_rate",
    description="This share of computations fails with ISL_COMPUTATION_ERROR",
    unit="1",
    maximum=1.0,
    is_share=True,
)
ADDED_LATENCY_MS: Final = Fault(
    name="added_latency_ms",
    description="Every request is held back this much longer before its work begins",
    unit="ms",
    maximum=60_000.0,  # where proxies have given up; more would tell nothing
    is_share=False,
    may_spread=True,
)
NEW_ERROR_CODE: Final = Fault(
    name="new_error_code",
    description="This share of computations fails with ISL_MONTE_CARLO_ERROR, which is otherwise never seen",
    unit="1",
    maximum=1.0,
    is_share=True,
)
DEPENDENCY_DOWN: Final = Fault(
    name="dependency_down",
    description="This share of the calls to `database`, `cache` (Redis only) and `plot` fails as if it were away",
    unit="1",
    maximum=1.0,
    is_share=True,
    aims_at="dependencies",
)
DEPENDENCY_SLOW: Final = Fault(
    name="dependency_slow",
    description="Every call to a dependency takes this much longer, and fails where its caller would have given up",
    unit="ms",
    maximum=60_000.0,
    is_share=False,
    aims_at="dependencies",
    may_spread=True,
)
MEMORY_PRESSURE: Final = Fault(
    name="memory_pressure",
    description="Each worker that computes holds this much more memory, until one computes without it",
    unit="MiB",
    maximum=1024.0,  # of each worker: enough for the limit of any container that such a service gets
    is_share=False,
)
SILENCE: Final = Fault(
    name="silence",
    description="This share of errors and transactions is kept back from Sentry, as by a careless before_send",
    unit="1",
    maximum=1.0,
    is_share=True,
)

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault
    for fault in (
        *(ERROR_RATE, ADDED_LATENCY_MS, NEW_ERROR_CODE, DEPENDENCY_DOWN, DEPENDENCY_SLOW),
        *(MEMORY_PRESSURE, SILENCE),
    )
}
