"""The cheapest rates that keep every promise, and what is said where none do."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from click.testing import CliRunner

from monitors.load import RULES_DIRECTORY, load_rules
from rehearsal.cli import cli
from rehearsal.cost.book import load_book
from rehearsal.cost.recommend import Promise, recommend_rates
from rehearsal.cost.watched import watched_power
from rehearsal.cost.whatif import SECONDS_PER_MONTH, Question
from rehearsal.cost.workload import Endpoint, Rates
from rehearsal.errors import UsageError
from rehearsal.reports.advice import environment_lines, sampler_lines
from service.sampling import RouteRate, parse_route_rates

ROUTES = (
    Endpoint("causal/validate", 0.6, 0.01, 16, 25, "/api/v1/causal/validate"),
    Endpoint("outcomes/one", 0.4, 0.01, 4, 25, "/api/v1/outcomes/{log_id}"),
)
PROMISE = Promise(false_pages=1, power=0.95, within=15, budget=Decimal(50))


def question(per_second: float, plans: tuple[str, ...] = ("team", "business")) -> Question:
    book = load_book()
    return Question(
        requests=per_second * SECONDS_PER_MONTH,
        endpoints=ROUTES,
        plans=tuple(map(book.plan, plans)),
        monitors=load_rules(RULES_DIRECTORY).monitors,
        healthy=0.01,
        degraded=0.10,
    )


def test_volume_that_is_included_is_used_and_not_sampled_away() -> None:
    """A million requests: tracing all of them costs 17.60 more here, and less than the free level saves nothing."""
    found = recommend_rates(question(0.1), PROMISE)
    assert (found.rates.traces, dict(found.rates.routes)) == (1.0, {})
    assert found.bill.total == 26


def test_guides_alarm_cannot_keep_its_promise_at_its_traffic_and_a_longer_window_can() -> None:
    found = recommend_rates(question(0.386), PROMISE)
    [hopeless] = found.hopeless
    assert hopeless.monitor == "ISL error rate"
    assert "pages falsely" in hopeless.broken[0]
    assert hopeless.alternatives[0].change == "window: 10m"
    assert any(each.change.startswith("aggregate: failure_count()") for each in hopeless.alternatives)
    assert all(each.is_kept for each in hopeless.alternatives)
    assert found.are_promises_kept


def test_rates_are_the_cheapest_that_keep_the_promises() -> None:
    """At 20 requests a second they cost: what is found keeps every promise, and the next lower ones do not."""
    asked = question(20)
    found = recommend_rates(asked, replace(PROMISE, budget=Decimal(200)))
    assert found.are_promises_kept
    assert found.is_within_budget
    assert found.rates.of("outcomes/one") == pytest.approx(2 * found.rates.of("causal/validate"), rel=0.15)
    assert any("binds" in each for each in found.binds)
    assert found.bill.total < found.full_price / 5
    less = Rates(found.rates.traces * 2 / 3, {name: rate * 2 / 3 for name, rate in found.rates.routes.items()})
    watched = [watched_power(each, 20, ROUTES, less, asked.step) for each in asked.monitors]
    if found.bill.total > found.bill.base:
        assert any(PROMISE.broken(each) for each in watched)


def test_budget_that_does_not_reach_is_told_with_what_it_buys() -> None:
    asked = question(20, ("business",))
    for budget, told in ((30, "below the base of every plan"), (100, "errors alone cost"), (600, "It buys")):
        found = recommend_rates(asked, replace(PROMISE, budget=Decimal(budget)))
        assert found.is_within_budget is (budget > found.bill.total)
        assert any(told in each for each in found.binds) is not found.is_within_budget


def test_printed_variables_are_what_the_service_reads() -> None:
    asked = question(20)
    found = recommend_rates(asked, PROMISE)
    lines = dict(line.split("=", 1) for line in environment_lines(found, asked).splitlines())
    routes = parse_route_rates(lines["SENTRY_TRACES_ROUTES"])
    assert isinstance(routes, tuple)
    assert all(isinstance(each, RouteRate) for each in routes)
    rates = {each.template: each.rate for each in routes}
    for each in ROUTES:
        assert rates.get(each.route, float(lines["SENTRY_TRACES_SAMPLE_RATE"])) == found.rates.of(each.name)


def test_printed_sampler_runs_and_gives_each_route_its_rate() -> None:
    asked = question(20)
    found = recommend_rates(asked, PROMISE)
    names: dict[str, object] = {}
    exec(sampler_lines(found, asked), names)  # noqa: S102 - that people paste and run it is the point
    sampler = names["traces_sampler"]
    assert callable(sampler)
    assert sampler({"asgi_scope": {"path": "/api/v1/causal/validate"}}) == found.rates.of("causal/validate")
    assert sampler({"asgi_scope": {"path": "/api/v1/outcomes/log_17"}}) == found.rates.of("outcomes/one")
    assert sampler({"parent_sampled": True}) == 1.0


def test_command_prints_what_to_paste() -> None:
    ran = CliRunner().invoke(cli, ["recommend"])
    assert ran.exit_code == 0, ran.output
    assert "SENTRY_TRACES_SAMPLE_RATE=1\n" in ran.stdout
    assert "Prices of 2026-09-20" in ran.stdout
    assert not re.search(r"\bnan\b", ran.stdout.lower())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--power", "1.2"], "power is 1.2"),
        (["--max-false-pages", "one"], "write for example 1/month"),
        (["--budget", "-1"], "budget is -1"),
        (["--healthy", "2"], "healthy share of bad requests is 2"),
        (["--times", "nan"], "times is nan"),
        (["--profiles", "3"], "profiles is 3"),
    ],
)
def test_mistakes_are_told(given: list[str], told: str) -> None:
    ran = CliRunner().invoke(cli, ["recommend", *given])
    assert isinstance(ran.exception, UsageError)
    assert told in str(ran.exception)
