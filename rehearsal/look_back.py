"""What of a drill can only be judged at the end: all is sent that ever will be, and the books are read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from loadtest.ledger import Entry
from rehearsal.clock import Pace
from rehearsal.closing import Closing
from rehearsal.disturbance import Deploy, Outage, Storm
from rehearsal.forcing import judge_forced
from rehearsal.judge import judge_answers, judge_losses, judge_storm
from rehearsal.privacy.judge import judge_planted
from rehearsal.progress import Progress
from rehearsal.stack import Stack
from rehearsal.verdict import DrillResult, Finding


def look_back(result: DrillResult, stack: Stack, pace: Pace, closing: Closing, progress: Progress) -> DrillResult:
    """Return the drill with those findings."""
    found: list[Finding] = []
    if result.planted is not None:
        progress.show("searching for the planted secrets")
        found += judge_planted(result.planted, stack)
    if result.forced is not None:
        found.append(judge_forced(result.forced, closing.traced, stack.options.traces_sample_rate))

    def sent(since: timedelta, until: timedelta) -> Sequence[Entry]:
        return stack.ledger.between(pace.instant(since), pace.instant(until))

    match result.drill.disturbance:
        case Outage() as outage if result.out:
            found.append(judge_losses(outage, sent(*result.out), closing.traced, closing.books))
        case Deploy() as deploy if result.fault_at is not None:
            found.append(judge_answers(deploy, sent(result.started_at, result.ended_at)))
        case Storm() if result.fault_at is not None:
            found.append(judge_storm(sent(result.fault_at, result.ended_at), closing.raised, closing.books))
    return replace(result, findings=(*result.findings, *found))
