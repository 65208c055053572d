"""Effective rates: what each source says, what is named, and when a verdict may be given."""

from dataclasses import replace

import numpy as np
import pytest

from rehearsal.cost.wilson import share
from rehearsal.sampling import TOTAL, Arrived, Configured, Row, Sampled, Verdict, effective_rates, warn_of_rates

VALIDATE, LOG = "causal/validate", "outcomes/log"
TENTH = Configured(0.1, {LOG: 1.0})
# 2,000 requests at 10 % and 500 at 100 %, 25 probes that are never traced.
CLEAN = Arrived(
    transactions=(*[Sampled(VALIDATE, 10.0)] * 200, *[Sampled(LOG, 1.0)] * 500),
    dropped={"sample_rate": 1_825},
    untraced=25,
    requests={VALIDATE: 2_000, LOG: 500},
    sessions=2_525,
)


def row(arrived: Arrived, name: str = TOTAL, kind: str = "traces", configured: Configured = TENTH) -> Row:
    return next(each for each in effective_rates(configured, arrived) if (each.name, each.kind) == (name, kind))


@pytest.mark.parametrize(
    ("kept", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 10, 0.0179, 0.4042), (191, 2000, 0.0834, 0.1092)],
)
def test_wilson_interval_is_that_of_the_published_tables(kept: int, of: int, low: float, high: float) -> None:
    found = share(kept, of)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_wilson_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    found = [share(int(kept), 200) for kept in rng.binomial(200, 0.1, 4_000)]
    held = np.mean([each is not None and each.low <= 0.1 <= each.high for each in found])
    assert held == pytest.approx(0.95, abs=0.02)


def test_three_sources_that_do_not_know_each_other_agree() -> None:
    found = row(CLEAN)
    assert found.configured == pytest.approx(0.28)
    assert {source: each.value for source, each in found.sources.items()} == {
        "reports": 0.28,
        "weights": 0.28,
        "sessions": 0.28,
        "ledger": 0.28,
    }
    assert found.verdict is Verdict.AS_CONFIGURED


def test_endpoint_is_held_to_its_own_rate() -> None:
    assert [row(CLEAN, name).sources["ledger"].value for name in (VALIDATE, LOG)] == [0.1, 1.0]
    assert row(CLEAN, LOG, configured=Configured(0.1)).verdict is Verdict.OFF


def test_callers_that_force_sampling_are_named() -> None:
    """All of an endpoint arrives and says that it weighs one: the bill is ten times the configured one."""
    forced = replace(CLEAN, transactions=tuple([Sampled(VALIDATE, 1.0)] * 2_000), requests={VALIDATE: 2_000})
    found = row(forced, VALIDATE)
    assert (found.verdict, found.forced) == (Verdict.OFF, 2_000)
    assert "100% forced by callers" in found.why


def test_backpressure_is_named_with_its_drops() -> None:
    sampled = (*[Sampled(VALIDATE, 10.0)] * 100, *[Sampled(VALIDATE, 80.0)] * 15)
    arrived = Arrived(sampled, {"sample_rate": 900, "backpressure": 1_185}, requests={VALIDATE: 2_200})
    found = row(arrived, configured=Configured(0.1))
    assert (found.verdict, found.reduced) == (Verdict.OFF, 15)
    assert "1185 dropped under backpressure" in found.why


def test_what_was_sampled_and_lost_is_no_sampling() -> None:
    lost = replace(CLEAN, transactions=CLEAN.transactions[40:], dropped={"sample_rate": 1_825, "queue_overflow": 40})
    found = row(lost)
    assert found.lost == 40
    assert found.sources["reports"].value == pytest.approx(0.28)


def test_one_missing_of_all_is_off_and_few_are_too_few() -> None:
    everything = Arrived(tuple([Sampled(LOG, 1.0)] * 999), {}, requests={LOG: 1_000})
    assert row(everything, LOG, configured=Configured(1.0)).verdict is Verdict.OFF
    few = Arrived((Sampled(VALIDATE, 10.0),), {"sample_rate": 9}, requests={VALIDATE: 10})
    assert row(few, VALIDATE, configured=Configured(0.1)).verdict is Verdict.TOO_FEW


def test_nothing_seen_is_too_few_and_no_number() -> None:
    rows = effective_rates(Configured(0.1), Arrived((), {}))
    assert {each.verdict for each in rows} == {Verdict.TOO_FEW}
    assert all(not each.sources for each in rows)


def test_rate_of_zero_is_as_configured_once_enough_requests_came() -> None:
    for dropped, verdict in ((50, Verdict.TOO_FEW), (5_000, Verdict.AS_CONFIGURED)):
        arrived = Arrived((), {"sample_rate": dropped}, requests={VALIDATE: dropped})
        assert row(arrived, configured=Configured(0.0)).verdict is verdict


def test_profiles_count_against_the_sampled_and_not_against_all() -> None:
    """A tenth of a million requests, a twentieth of those: 5 %, and not half a percent."""
    found = row(replace(CLEAN, profiles=35), kind="profiles", configured=replace(TENTH, profiles=0.05))
    assert found.sources["reports"].value == pytest.approx(0.05)
    assert found.verdict is Verdict.AS_CONFIGURED


def test_errors_that_the_client_samples_are_off() -> None:
    found = row(replace(CLEAN, errors=50, dropped_errors={"sample_rate": 50}), kind="errors")
    assert (found.verdict, found.sources["reports"].value) == (Verdict.OFF, 0.5)


def test_verdict_is_seldom_off_by_chance() -> None:
    """Ten endpoints at the configured rate, 300 times: at 95 % two of five tables would blame one of them."""
    rng, names = np.random.default_rng(11), [f"r{number}" for number in range(10)]
    blamed = 0
    for _ in range(300):
        kept = dict(zip(names, rng.binomial(1_000, 0.1, 10).tolist(), strict=True))
        sampled = tuple(Sampled(name, 10.0) for name, count in kept.items() for _ in range(count))
        arrived = Arrived(sampled, {"sample_rate": 10_000 - len(sampled)}, requests=dict.fromkeys(names, 1_000))
        blamed += any(each.verdict is Verdict.OFF for each in effective_rates(Configured(0.1), arrived))
    assert blamed <= 12


def test_a_rate_that_is_off_is_warned_of_and_one_that_is_not_is_not() -> None:
    assert warn_of_rates(effective_rates(TENTH, CLEAN)) is None
    halved = replace(CLEAN, requests={VALIDATE: 4_000, LOG: 500})
    said = warn_of_rates(effective_rates(TENTH, halved))
    assert said is not None
    assert f"{VALIDATE} 0.05 by ledger" in said
    assert "where 0.1 is configured" in said
