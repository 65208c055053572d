"""What a token may do: route -> the scopes of which one is needed, to read and to write.

Source: getsentry/sentry, the permission classes of the endpoints, read 2026-11. A scope that writes also reads.
"""

import re
from typing import Final, NamedTuple

ALL: Final = (
    *("event:read", "event:write", "event:admin"),
    *("project:read", "project:write", "project:admin", "project:releases"),
    *("team:read", "team:write", "team:admin"),
    *("member:read", "member:write", "member:admin"),
    *("org:read", "org:write", "org:admin", "org:integrations", "org:ci"),
    *("alerts:read", "alerts:write"),
)
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Rule(NamedTuple):
    """The first rule whose pattern is found in a route's path holds."""

    pattern: str
    read: tuple[str, ...]
    write: tuple[str, ...]


def _of(kind: str, *also: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reading takes any scope of a kind, writing all but the reading one; `also` goes with both."""
    write = (f"{kind}:write", f"{kind}:admin", *also)
    return (f"{kind}:read", *write), write


_ORG, _PROJECT, _EVENT, _TEAM, _MEMBER = map(_of, ("org", "project", "event", "team", "member"))
_ALERTS: Final = ("alerts:read", "alerts:write")
RULES: Final = (
    Rule(r"^/$", (), ()),
    Rule(r"^/api-tokens/", ("org:admin",), ("org:admin",)),
    Rule(r"/(detectors|open-periods)/", (*_PROJECT[0], *_ALERTS), (*_PROJECT[1], "alerts:write")),
    Rule(r"/(workflows|available-actions|test-fire-actions)/", (*_ORG[0], *_ALERTS), (*_ORG[1], "alerts:write")),
    Rule(r"/releases/", *_of("project", "project:releases", "org:ci")),
    Rule(r"/(issues|shortids|eventids)/|/events/\{event_id\}/|^/projects/.*/tags/", *_EVENT),
    Rule(r"/members/", *_MEMBER),
    Rule(r"/integrations/", (*_ORG[0], "org:integrations"), (*_ORG[1], "org:integrations")),
    Rule(r"/projects/$", (*_PROJECT[0], *_ORG[0]), _PROJECT[1]),
    Rule(r"/teams/", (*_TEAM[0], *_ORG[0]), (*_TEAM[1], *_ORG[1])),
    Rule(r"^/projects/", *_PROJECT),
    Rule(r"", *_ORG),  # all that is left is the organisation's
)


def is_allowed(method: str, path: str, scopes: frozenset[str]) -> bool:
    """May a token with these scopes call this route? `path` is the route's own, with its names in braces."""
    rule = next(each for each in RULES if re.search(each.pattern, path))
    needed = rule.read if method in READING else rule.write
    return not needed or not scopes.isdisjoint(needed)
