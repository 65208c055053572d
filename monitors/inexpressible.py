"""What people ask of alerts elsewhere and Sentry cannot do -> the remedy. Words of rules files, as they would be tried.

Source: Sentry's public API schema v0.272.0 (detectors, workflows) and docs.sentry.io/product/alerts, read 2026-11.
"""

import re
from typing import Final

_NO_DWELL: Final = (
    "Sentry has no waiting time, it acts at the first value over the threshold; a longer window smooths short peaks"
)
_NO_GROUPS: Final = (
    "a monitor has one value for all that its query finds; write one monitor each, such as query: transaction:/a"
)
_NO_DATA: Final = (
    "no data is no value and is not evaluated; watch for silence with aggregate: count() and"
    ' thresholds: {high: "< 1", resolve: ">= 1"}'
)
_NO_SEER: Final = (
    "anomaly detection needs Seer, which a self-hosted Sentry has not; compared_to: 1d compares with the day before"
)
_NO_HOURS: Final = "Sentry's rules have no hours of the day; the on-call tool behind them has"
_NO_JOINING: Final = "Sentry sends one notice per issue and joins none; frequency bounds how often it repeats itself"
_NO_ESCALATION: Final = "Sentry notifies all at once and nobody later; the on-call tool behind it escalates"
_OF_THRESHOLDS: Final = (
    'priority is what a monitor\'s thresholds say, high or medium; an alert filters it, priority: ">= high"'
)
_TIMES: Final = dict.fromkeys(("schedule", "active_hours", "business_hours", "mute", "silence"), _NO_HOURS)

MONITOR: Final = {
    **dict.fromkeys(("for", "pending", "dwell", "threshold_period", "consecutive", "keep_firing_for"), _NO_DWELL),
    **dict.fromkeys(("by", "group_by", "per"), _NO_GROUPS),
    **dict.fromkeys(("absent", "no_data", "on_no_data", "missing"), _NO_DATA),
    **dict.fromkeys(("anomaly", "dynamic", "sensitivity", "seasonality"), _NO_SEER),
    **dict.fromkeys(("severity", "priority"), _OF_THRESHOLDS),
    **_TIMES,
    "expr": "Sentry computes one aggregate over one dataset; write aggregate, dataset and query",
    "runbook": "a page's runbook is a matter of the alert; write it there",
}
ALERT: Final = {
    **dict.fromkeys(("for", "pending", "dwell", "delay"), _NO_DWELL),
    **dict.fromkeys(("group_by", "group_wait", "group_interval", "digest", "inhibit"), _NO_JOINING),
    **dict.fromkeys(("escalate", "escalate_after", "escalation", "then"), _NO_ESCALATION),
    **dict.fromkeys(("severity", "priority"), _OF_THRESHOLDS),
    **_TIMES,
    **dict.fromkeys(
        ("threshold", "thresholds", "aggregate", "query", "window"),
        "an alert measures nothing; a monitor does, and the alert names it under monitors",
    ),
    "repeat_interval": "that is frequency here: at most one notice per issue in this time",
}
DATASET: Final = {
    **dict.fromkeys(
        ("transactions", "generic_metrics", "performance"),
        "Sentry takes no new monitor over it; write dataset: spans and query: is_transaction:true",
    ),
    **dict.fromkeys(
        ("sessions", "metrics", "crash_rate"),
        "crash rates are of an app's sessions, which no server has; write failure_rate() over spans",
    ),
}
TRIGGER: Final = {
    **dict.fromkeys(
        ("new_value", "new_tag_value", "new_error_code"),
        "Sentry knows new issues, not new values of a tag; put the value into the fingerprint and write"
        " first_seen_event",
    ),
    **dict.fromkeys(
        ("escalating", "escalated"),
        "Sentry's forecast of an issue is no trigger; existing_high_priority_issue is the nearest",
    ),
    "no_data": _NO_DATA,
}
AGGREGATE: Final = (
    (r".*\)\s*[-+*/].*", "Sentry monitors one aggregate, no equation; the share of failed requests is failure_rate()"),
    (r"(crash_free|percentage|percent_sessions).*", DATASET["sessions"]),
    (r"user_misery\(.*", "the embedded engine does not evaluate it; apdex(span.duration,300) is the nearest"),
    (r"(error_rate|errors_per_request)\b.*", "no monitor divides errors by requests; failure_rate() goes by status"),
    (r"(rate|increase|irate)\(.*", "Sentry has no rates of counters; epm() is per minute, eps() per second"),
    (r"(count_if|countif|quantile|percentile)\(.*", "conditions go into query, percentiles are p50() to p100()"),
)


def remedy_for_aggregate(text: str) -> str | None:
    """Return what to write in place of an aggregate that Sentry's monitors have not; None for all other text."""
    return next((remedy for form, remedy in AGGREGATE if re.fullmatch(form, text.strip())), None)
