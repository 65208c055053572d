"""How long the decision takes: `whatif`, `recommend`, a month of a monitor. Run as `python tests/bench/bench_cost.py`.

Prints one JSON object per figure: CPU seconds of this process, and what is wanted. Each figure is in a process of its
own, so that nothing kept from one helps the next, and its memory is its own.
"""

import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from monitors.load import RULES_DIRECTORY, load_rules
from monitors.model import Monitor, Priority, Threshold, parse_aggregate
from rehearsal.cost.assume import load_assumptions
from rehearsal.cost.book import load_book
from rehearsal.cost.mix import Health, mix_of
from rehearsal.cost.power import MONTH
from rehearsal.cost.recommend import Promise, recommend_rates
from rehearsal.cost.simulate import clockwork, count_firings, draw, values
from rehearsal.cost.whatif import SECONDS_PER_MONTH, Question, compare_rates
from rehearsal.cost.workload import Rates

MEGABYTE_KB = 1024


def _monitor(aggregate: str, limit: float) -> Monitor:
    found = load_rules(RULES_DIRECTORY).monitors[0]
    thresholds = (Threshold("gt", limit, Priority.HIGH), Threshold("lte", limit, Priority.RESOLVED))
    wanted = parse_aggregate(aggregate)
    return replace(found, name=aggregate, aggregate=wanted, thresholds=thresholds, query="is_transaction:true")


def _question(per_second: float) -> Question:
    """Five monitors of five kinds over the endpoints of the reference service, of which there are eight."""
    book, assumptions = load_book(), load_assumptions()
    monitors = (
        *load_rules(RULES_DIRECTORY).monitors,
        replace(_monitor("count()", 100 * per_second * 300), window=timedelta(minutes=10)),
        _monitor("failure_count()", 10 * per_second * 300),
        _monitor("avg(span.duration)", 3 * sum(each.share * each.duration_ms for each in assumptions.endpoints)),
    )
    plans = (book.plan("team"), book.plan("business"))
    return Question(per_second * SECONDS_PER_MONTH, assumptions.endpoints, plans, monitors, 0.01, 0.10)


def whatif() -> None:
    """20 rates, 8 endpoints, 5 monitors."""
    question = _question(0.386)
    assert len(question.endpoints) == 8
    assert len(question.monitors) == 5
    compare_rates(question, [Rates(number / 20) for number in range(1, 21)])


def recommend() -> None:
    """The same question, at the guide's traffic."""
    recommend_rates(_question(0.386), Promise(1, 0.95, 15, Decimal(50)))


def recommend_busy() -> None:
    """At 20 requests a second."""
    recommend_rates(_question(20), Promise(1, 0.95, 15, Decimal(50)))


def one_choice() -> None:
    """What a page recomputes as a slider moves: one choice of rates, the monitors of the rules."""
    question = replace(_question(0.386), monitors=load_rules(RULES_DIRECTORY).monitors)
    compare_rates(question, [Rates(0.37)])


def month() -> None:
    """30 days of one monitor of an average at 20 requests a second."""
    monitor = _monitor("avg(span.duration)", 1000)
    clock, rng = clockwork(monitor), np.random.default_rng(0)
    mix = mix_of(monitor, 20.0, load_assumptions().endpoints, Rates(1.0), Health(0.01))
    count_firings(monitor, values(monitor, clock, mix, draw(mix, clock.step, (MONTH // clock.step,), rng)))


WANTED: tuple[tuple[Callable[[], None], float, float | None], ...] = (
    (one_choice, 0.1, None),
    (whatif, 2.0, None),
    (recommend, 10.0, None),
    (recommend_busy, 10.0, None),
    (month, 5.0, 500.0),
)


def _measure(figure: Callable[[], None], wanted_s: float, wanted_mb: float | None) -> None:
    load_rules(RULES_DIRECTORY)  # parsing is not what is measured
    began = time.process_time()
    figure()
    took_s = time.process_time() - began
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE_KB
    found = {
        "figure": f"{figure.__name__}: {(figure.__doc__ or '').strip()}",
        "cpu_s": round(took_s, 2),
        "wanted_s": wanted_s,
        "memory_mb": round(memory_mb),
        "wanted_mb": wanted_mb,
        "is_met": took_s <= wanted_s and (wanted_mb is None or memory_mb <= wanted_mb),
    }
    print(json.dumps(found), flush=True)  # noqa: T201 - a bench prints


def main() -> None:
    for figure in WANTED:
        process = multiprocessing.get_context("spawn").Process(target=_measure, args=figure)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
