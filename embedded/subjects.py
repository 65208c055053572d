"""An issue and its event, as stored -> what the filters of alerts ask about them. Second part of spine 3's routing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import apsw

from embedded.lenient import mapping, sequence, tags
from embedded.routing import Subject
from embedded.store.alerts import Flip
from embedded.store.facts import count_events, latest_release, user_payloads
from embedded.store.issues import Issue, StoredEvent


def subject_of(flip: Flip, issue: Issue, event: StoredEvent | None, speed: float) -> Subject:
    """Return the issue as filters see it at the time of the change; ages are production time."""
    payload = event.payload if event else {}
    return Subject(
        type=issue.type,
        level=str(payload.get("level") or issue.level),
        priority=issue.priority,
        times_seen=issue.times_seen,
        age=(flip.at - issue.first_seen) * speed,
        tags={**tags(payload.get("tags")), **_own_tags(payload)},
        attributes=_attributes(payload, issue.title),
    )


@dataclass(frozen=True, slots=True)
class StoredFacts:
    """What filters look up, in the store, only when one asks."""

    connection: apsw.Connection
    flip: Flip
    event: StoredEvent | None
    project_id: int
    speed: float

    def events(self, interval: timedelta) -> int:
        return count_events(self.connection, self.flip.issue_id, self.flip.at - interval / self.speed, self.flip.at)

    def users(self, interval: timedelta) -> int:
        since = self.flip.at - interval / self.speed
        found = user_payloads(self.connection, self.flip.issue_id, since, self.flip.at)
        return len({name for payload in found if (name := _user(mapping(payload.get("user"))))})

    def is_latest_release(self) -> bool:
        release = self.event.payload.get("release") if self.event else None
        return bool(release) and release == latest_release(self.connection, self.project_id)


def _own_tags(payload: Mapping[str, Any]) -> dict[str, str]:
    """What Sentry makes a tag of without being asked."""
    return {key: str(payload[key]) for key in ("level", "environment", "release", "transaction") if payload.get(key)}


def _attributes(payload: Mapping[str, Any], title: str) -> dict[str, str]:
    thrown = mapping(next(iter(reversed(sequence(mapping(payload.get("exception")).get("values")))), None))
    request, handled = mapping(payload.get("request")), mapping(thrown.get("mechanism")).get("handled")
    found = {
        "message": mapping(payload.get("logentry")).get("formatted") or payload.get("message") or title,
        "platform": payload.get("platform"),
        "environment": payload.get("environment"),
        "type": payload.get("type") or "error",
        "error.handled": None if handled is None else str(bool(handled)).lower(),
        "exception.type": thrown.get("type"),
        "exception.value": thrown.get("value"),
        "http.method": request.get("method"),
        "http.url": request.get("url"),
        "sdk.name": mapping(payload.get("sdk")).get("name"),
    }
    return {key: str(value) for key, value in found.items() if value is not None}


def _user(user: Mapping[str, Any]) -> str:
    """Sentry's order of what tells users apart."""
    return next((f"{key}:{user[key]}" for key in ("id", "username", "email", "ip_address") if user.get(key)), "")
