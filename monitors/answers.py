"""What else a Sentry answers -> frozen records. The parsers raise as those of `monitors.remote` do.

Source: Sentry's public API schema v0.272.0, read 2026-11; available-actions and open-periods are not in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MASKED: Final = "*"  # a client secret is shown once, and as asterisks from then on
QUANTITY: Final = "sum(quantity)"
SESSIONS: Final = "sum(session)"


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A project's key; `dsn` is the public one, its host as that Sentry knows itself."""

    id: str
    name: str
    dsn: str
    is_active: bool
    limit: tuple[int, int] | None = None  # so many errors in so many seconds


@dataclass(frozen=True, slots=True)
class InboundFilter:
    """What Sentry drops by itself, for nothing."""

    id: str
    is_active: bool  # for some browsers at least, where it is about browsers


@dataclass(frozen=True, slots=True)
class AvailableApp:
    """An integration that alerts may notify. The only place where its numeric id is shown."""

    id: int
    name: str
    slug: str | None  # not every release shows it here
    installation_uuid: str | None


@dataclass(frozen=True, slots=True)
class AvailableIntegration:
    """A workspace, account or server of a chat or on-call tool."""

    id: str
    name: str
    services: tuple[tuple[str, str], ...]  # id and name; of PagerDuty only


@dataclass(frozen=True, slots=True)
class AvailableActions:
    """Everyone whom alerts may notify, members and teams apart."""

    apps: tuple[AvailableApp, ...]
    integrations: Mapping[str, tuple[AvailableIntegration, ...]]  # by kind of action

    def find_app(self, name: str) -> int | None:
        """The id of the app of that name; else of that slug, to which Sentry adds digits when the name was taken."""
        by_name = [app.id for app in self.apps if app.name == name]
        by_slug = [app.id for app in self.apps if app.slug == name]
        return min(by_name, default=min(by_slug, default=None))


@dataclass(frozen=True, slots=True)
class SentryApp:
    """An integration as its organisation sees it."""

    slug: str
    name: str
    uuid: str
    webhook_url: str | None
    scopes: tuple[str, ...]
    client_secret: str | None  # signs the webhooks; None if it is masked


@dataclass(frozen=True, slots=True)
class Issue:
    id: int
    short_id: str
    title: str
    type: str  # error, metric_issue, ...
    level: str | None
    status: str  # unresolved, resolved, ignored
    substatus: str | None
    times_seen: int
    first_seen: datetime
    last_seen: datetime
    permalink: str | None


@dataclass(frozen=True, slots=True)
class StatsGroup:
    """How many items, or sessions, met one combination of what was grouped by."""

    by: dict[str, str]  # of items: outcome, category, reason or project; of sessions: session.status and the like
    quantity: int


@dataclass(frozen=True, slots=True)
class OpenPeriod:
    """One stretch of time in which a monitor's issue was open."""

    id: int
    start: datetime
    end: datetime | None  # None while it lasts


def parse_project(item: dict[str, Any]) -> Project:
    return Project(int(item["id"]), item["slug"], item["name"])


def parse_key(item: dict[str, Any]) -> ClientKey:
    limit = item.get("rateLimit")
    taken = (int(limit["count"]), int(limit["window"])) if limit else None
    return ClientKey(item["id"], item["name"], item["dsn"]["public"], bool(item["isActive"]), taken)


def parse_filter(item: dict[str, Any]) -> InboundFilter:
    return InboundFilter(str(item["id"]), bool(item["active"]))


def parse_available_app(item: dict[str, Any]) -> AvailableApp:
    app = item["sentryApp"]
    return AvailableApp(int(app["id"]), app["name"], app.get("slug"), app.get("installationUuid"))


def parse_integrations(item: dict[str, Any]) -> tuple[AvailableIntegration, ...]:
    return tuple(
        AvailableIntegration(
            id=str(each["id"]),
            name=each["name"],
            services=tuple((str(service["id"]), service["name"]) for service in each.get("services") or ()),
        )
        for each in item.get("integrations") or ()
    )


def parse_team(item: dict[str, Any]) -> tuple[str, str]:
    """Return slug and id."""
    return item["slug"], str(item["id"])


def parse_member(item: dict[str, Any]) -> tuple[str, str] | None:
    """Return e-mail address and user id; None for somebody who was invited and has not come yet."""
    user = item.get("user")
    return (item["email"], str(user["id"])) if user else None


def parse_app(item: dict[str, Any]) -> SentryApp:
    secret = item.get("clientSecret") or MASKED
    return SentryApp(
        slug=item["slug"],
        name=item["name"],
        uuid=item["uuid"],
        webhook_url=item.get("webhookUrl"),
        scopes=tuple(item.get("scopes") or ()),
        client_secret=None if secret.startswith(MASKED) else secret,
    )


def parse_issue(item: dict[str, Any]) -> Issue:
    return Issue(
        id=int(item["id"]),
        short_id=item["shortId"],
        title=item["title"],
        type=item.get("issueType") or "error",
        level=item.get("level"),
        status=item["status"],
        substatus=item.get("substatus"),
        times_seen=int(item["count"]),  # text in the answer
        first_seen=_instant(item["firstSeen"]),
        last_seen=_instant(item["lastSeen"]),
        permalink=item.get("permalink"),
    )


def parse_stats_group(item: dict[str, Any]) -> StatsGroup:
    by = {key: str(value) for key, value in item["by"].items()}
    return StatsGroup(by, int(item["totals"][QUANTITY]))


def parse_session_group(item: dict[str, Any]) -> StatsGroup:
    by = {key: str(value) for key, value in item["by"].items()}
    return StatsGroup(by, int(item["totals"][SESSIONS]))


def parse_open_period(item: dict[str, Any]) -> OpenPeriod:
    end = item.get("end")
    return OpenPeriod(int(item["id"]), _instant(item["start"]), _instant(end) if end else None)


def _instant(text: str) -> datetime:
    """Read an instant. Raises ValueError if it does not say its distance from UTC."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant
