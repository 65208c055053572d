"""Stored requests -> the service of a what-if."""

from datetime import timedelta

import pytest

from embedded.store.periods import GroupSum
from rehearsal.console.measured import MIN_STORED, MOST, REST, measure

HOUR = timedelta(hours=1)


def of(stored: int, weight: float = 1.0, failed: int = 0) -> GroupSum:
    requests = stored * weight
    return GroupSum(stored, requests, failed * weight, 3 * requests, 20 * requests)


def test_a_mix_is_measured_with_what_each_request_stands_for() -> None:
    found = measure({"a": of(300, weight=10.0), "b": of(1000, failed=10)}, {"b": 20.0}, HOUR)
    assert found is not None
    assert [(each.name, each.share, each.spans, each.errors) for each in found.endpoints] == [
        ("a", pytest.approx(0.75), 3.0, 0.0),
        ("b", 0.25, 3.0, 0.02),
    ]
    assert found.per_second == 1.1  # 4,000 in an hour, to two digits
    assert found.failed == 0.003  # 10 of 4,000, rounded
    assert found.stored == 1300


def test_too_few_requests_measure_nothing() -> None:
    assert measure({"a": of(MIN_STORED - 1)}, {}, HOUR) is None
    assert measure({}, {}, HOUR) is None


def test_endpoints_with_next_to_no_load_are_one_and_shares_add_up() -> None:
    sums: dict[str | None, GroupSum] = {f"e{number}": of(100) for number in range(MOST + 5)}
    found = measure({**sums, "rare": of(1), None: of(3)}, {}, HOUR)
    assert found is not None
    assert len(found.endpoints) == MOST + 1
    assert found.endpoints[-1].name == REST
    assert sum(each.share for each in found.endpoints) == pytest.approx(1)
