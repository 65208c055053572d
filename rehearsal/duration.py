"""How long a drill takes, waiting included: from its file and the rules alone, so without latencies of the machine."""

from datetime import timedelta
from typing import Final

from monitors.model import Monitor, RuleSet
from rehearsal.breach import longest_window, predict
from rehearsal.disturbance import Deploy, Planting, Shape, Silence, main_fault
from rehearsal.drill import Drill, ExpectedPage

TICK: Final = timedelta(minutes=1)  # until an evaluation sees what it could see; the cadence of short windows
NOTHING: Final = timedelta(0)


def duration(drill: Drill, rules: RuleSet, speed: float) -> timedelta:
    """Return the production time from its start to its last recovery, at `speed` production seconds per second."""
    done = max(drill.lasts, _method(drill, rules))
    return done + max((_recovery(page, drill, rules, speed) for page in drill.pages), default=NOTHING)


def _method(drill: Drill, rules: RuleSet) -> timedelta:
    """What it does takes as long as this, however long it says that it lasts."""
    window = longest_window(rules)
    match drill.disturbance:
        case Silence() as silence:
            return silence.after + silence.lasts + window
        case Shape():
            return drill.lasts + window
        case Planting() as planting:
            return drill.lasts * len(planting.carriers) / (len(planting.carriers) + 1) + window
        case Deploy() as deploy:
            return deploy.after + max((page.within for page in drill.pages), default=NOTHING)
        case _:
            return NOTHING


def _recovery(page: ExpectedPage, drill: Drill, rules: RuleSet, speed: float) -> timedelta:
    if page.resolved_within is None:
        return NOTHING
    fault, monitor = main_fault(drill.disturbance), _monitor(page, rules)
    if fault is None or monitor is None:
        return page.resolved_within
    return predict(monitor, fault, speed).recovery_after + TICK


def _monitor(page: ExpectedPage, rules: RuleSet) -> Monitor | None:
    alert = next((each for each in rules.alerts if each.name == page.alert), None)
    return next((each for each in rules.monitors if alert and each.name in alert.monitors), None)
