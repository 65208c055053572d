"""What a run measured, as a month's bills."""

from dataclasses import replace

import pytest

from rehearsal.cost.month import month_of
from rehearsal.reports.tables import shown_lines
from tests.unit.rehearsal.samples import MEASURED

PER_SECOND = 1_000_000 / (30 * 24 * 3600)


@pytest.mark.parametrize(("traces", "spans"), [(1.0, 3_600_000.0), (0.1, 360_000.0)])
def test_volumes_are_those_of_the_run_scaled_to_the_declared_traffic(traces: float, spans: float) -> None:
    """Four spans of four fifths of the requests, two of the others; an error in a hundred of the first."""
    month = month_of(MEASURED, PER_SECOND, traces)
    used = {line.category: float(line.used) for line in month.bills[0].lines}
    assert month.requests == pytest.approx(1_000_000)
    assert (used["spans"], used["errors"]) == pytest.approx((spans, 8_000.0))
    assert [bill.plan for bill in month.bills] == ["team", "business"]
    assert {line.category for line in shown_lines(month)} >= {"spans", "errors"}


def test_a_run_that_is_too_short_says_why_there_is_no_bill() -> None:
    month = month_of(replace(MEASURED, requests=50), PER_SECOND, 1.0)
    assert month.bills == ()
    assert "50 undisturbed requests are too few" in month.why_none
    assert shown_lines(month) == ()
