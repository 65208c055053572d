"""The grid of rates beside the advice of `rehearse recommend`."""

from dataclasses import replace
from pathlib import Path

from monitors.load import load_rules
from rehearsal.console.sweep import GRID, PROMISE, count_keeping, keeps, sweep
from rehearsal.cost.assume import load_endpoints
from rehearsal.cost.book import load_book
from rehearsal.cost.recommend import recommend_rates
from rehearsal.cost.whatif import Question

ROOT = Path(__file__).parents[4]
MONITOR = next(each for each in load_rules(ROOT / "monitors" / "rules").monitors if each.aggregate.function == "p95")
QUESTION = Question(20e6, load_endpoints(), (load_book().plan("team"),), (MONITOR,), healthy=0.01, degraded=0.10)


def test_all_rates_of_the_grid_are_answered_and_advice_is_that_of_recommend() -> None:
    found = sweep(QUESTION)
    assert [each.rates.traces for each in found.choices] == list(GRID)
    assert found.advice == recommend_rates(QUESTION, PROMISE)
    assert [count_keeping(each) for each in (found.choices[0], found.choices[-1])] == [0, 1]


def test_without_a_monitor_there_is_no_promise_to_keep() -> None:
    assert count_keeping(sweep(replace(QUESTION, monitors=())).choices[0]) == 0


def test_what_never_fires_keeps_nothing() -> None:
    assert not keeps(None)
