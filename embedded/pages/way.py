"""How far a monitor is on its way to the nearest of its thresholds; pure."""

from embedded.evaluate import COMPARISONS
from embedded.store.alerts import OK
from embedded.store.history import Standing


def distance(standing: Standing) -> tuple[float, str]:
    """How far the value is on its way to the nearest threshold, 1 when it is over it; and the bar's colour."""
    if standing.value is None:
        return 0.0, "none"
    ways = [
        (1.0 if COMPARISONS[kind](standing.value, limit) else _way(kind, standing.value, limit))
        for kind, limit, result in standing.monitor.conditions
        if result != OK
    ]
    way = max(ways, default=0.0)
    return way, "bad" if way >= 1 else "warn" if way >= 0.75 else "good"


def _way(kind: str, value: float, limit: float) -> float:
    near, far = (value, limit) if kind.startswith("g") else (limit, value)
    return min(0.99, near / far) if far > 0 else 0.0
