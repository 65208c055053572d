"""How each disturbance is done: a drill's method. Whatever is still on at the end, `Drilling` switches off."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, assert_never

from loadtest.ledger import NO_ANSWER
from monitors import signals
from monitors.answers import Issue
from monitors.model import RuleSet
from rehearsal.breach import longest_window
from rehearsal.clock import now
from rehearsal.disturbance import (
    Deploy,
    Fault,
    Forced,
    Forcing,
    HookFault,
    How,
    Outage,
    Planting,
    Shape,
    Silence,
    Storm,
)
from rehearsal.drill import Drill
from rehearsal.errors import EnvironmentMissingError
from rehearsal.forcing import Stranger
from rehearsal.privacy.plant import Planter
from rehearsal.privacy.secret import Planted
from rehearsal.stack import Stack
from rehearsal.watch import Watch

CREEP_STEPS: Final = 20  # in which a fault grows
OLD_ISSUE_DEADLINE: Final = timedelta(seconds=30)  # wall time, for one failure to be an issue
NEW_RELEASE_DEADLINE: Final = timedelta(seconds=30)  # wall time, for its first request to be in Sentry
NEWEST: Final = 20  # requests that are looked at for releases
ERROR: Final = "error"
RELEASE: Final = "release"


@dataclass(frozen=True, slots=True)
class Disturbed:
    """What was done, and from when on a page is its doing."""

    since: datetime
    until: datetime | None  # None: still
    out: tuple[datetime, datetime] | None = None  # while Sentry was out
    planted: Planted | None = None
    forced: Forced | None = None
    release: str = ""  # that was deployed


def disturb(drill: Drill, watch: Watch, rules: RuleSet) -> Disturbed | None:
    """Switch the fault on, or go through all that the drill does."""
    match drill.disturbance:
        case Fault() | HookFault() as fault:
            return _begin(fault, watch)
        case Outage() as outage:
            return _take_out_sentry(outage, watch)
        case Silence() as silence:
            return _fall_silent(silence, watch, rules)
        case Deploy() as deploy:
            return _deploy(deploy, watch)
        case Storm() as storm:
            return _raise_storm(storm, watch)
        case Forcing() as forcing:
            return _force(forcing, drill.lasts, watch)
        case Shape() as shape:
            return _shape(shape, drill.lasts, watch, rules)
        case Planting() as planting:
            return _plant(planting, drill.lasts, watch, rules)
        case None:
            return None
        case unknown:
            assert_never(unknown)


def _begin(fault: Fault | HookFault, watch: Watch) -> Disturbed:
    since = now()
    watch.phase = str(fault)
    watch.say(f"fault on: {fault}")
    if isinstance(fault, Fault) and fault.creeps is not None:
        _creep(fault, fault.creeps, watch)
    watch.stack.set_fault(fault)
    return Disturbed(since, None)


def _creep(fault: Fault, over: timedelta, watch: Watch) -> None:
    since = now()
    for step in range(1, CREEP_STEPS):
        watch.stack.set_fault(replace(fault, value=fault.value * step / CREEP_STEPS))
        watch.until(since + watch.pace.wall(over * step / (CREEP_STEPS - 1)))


def _take_out_sentry(outage: Outage, watch: Watch) -> Disturbed:
    begun = _begin(outage.fault, watch) if outage.fault else None
    watch.through(outage.after)
    watch.phase = str(outage)
    since = now()
    watch.say(str(outage))
    if outage.how.is_switched:
        watch.stack.switch_engine(outage.how)
    elif outage.how is How.KILLED:
        watch.stack.kill_engine()
        watch.stack.start_engine()
    else:
        watch.stack.stop_part("engine")
    watch.until(since + watch.pace.wall(outage.lasts))
    until = now()
    if outage.how.is_switched:
        watch.stack.switch_engine(None)
    elif outage.how is How.AWAY:
        watch.stack.start_engine()
    watch.say("Sentry is back")
    watch.phase = "after the outage"
    return replace(begun or Disturbed(since, until), out=(since, until))


def _fall_silent(silence: Silence, watch: Watch, rules: RuleSet) -> Disturbed:
    """Stop the load and start it again; the next drill finds every window full."""
    watch.through(silence.after)
    watch.phase = str(silence)
    since = now()
    watch.stack.stop_part("load")
    watch.say("the load has stopped")
    watch.until(since + watch.pace.wall(silence.lasts))
    watch.stack.resume_load()
    until = now()
    watch.say("the load is back")
    watch.phase = "until every window is full"
    watch.until(until + watch.pace.wall(longest_window(rules)))
    return Disturbed(since, until)


def _deploy(deploy: Deploy, watch: Watch) -> Disturbed:
    """The old release fails once and that is resolved; then the new one fails in the same way."""
    broken = _fail_once(deploy.fault, watch)
    with watch.stack.client() as client:
        for issue in broken:
            client.resolve_issue(issue.id)
    watch.say(f"the old release has failed; resolved: {', '.join(issue.title for issue in broken)}")
    watch.through(deploy.after)
    watch.phase = "deploying"
    release = watch.stack.deploy()
    _await_release(release, watch)
    watch.say(f"release {release} is deployed, and no request goes to the old one any more")
    return replace(_begin(deploy.fault, watch), release=release)


def _fail_once(fault: Fault | HookFault, watch: Watch) -> list[Issue]:
    """Return the issues of the failure, once nothing of it is still on its way: that would open them again.

    Raises EnvironmentMissingError if there is none.
    """
    stack, since = watch.stack, now()
    watch.phase = "the old release fails once"

    def has_failed() -> bool:
        return any(each.is_failed for each in stack.ledger.between(since, now()))

    stack.set_fault(fault)
    failed = watch.until(since + OLD_ISSUE_DEADLINE, has_failed)
    stack.set_fault()
    until = now()
    if not failed or not watch.until(until + OLD_ISSUE_DEADLINE, lambda: _are_known(stack, since, until)):
        raise EnvironmentMissingError(f"{fault}: no request failed, or not all of these failures came to Sentry")
    with stack.client() as client:
        found = client.issues(stack.project_id, "is:unresolved")
        return [each for each in found if each.type == ERROR and each.last_seen >= since]


def _are_known(stack: Stack, since: datetime, until: datetime) -> bool:
    """Are all requests of a span answered, and has Sentry an event of each that failed?"""
    sent = stack.ledger.between(since, until)
    with stack.client() as client:
        rows = client.events(stack.project_id, "errors", ["id", signals.REQUEST_ID.name], stats_period="1h")
        known = {row[signals.REQUEST_ID.name] for row in rows}
    return all(each.status != NO_ANSWER and (not each.is_failed or each.request_id in known) for each in sent)


def _await_release(release: str, watch: Watch) -> None:
    """Wait until the newest requests in Sentry are all of the release."""

    def is_alone() -> bool:
        with watch.stack.client() as client:
            rows = client.events(
                watch.stack.project_id,
                "spans",
                ["id", RELEASE],
                f"{signals.IS_TRANSACTION.name}:true",
                stats_period="1h",
                sort="-timestamp",
            )
            seen = [str(row[RELEASE]) for row in islice(rows, NEWEST)]
        return len(seen) == NEWEST and all(release in each for each in seen)

    if not watch.until(now() + NEW_RELEASE_DEADLINE, is_alone):
        watch.say(f"Sentry never came to know requests of release {release} alone")


def _raise_storm(storm: Storm, watch: Watch) -> Disturbed:
    """Limit the key, then let two faults loose at once."""
    watch.stack.limit_errors((storm.limit, storm.per))
    since = now()
    watch.phase = str(storm)
    watch.say(f"fault on: {storm}")
    watch.stack.set_fault(storm.fault, storm.beside)
    return Disturbed(since, None)


def _force(forcing: Forcing, lasts: timedelta, watch: Watch) -> Disturbed:
    """Spread the strangers over the drill."""
    stranger, since = Stranger(watch.stack, forcing), now()
    watch.phase = str(forcing)
    for number in range(forcing.times):
        watch.through(lasts * (number / forcing.times))
        stranger.ask(is_sampled=True)
        stranger.ask(is_sampled=False)
    watch.say(f"{forcing} were sent")
    return Disturbed(since, now(), forced=stranger.leave())


def _shape(shape: Shape, lasts: timedelta, watch: Watch, rules: RuleSet) -> Disturbed:
    """Let the load follow the shape for as long as the drill lasts; the next drill finds every window full."""
    watch.phase = str(shape)
    watch.stack.stop_part("load")
    since = now()
    watch.stack.shape_load(shape, watch.pace.wall(lasts))
    watch.say(f"{shape} from here on")
    watch.until(since + watch.pace.wall(lasts))
    until = now()
    watch.stack.stop_part("load")
    watch.stack.resume_load()
    watch.phase = "until every window is full"
    watch.until(until + watch.pace.wall(longest_window(rules)))
    return Disturbed(since, until)


def _plant(planting: Planting, lasts: timedelta, watch: Watch, rules: RuleSet) -> Disturbed:
    """Spread the carriers: those that fail must stay a small share of every window."""
    planter, since = Planter(watch.stack), now()
    watch.phase = str(planting)
    for number, carrier in enumerate(planting.carriers, start=1):
        watch.through(lasts * number / (len(planting.carriers) + 1))
        planter.plant(carrier)
    planted = planter.planted
    watch.say(f"{len(planted.secrets)} secrets planted")
    until = now()
    # Were the load to stop with failures still in a window, their share of it would grow, and page.
    watch.until(until + watch.pace.wall(longest_window(rules)))
    return Disturbed(since, until, planted=planted)
