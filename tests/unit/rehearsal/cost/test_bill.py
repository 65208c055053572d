"""Bills: each rule of what is charged, what sampling does to it, and what a budget drops."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rehearsal.cost.bill import Bill, Line, make_bill
from rehearsal.cost.book import GUIDE, load_book
from rehearsal.cost.budget import Budget, parse_budget
from rehearsal.cost.workload import Beside, Endpoint, Rates, Volume, accepted, billed, volumes
from rehearsal.errors import UsageError

ROUTES = (
    Endpoint("causal/validate", share=0.8, errors=0.01, spans=8, duration_ms=360),
    Endpoint("outcomes/log", share=0.2, errors=0.01, spans=8, duration_ms=360),
)


def bill(plan: str, *found: Volume, cap: str | None = None, changes: tuple[str, ...] = ()) -> Bill:
    return make_bill(load_book().plan(plan), found, parse_budget(None if cap is None else Decimal(cap), changes))


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


def test_budget_raised_within_the_month_counts_at_once_and_brings_nothing_back() -> None:
    """20 of 25M spans' 40 are spent on day 18. From day 24 on 50 are allowed: the last fifth comes in, 10 more."""
    found = bill("team", exactly("spans", 25e6), cap="20", changes=("24=50",))
    assert float(found.total) == pytest.approx(26 + 20 + 10)
    assert float(line(found, "spans").dropped) == pytest.approx(5e6)
    assert float(found.capped_day or 0) == pytest.approx(18)


@pytest.mark.parametrize(
    ("change", "total", "dropped"),
    [
        ("12=0", 26 + 10, 15e6),  # 10M are in by then, 5M of them over: 10 spent, and no way below
        ("12=15", 26 + 15, 12.5e6),
        ("0=0", 26, 20e6),
        ("29=40", 26 + 40, 0),  # above what is spent by then, which is 38.33
    ],
)
def test_budget_is_lowered_no_further_than_to_what_is_spent(change: str, total: float, dropped: float) -> None:
    found = bill("team", exactly("spans", 25e6), cap="100", changes=(change,))
    assert float(found.total) == pytest.approx(total)
    assert float(line(found, "spans").dropped) == pytest.approx(dropped, abs=1)


def test_budget_is_shared_anew_when_it_is_raised() -> None:
    """Errors have 50,000 included: while nothing is left to spend they come in up to that, and no further."""
    found = bill("team", exactly("spans", 25e6), exactly("errors", 100_000), cap="0", changes=("20=1000",))
    assert float(line(found, "errors").dropped) == pytest.approx(100_000 * 20 / 30 - 50_000)
    assert float(line(found, "spans").dropped) == pytest.approx(25e6 * 20 / 30 - 5e6)


@pytest.mark.parametrize(
    ("cap", "changes", "told"),
    [
        ("20", ("30=5",), "cap changes on day 30, allowed are 0 to 29"),
        ("20", ("3=5", "3=6"), "cap changes on days 3, 3: name each day once, in their order"),
        ("20", ("3=-5",), "cap is -5, allowed is an amount from 0 on"),
        ("20", ("3:5",), "cap-change '3:5': write DAY=AMOUNT, such as 15=50"),
        ("20", ("3=NaN",), "cap-change '3=NaN': write DAY=AMOUNT"),
        ("20", tuple(f"{day / 2}=5" for day in range(31)), "cap changes 31 times, allowed are 30 a month"),
        (None, ("3=5",), "cap-change 3=5: of what"),
    ],
)
def test_impossible_budget_is_told(cap: str | None, changes: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        bill("team", cap=cap, changes=changes)


def test_budget_without_changes_holds_all_month() -> None:
    assert list(Budget(Decimal(20)).spans()) == [(Decimal(1), Decimal(20))]


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
