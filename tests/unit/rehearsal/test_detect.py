"""The time until a page, in parts that add up to it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rehearsal.detect import detections, with_moments
from rehearsal.verdict import Detection, DrillResult, PageTimes
from tests.unit.rehearsal.samples import MINUTE, PACE, RULES, entry, report
from tests.unit.rehearsal.test_curves import FAILING


@pytest.fixture
def result(tmp_path: Path) -> DrillResult:
    return report(tmp_path).drills[0]


def split(result: DrillResult, **changes: object) -> Detection:
    [found] = detections([replace(result, times=(replace(result.times[0], **changes),))])  # type: ignore[arg-type]
    return found


def parts(found: Detection) -> list[float]:
    return [round(span / MINUTE, 3) for span in (found.seen, found.filled, found.ticked, found.delivered)]


def test_parts_add_up_to_the_total(result: DrillResult) -> None:
    found = split(result)
    assert parts(found) == [0.5, 1.0, 0.5, 0.2]
    assert sum(parts(found)) == pytest.approx(found.total / MINUTE)
    assert found.acknowledged / MINUTE == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"over_at": None, "breached_at": None}, [0.5, 0.0, 0.0, 1.7]),  # an alert on single events
        ({"seen_at": None}, [0.0, 1.5, 0.5, 0.2]),
        ({"over_at": 2.1 * MINUTE}, [0.5, 1.6, 0.0, 0.1]),  # seen late in its own request: the order stays
        ({"seen_at": 5 * MINUTE}, [2.2, 0.0, 0.0, 0.0]),
    ],
)
def test_what_is_unknown_or_out_of_order_takes_no_time(
    result: DrillResult, changes: dict[str, object], expected: list[float]
) -> None:
    assert parts(split(result, **changes)) == expected


@pytest.mark.parametrize("changes", [{"paged_at": None}, {"paged_at": -MINUTE}])
def test_a_page_that_did_not_come_for_the_fault_has_no_time(result: DrillResult, changes: dict[str, object]) -> None:
    times = replace(result.times[0], **changes)  # type: ignore[arg-type]
    assert detections([replace(result, times=(times,))]) == ()
    assert detections([replace(result, fault_at=None)]) == ()


def test_moments_come_from_what_the_monitor_had_to_look_at(result: DrillResult) -> None:
    bare = PageTimes("ISL error rate", "isl-alerts", MINUTE, 8 * MINUTE, 9 * MINUTE, None, None)
    drill = replace(result, fault_at=6 * MINUTE, times=(bare,))
    [times] = with_moments(drill, RULES, {"ISL error rate": FAILING}, [], PACE).times
    assert times.seen_at is not None
    assert times.over_at is not None
    assert (times.seen_at / MINUTE, times.over_at / MINUTE) == pytest.approx((6.1, 6.5))


def test_an_alert_on_single_events_is_seen_with_the_first_failure(result: DrillResult) -> None:
    bare = PageTimes("ISL new error code", "isl-oncall", MINUTE, None, 9 * MINUTE, None, None)
    ledger = [entry(1, 500, at_s=1.0), entry(2, 500, at_s=7.0), entry(3, 500, at_s=8.0)]
    drill = replace(result, fault_at=6 * MINUTE, times=(bare,))
    [times] = with_moments(drill, RULES, {}, ledger, PACE).times
    assert times.seen_at is not None
    assert times.seen_at / MINUTE == pytest.approx(7.0 + 0.005)  # its latency of 5 ms
    assert times.over_at is None


def test_a_page_that_overtakes_the_answer_of_its_request_was_not_slow_in_delivery(result: DrillResult) -> None:
    """The page is 3 ms ahead of the answer; the wait of minutes was for a request that fails."""
    bare = PageTimes(
        "ISL new error code",
        "isl-oncall",
        MINUTE,
        None,
        9 * MINUTE + PACE.production(timedelta(milliseconds=2)),
        None,
        None,
    )
    drill = replace(result, fault_at=6 * MINUTE, times=(bare,))
    found = with_moments(drill, RULES, {}, [entry(1, 500, at_s=9.0)], PACE)
    [detection] = detections([found])
    assert (detection.seen, detection.delivered) == (detection.total, 0 * MINUTE)
