"""When can a fault be seen? From the monitor's window and threshold, the earliest instant of breach and of recovery.

With a step of the share of bad requests from about 0 to q, a window of length W holds a share of q t / W after t, so it
is over a threshold c from t = W c / q on; after the step back it is at or under c again from t = W (1 - c / q) on.
Source: the model of a sliding mean, checked by `make rehearse` itself.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from monitors.model import Monitor, Priority, RuleSet, Threshold
from rehearsal.disturbance import Fault, HookFault

AT_ONCE: Final = timedelta(0)
SECOND: Final = timedelta(seconds=1)
PRECISION_S: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a fault can do to a monitor. Spans are production time."""

    can_breach: bool | None  # None: this model knows nothing about such a monitor or such a fault
    breach_after: timedelta  # from the fault to the first possible breach
    recovery_after: timedelta  # from the fault's end to the first possible recovery


# An alert on new issues needs one event only, and so does whatever the model does not know: it may come at once.
UNKNOWN: Final = Prediction(None, AT_ONCE, AT_ONCE)


def longest_window(rules: RuleSet) -> timedelta:
    """The longest that any monitor looks back."""
    return max((monitor.window for monitor in rules.monitors), default=timedelta(0))


def predict(monitor: Monitor, fault: Fault | HookFault, speed: float) -> Prediction:
    """Predict the breach of a monitor by a step of a fault, at `speed` production seconds per second."""
    limit, share = share_limit(monitor), bad_share(monitor, fault)
    if limit is None or share is None:
        return UNKNOWN
    if share <= limit:
        return Prediction(can_breach=False, breach_after=AT_ONCE, recovery_after=AT_ONCE)
    unseen = unseen_for(fault, speed)
    return Prediction(
        can_breach=True,
        breach_after=unseen + _breach_after(monitor.window, limit / share, _creeps(fault)),
        recovery_after=unseen + monitor.window * max(0.0, 1 - _resolve_limit(monitor, limit) / share),
    )


def _breach_after(window: timedelta, part: float, creeps: timedelta) -> timedelta:
    """When the mean of a window passes `part` of what the fault leads to, where it grows to that over `creeps`."""
    low, high = 0.0, (creeps + window) / SECOND
    while high - low > PRECISION_S:  # the mean only grows
        middle = (low + high) / 2
        is_over = (_sum(middle, creeps) - _sum(middle - window / SECOND, creeps)) * SECOND >= window * part
        low, high = (low, middle) if is_over else (middle, high)
    return timedelta(seconds=high)


def _sum(until_s: float, creeps: timedelta) -> float:
    """Share seconds since the fault began, where the share grows evenly from 0 to 1 and stays there."""
    over_s = creeps / SECOND
    if until_s <= 0:
        return 0.0
    return until_s**2 / (2 * over_s) if until_s < over_s else until_s - over_s / 2


def _creeps(fault: Fault | HookFault) -> timedelta:
    return (isinstance(fault, Fault) and fault.creeps) or AT_ONCE


def share_limit(monitor: Monitor) -> float | None:
    """The share of bad requests at which the monitor turns; None for a monitor that measures no share.

    A percentile p is over T exactly when more than 1 - p of the requests are slower than T.
    """
    if monitor.compared_to is not None or any(each.comparison not in ("gt", "gte") for each in _opening(monitor)):
        return None
    if monitor.aggregate.function == "failure_rate":
        return _lowest_threshold(monitor)
    return None if monitor.aggregate.share is None else 1 - monitor.aggregate.share


def _resolve_limit(monitor: Monitor, limit: float) -> float:
    """The share at which its issue is over: its own threshold where the monitor measures a share."""
    return limit if monitor.aggregate.share is not None else monitor.resolve.value


def unseen_for(fault: Fault | HookFault, speed: float) -> timedelta:
    """The production time until Sentry has the first request that the fault hit.

    A slow request is seen when it ends. Latencies are not compressed, so that is a long time in production's terms.
    """
    return timedelta(milliseconds=_added_ms(fault)) * speed


def _added_ms(fault: Fault | HookFault) -> float:
    if isinstance(fault, HookFault):
        return fault.slows_ms or 0.0
    return fault.value if fault.flag == "added_latency_ms" else 0.0


def bad_share(monitor: Monitor, fault: Fault | HookFault) -> float | None:
    """The share of requests that the fault makes bad in this monitor's eyes; None where the model does not know it."""
    if monitor.aggregate.share is None:
        return failing_share(fault)
    if isinstance(fault, HookFault):
        return None if fault.slows_ms is None else float(fault.slows_ms > _lowest_threshold(monitor))
    return fault.hits * (fault.value > _lowest_threshold(monitor)) if fault.flag == "added_latency_ms" else None


def failing_share(fault: Fault | HookFault) -> float | None:
    """The share of requests that the fault makes fail; None where the model does not know it."""
    if isinstance(fault, HookFault):
        return fault.fails
    match fault.flag:
        case "error_rate" | "new_error_code":
            return fault.value * fault.hits
        case "dependency_down":  # some requests call it several times: only where every call fails the share is known
            return fault.hits if fault.value >= 1 else None
        case "added_latency_ms":
            return 0.0
        case _:
            return None


def _lowest_threshold(monitor: Monitor) -> float:
    return min(each.value for each in _opening(monitor))


def _opening(monitor: Monitor) -> list[Threshold]:
    return [each for each in monitor.thresholds if each.priority is not Priority.RESOLVED]
