"""The thresholds of a monitor: when its issue opens, at which priority, and when it is over."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from monitors.fields import read_threshold
from monitors.model import Monitor, Priority, Threshold
from monitors.nodes import Section

PRIORITIES: Final = {"high": Priority.HIGH, "medium": Priority.MEDIUM, "resolve": Priority.RESOLVED}
NAMES: Final = {priority: name for name, priority in PRIORITIES.items()}
ABOVE: Final = frozenset({"gt", "gte"})
UNCHANGED: Final = 100  # percent
INCLUSIVE: Final = frozenset({"gte", "lte"})


def read_thresholds(monitor: Section) -> tuple[Threshold, ...]:
    """Return the thresholds, the highest priority first.

    `resolve` is mandatory, since Sentry takes no monitor without it, and so is `high`, since it must fire somewhere.
    """
    section = monitor.section("thresholds")
    section.allow(*PRIORITIES)
    found = [
        section.read(key, partial(read_threshold, priority=priority), None, is_required=key != "medium")
        for key, priority in PRIORITIES.items()
    ]
    return tuple(each for each in found if each is not None)


def check_thresholds(section: Section, monitor: Monitor) -> None:
    """Note thresholds that the aggregate never reaches, or that contradict each other."""
    line = section.line_of("thresholds")
    for each in monitor.thresholds:
        for message in _unreachable(monitor, each):
            section.note(f"{NAMES[each.priority]} {each.value:g}: {message}", line)
    by_priority = {each.priority: each for each in monitor.thresholds}
    high, resolve = by_priority.get(Priority.HIGH), by_priority.get(Priority.RESOLVED)
    if high and resolve:
        for message in _contradictions(high, by_priority.get(Priority.MEDIUM), resolve):
            section.note(message, line)


def _unreachable(monitor: Monitor, threshold: Threshold) -> Iterator[str]:
    if monitor.compared_to is not None:
        is_open = threshold.priority is not Priority.RESOLVED
        if is_open and (threshold.value < UNCHANGED) is (threshold.comparison in ABOVE):
            yield "a percent change is in percent of the earlier value, 100 is no change, so 50 % more is written > 150"
    elif monitor.aggregate.is_fraction and not 0 <= threshold.value <= 1:
        yield f"{monitor.aggregate} is a fraction from 0 to 1, so 5 % is written 0.05"
    elif threshold.value < 0:
        yield f"{monitor.aggregate} is never below zero"


def _contradictions(high: Threshold, medium: Threshold | None, resolve: Threshold) -> Iterator[str]:
    is_above = high.comparison in ABOVE
    if medium and (medium.comparison in ABOVE) is not is_above:
        yield "thresholds high and medium point in different directions"
    elif medium and _is_beyond(medium.value, high.value, is_above=is_above):
        yield "threshold medium must be reached before high"
    firing = [each for each in (high, medium) if each]
    if (resolve.comparison in ABOVE) is is_above:
        yield "threshold resolve must point the other way than high"
    elif any(_overlaps(each, resolve, is_above=is_above) for each in firing):
        yield "threshold resolve overlaps: a value would open the issue and close it at once"


def _is_beyond(value: float, limit: float, *, is_above: bool) -> bool:
    return value >= limit if is_above else value <= limit


def _overlaps(firing: Threshold, resolve: Threshold, *, is_above: bool) -> bool:
    if firing.value == resolve.value:
        return {firing.comparison, resolve.comparison} <= INCLUSIVE
    return resolve.value > firing.value if is_above else resolve.value < firing.value
