"""Which share of the requests becomes transactions: by route template, whatever a stranger's headers say.

Sources: https://docs.sentry.io/platforms/python/configuration/sampling/ (precedence), sentry-sdk 2.75
`Transaction._set_initial_sampling_decision`; both read 2026-11.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fastapi.routing import RouteContext
from pydantic_core import PydanticCustomError
from sentry_sdk.tracing_utils import Baggage
from sentry_sdk.types import SamplingContext
from starlette.datastructures import Headers
from starlette.routing import compile_path
from starlette.types import Scope

# Probes and pages for people: at probe rates they would eat the whole quota and say nothing.
UNTRACED_PATHS: Final = frozenset(
    {"/health", "/ready", "/metrics", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"}
)
UNMATCHED: Final = "<unmatched>"  # one name for all paths that no route takes; scanners invent endless ones
ROUTE_RATES_LIMIT: Final = 100  # entries; the service has a fifth of that in routes


class UnknownRouteError(Exception):
    """A rate was set for a template that is no route: a misspelt one must not pass in silence."""


@dataclass(frozen=True, slots=True)
class RouteRate:
    """The rate of one route."""

    template: str  # as in the OpenAPI document, for example /api/v1/outcomes/{log_id}
    rate: float  # 0 to 1


def parse_route_rates(given: object) -> object:
    """Read `template=rate` pairs, comma separated, in any order. Refuses what is no pair and what is there twice."""
    if not isinstance(given, str):
        return given
    pairs = tuple(_parse_pair(pair.strip()) for pair in given.split(",") if pair.strip())
    templates = [pair.template for pair in pairs]
    if len(set(templates)) != len(templates) or len(templates) > ROUTE_RATES_LIMIT:
        raise PydanticCustomError("found", "{given}", {"given": f"a template twice or over {ROUTE_RATES_LIMIT}"})
    return pairs


def _parse_pair(pair: str) -> RouteRate:
    template, _, number = (part.strip() for part in pair.rpartition("="))
    try:
        rate = float(number)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1 or not (template.startswith("/") or template == UNMATCHED):
        raise PydanticCustomError("found", "{pair}", {"pair": repr(pair)})
    return RouteRate(template, rate)


class TracesSampler:
    """The SDK's `traces_sampler`: 0 for probes, a trusted caller's decision, the route's rate, or the default."""

    def __init__(self, default: float, route_rates: Iterable[RouteRate] = ()) -> None:
        self._default = default
        self._rates = {each.template: each.rate for each in route_rates}
        self._table: tuple[tuple[re.Pattern[str], str], ...] = ()

    def learn(self, routes: Iterable[RouteContext]) -> None:
        """Take the router's table, in its order: when the SDK asks for a rate, no route has been chosen yet.

        Raises UnknownRouteError when a rate was set for a template that is not among them.
        """
        templates = [str(route.path) for route in routes]
        unknown = sorted(self._rates.keys() - {*templates, UNMATCHED})
        if unknown:
            allowed = ", ".join([UNMATCHED, *sorted(set(templates))])
            raise UnknownRouteError(f"SENTRY_TRACES_ROUTES: found {', '.join(unknown)}, allowed: {allowed}")
        if self._rates:  # else every route has the default, and nothing is to be looked up
            self._table = tuple((compile_path(template)[0], template) for template in dict.fromkeys(templates))

    def __call__(self, context: SamplingContext) -> float:
        """Return the rate of the request that begins."""
        scope: Scope = context.get("asgi_scope") or {}
        path = scope.get("path") or ""
        if path.rstrip("/") in UNTRACED_PATHS:
            return 0.0
        decided = context.get("parent_sampled")
        if decided is not None:  # a trusted caller's: those of others never come this far
            return _read_parent_rate(scope) if decided else 0.0
        return self._rates.get(self._find_template(path), self._default) if self._rates else self._default

    def _find_template(self, path: str) -> str:
        return next((template for regex, template in self._table if regex.match(path)), UNMATCHED)


def _read_parent_rate(scope: Scope) -> float:
    """Return the rate at which the caller sampled, so that a transaction keeps its weight; 1 where it does not say.

    Together with the caller's random number, which the SDK takes over, the same rate gives the same decision.
    """
    baggage = Baggage.from_incoming_header(Headers(scope=scope).get("baggage"))
    try:
        rate = float(baggage.sentry_items.get("sample_rate", "1"))
    except ValueError:
        return 1.0
    return rate if 0 < rate <= 1 else 1.0
