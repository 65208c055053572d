"""Stored requests -> the service of a what-if."""

from datetime import timedelta

import pytest

from embedded.store.traffic import Emitted
from rehearsal.console.measured import MIN_STORED, MOST, REST, measure

HOUR = timedelta(hours=1)


def of(name: str, stored: int, weight: float = 1.0, errors: int = 0) -> Emitted:
    requests = stored * weight
    return Emitted(name, stored, requests, errors * weight, 3 * requests, 20 * requests, errors)


def test_a_mix_is_measured_with_what_each_request_stands_for() -> None:
    found = measure([of("a", 300, weight=10.0), of("b", 1000, errors=10)], HOUR)
    assert found is not None
    assert [(each.name, each.share, each.spans, each.errors) for each in found.endpoints] == [
        ("a", pytest.approx(0.75), 3.0, 0.0),
        ("b", 0.25, 3.0, 0.01),
    ]
    assert found.per_second == 1.1  # 4,000 in an hour, to two digits
    assert found.failed == 0.003  # errors are failures here: 10 of 4,000
    assert found.stored == 1300


def test_too_few_requests_measure_nothing() -> None:
    assert measure([of("a", MIN_STORED - 1)], HOUR) is None
    assert measure([], HOUR) is None


def test_endpoints_with_next_to_no_load_are_one_and_shares_add_up() -> None:
    found = measure([of(f"e{number}", 100) for number in range(MOST + 5)] + [of("rare", 1)], HOUR)
    assert found is not None
    assert len(found.endpoints) == MOST + 1
    assert found.endpoints[-1].name == REST
    assert sum(each.share for each in found.endpoints) == pytest.approx(1)
