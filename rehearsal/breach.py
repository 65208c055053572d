"""When can a fault be seen? From the monitor's window and threshold, the earliest instant of breach and of recovery.

With a step of the share of bad requests from about 0 to q, a window of length W holds a share of q t / W after t, so it
is over a threshold c from t = W c / q on; after the step back it is at or under c again from t = W (1 - c / q) on.
Source: the model of a sliding mean, checked by `make rehearse` itself.
"""

from datetime import timedelta

from monitors.model import Monitor, Priority
from rehearsal.drill import Fault


def breach_after(monitor: Monitor, fault: Fault) -> timedelta | None:
    """Production time from the fault to the first possible breach, or None if this fault cannot breach this monitor."""
    limit, share = _limit(monitor), _bad_share(monitor, fault)
    return monitor.window * (limit / share) if share > limit else None


def recovery_after(monitor: Monitor, fault: Fault) -> timedelta:
    """Production time from the fault's end to the first possible recovery."""
    limit, share = _limit(monitor), _bad_share(monitor, fault)
    return monitor.window * max(0.0, 1 - limit / share) if share else timedelta(0)


def _limit(monitor: Monitor) -> float:
    """The share of bad requests at which the monitor turns.

    A percentile p is over T exactly when more than 1 - p of the requests are slower than T.
    """
    share = monitor.aggregate.share
    return _lowest_threshold(monitor) if share is None else 1 - share


def _lowest_threshold(monitor: Monitor) -> float:
    return min(each.value for each in monitor.thresholds if each.priority is not Priority.RESOLVED)


def _bad_share(monitor: Monitor, fault: Fault) -> float:
    """The share of requests that the fault makes bad in this monitor's eyes."""
    if monitor.aggregate.function == "failure_rate" and fault.flag in ("error_rate", "new_error_code"):
        return fault.value
    if monitor.aggregate.share is not None and fault.flag == "added_latency_ms":
        return 1.0 if fault.value > _lowest_threshold(monitor) else 0.0
    return 0.0
