"""What the end of a run knows of each request: its drill, and whether what tells of it could reach Sentry."""

from datetime import timedelta

import pytest

from rehearsal.conclude import BY_DRILL, _spans, _with_reason
from rehearsal.disturbance import How, Outage
from rehearsal.drill import Drill
from rehearsal.sampling import Arrived, Configured, Sampled, effective_rates
from rehearsal.verdict import DrillResult
from tests.unit.rehearsal.samples import MINUTE, PACE, entry


def result(how: How) -> DrillResult:
    """Sentry is out from the third to the fifth minute, which are two seconds here."""
    drill = Drill("away", "a", 8 * MINUTE, Outage(3 * MINUTE, 2 * MINUTE, None, how), ())
    times = (timedelta(0), 3 * MINUTE, 5 * MINUTE, 8 * MINUTE)
    return DrillResult(drill, *times, findings=(), times=(), planted=None, out=(3 * MINUTE, 5 * MINUTE), forced=None)


@pytest.mark.parametrize(
    ("how", "at_s", "expected"),
    [
        (How.AWAY, 4.0, (False, True, True, True)),
        (How.AWAY, -1.0, (False, True, True, True)),  # it was still on its way
        (How.AWAY, 10.0, (False, False, False, False)),  # the SDK samples less, which later reports tell
        (How.AWAY, -20.0, (True, False, True, True)),
        (How.AWAY, -50.0, (True, False, False, True)),
        (How.AWAY, -70.0, (True, False, False, False)),
        (How.LIMITING, 4.0, (False, False, False, True)),  # the reports that it refused are on file
    ],
)
def test_what_may_be_lost_depends_on_when_it_was_sent(how: How, at_s: float, expected: tuple[bool, ...]) -> None:
    spans = _spans([result(how)], PACE)
    sent = entry(1, at_s=at_s)
    found = (spans.could_arrive(sent), spans.risks.report(sent), spans.risks.sampled(sent), spans.risks.session(sent))
    assert found == expected


@pytest.mark.parametrize("is_out", [True, False])
def test_a_rate_that_is_off_because_of_a_drill_says_so(*, is_out: bool) -> None:
    arrived = Arrived((Sampled("/v", 1.0),) * 300, {"backpressure": 60})
    total, *others = _with_reason(effective_rates(Configured(1.0), arrived), [result(How.AWAY)] if is_out else [])
    assert total.why.endswith(BY_DRILL) is is_out
    assert not [row for row in others if BY_DRILL in row.why]
