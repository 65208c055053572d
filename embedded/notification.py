"""A delivery -> all that its message may say, looked up in the store. Between spine 3 and the channels."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import apsw

from embedded.channels.base import Notification
from embedded.errors import TransportError
from embedded.lenient import mapping, tags
from embedded.store import alerts, issues
from embedded.store.facts import current_release
from embedded.store.issues import Issue
from embedded.store.monitors import Detector, list_detectors

DRILL_TAG: Final = "drill"  # an event that carries it as `true` was made on purpose
RUNBOOK_TAG: Final = "runbook"
LINK: Final = re.compile(r"https?://[^\s<>\"]+")
RUNBOOK: Final = re.compile(r"\brunbook:?\s+(https?://[^\s<>\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for every message of an engine."""

    url: str  # where links point
    speed: float
    is_drill: bool  # all that happens here is one


def notification_of(reader: apsw.Connection, delivery: alerts.Delivery, setting: Setting) -> Notification:
    """Raises TransportError, a permanent one, if what it is about is gone."""
    flip = delivery.flip
    issue = issues.find_issue(reader, flip.issue_id)
    detectors = list_detectors(reader, detector_id=flip.detector_id)
    if issue is None or not detectors:
        raise TransportError("the monitor or its issue was removed meanwhile", permanent=True)
    stored = issues.find_event(reader, issue.project_id, flip.event_id) if flip.event_id else None
    event = stored.payload if stored else {}
    marked = tags(event.get("tags"))
    return Notification(
        ident=f"{delivery.created_at:%Y%m%d%H%M%S}-{delivery.id}",
        kind=flip.kind,
        workflow_name=delivery.workflow_name,
        action=delivery.action,
        issue=issue,
        issue_url=f"{setting.url}/issues/{issue.id}/",
        detector=detectors[0],
        value=flip.value,
        level=flip.level,
        at=flip.at,
        window=_window(detectors[0]) / setting.speed,
        event=stored.payload if stored else None,
        environment=flip.environment,
        since=_since(reader, flip, issue),
        release=event.get("release") or current_release(reader, issue.project_id),
        runbook=_runbook(delivery.action, detectors[0], marked.get(RUNBOOK_TAG)),
        is_drill=setting.is_drill or marked.get(DRILL_TAG) == "true",
    )


def _window(detector: Detector) -> timedelta:
    seconds = detector.query["queryObj"]["snubaQuery"]["timeWindow"] if detector.query else 0
    return timedelta(seconds=seconds)


def _since(reader: apsw.Connection, flip: alerts.Flip, issue: Issue) -> datetime:
    return alerts.opened_at(reader, flip) or issue.first_seen


def _runbook(action: dict[str, Any], detector: Detector, tagged: str | None) -> str | None:
    """Sentry has no field for it: it is an event's tag, or written in an action's notes or a monitor's description.

    A tag is the most particular of them. It comes from outside, and a channel would refuse a button that is no link.
    """
    if tagged is not None and LINK.fullmatch(tagged):
        return tagged
    for written in (mapping(action.get("data")).get("notes"), detector.description):
        if found := RUNBOOK.search(written or ""):
            return found[1].rstrip(".,;)")
    return None
