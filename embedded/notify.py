"""Spine 3: deliver(now): flips -> the alerts they trigger -> pending deliveries -> sent, or tried again later."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from embedded.channels.base import Channel, Notification
from embedded.errors import TransportError
from embedded.routing import actions_for, is_throttled
from embedded.store import alerts, issues
from embedded.store.database import Database
from embedded.store.monitors import Workflow, list_detectors, list_workflows
from embedded.subjects import StoredFacts, subject_of

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 8
FIRST_RETRY: Final = timedelta(seconds=1)  # doubled with every attempt: about two minutes in all


@dataclass(frozen=True, slots=True)
class Notifier:
    """What delivery needs: the store, the channels by action type, where links point, and how fast time runs."""

    database: Database
    channels: Mapping[str, Channel]
    url: str
    speed: float

    async def deliver(self, now: datetime) -> int:
        """Route new flips, send what is due, and return how many were sent.

        1 claim and route, 2 send, 3 record. A crash between 2 and 3 sends again: at least once, never lost.
        """
        for flip in alerts.unclaimed_flips(self.database.read()):  # 1
            actions = self._route(flip)
            await self.database.commit(partial(alerts.claim_flip, flip=flip, actions=actions, now=now))
        sent = 0
        for delivery in alerts.due_deliveries(self.database.read(), now):
            try:
                await self._send(delivery)  # 2
            except TransportError as error:
                await self._record_failure(delivery, error, now)  # 3
            else:
                await self.database.commit(partial(alerts.record_sent, delivery=delivery, now=now))
                sent += 1
        return sent

    def _route(self, flip: alerts.Flip) -> list[tuple[int, dict[str, Any]]]:
        """The (workflow id, action) pairs that this flip triggers; an alert that cannot be asked is logged."""
        reader = self.database.read()
        issue = issues.find_issue(reader, flip.issue_id)
        if issue is None:
            return []
        event = issues.find_event(reader, issue.project_id, flip.event_id) if flip.event_id else None
        subject = subject_of(flip, issue, event, self.speed)
        facts = StoredFacts(reader, flip, event, issue.project_id, self.speed)
        found: list[tuple[int, dict[str, Any]]] = []
        for workflow in list_workflows(reader):
            try:
                actions = actions_for(workflow, flip, subject, facts)
            except Exception:
                log.exception("alert %s (%s) could not be asked", workflow.id, workflow.name)
                continue
            found += [(workflow.id, action) for action in actions if not self._is_throttled(workflow, action, flip)]
        return found

    def _is_throttled(self, workflow: Workflow, action: dict[str, Any], flip: alerts.Flip) -> bool:
        frequency = timedelta(minutes=workflow.config.get("frequency", 0)) / self.speed
        last = alerts.last_notified(self.database.read(), workflow.id, action["id"], flip.issue_id)
        return is_throttled(flip.kind, flip.at, last, frequency)

    async def _send(self, delivery: alerts.Delivery) -> None:
        """Raises TransportError only: a notification that trips its channel must not hold up those behind it."""
        channel = self.channels.get(delivery.action["type"])
        if channel is None:
            raise TransportError(f"no channel for action type {delivery.action['type']!r}", permanent=True)
        try:
            await channel.send(self._notification(delivery))
        except TransportError:
            raise
        except Exception as error:
            log.exception("notification %s could not be made", delivery.id)
            raise TransportError(f"{type(error).__name__}: {error}", permanent=False) from error

    def _notification(self, delivery: alerts.Delivery) -> Notification:
        flip, reader = delivery.flip, self.database.read()
        issue = issues.find_issue(reader, flip.issue_id)
        detectors = list_detectors(reader, detector_id=flip.detector_id)
        if issue is None or not detectors:
            raise TransportError("the monitor or its issue was removed meanwhile", permanent=True)
        query = detectors[0].query
        seconds = query["queryObj"]["snubaQuery"]["timeWindow"] if query else 0
        stored = issues.find_event(reader, issue.project_id, flip.event_id) if flip.event_id else None
        return Notification(
            kind=flip.kind,
            workflow_name=delivery.workflow_name,
            action=delivery.action,
            issue=issue,
            issue_url=f"{self.url}/issues/{issue.id}/",
            detector=detectors[0],
            value=flip.value,
            level=flip.level,
            at=flip.at,
            window=timedelta(seconds=seconds) / self.speed,
            event=stored.payload if stored else None,
            environment=flip.environment,
        )

    async def _record_failure(self, delivery: alerts.Delivery, error: TransportError, now: datetime) -> None:
        is_last = error.permanent or delivery.attempts + 1 >= MAX_ATTEMPTS
        retry_at = None if is_last else now + FIRST_RETRY * 2**delivery.attempts
        log.warning("notification %s failed%s: %s", delivery.id, " for good" if is_last else "", error)
        await self.database.commit(
            partial(alerts.record_failure, delivery=delivery, error=str(error), retry_at=retry_at)
        )
