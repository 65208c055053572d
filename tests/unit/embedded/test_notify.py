"""Flips -> deliveries -> sent: whom an alert notifies, how often, and what a failure does."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from embedded.alerting import tick
from embedded.channels.base import Notification, Rate
from embedded.errors import TransportError
from embedded.notification import Setting
from embedded.notify import FIRST_RETRY, LONGEST_ASKED, MAX_ATTEMPTS, Notifier
from embedded.store.alerts import CAPTURED, HIGH, OK, Evaluation, due_monitors, record_evaluation
from embedded.store.database import Database
from embedded.store.issues import set_status
from embedded.store.monitors import delete_detector, delete_workflow, list_detectors
from tests.unit.embedded.fakes import (
    NOW,
    FakeChannel,
    add_alert,
    add_monitor,
    error,
    opened,
    permanent,
    store,
    transaction,
    transient,
)

NEW, RETURNED, RESOLVED = "first_seen_event", "regression_event", "issue_resolved_trigger"
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with opened(tmp_path) as database:
        yield database


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


def deliver(database: Database, channel: FakeChannel, now: datetime = NOW, speed: float = 1) -> int:
    """One pass of an engine that has just started, with the longest pauses between attempts."""
    return asyncio.run(notifier(database, channel, speed).deliver(now))


def notifier(database: Database, channel: FakeChannel, speed: float = 1, chance: float = 0) -> Notifier:
    setting = Setting("http://engine", speed, is_drill=False)
    return Notifier(database, {"sentry_app": channel}, setting, chance=lambda: chance)


def default_monitor(database: Database, kind: str = "error") -> int:
    return next(each.id for each in list_detectors(database.read(), project_id=1) if each.type == kind)


def flip_monitor(database: Database, level: int, at: datetime) -> None:
    """The one due metric monitor goes to this level."""
    [monitor] = due_monitors(database.read(), at)
    done = Evaluation(monitor, 0.5, level, at, is_change=True, at=at, next_due_at=at)
    assert database.write(lambda connection: record_evaluation(connection, done))


def statuses(database: Database) -> list[tuple[str, int]]:
    return list(database.read().execute("SELECT status, attempts FROM delivery ORDER BY id"))


@pytest.mark.parametrize(
    ("triggers", "connected", "environment", "enabled", "expected"),
    [
        ((NEW,), "error", None, True, [NEW]),
        ((), "error", None, True, [NEW, RETURNED]),  # no triggers: everything passes
        ((NEW, RETURNED), "error", None, True, [NEW, RETURNED]),
        ((RETURNED,), "error", None, True, [RETURNED]),
        ((RESOLVED,), "error", None, True, []),
        ((NEW,), "error", "test", True, [NEW]),
        ((NEW,), "error", "prod", True, []),  # environments match exactly
        ((NEW,), "error", None, False, []),
        ((NEW,), "issue_stream", None, True, [NEW]),  # every issue of the project belongs to the stream
        ((NEW,), "none", None, True, []),  # an alert without a monitor never fires
    ],
)
def test_alert_acts_on_what_it_is_connected_to(
    database: Database,
    channel: FakeChannel,
    triggers: tuple[str, ...],
    connected: str,
    environment: str | None,
    enabled: bool,
    expected: list[str],
) -> None:
    detectors = [] if connected == "none" else [default_monitor(database, connected)]
    add_alert(database, detectors, *triggers, environment=environment, enabled=enabled)
    store(database, ("event", error(1, environment="test")))
    store(database, ("event", error(2, environment="test")))  # the same issue again: nobody is told
    database.write(lambda connection: set_status(connection, 1, "resolved"))
    store(database, ("event", error(3, environment="test")))
    deliver(database, channel)
    assert [each.kind for each in channel.sent] == expected


def test_alert_on_stream_and_monitor_acts_once_and_hears_metric_issues(
    database: Database, channel: FakeChannel
) -> None:
    add_alert(database, [default_monitor(database), default_monitor(database, "issue_stream")], NEW)
    add_monitor(database)
    store(database, ("event", error(1)))
    flip_monitor(database, HIGH, NOW)
    deliver(database, channel)
    assert sorted(each.issue.type for each in channel.sent) == ["error", "metric_issue"]


@pytest.mark.parametrize(
    ("tag", "notes", "expected"),
    [
        ("https://wiki/isl/X", "Runbook: https://wiki/all", "https://wiki/isl/X"),  # the tag knows the code
        ("javascript:alert(1)", "Runbook: https://wiki/all", "https://wiki/all"),
        ("https://wiki/isl/X now", "", None),
        ("see the wiki", "", None),
    ],
)
def test_runbook_of_an_event_is_a_link_or_nothing(
    database: Database, channel: FakeChannel, tag: str, notes: str, expected: str | None
) -> None:
    add_alert(database, [default_monitor(database)], NEW, notes=notes)
    store(database, ("event", error(1, tags={"runbook": tag})))
    deliver(database, channel)
    assert [each.runbook for each in channel.sent] == [expected]


def test_notification_says_what_a_person_needs(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW, name="new errors")
    told = {"code": "X", "runbook": "http://wiki/x", "drill": "true"}
    store(database, ("event", error(1, environment="test", tags=told, release="isl@1")))
    deliver(database, channel, speed=60)
    [sent] = channel.sent
    assert (sent.since, sent.release, sent.runbook, sent.is_drill) == (NOW, "isl@1", "http://wiki/x", True)
    assert (sent.workflow_name, sent.environment, sent.at) == ("new errors", "test", NOW)
    assert (sent.issue.title, sent.issue_url) == ("ValueError: it broke", "http://engine/issues/1/")
    assert sent.event is not None
    assert sent.event["tags"] == told

    monitor = add_monitor(
        database, window=5 * MINUTE, description="The share of failures.\nRunbook: http://wiki/rates."
    )
    add_alert(database, [monitor], NEW, RESOLVED, name="rates")
    store(database, ("transaction", transaction(3, release="isl@2")))
    flip_monitor(database, HIGH, NOW)
    flip_monitor(database, OK, NOW + MINUTE)
    deliver(database, channel, NOW + MINUTE, speed=60)
    sent, over = channel.sent[-2:]
    assert (over.kind, over.at, over.since) == (RESOLVED, NOW + MINUTE, NOW)
    assert (sent.since, sent.release, sent.runbook, sent.is_drill) == (NOW, "isl@2", "http://wiki/rates", False)
    assert (sent.ident, over.ident) == ("20260304120100-2", "20260304120100-3")
    assert (sent.detector.id, sent.value, sent.level, sent.window) == (monitor, 0.5, HIGH, 5 * SECOND)


@pytest.mark.parametrize(
    ("frequency", "speed", "at", "expected"),
    [
        (0, 1, 1, [NEW, RESOLVED, RETURNED]),
        (30, 1, 29, [NEW, RESOLVED]),
        (30, 1, 30, [NEW, RESOLVED, RETURNED]),
        (30, 60, 0.4, [NEW, RESOLVED]),
        (30, 60, 0.5, [NEW, RESOLVED, RETURNED]),  # thirty minutes are thirty seconds
    ],
)
def test_frequency_throttles_an_issue_but_never_its_recovery(
    database: Database, channel: FakeChannel, frequency: int, speed: float, at: float, expected: list[str]
) -> None:
    add_alert(database, [add_monitor(database)], NEW, RETURNED, RESOLVED, frequency=frequency)
    flip_monitor(database, HIGH, NOW)
    flip_monitor(database, OK, NOW + at * MINUTE / 2)
    flip_monitor(database, HIGH, NOW + at * MINUTE)
    deliver(database, channel, NOW + at * MINUTE, speed)
    assert [each.kind for each in channel.sent] == expected


def test_frequency_counts_per_issue_and_per_alert(database: Database, channel: FakeChannel) -> None:
    for name in ("one", "two"):
        add_alert(database, [default_monitor(database)], NEW, name=name, frequency=30)
    store(database, ("event", error(1)))
    store(database, ("event", error(2, "KeyError")))
    deliver(database, channel)
    assert sorted((each.workflow_name, each.issue.id) for each in channel.sent) == [
        ("one", 1),
        ("one", 2),
        ("two", 1),
        ("two", 2),
    ]


def test_frequency_goes_by_the_time_of_receipt(database: Database, channel: FakeChannel) -> None:
    """An event that a client dates back does not lose the page of an issue that returns."""
    add_alert(database, [default_monitor(database)], NEW, RETURNED, frequency=30)
    store(database, ("event", error(1)))
    database.write(lambda connection: set_status(connection, 1, "resolved"))
    old = (NOW - timedelta(days=2)).isoformat()
    store(database, ("event", error(2, timestamp=old)), at=NOW + 31 * MINUTE)
    deliver(database, channel)
    assert [each.kind for each in channel.sent] == [NEW, RETURNED]


def test_transient_failure_is_tried_again_with_growing_pauses(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    channel.failures = [transient()] * 3
    now = NOW
    for attempt in range(3):
        assert deliver(database, channel, now) == 0
        assert channel.attempts == attempt + 1
        pause = FIRST_RETRY * 2**attempt
        assert deliver(database, channel, now + pause - timedelta(milliseconds=1)) == 0
        assert channel.attempts == attempt + 1  # not yet
        now += pause
    assert deliver(database, channel, now) == 1
    assert deliver(database, channel, now + 60 * MINUTE) == 0
    assert [each.kind for each in channel.sent] == [NEW]
    assert statuses(database) == [("sent", 4)]


def test_transient_failures_end_after_some_attempts(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    channel.failures = [transient()] * 100
    for hour in range(20):
        deliver(database, channel, NOW + hour * 60 * MINUTE)
    assert channel.attempts == MAX_ATTEMPTS
    assert statuses(database) == [("failed", MAX_ATTEMPTS)]


def test_receiver_that_is_away_for_half_an_hour_is_told(database: Database, channel: FakeChannel) -> None:
    """And the last attempts are not all in the first minutes."""
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    channel.failures = [transient()] * (MAX_ATTEMPTS - 1)
    waking, now = notifier(database, channel, chance=1), NOW
    while not channel.sent and now < NOW + timedelta(days=1):
        asyncio.run(waking.deliver(now))
        now += SECOND
    assert timedelta(minutes=25) < now - NOW < timedelta(minutes=65)


@pytest.mark.parametrize(
    ("asked", "until"), [(30, 30), (0.01, 1), (10**9, LONGEST_ASKED.total_seconds())], ids=["longer", "shorter", "mad"]
)
def test_receiver_that_asks_for_time_gets_it(
    database: Database, channel: FakeChannel, asked: float, until: float
) -> None:
    """All messages to it wait, not only the one that was refused."""
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    channel.failures = [TransportError("slow down", permanent=False, retry_after=timedelta(seconds=asked))]
    pacing = notifier(database, channel)
    asyncio.run(pacing.deliver(NOW))
    store(database, ("event", error(2, "KeyError")))
    just = timedelta(milliseconds=1)
    asyncio.run(pacing.deliver(NOW + until * SECOND - just))
    assert channel.attempts == 1
    asyncio.run(pacing.deliver(NOW + until * SECOND))
    assert [each.issue.id for each in channel.sent] == [1, 2]


def test_rate_of_a_channel_is_kept_and_nothing_is_lost(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    channel.rate = Rate(2, timedelta(seconds=10))
    for number in range(5):
        store(database, ("event", error(number, f"Error{number}")))
    pacing = notifier(database, channel)
    sent = []
    for second in range(25):
        asyncio.run(pacing.deliver(NOW + second * SECOND))
        sent.append(len(channel.sent))
    assert sent == [2] * 10 + [4] * 10 + [5] * 5
    assert [each.issue.id for each in channel.sent] == [1, 2, 3, 4, 5]
    assert {attempts for _, attempts in statuses(database)} == {1}  # waiting is no attempt


def test_recovery_does_not_overtake_its_alarm(database: Database, channel: FakeChannel) -> None:
    """An on-call tool would close what is not open, and then open what nobody ever closes."""
    add_alert(database, [add_monitor(database)], NEW, RESOLVED)
    channel.failures = [transient()]
    flip_monitor(database, HIGH, NOW)
    deliver(database, channel)
    soon = NOW + FIRST_RETRY / 2
    flip_monitor(database, OK, soon)
    deliver(database, channel, soon)
    assert channel.sent == []
    deliver(database, channel, NOW + FIRST_RETRY)
    assert [each.kind for each in channel.sent] == [NEW, RESOLVED]


def test_slow_receiver_does_not_hold_up_another(database: Database) -> None:
    class Slow(FakeChannel):
        async def send(self, notification: Notification) -> None:
            if notification.action["config"]["targetIdentifier"] == "1":
                await other_is_told.wait()
            else:
                other_is_told.set()
            self.sent.append(notification)

    other_is_told, channel = asyncio.Event(), Slow()
    for name, target in (("slow", "1"), ("fast", "2")):
        add_alert(database, [default_monitor(database)], NEW, name=name, target=target)
    store(database, ("event", error(1)))
    deliver(database, channel)
    assert [each.workflow_name for each in channel.sent] == ["fast", "slow"]


def test_permanent_failure_is_final(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    channel.failures = [permanent()]
    deliver(database, channel)
    deliver(database, channel, NOW + 60 * MINUTE)
    assert channel.attempts == 1
    assert statuses(database) == [("failed", 1)]


def test_one_notification_that_trips_its_channel_does_not_hold_up_the_rest(
    database: Database, channel: FakeChannel
) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    store(database, ("event", error(1)))
    store(database, ("event", error(2, "KeyError")))
    channel.failures = [ZeroDivisionError("a bug")]
    assert deliver(database, channel) == 1
    assert [each.issue.id for each in channel.sent] == [2]
    assert deliver(database, channel, NOW + FIRST_RETRY) == 1
    assert [each.issue.id for each in channel.sent] == [2, 1]


def test_crash_between_sending_and_recording_sends_again(tmp_path: Path, channel: FakeChannel) -> None:
    """At least once: what was not recorded as sent is sent by whoever opens the store next."""

    class Crash(BaseException):
        pass

    class Crashing(FakeChannel):
        async def send(self, _: object) -> None:
            self.attempts += 1
            raise Crash

    with opened(tmp_path) as database:
        add_alert(database, [default_monitor(database)], NEW)
        store(database, ("event", error(1)))
        with pytest.raises(Crash):
            deliver(database, Crashing())
        assert statuses(database) == [("pending", 0)]
    with opened(tmp_path) as database:
        assert deliver(database, channel) == 1
        assert deliver(database, channel) == 0
    assert [each.kind for each in channel.sent] == [NEW]


def test_flip_that_nobody_is_told_of_is_not_looked_at_again(database: Database, channel: FakeChannel) -> None:
    """An alert that is made later hears nothing of the past."""
    store(database, ("event", error(1)))
    deliver(database, channel)
    add_alert(database, [default_monitor(database)], NEW)
    deliver(database, channel)
    assert channel.sent == []


@pytest.mark.parametrize("removed", ["monitor", "alert"])
def test_removal_with_a_pending_notification_stops_nothing(
    database: Database, channel: FakeChannel, removed: str
) -> None:
    monitor = add_monitor(database)
    alert = add_alert(database, [monitor], NEW)
    flip_monitor(database, HIGH, NOW)
    channel.failures = [transient()]
    deliver(database, channel)
    if removed == "monitor":
        database.write(lambda connection: delete_detector(connection, monitor))
    else:
        database.write(lambda connection: delete_workflow(connection, alert))
    deliver(database, channel, NOW + MINUTE)
    assert statuses(database) == [("failed", 2) if removed == "monitor" else ("sent", 2)]


def test_action_without_a_channel_fails_for_good(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW, action_type="carrier_pigeon")
    store(database, ("event", error(1)))
    assert deliver(database, channel) == 0
    assert statuses(database) == [("failed", 1)]


def test_disabled_error_monitor_tells_nobody(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW)
    database.write(lambda connection: connection.execute("UPDATE detector SET enabled = 0 WHERE type = 'error'"))
    store(database, ("event", error(1)))
    deliver(database, channel)
    assert channel.sent == []


def by_type(kind: str, **comparison: object) -> dict[str, object]:
    return {"type": kind, "comparison": comparison, "conditionResult": True}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (by_type("tagged_event", key="code", match="eq", value="X"), [1]),
        (by_type("tagged_event", key="environment", match="eq", value="test"), [2]),
        (by_type("level", level=50, match="eq"), [2]),
        (by_type("event_attribute", attribute="exception.type", match="eq", value="KeyError"), [2]),
        (by_type("event_attribute", attribute="message", match="co", value="it broke"), [1, 2]),
        (by_type("issue_category", value=11), []),
        ({"type": "latest_release", "comparison": True}, [2]),
    ],
)
def test_filters_read_the_stored_event(
    database: Database, channel: FakeChannel, condition: dict[str, object], expected: list[int]
) -> None:
    add_alert(database, [default_monitor(database)], NEW, filters=(condition,))
    earlier = (NOW - MINUTE).isoformat()
    store(database, ("event", error(1, tags={"code": "X"}, release="isl@1", timestamp=earlier)))
    store(database, ("event", error(2, "KeyError", level="fatal", environment="test", release="isl@2")))
    deliver(database, channel)
    assert [each.issue.id for each in channel.sent] == expected


@pytest.mark.parametrize("speed", [1, 60])
def test_frequency_alert_fires_at_the_event_that_is_one_too_many(
    database: Database, channel: FakeChannel, speed: float
) -> None:
    """More than three in a minute, asked at every tick with new events; then quiet for its frequency."""
    often = by_type("event_frequency_count", value=3, interval="1min")
    add_alert(database, [default_monitor(database)], frequency=30, filters=(often,))
    told = []
    for second in range(0, 120, 10):
        at = NOW + second * SECOND / speed
        if second not in range(20, 60):  # two, a pause, and then one every ten seconds
            store(database, ("event", error(second, timestamp=at.isoformat())), at=at)
        tick(database, at, speed)
        deliver(database, channel, at, speed)
        told.append(len(channel.sent))
    assert told == [0] * 8 + [0] + [1] * 3


def test_alert_on_every_event_is_told_of_each_issue_once_a_tick(database: Database, channel: FakeChannel) -> None:
    store(database, ("event", error(1)))  # before there was such an alert
    tick(database, NOW, 1)
    add_alert(database, [default_monitor(database)])
    for number in (2, 3):
        store(database, ("event", error(number)))
    store(database, ("event", error(4, "KeyError")))  # leaves a flip of its own, and so none for being captured
    tick(database, NOW, 1)
    deliver(database, channel)
    kinds = [(each.kind, each.issue.id) for each in channel.sent]
    assert sorted(kinds) == [(CAPTURED, 1), (NEW, 1), (NEW, 2)]
    tick(database, NOW + MINUTE, 1)
    assert deliver(database, channel, NOW + MINUTE) == 0


def test_user_frequency_counts_people_not_events(database: Database, channel: FakeChannel) -> None:
    wide = by_type("event_unique_user_frequency_count", value=1, interval="1h")
    add_alert(database, [default_monitor(database)], filters=(wide,))
    for number, user in enumerate(("a", "a", "b")):
        at = NOW + number * MINUTE
        store(database, ("event", error(number, user={"id": user}, timestamp=at.isoformat())), at=at)
        tick(database, at, 1)
        deliver(database, channel, at)
        assert len(channel.sent) == (1 if user == "b" else 0)


def test_alert_that_cannot_be_asked_does_not_stop_the_rest(database: Database, channel: FakeChannel) -> None:
    add_alert(database, [default_monitor(database)], NEW, name="odd", filters=({"type": "moon", "comparison": 1},))
    add_alert(database, [default_monitor(database)], NEW, name="even")
    store(database, ("event", error(1)))
    deliver(database, channel)
    assert [each.workflow_name for each in channel.sent] == ["even"]
