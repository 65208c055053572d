"""Which monitors, levels and triggers of the rules the tests have seen happen, and which they have not."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitors.model import Priority, RuleSet
from rehearsal.ruletests.simulate import Outcome

LEVELS = {Priority.HIGH: "high", Priority.MEDIUM: "medium", Priority.RESOLVED: "ok"}


@dataclass(frozen=True, slots=True)
class Coverage:
    """Branches are (rule, what of it happens): a monitor's levels, an alert's triggers."""

    wanted: frozenset[tuple[str, str]]
    seen: frozenset[tuple[str, str]]

    @property
    def missing(self) -> tuple[str, ...]:
        """What no test has made happen, in words."""
        return tuple(f"{rule}: {branch}" for rule, branch in sorted(self.wanted - self.seen))

    def __str__(self) -> str:
        return f"{len(self.tested)} of {len(self.rules)} rules tested, {self.branches} of their branches"

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(rule for rule, _ in self.wanted)

    @property
    def tested(self) -> frozenset[str]:
        return frozenset(rule for rule, _ in self.wanted & self.seen)

    @property
    def branches(self) -> str:
        return f"{len(self.wanted & self.seen)} of {len(self.wanted)}"


def cover(rules: RuleSet, outcomes: Iterable[Outcome]) -> Coverage:
    """Compare what can happen to the enabled rules with what did."""
    monitors = {
        (f"monitor {each.name}", LEVELS[threshold.priority])
        for each in rules.monitors
        for threshold in each.thresholds
        if each.enabled
    }
    alerts = {
        (f"alert {each.name}", trigger.value) for each in rules.alerts for trigger in each.triggers if each.enabled
    }
    seen = frozenset(branch for each in outcomes for branch in each.branches)
    return Coverage(frozenset(monitors | alerts), seen)
