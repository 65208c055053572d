"""Rules without mistakes -> what is nevertheless not as its writer means it: nobody paged, paged once, paged by chance.

These are warnings: Sentry takes such rules and stays silent about them. Mistakes are found while loading.

  L1  the same measurement twice
  L2  a monitor that no alert is connected to
  L3  an alert whose monitors are all switched off
  L4  an alert in another environment than its monitor
  L5  an alert on a metric monitor that never hears of the second breach
  L6  a window that holds too few sampled requests at the configured rate
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from monitors.errors import Problem
from monitors.fields import WINDOWS, show_span
from monitors.model import COUNTING, Alert, Dataset, Monitor, Priority, RuleSet, Trigger
from monitors.query import parse_query

FEW: Final = 3.0  # requests on average: with fewer, more than one window in e**3 = 20 is empty by chance
RETURNS: Final = frozenset({Trigger.REGRESSION, Trigger.REAPPEARED, Trigger.ANY_EVENT})
OF_NOTHING: Final = (*COUNTING, "count_unique", "failure_count")  # of an empty window these are zero
ROUNDING: Final = 1e-9
PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the service gets, and how much of it is sampled."""

    requests_per_second: float
    sample_rate: float  # 0 to 1

    def sampled(self, window: timedelta) -> float:
        """Return how many sampled requests a window holds on average."""
        return self.requests_per_second * self.sample_rate * window.total_seconds()


def lint(rules: RuleSet, traffic: Traffic) -> tuple[Problem, ...]:
    """Return every warning, in the order of files and lines."""
    found = [*_twice(rules), *_unconnected(rules), *_alerts(rules), *_thin(rules, traffic)]
    return tuple(sorted(found, key=lambda each: (each.file, each.line)))


def _warn(rule: Monitor | Alert, message: str) -> Problem:
    return Problem(rule.source.file, rule.source.line, f"{rule.name}: {message}")


def _twice(rules: RuleSet) -> Iterator[Problem]:
    """L1."""
    first: dict[object, Monitor] = {}
    for each in rules.monitors:
        terms = frozenset(parse_query(each.query).terms)
        what = (each.dataset, each.aggregate, terms, each.window, each.environment, each.compared_to)
        if what in first:
            remedy = "one monitor holds two thresholds, high and medium, and several alerts may name it"
            yield _warn(each, f"measures the same as {first[what].name!r} ({first[what].source}); {remedy}")
        first.setdefault(what, each)


def _unconnected(rules: RuleSet) -> Iterator[Problem]:
    """L2."""
    named = {name for alert in rules.alerts if alert.enabled for name in alert.monitors}
    for each in rules.monitors:
        if each.enabled and each.name not in named:
            yield _warn(each, "no alert is connected to it, so it opens issues and pages nobody; name it in an alert")


def _alerts(rules: RuleSet) -> Iterator[Problem]:
    monitors = {each.name: each for each in rules.monitors}
    for alert in (each for each in rules.alerts if each.enabled and each.monitors):
        connected = [monitors[name] for name in alert.monitors]
        if not alert.builtin and not any(each.enabled for each in connected):  # L3
            yield _warn(
                alert, "all of its monitors are switched off, so it never acts; switch one on, or the alert off"
            )
        for each in connected:
            if alert.environment not in (None, each.environment):  # L4
                yield _warn(alert, _elsewhere(alert, each))
        if Trigger.FIRST_SEEN in alert.triggers and not RETURNS & set(alert.triggers):  # L5
            remedy = "so first_seen_event pages once in a lifetime; add regression_event and reappeared_event"
            yield _warn(alert, f"a metric monitor keeps its issue, {remedy}")


def _elsewhere(alert: Alert, monitor: Monitor) -> str:
    where = monitor.environment or "all environments together"
    return (
        f"acts in {alert.environment} only, and {monitor.name!r} measures {where}, so it never acts on its issues;"
        " write the environment at the monitor"
    )


def _thin(rules: RuleSet, traffic: Traffic) -> Iterator[Problem]:
    """L6."""
    for each in rules.monitors:
        if not each.enabled or each.dataset is not Dataset.SPANS:
            continue
        found, (needed, why) = traffic.sampled(each.window), _needed(each)
        if found < needed:
            yield _warn(
                each,
                f"with traces at {traffic.sample_rate * PERCENT:g} %, its window of {show_span(each.window)} holds at"
                f" most {found:.1f} sampled requests on average, and {needed:g} are needed: {why};"
                f" {_remedy(each, traffic, needed)}",
            )


def _needed(monitor: Monitor) -> tuple[float, str]:
    """Return how many sampled requests a window must hold for the value to mean anything, and why."""
    wanted = monitor.aggregate
    if wanted.function == "failure_rate" and monitor.compared_to is None:
        limit = min((each.value for each in monitor.thresholds if each.priority is not Priority.RESOLVED), default=0.0)
        if limit > 0:
            return ceil(1 / limit - ROUNDING), f"with fewer a single failed request is more than {limit * PERCENT:g} %"
    if wanted.share is not None and wanted.share < 1:
        return ceil(1 / (1 - wanted.share) - ROUNDING), f"with fewer {wanted.function} is the slowest of them"
    if wanted.function in OF_NOTHING:
        return FEW, "with fewer one window in 20 is empty by chance and counts as zero"
    return FEW, "with fewer one window in 20 is empty by chance and is not evaluated"


def _remedy(monitor: Monitor, traffic: Traffic, needed: float) -> str:
    """Name the least change that suffices."""
    per_second = needed / monitor.window.total_seconds()
    rate = per_second / traffic.requests_per_second
    window = next((each for each in WINDOWS if traffic.sampled(each) >= needed), None)
    remedies = [f"sample at least {ceil(rate * PERCENT)} %"] if rate <= 1 else []
    remedies += [f"widen the window to {show_span(window)}"] if window else []
    return " or ".join(remedies) or f"there is too little traffic for it, it takes {per_second:.2g} requests per second"
