"""The sampler and whose trace headers reach it; what the SDK then does with them is in tests/path."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRouter, iter_route_contexts
from pydantic import SecretStr

from service.sampling import RouteRate, TracesSampler, UnknownRouteError
from service.trace_trust import Network, is_trusted, parse_networks, trust_trace
from service.user_id import hash_user_id

VALIDATE = "/api/v1/causal/validate"
TRACE = [(b"host", b"isl"), (b"sentry-trace", b"a-b-1"), (b"baggage", b"sentry-sample_rand=0"), (b"x-a", b"1")]


def networks(given: str) -> tuple[Network, ...]:
    parsed: Any = parse_networks(given)
    return tuple(parsed)


def learned(*rates: RouteRate) -> TracesSampler:
    """A sampler that knows routes as the service includes them, a literal before the parameter that would take it."""
    app, router = FastAPI(), APIRouter(prefix="/api/v1")
    for path in ("/causal/validate", "/outcomes/summary", "/outcomes/{log_id}"):
        router.add_api_route(path, lambda: None, methods=["GET"])
    app.include_router(router)
    sampler = TracesSampler(0.25, rates)
    sampler.learn(iter_route_contexts(app.routes))
    return sampler


@pytest.mark.parametrize("path", ["/health", "/health/", "/ready", "/metrics", "/docs", "/redoc", "/openapi.json"])
def test_probes_and_pages_are_never_traced(path: str) -> None:
    sampler = learned()
    assert sampler({"asgi_scope": {"path": path}, "parent_sampled": True}) == 0.0


@pytest.mark.parametrize("context", [{"asgi_scope": {"path": "/healthy"}}, {"asgi_scope": {"path": VALIDATE}}, {}])
def test_everything_else_has_the_default(context: Any) -> None:
    assert learned()(context) == 0.25


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (VALIDATE, 0.05),
        ("/api/v1/outcomes/17", 1.0),
        ("/api/v1/outcomes/summary", 0.25),  # a route of its own, as in the router
        ("/api/v1/outcomes/17/x", 0.0),
        ("/wp-login.php", 0.0),
    ],
)
def test_rate_is_that_of_the_route_that_takes_the_path(path: str, expected: float) -> None:
    sampler = learned(
        RouteRate(VALIDATE, 0.05), RouteRate("/api/v1/outcomes/{log_id}", 1.0), RouteRate("<unmatched>", 0.0)
    )
    assert sampler({"asgi_scope": {"path": path}}) == expected


def test_a_template_that_is_no_route_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownRouteError, match=r"found /api/v1/outcomes/\{id\}, allowed: .*/api/v1/outcomes/\{log_id\}"
    ):
        learned(RouteRate("/api/v1/outcomes/{id}", 1.0))


@pytest.mark.parametrize(
    ("is_sampled", "baggage", "expected"),
    [
        (False, b"sentry-sample_rate=0.5", 0.0),
        (True, b"sentry-sample_rate=0.5,sentry-sample_rand=0.1", 0.5),
        (True, b"other=1", 1.0),
        (True, b"sentry-sample_rate=word", 1.0),
        (True, b"sentry-sample_rate=7", 1.0),
        (True, b"sentry-sample_rate=0", 1.0),
        (True, b"sentry-sample_rate=nan", 1.0),
    ],
)
def test_a_trusted_callers_decision_keeps_its_rate(is_sampled: bool, baggage: bytes, expected: float) -> None:
    scope = {"path": VALIDATE, "headers": [(b"baggage", baggage)]}
    context: Any = {"asgi_scope": scope, "parent_sampled": is_sampled}
    assert learned(RouteRate(VALIDATE, 0.05))(context) == expected


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("11.1.2.3", False),
        ("fd01::1", False),
        ("gateway", False),
        ("", False),
    ],
)
def test_trust_goes_by_the_peers_address(address: str, trusted: bool) -> None:
    assert is_trusted((address, 1234), networks("10.0.0.0/8,fd00::/16")) is trusted


def test_no_address_and_no_network_mean_no_trust() -> None:
    assert not is_trusted(None, networks("0.0.0.0/0"))
    assert not is_trusted(("127.0.0.1", 1), networks(""))


def test_a_strangers_trace_headers_are_dropped_and_no_others() -> None:
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": TRACE}
    assert trust_trace(scope, ())["headers"] == [(b"host", b"isl"), (b"x-a", b"1")]
    assert trust_trace(scope, networks("127.0.0.1")) is scope
    assert scope["headers"] is TRACE  # the server's own list stays as it was


@pytest.mark.parametrize("name", [b"sentry_trace", b"Sentry-Trace", b"http_sentry_trace", b"BAGGAGE"])
def test_every_spelling_that_the_sdk_reads_is_dropped(name: bytes) -> None:
    assert trust_trace({"type": "http", "headers": [(name, b"x")]}, ())["headers"] == []


@pytest.mark.parametrize("scope", [{"type": "lifespan"}, {"type": "http", "headers": [(b"host", b"isl")]}])
def test_scopes_without_trace_headers_pass_as_they_are(scope: Any) -> None:
    assert trust_trace(scope, ()) is scope


def test_a_user_has_one_hash_per_secret() -> None:
    one, other = SecretStr("0123456789abcdef" * 2), SecretStr("fedcba9876543210" * 2)
    assert hash_user_id(one, "jane@example.org") == hash_user_id(one, "jane@example.org")
    assert len({hash_user_id(one, "jane"), hash_user_id(one, "joe"), hash_user_id(other, "jane")}) == 3
