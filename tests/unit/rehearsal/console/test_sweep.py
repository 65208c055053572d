"""The grid of rates, and which of them is recommended."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from monitors.load import load_rules
from rehearsal.console.sweep import GRID, keeps, keeps_all, sweep
from rehearsal.cost.assume import load_endpoints
from rehearsal.cost.book import load_book
from rehearsal.cost.whatif import Question

ROOT = Path(__file__).parents[4]
MONITOR = next(each for each in load_rules(ROOT / "monitors" / "rules").monitors if each.aggregate.function == "p95")
QUESTION = Question(1e6, load_endpoints(), (load_book().plan("team"),), (MONITOR,), healthy=0.01, degraded=0.10)


def test_the_cheapest_rate_that_keeps_its_promise_is_recommended() -> None:
    found = sweep(replace(QUESTION, requests=20e6))
    assert [each.rates.traces for each in found.choices] == list(GRID)
    assert found.recommended is not None
    assert keeps_all(found.recommended)
    others = [each for each in found.choices if keeps_all(each) and each is not found.recommended]
    paid = found.recommended.bills[0].total
    assert others
    assert all((paid, -found.recommended.rates.traces) < (each.bills[0].total, -each.rates.traces) for each in others)
    assert not keeps_all(found.choices[0])


def test_nothing_is_recommended_where_no_rate_keeps_the_promise() -> None:
    hasty = replace(MONITOR, window=timedelta(minutes=1))  # ten requests in a window: any failure pages
    assert sweep(replace(QUESTION, monitors=(hasty,))).recommended is None


def test_without_a_monitor_there_is_no_promise_to_keep() -> None:
    assert sweep(replace(QUESTION, monitors=())).recommended is None


def test_what_never_fires_keeps_nothing() -> None:
    assert not keeps(None)
