"""What is let through, what is not, and what the client is told."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from embedded.quota import CYCLE, DEVELOPER_INCLUDED, HOUR, MAX_HOLD_S, SPIKE_FACTOR, Limit, Quotas, Reason, Scope
from embedded.records import Batch, Entry, Outcome
from embedded.store.options import ProjectOptions, RateLimit
from embedded.store.projects import ProjectKey

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # the beginning of an hour
KEY = ProjectKey("a" * 32, "b" * 32, 1, "Default", is_active=True, created_at=NOW)
PLAIN = ProjectOptions()
SPIKES = ProjectOptions(spike_protection=True)
ERROR, TRANSACTION = (("error", 1),), (("transaction", 1), ("span", 3))


class Books:
    """What was accepted before: (project, category) -> quantity, all in the window that is asked for."""

    def __init__(self, used: Mapping[tuple[int | None, str], int] | None = None) -> None:
        self.used = dict(used or {})
        self.asked: list[tuple[datetime, datetime]] = []

    def __call__(self, project_id: int | None, category: str, since: datetime, until: datetime) -> int:
        self.asked.append((since, until))
        return self.used.get((project_id, category), 0)


def admit(
    quotas: Quotas,
    *found: tuple[tuple[str, int], ...],
    at: datetime = NOW,
    limit: RateLimit | None = None,
    options: ProjectOptions = PLAIN,
    key: ProjectKey = KEY,
) -> tuple[list[bool], tuple[Limit, ...]]:
    """Which entries of one envelope are let through, and the limits."""
    batch = Batch(key.project_id, at, tuple(Entry(each) for each in found))
    admitted, limits = quotas.admit(batch, key, limit, options, at)
    return [entry.outcome is Outcome.ACCEPTED for entry in admitted.entries], limits


def test_without_limits_everything_passes() -> None:
    assert admit(Quotas(Books()), ERROR, TRANSACTION) == ([True, True], ())


def test_key_limit_counts_errors_in_its_window() -> None:
    quotas, limit = Quotas(Books()), RateLimit(60, 2)
    assert admit(quotas, ERROR, ERROR, ERROR, TRANSACTION, limit=limit)[0] == [True, True, False, True]
    passed, [told] = admit(quotas, ERROR, at=NOW + timedelta(seconds=50), limit=limit)
    assert passed == [False]
    assert str(told) == "10:default;error;security:key:key_quota"
    assert admit(quotas, ERROR, at=NOW + timedelta(seconds=60), limit=limit)[0] == [True]


def test_key_limit_holds_for_its_key_only_and_shrinks_with_time() -> None:
    quotas, limit = Quotas(Books(), speed=60), RateLimit(3600, 1)
    other = ProjectKey("c" * 32, "d" * 32, 1, "Other", is_active=True, created_at=NOW)
    assert [admit(quotas, ERROR, limit=limit, key=key)[0] for key in (KEY, KEY, other)] == [[True], [False], [True]]
    assert admit(quotas, ERROR, at=NOW + timedelta(seconds=61), limit=limit)[0] == [True]


def test_quota_is_spent_once_for_all_projects_and_begins_anew_with_the_cycle() -> None:
    books = Books({(None, "error"): 9})
    quotas = Quotas(books, {"error": 11})
    passed, [told] = admit(quotas, ERROR, ERROR, ERROR)
    assert passed == [True, True, False]
    assert told == Limit(("error",), Scope.ORGANIZATION, Reason.QUOTA, MAX_HOLD_S)
    [(since, until)] = books.asked
    assert since <= NOW == until
    assert until - since < CYCLE
    books.used.clear()
    assert admit(quotas, ERROR, at=since + CYCLE)[0] == [True]


def test_entry_is_dropped_when_any_of_its_categories_is_spent() -> None:
    """And one that is dropped is not counted by the others: it was not accepted."""
    quotas = Quotas(Books(), {"span": 3, "transaction": 5})
    passed, [told] = admit(quotas, TRANSACTION, TRANSACTION, TRANSACTION)
    assert passed == [True, False, False]
    assert told.categories == ("span",)
    assert quotas._counters["quota", "transaction"].used == 1


@pytest.mark.parametrize(
    ("hourly", "quota", "threshold"),
    [
        (0, 0, 500),  # a tenth of the free plan
        (1_000, 0, SPIKE_FACTOR * 1_000),  # use of the week
        (0, 1_000_000, 834),  # share of the quota: 3 * quota / (720 * 5 projects)
    ],
)
def test_spike_threshold_is_the_largest_of_floor_share_and_past_use(hourly: int, quota: int, threshold: int) -> None:
    class Past(Books):
        def __call__(self, project_id: int | None, category: str, since: datetime, until: datetime) -> int:
            super().__call__(project_id, category, since, until)
            return hourly * 168 if until - since > HOUR else 0

    quotas = Quotas(Past(), {"error": quota} if quota else {}, projects=lambda: 8)
    passed = [admit(quotas, ERROR, options=SPIKES)[0][0] for _ in range(threshold + 1)]
    assert passed == [True] * threshold + [False]


def test_spike_is_over_with_the_hour() -> None:
    quotas = Quotas(Books(), speed=60)
    spent = 600
    for _ in range(spent):
        _, limits = admit(quotas, ERROR, options=SPIKES)
    assert [str(limit) for limit in limits] == ["60:error:project:spike_protection"]
    assert admit(quotas, (("log_item", 1),), options=SPIKES)[0] == [True]  # logs are not protected
    assert admit(quotas, ERROR, at=NOW + timedelta(seconds=61), options=SPIKES)[0] == [True]
    assert set(DEVELOPER_INCLUDED) == {"error", "transaction", "span", "attachment"}


def test_restart_in_the_middle_of_a_spike_forgets_nothing() -> None:
    quotas = Quotas(Books({(1, "error"): 500}))
    assert admit(quotas, ERROR, at=NOW + timedelta(minutes=5), options=SPIKES)[0] == [False]


def test_what_is_invalid_or_filtered_is_not_limited() -> None:
    entry = Entry(ERROR, Outcome.INVALID, "invalid_json")
    batch, limits = Quotas(Books(), {"error": 0}).admit(Batch(1, NOW, (entry,)), KEY, None, PLAIN, NOW)
    assert (batch.entries, limits) == ((entry,), ())
