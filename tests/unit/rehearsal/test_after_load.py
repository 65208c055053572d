"""The ending of a load test: what is counted of it, beside what the stack had counted before."""

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO

from rich.console import Console

from loadtest.ledger import NO_ANSWER, PROBE, Entry
from rehearsal.after_load import Pending, arrived, unreported
from rehearsal.observe import Observation
from rehearsal.reconcile import Arrival
from rehearsal.reports.rates_table import show_rates
from rehearsal.sampling import TOTAL, Configured, Verdict, effective_rates

SINCE = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


def entry(number: int, sent_at: float, intent: str = "validate_graph") -> Entry:
    return Entry(f"req_{number:016x}", intent, "POST", "/api/v1/causal/validate", sent_at, 5.0, 200, None)


def observation(sampled: range, dropped: int, sessions: int) -> Observation:
    return Observation(
        transactions=tuple(Arrival(f"req_{number:016x}", "/api/v1/causal/validate", 4.0) for number in sampled),
        errors=(),
        dropped={"sample_rate": dropped},
        dropped_errors={},
        dropped_sessions={},
        lost_reports=0,
        sessions={"healthy": sessions},
    )


PROBES = [entry(number, SINCE.timestamp() - 60, PROBE) for number in range(4)]
LOAD = [entry(100 + number, SINCE.timestamp() + number) for number in range(1_000)]
# Before: three of four probes were reported. After: a quarter of the load arrived, the rest and the last probe dropped.
BEFORE = observation(range(0), dropped=3, sessions=3)
AFTER = observation(range(100, 350), dropped=3 + 1 + 750, sessions=3 + 1 + 1_000)


def test_load_is_counted_apart_from_what_was_before_it() -> None:
    pending = unreported([*PROBES, *LOAD], BEFORE, SINCE)
    assert pending == Pending(1, 1)
    rows = effective_rates(Configured(0.25), arrived(LOAD, BEFORE, AFTER, pending))
    total = next(each for each in rows if each.name == TOTAL)
    assert {each.value for each in total.sources.values()} == {0.25}
    assert total.verdict is Verdict.AS_CONFIGURED


def test_a_probe_that_was_given_up_and_taken_all_the_same_makes_no_rate_off() -> None:
    """A starting service listens before it answers: the probe's sender has gone, and the SDK counts it nevertheless."""
    given_up = replace(entry(9, SINCE.timestamp() - 60, PROBE), status=NO_ANSWER)
    pending = unreported([given_up, *PROBES, *LOAD], BEFORE, SINCE)
    assert pending == Pending(1, 2)
    taken = observation(range(100, 1_100), dropped=3 + 2, sessions=3 + 2 + 1_000)
    for after, untraced in ((taken, 2), (observation(range(100, 1_100), dropped=3 + 1, sessions=3 + 1 + 1_000), 1)):
        found = arrived(LOAD, BEFORE, after, pending)
        assert found.untraced == untraced
        total = next(each for each in effective_rates(Configured(1.0), found) if each.name == TOTAL)
        assert {each.value for name, each in total.sources.items() if name != "weights"} == {1.0}


def test_table_fits_a_terminal_and_shows_every_source() -> None:
    rows = effective_rates(Configured(0.25), arrived(LOAD, BEFORE, AFTER, Pending(1, 1)))
    written = StringIO()
    Console(width=80, file=written).print(show_rates(rows))
    text = written.getvalue()
    assert all(each in text for each in ("client reports", "weights", "sessions", "ledger", "as configured"))
    assert "…" not in text
