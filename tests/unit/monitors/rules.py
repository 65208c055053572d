"""Rules that the tests of bodies and plans share: one metric monitor, one alert on it, one on the error monitor."""

from dataclasses import replace
from datetime import timedelta

from monitors.model import (
    Action,
    Alert,
    Dataset,
    Monitor,
    Priority,
    RuleSet,
    Source,
    Threshold,
    Trigger,
    parse_aggregate,
)

SOURCE = Source("rules.yml", 1)
RATE = Monitor(
    name="Rate",
    description="Failures",
    aggregate=parse_aggregate("failure_rate()"),
    dataset=Dataset.SPANS,
    query="is_transaction:true !span.status:[not_found, ok]",
    window=timedelta(minutes=5),
    environment="production",
    thresholds=(Threshold("gt", 0.05, Priority.HIGH), Threshold("lte", 0.05, Priority.RESOLVED)),
    enabled=True,
    source=SOURCE,
)
RATE_ALERT = Alert(
    name="Rate",
    monitors=("Rate",),
    builtin=None,
    triggers=(Trigger.FIRST_SEEN, Trigger.REGRESSION, Trigger.RESOLVED),
    frequency=timedelta(hours=1),
    environment=None,
    actions=(Action("sentry_app", "ops"),),
    runbook=None,
    enabled=True,
    source=SOURCE,
)
NEW_CODE = replace(RATE_ALERT, name="New code", monitors=(), builtin="error", triggers=(Trigger.FIRST_SEEN,))
RULES = RuleSet((RATE,), (RATE_ALERT, NEW_CODE))


def with_threshold(value: float) -> RuleSet:
    """The rules with another threshold."""
    thresholds = tuple(replace(each, value=value) for each in RATE.thresholds)
    return replace(RULES, monitors=(replace(RATE, thresholds=thresholds),))
