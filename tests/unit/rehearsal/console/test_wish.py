"""The decision page's address: what is asked, and what is refused by name."""

from decimal import Decimal

import pytest

from rehearsal.console.wish import read_wish
from rehearsal.errors import UsageError


def test_nothing_asked_is_everything_sampled_of_the_declared_service() -> None:
    wish = read_wish({})
    assert (wish.basis, wish.traffic, wish.healthy, wish.degraded, wish.cap) == ("declared", "", None, 0.1, None)
    assert (wish.rates.traces, dict(wish.rates.routes)) == (1.0, {})


def test_percents_become_the_fractions_of_whatif() -> None:
    fields = {"traces": "25", "rate:a": "25", "rate:b": "5", "healthy": "0.5", "degraded": "8", "budget": "50"}
    wish = read_wish(fields)
    assert (wish.rates.traces, dict(wish.rates.routes)) == (0.25, {"b": 0.05})
    assert (wish.healthy, wish.degraded, wish.cap) == (0.005, 0.08, Decimal(50))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("traces", "101"),
        ("traces", "-1"),
        ("rate:a", "nan"),
        ("healthy", "inf"),
        ("degraded", "much"),
        ("budget", "-5"),
        ("basis", "guessed"),
        ("times", "1e9"),
    ],
)
def test_what_cannot_be_asked_is_named(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=name):
        read_wish({name: text})
