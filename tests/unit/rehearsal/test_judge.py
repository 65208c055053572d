"""Every way in which an expected page can be there, be wrong or be missing, and what the finding then says."""

from dataclasses import replace

import pytest

from loadtest.ledger import NO_ANSWER
from rehearsal.counts import Count
from rehearsal.disturbance import Deploy, Fault, How, Outage
from rehearsal.drill import Drill
from rehearsal.judge import (
    Expectation,
    Seen,
    judge_answers,
    judge_books,
    judge_counts,
    judge_latency,
    judge_losses,
    judge_outside,
    judge_page,
    judge_silence,
    judge_storm,
)
from rehearsal.reconcile import REFUSED, Account, Books
from rehearsal.sink import Page
from rehearsal.verdict import Finding, Status
from tests.unit.rehearsal.samples import CLOSED, COUNTS, MINUTE, PACE, entry, expectation, page, seen

ON_TIME = page(2 * MINUTE)
ALL_CLEAR = page(11 * MINUTE, action="resolved")


def test_page_on_time_and_recovery_on_time_hold() -> None:
    findings = judge_page(expectation(), seen(ON_TIME, recoveries=(ALL_CLEAR,)), PACE)
    assert [(each.status, each.detail) for each in findings] == [
        (Status.HELD, "paged 45s after the breach became possible"),
        (Status.HELD, "resolved 1m 00s after the recovery became possible"),
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (seen(page(5 * MINUTE)), "came late: 3m 45s after"),
        (seen(elsewhere=("isl-oncall",)), "it went to isl-oncall instead of isl-alerts"),
        (seen(page(0.2 * MINUTE)), "too early to be about this fault: 1m 03s before"),
        (seen(page(2 * MINUTE, signed=False)), "not signed"),
        (seen(ON_TIME, page(3 * MINUTE)), "paged 2 times"),
        (seen(breached=True), "the monitor opened (failure_rate() > 0.05 over 5m), so look at what follows"),
        (seen(), "never opened although 20.0% of the requests failed"),
        (seen(failed_share=0.0), "no request failed; was the fault injected?"),
    ],
)
def test_a_wrong_or_missing_page_fails_and_says_why(found: Seen, said: str) -> None:
    finding = judge_page(expectation(), found, PACE)[0]
    assert finding.status is Status.FAILED
    assert said in finding.detail


def test_a_page_may_come_before_an_even_stream_would_breach() -> None:
    finding = judge_page(expectation(), seen(page(MINUTE)), PACE)[0]
    assert (finding.status, finding.detail) == (Status.HELD, "paged 15s before the breach became possible")


@pytest.mark.parametrize(
    ("wanted", "status"), [("isl@1.0+abc", Status.HELD), ("#code", Status.HELD), ("isl@2.0", Status.FAILED)]
)
def test_a_message_must_say_what_is_expected_of_it(wanted: str, status: Status) -> None:
    sent = replace(ON_TIME, facts=(("Release", "isl@1.0+abc"),), links=(("Runbook", "http://x.test/runbook#code"),))
    asked = replace(expectation(), page=replace(expectation().page, says=(wanted,)))
    finding = judge_page(asked, seen(sent), PACE)[0]
    assert finding.status is status
    assert status is Status.HELD or finding.detail == "the message does not say 'isl@2.0'"


def test_missing_page_of_an_alert_without_rule_names_the_alert() -> None:
    finding = judge_page(expectation("ISL error rate", known=False), seen(), PACE)[0]
    assert finding.detail == ("no page from 'ISL error rate' reached the sink: the rules have no alert of that name")


def test_a_window_that_is_too_long_for_the_team_is_named() -> None:
    soon = replace(expectation().page, of_fault=MINUTE)
    slow = replace(expectation(), page=soon, deadline=expectation().fault_at + PACE.wall(MINUTE))
    said = judge_page(slow, seen(), PACE)[0].detail
    assert "window (failure_rate() > 0.05 over 5m) is too long for a page within 1m 00s of the fault" in said


@pytest.mark.parametrize(
    ("found", "said"), [(seen(), "is above what the fault causes"), (seen(ON_TIME), "something else did")]
)
def test_threshold_above_the_fault_fails_with_and_without_a_page(found: Seen, said: str) -> None:
    too_high: Expectation = replace(expectation(), can_breach=False)
    finding = judge_page(too_high, found, PACE)[0]
    assert finding.status is Status.FAILED
    assert said in finding.detail


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (seen(ON_TIME), "no recovery from 'ISL error rate'"),
        (seen(ON_TIME, recoveries=(page(14 * MINUTE, action="resolved"),)), "came late: 4m 00s"),
        (seen(ON_TIME, recoveries=(page(4 * MINUTE, action="resolved"),)), "resolved 2m 00s before the fault was over"),
        (seen(ON_TIME, recoveries=(ALL_CLEAR, page(12 * MINUTE, action="resolved"))), "resolved 2 times"),
        (seen(), "it never paged"),
    ],
)
def test_missing_or_late_recovery_fails(found: Seen, said: str) -> None:
    finding = judge_page(expectation(), found, PACE)[1]
    assert finding.status is Status.FAILED
    assert said in finding.detail


def test_alert_on_new_issues_has_no_recovery() -> None:
    only = page(MINUTE, channel="isl-oncall", name="ISL new error code", action="triggered")
    findings = judge_page(expectation("ISL new error code", "isl-oncall"), seen(only), PACE)
    assert [each.status for each in findings] == [Status.HELD]


@pytest.mark.parametrize(
    ("books", "statuses", "said"),
    [
        (CLOSED, (Status.HELD, Status.HELD), "120 sent"),
        (replace(CLOSED, difference=2), (Status.FAILED, Status.HELD), "2 lost: 120 sent"),
        (replace(CLOSED, difference=2, lost_reports=1, excusable=2), (Status.HELD, Status.HELD), "why 2 are missing"),
        (
            replace(CLOSED, difference=3, lost_reports=1, excusable=2),
            (Status.FAILED, Status.HELD),
            "3 lost, of which reports that the SDK lost can explain 2 at most: 120 sent",
        ),
        (
            replace(CLOSED, transactions=Account(118, {}, forced=("req_a",))),
            (Status.FAILED, Status.HELD),
            "1 forced, for example req_a",
        ),
        (replace(CLOSED, difference=-1), (Status.FAILED, Status.HELD), "1 too many"),
        (
            replace(CLOSED, difference=1, transactions=Account(117, {}, lost=("req_a",))),
            (Status.FAILED, Status.HELD),
            "1 lost, for example req_a: 120 sent",
        ),
        (
            replace(CLOSED, transactions=Account(118, {}, duplicated=("req_a",))),
            (Status.FAILED, Status.HELD),
            "1 duplicated",
        ),
        (
            replace(CLOSED, traced=0, transactions=Account(1, {"sample_rate": 119})),
            (Status.FAILED, Status.HELD),
            "no monitor on them had anything to see",
        ),
        (
            replace(CLOSED, errors=Account(22, {"queue_overflow": 2}, lost=("req_a", "req_b"))),
            (Status.HELD, Status.FAILED),
            "2 lost, for example req_a (the SDK says that it dropped 2 queue_overflow)",
        ),
        (replace(CLOSED, errors=Account(25, {}, unexpected=("req_a",))), (Status.HELD, Status.FAILED), "1 unexpected"),
    ],
)
def test_books_that_do_not_close_fail_and_name_a_request(books: Books, statuses: tuple[Status, ...], said: str) -> None:
    findings: tuple[Finding, ...] = judge_books(books)
    assert tuple(each.status for each in findings) == statuses
    assert said in " ".join(each.detail for each in findings)


@pytest.mark.parametrize(
    ("before_ms", "during_ms", "status", "said"),
    [
        ([5.0, 6.0, 500.0], [11.0, 12.0], Status.HELD, "median 11.5 ms over 2 requests, 6.0 ms over 3 before"),
        ([5.0, 6.0], [12.0, 13.0], Status.FAILED, "median 12.5 ms"),
        ([5.0], [], Status.FAILED, "no request was answered"),
    ],
)
def test_the_service_may_not_wait_for_sentry(
    before_ms: list[float], during_ms: list[float], status: Status, said: str
) -> None:
    finding = judge_latency(2.0, before_ms, during_ms)
    assert finding.status is status
    assert said in finding.detail


@pytest.mark.parametrize(
    ("unexpected", "status", "said"),
    [((), Status.HELD, "silence"), ((page(MINUTE),), Status.FAILED, "1 unexpected: ISL error rate on isl-alerts")],
)
def test_any_page_in_a_quiet_drill_fails_it(unexpected: tuple[Page, ...], status: Status, said: str) -> None:
    drill = Drill("quiet", "Nobody is paged", 12 * MINUTE, None, ())
    finding = judge_silence(drill, unexpected)
    assert (finding.status, finding.what) == (status, "nobody is paged")
    assert said in finding.detail


def test_a_page_outside_of_all_drills_fails_the_run() -> None:
    assert judge_outside([]).status is Status.HELD
    assert judge_outside([], 1).detail == "silence, but for 1 about y0's second opinion"
    assert "1 unexpected: ISL error rate on isl-alerts" in judge_outside([page(MINUTE)]).detail


def test_counts_that_agree_are_shown_and_one_that_does_not_is_named() -> None:
    held = judge_counts(COUNTS)
    assert (held.status, held.detail) == (
        Status.HELD,
        "reports 120 requests, due 120; weights 118 ± 12 requests of the load, due 118; sessions 120 requests, due 120",
    )
    failed = judge_counts((*COUNTS, Count("sessions", "failed requests", 3, 24, 25)))
    assert (failed.status, failed.detail) == (Status.FAILED, "sessions 3 failed requests, due 24 to 25")


@pytest.mark.parametrize(
    ("how", "traced", "discards", "status", "said"),
    [
        (
            How.AWAY,
            3,
            {"network_error": 2},
            Status.HELD,
            "2 of 5 requests have no transaction; in the whole run 2 netw",
        ),
        (How.AWAY, 5, {}, Status.FAILED, "0 of 5 requests have no transaction: was Sentry out?"),
        (How.FAILING, 3, {"before_send": 2}, Status.FAILED, "and the SDK reported none of network_error"),
        (How.LIMITING, 3, {REFUSED: 1, "ratelimit_backoff": 1}, Status.HELD, "1 refused with 429, 1 ratelimit_backoff"),
        (How.SLOW, 5, {}, Status.HELD, "0 of 5"),
    ],
)
def test_what_an_outage_costs_has_a_reason(
    how: How, traced: int, discards: dict[str, int], status: Status, said: str
) -> None:
    sent = [entry(number) for number in range(5)]
    books = replace(CLOSED, transactions=Account(traced, discards))
    found = judge_losses(Outage(MINUTE, MINUTE, None, how), sent, {each.request_id for each in sent[:traced]}, books)
    assert (found.status, said in found.detail) == (status, True), found.detail


@pytest.mark.parametrize(
    ("raised", "discards", "status", "said"),
    [
        (
            2,
            {"key_quota": 1, "ratelimit_backoff": 1},
            Status.HELD,
            "lost 1 of 2 internal_error, 1 of 2 simulation_error",
        ),
        (4, {}, Status.FAILED, "all 4 errors reached Sentry: the limit never held"),
        (2, {"before_send": 2}, Status.FAILED, "no book has a reason for it"),
    ],
)
def test_what_a_storm_costs_is_told_by_error(raised: int, discards: dict[str, int], status: Status, said: str) -> None:
    reasons = ("internal_error", "simulation_error") * 2
    sent = [replace(entry(number, 500), reason=reason) for number, reason in enumerate(reasons)]
    books = replace(CLOSED, errors=Account(raised, discards))
    found = judge_storm([*sent, entry(9)], {each.request_id for each in sent[:raised]}, books)
    assert (found.status, said in found.detail) == (status, True), found.detail


def test_a_deploy_costs_nobody_an_answer() -> None:
    deploy, lost = Deploy(MINUTE, Fault("error_rate", 0.1)), [entry(1), entry(2, NO_ANSWER)]
    assert judge_answers(deploy, [entry(1), entry(2, 500)]).status is Status.HELD
    found = judge_answers(deploy, lost)
    assert (found.status, found.detail) == (Status.FAILED, f"1 of 2 got none: {entry(2).request_id}")
    assert judge_answers(replace(deploy, unanswered_at_most=0.5), lost).status is Status.HELD
