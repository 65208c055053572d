"""What happened, and who is told of it, in a person's words; pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from embedded.channels.legacy_webhook import ALL_OF_PROJECT
from embedded.lenient import mapping
from embedded.records import Outcome
from embedded.store.alerts import CAPTURED, ESCALATED, REAPPEARED, RESOLVED
from embedded.store.projects import SentryApp

FLIPS: Final = {  # by kind: of a metric monitor's issue, of an error's
    "first_seen_event": ("breach", "new issue"),
    "regression_event": ("breach again", "regression"),
    REAPPEARED: ("back from the archive",) * 2,
    ESCALATED: ("escalated",) * 2,
    CAPTURED: ("seen again",) * 2,
    RESOLVED: ("resolved",) * 2,
}
OUTCOMES: Final = {Outcome.CLIENT_DISCARD: "dropped by the SDK", Outcome.RATE_LIMITED: "rate limited"}
TOOLS: Final = {"slack": "Slack", "pagerduty": "PagerDuty", "discord": "Discord", "msteams": "Teams"}
PEOPLE: Final = {"user": "a member", "team": "the team", "issue_owners": "the issue's owners"}


def show_flip(kind: str, *, is_metric: bool) -> str:
    """What happened to an issue: `breach`, `new issue`; a kind without a word of ours as it is."""
    return FLIPS[kind][not is_metric] if kind in FLIPS else kind


def show_outcome(outcome: str) -> str:
    """What became of an item; most of Sentry's words for it are a person's."""
    return OUTCOMES.get(Outcome(outcome), outcome)


def show_action(action: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Whom an action tells: `integration isl-oncall`, `Slack #isl-alerts`; `names` are those of integrations by id."""
    kind, config = str(action.get("type", "unknown")), mapping(action.get("config"))
    target = str(config.get("targetIdentifier") or "")
    match kind:
        case "sentry_app":
            return f"integration {names.get(target, target)}"
        case "webhook":
            return "webhooks of the project" if target == ALL_OF_PROJECT else f"integration {target}"
        case "email":
            return f"e-mail to {PEOPLE.get(str(config.get('targetType')), 'somebody')}"
    return f"{TOOLS.get(kind, kind)} {config.get('targetDisplay') or target}".rstrip()


def names_of(apps: Iterable[SentryApp]) -> dict[str, str]:
    """The integrations' slugs, which rules call them by, under their ids as actions write them."""
    return {str(app.id): app.slug for app in apps}
