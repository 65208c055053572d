"""A notification -> the words of its message, the same on every channel; pure. Each channel escapes them itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from embedded.channels.base import Notification
from embedded.lenient import mapping, tags
from embedded.store.alerts import CAPTURED, ESCALATED, HIGH, REAPPEARED, RESOLVED
from embedded.store.monitors import Detector
from monitors.fields import SYMBOLS

Severity = Literal["critical", "error", "warning", "info"]
Status = Literal["critical", "warning", "resolved"]

DRILL: Final = "[DRILL] "
METRIC: Final = "metric_issue"
NEWS: Final = {
    "first_seen_event": "New issue",
    "regression_event": "Regression",
    REAPPEARED: "Back from the archive",
    ESCALATED: "Escalated",
    CAPTURED: "Seen again",
    RESOLVED: "Resolved",
}
SEVERITIES: Final[dict[str, Severity]] = {"fatal": "critical", "error": "error", "warning": "warning"}
COLORS: Final[dict[Severity, int]] = {"critical": 0xC0322B, "error": 0xE0663A, "warning": 0xD9A400, "info": 0x3B6ECC}
RESOLVED_COLOR: Final = 0x2E8B57
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads, shortest first."""

    title: str  # one line: what happened to what
    summary: str  # one line: value against threshold, or where
    facts: tuple[tuple[str, str], ...]  # label and text
    severity: Severity
    is_resolved: bool
    issue_url: str
    runbook: str | None

    @property
    def color(self) -> int:
        return RESOLVED_COLOR if self.is_resolved else COLORS[self.severity]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Label and URL."""
        return (("Open the issue", self.issue_url), *([("Runbook", self.runbook)] if self.runbook else []))


def compose(notification: Notification) -> Message:
    """Say what happened, how bad it is, since when, where, and where to read on."""
    is_metric = notification.detector.type == METRIC
    drill = DRILL if notification.is_drill else ""
    return Message(
        title=drill + one_line(f"{_news(notification)}: {_subject(notification)}"),
        summary=one_line(
            describe(notification) if is_metric else notification.issue.culprit or notification.issue.title
        ),
        facts=(
            *(_metric_facts(notification) if is_metric else _error_facts(notification)),
            *_common_facts(notification),
        ),
        severity=_severity(notification),
        is_resolved=notification.kind == RESOLVED,
        issue_url=notification.issue_url,
        runbook=notification.runbook,
    )


def status(notification: Notification) -> Status:
    """Sentry's word for what a metric monitor did."""
    return metric_action(notification.kind, notification.level)


def metric_action(kind: str, level: int) -> Status:
    """Sentry's word for a metric monitor's flip of this kind to this level."""
    if kind == RESOLVED:
        return "resolved"
    return "critical" if level >= HIGH else "warning"


def describe(notification: Notification) -> str:
    """Say what a metric monitor measured, against what."""
    snuba = snuba_query(notification.detector)
    return (
        f"{snuba['aggregate']} is {_number(notification.value)}{_compared(notification.detector)} in the last"
        f" {snuba['timeWindow'] // 60} minutes; the threshold is {_threshold(notification)}"
    )


def snuba_query(detector: Detector) -> dict[str, Any]:
    """What a metric monitor asks."""
    return mapping((detector.query or {})["queryObj"]["snubaQuery"])


def one_line(text: str) -> str:
    """An exception's text may have many."""
    return " ".join(text.split())


def cut(text: str, max_chars: int) -> str:
    """Shorten a text to what a channel takes."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def _news(notification: Notification) -> str:
    if notification.detector.type == METRIC:
        return status(notification).capitalize()
    return NEWS.get(notification.kind, "Issue")


def _subject(notification: Notification) -> str:
    return notification.detector.name if notification.detector.type == METRIC else notification.issue.title


def _severity(notification: Notification) -> Severity:
    if notification.detector.type == METRIC:
        return "critical" if notification.level >= HIGH else "warning"
    level = str((notification.event or {}).get("level") or notification.issue.level)
    return SEVERITIES.get(level, "info")


def _metric_facts(notification: Notification) -> tuple[tuple[str, str], ...]:
    value = f"{_number(notification.value)}{_compared(notification.detector)}"
    over = (("Over", instant(notification.at)),) if notification.kind == RESOLVED else ()
    return (
        ("Value", value),
        ("Threshold", f"{snuba_query(notification.detector)['aggregate']} {_threshold(notification)}"),
        ("Since", instant(notification.since)),
        *over,
    )


def _error_facts(notification: Notification) -> tuple[tuple[str, str], ...]:
    return (
        ("Seen", f"{notification.issue.times_seen} times"),
        ("Since", instant(notification.since)),
        ("Last", instant(notification.at)),
    )


def _common_facts(notification: Notification) -> tuple[tuple[str, str], ...]:
    wanted = str(mapping(notification.action.get("data")).get("tags") or "")
    event = notification.event or {}
    found = tags(event.get("tags"))
    named = [key.strip() for key in wanted.split(",") if key.strip() in found]
    return (
        ("Environment", notification.environment or event.get("environment") or "all"),
        ("Release", notification.release or UNKNOWN),
        ("Project", notification.issue.project_slug),
        ("Issue", notification.issue.short_id),
        ("Alert", notification.workflow_name or UNKNOWN),
        *((key, found[key]) for key in named),
    )


def _threshold(notification: Notification) -> str:
    """That of the level, else the highest: a recovery is told against what it had crossed."""
    limits = [each for each in (notification.detector.conditions or {})["conditions"] if each["conditionResult"]]
    limit = next((each for each in limits if each["conditionResult"] == notification.level), limits[0])
    return f"{SYMBOLS[limit['type']]} {_number(limit['comparison'])}"


def _compared(detector: Detector) -> str:
    """What the number is a percentage of, if it is one."""
    delta_s = detector.config.get("comparisonDelta")
    return f" % of what it was {delta_s // 60} minutes earlier" if delta_s else ""


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"


def instant(moment: datetime) -> str:
    """A time as a sleepy person reads it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
