"""Bills: each rule of what is charged, what sampling does to it, and what a budget drops."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rehearsal.cost.bill import Bill, Line, make_bill
from rehearsal.cost.book import GUIDE, load_book
from rehearsal.cost.workload import Beside, Endpoint, Rates, Volume, accepted, billed, volumes
from rehearsal.errors import UsageError

ROUTES = (
    Endpoint("causal/validate", share=0.8, errors=0.01, spans=8, duration_ms=360),
    Endpoint("outcomes/log", share=0.2, errors=0.01, spans=8, duration_ms=360),
)


def bill(plan: str, *found: Volume, cap: str | None = None) -> Bill:
    return make_bill(load_book().plan(plan), found, None if cap is None else Decimal(cap))


def line(of: Bill, category: str) -> Line:
    return next(each for each in of.lines if each.category == category)


def exactly(category: str, amount: float) -> Volume:
    return Volume(category, amount, 0.0)


def volume(category: str, rates: Rates, requests: float = 1e6) -> Volume:
    return next(each for each in volumes(requests, ROUTES, rates) if each.category == category)


def test_accepted_items_alone_bill() -> None:
    outcomes = {"accepted": 7, "filtered": 5, "rate_limited": 3, "invalid": 2, "client_discard": 90}
    assert accepted(outcomes) == 7


@pytest.mark.parametrize(
    "outcome", ["filtered", "rate_limited", "invalid", "abuse", "client_discard", "cardinality_limited"]
)
def test_what_was_not_accepted_never_bills(outcome: str) -> None:
    """Inbound filters, quotas, limits, spike protection, size, and whatever the SDK dropped itself."""
    assert accepted({outcome: 1_000_000}) == 0


def test_logs_metrics_and_attachments_bill_by_bytes_and_monitors_by_number() -> None:
    beside = Beside(logs_bytes=10_000, metrics_bytes=6_000, attachments_bytes=2_000, cron_monitors=3, uptime_monitors=2)
    found = bill("team", *volumes(1e6, ROUTES, Rates(0.0), beside))
    prices = {each.category: each.price for each in found.lines}
    assert prices["logs_gb"] == Decimal("2.50")  # 10 GB, 5 included
    assert prices["metrics_gb"] == Decimal("0.50")
    assert prices["attachments_gb"] == Decimal("0.3125")
    assert prices["cron_monitors"] == Decimal("1.56")
    assert prices["uptime_monitors"] == 1


def test_only_the_clients_rate_cuts_spans_since_metering_counts_what_is_received() -> None:
    """Eight million spans are eight million, whatever Sentry's own dynamic sampling then stores of them."""
    assert line(bill("team", volume("spans", Rates(1.0))), "spans").price == 6
    assert line(bill("team", volume("spans", Rates(0.5))), "spans").price == 0


def test_billed_volume_is_told_by_endpoint_and_span_name() -> None:
    named = replace(ROUTES[0], span_names=(("http.server validate", 1.0), ("cache.get *", 7.0)))
    found = billed(1e6, (named, ROUTES[1]), Rates(0.5))
    assert [(each.endpoint, each.span_name, each.spans) for each in found] == [
        ("causal/validate", "", 3.2e6),
        ("causal/validate", "cache.get *", 2.8e6),
        ("causal/validate", "http.server validate", 0.4e6),
        ("outcomes/log", "", 0.8e6),
    ]
    metered = next(each.mean for each in volumes(1e6, (named, ROUTES[1]), Rates(0.5)) if each.category == "spans")
    assert sum(each.spans for each in found if not each.span_name) == pytest.approx(metered)


def test_guides_workload_costs_the_base_alone() -> None:
    """A million requests at 10 %: nothing of it reaches the end of what each plan includes."""
    found = volumes(1e6, ROUTES, Rates(traces=0.1, profiles=0.05))
    assert [bill(name, *found).lines[1].over for name in ("team", "business")] == [0, 0]
    assert line(bill("team", *found), "profile_hours").used == Decimal("0.5")
    assert bill("team", *found).total == Decimal("26") + Decimal("0.5") * Decimal("0.0315")


@pytest.mark.parametrize(("spans", "extra"), [(1, "0"), (8, "6"), (25, "40")])
def test_tracing_every_request_of_a_million_costs_little(spans: float, extra: str) -> None:
    assert bill("team", exactly("spans", spans * 1e6)).total == 26 + Decimal(extra)


def test_guides_book_takes_the_guides_volumes_for_seventy() -> None:
    found = [exactly("errors", 10_000), exactly("transactions", 100_000), exactly("profiles", 50_000)]
    assert make_bill(load_book(GUIDE).plan("guide"), found).total == 70


def test_guide_counts_ten_times_the_profiles_that_the_sdk_sends() -> None:
    """The SDK profiles a share of the SAMPLED requests: 1M x 10 % x 5 %."""
    assert volume("profiles", Rates(traces=0.1, profiles=0.05)).mean == pytest.approx(5_000)


def test_route_has_its_own_rate() -> None:
    assert volume("transactions", Rates(1.0, {"causal/validate": 0.05})).mean == pytest.approx(0.8e6 * 0.05 + 0.2e6)


def test_sampling_makes_an_interval_and_no_sampling_none() -> None:
    low, high = volume("transactions", Rates(0.1)).interval
    assert (high - low) / 2 == pytest.approx(1.959964 * (1e6 * 0.1 * 0.9) ** 0.5)
    assert volume("spans", Rates(1.0)).deviation == 0
    at_the_edge = bill("team", Volume("spans", 5e6, 1e5))
    assert at_the_edge.low == 26 < at_the_edge.high


def test_change_of_plan_prices_the_whole_month_anew() -> None:
    use = exactly("errors", 200_000)
    assert [bill(name, use).total - bill(name).base for name in ("team", "business")] == [40, Decimal("118.125")]


def test_quota_runs_out_on_a_day() -> None:
    assert line(bill("team", exactly("spans", 10e6)), "spans").runs_out_day == 15
    assert line(bill("team", exactly("spans", 5e6)), "spans").runs_out_day is None


def test_spent_budget_drops_until_the_month_ends() -> None:
    """25M spans cost 40; 20 of it are spent at 15M, on day 18. Errors go on until their own quota is used up."""
    found = bill("team", exactly("spans", 25e6), exactly("errors", 50_000), cap="20")
    assert found.total == 46
    assert found.capped_day is not None
    assert float(found.capped_day) == pytest.approx(18)
    assert float(line(found, "spans").dropped) == pytest.approx(10e6)
    assert line(found, "errors").dropped == 0


def test_one_category_spends_the_budget_of_all() -> None:
    """An error storm takes the budget, and the spans beyond their quota go dark with it."""
    storm = bill("team", exactly("spans", 8e6), exactly("errors", 2e6), cap="50")
    assert line(storm, "spans").dropped > 2e6


def test_developer_plan_never_costs_but_drops() -> None:
    found = bill("developer", exactly("errors", 20_000))
    assert [found.total, line(found, "errors").dropped, found.capped_day] == [0, 15_000, Decimal("7.5")]


def test_volume_without_a_price_is_refused() -> None:
    with pytest.raises(UsageError, match="profiles: no price beyond the 50,000 included"):
        make_bill(load_book(GUIDE).plan("guide"), [exactly("profiles", 50_001)])


@pytest.mark.parametrize(
    ("requests", "rates", "told"),
    [
        (1e6, Rates(1.5), "traces is 1.5, allowed are 0 to 1"),
        (1e6, Rates(float("nan")), "traces is nan"),
        (-1, Rates(0.1), "traffic is -1 requests a month"),
        (1e6, Rates(0.1, {"causal/validat": 0.1}), "no endpoint 'causal/validat', allowed are causal/validate"),
        (1e6, Rates(0.1, {"outcomes/log": -0.1}), "rate of outcomes/log is -0.1"),
    ],
)
def test_impossible_input_is_told(requests: float, rates: Rates, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        volumes(requests, ROUTES, rates)
