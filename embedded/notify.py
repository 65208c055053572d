"""Spine 3: deliver(now): flips -> the alerts they trigger -> pending deliveries -> sent, or tried again later."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from embedded.channels.base import Channel
from embedded.errors import TransportError, UnmadeError
from embedded.notification import Setting, notification_of
from embedded.pace import Pace
from embedded.routing import actions_for, is_throttled
from embedded.store import alerts, issues
from embedded.store.database import Database
from embedded.store.monitors import Workflow, list_workflows
from embedded.subjects import StoredFacts, subject_of

log = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 14  # with the pauses below: about an hour at the longest, half of it at the shortest
FIRST_RETRY: Final = timedelta(seconds=1)  # doubled with every attempt
LONGEST_RETRY: Final = timedelta(minutes=15)
JITTER: Final = 0.5  # the share of a pause that chance decides: a receiver that is back is not met by all at once
LONGEST_ASKED: Final = timedelta(hours=1)  # a Retry-After past it is not believed
LONGEST_HOLD: Final = timedelta(seconds=10)  # how long one failure holds up the other messages to a receiver


@dataclass(frozen=True, slots=True)
class Notifier:
    """What delivery needs: the store, the channels by action type, and what is the same for every message."""

    database: Database
    channels: Mapping[str, Channel]
    setting: Setting
    chance: Callable[[], float] = random.random
    pace: Pace = field(default_factory=Pace)

    async def deliver(self, now: datetime) -> int:
        """Route new flips, send what is due, and return how many were sent.

        1 claim and route, 2 send, to each receiver in order and to all at a time. A crash between sending and recording
        sends again: at least once, never lost.
        """
        for flip in alerts.unclaimed_flips(self.database.read()):  # 1
            actions = self._route(flip)
            await self.database.commit(partial(alerts.claim_flip, flip=flip, actions=actions, now=now))
        by_receiver = _by_receiver(alerts.due_deliveries(self.database.read(), now))
        sent = await asyncio.gather(*(self._send_all(*each, now) for each in by_receiver.items()))  # 2
        return sum(sent)

    def _route(self, flip: alerts.Flip) -> list[tuple[int, dict[str, Any]]]:
        """The (workflow id, action) pairs that this flip triggers; an alert that cannot be asked is logged."""
        reader = self.database.read()
        issue = issues.find_issue(reader, flip.issue_id)
        if issue is None:
            return []
        event = issues.find_event(reader, issue.project_id, flip.event_id) if flip.event_id else None
        subject = subject_of(flip, issue, event, self.setting.speed)
        facts = StoredFacts(reader, flip, event, issue.project_id, self.setting.speed)
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
        frequency = timedelta(minutes=workflow.config.get("frequency", 0)) / self.setting.speed
        last = alerts.last_notified(self.database.read(), workflow.id, action["id"], flip.issue_id)
        return is_throttled(flip.kind, flip.at, last, frequency)

    async def _send_all(self, receiver: str, deliveries: list[alerts.Delivery], now: datetime) -> int:
        """Send to one receiver what its rate allows, put the rest back, and return how many were sent.

        What is to be tried again keeps its place before later news of the same issue: a recovery that overtook its
        alarm would leave an incident open for ever.
        """
        sent, waiting = 0, set[tuple[Any, ...]]()
        for number, delivery in enumerate(deliveries):
            if delivery.sequence in waiting:
                continue
            channel = self.channels.get(delivery.action["type"])
            if channel is not None:
                if wait := self.pace.wait(receiver, channel.rate, now):
                    rest = [each.id for each in deliveries[number:]]
                    await self.database.commit(partial(alerts.put_back, delivery_ids=rest, due_at=now + wait))
                    break
                self.pace.note(receiver, channel.rate, now)
            try:
                await self._send(delivery, channel)
            except TransportError as error:
                if not await self._record_failure(receiver, delivery, error, now):
                    waiting.add(delivery.sequence)
            else:
                await self.database.commit(partial(alerts.record_sent, delivery=delivery, now=now))
                sent += 1
        return sent

    async def _send(self, delivery: alerts.Delivery, channel: Channel | None) -> None:
        """Raises TransportError only: a notification that trips its channel must not hold up those behind it."""
        if channel is None:
            raise TransportError(f"no channel for action type {delivery.action['type']!r}", permanent=True)
        try:
            await channel.send(notification_of(self.database.read(), delivery, self.setting))
        except TransportError:
            raise
        except Exception as error:
            log.exception("notification %s could not be made", delivery.id)
            raise UnmadeError(f"could not be made: {type(error).__name__}", permanent=False) from error

    async def _record_failure(
        self, receiver: str, delivery: alerts.Delivery, error: TransportError, now: datetime
    ) -> datetime | None:
        """Put the delivery back with a growing pause and return until when, or None if that was its last attempt."""
        is_last = error.permanent or delivery.attempts + 1 >= MAX_ATTEMPTS
        log.warning("notification %s failed%s: %s", delivery.id, " for good" if is_last else "", error)
        pause = max(self._pause(delivery.attempts), min(error.retry_after or timedelta(0), LONGEST_ASKED))
        if not error.permanent and not isinstance(error, UnmadeError):  # the receiver is in trouble, not the message
            self.pace.hold(receiver, now + (pause if error.retry_after else min(pause, LONGEST_HOLD)))
        retry_at = None if is_last else now + pause
        await self.database.commit(
            partial(alerts.record_failure, delivery=delivery, error=str(error), retry_at=retry_at)
        )
        return retry_at

    def _pause(self, attempts: int) -> timedelta:
        doublings: int = 2**attempts
        whole = min(FIRST_RETRY * doublings, LONGEST_RETRY)
        return whole * (1 - JITTER * self.chance())


def _by_receiver(deliveries: Iterable[alerts.Delivery]) -> dict[str, list[alerts.Delivery]]:
    """Whoever stands behind one address is one receiver, whichever alerts name it."""
    found: dict[str, list[alerts.Delivery]] = {}
    for each in deliveries:
        config = each.action["config"]
        target = config.get("targetIdentifier") or config.get("targetDisplay")
        found.setdefault(f"{each.action['type']}:{each.action.get('integrationId')}:{target}", []).append(each)
    return found
