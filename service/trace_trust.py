"""Whose trace headers count. Whoever is not trusted begins a new trace here, as if it had sent none.

`sentry-trace` can force sampling by its flag, and by a trace id of the caller's choice, from which the SDK derives its
random number; `baggage` brings that number itself, and the rate that becomes the weight of the transaction. So both are
dropped whole, before the SDK's layer reads them.
Source: https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/, read 2026-11
"""

from collections.abc import Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from pydantic_core import PydanticCustomError
from starlette.types import Scope

TRACE_HEADERS: Final = frozenset({b"sentry-trace", b"baggage"})

Network = IPv4Network | IPv6Network


def parse_networks(given: object) -> object:
    """Read addresses and networks, comma separated."""
    if not isinstance(given, str):
        return given
    try:
        return tuple(ip_network(each.strip()) for each in given.split(",") if each.strip())
    except ValueError as error:
        raise PydanticCustomError("found", "{problem}", {"problem": str(error)}) from None


def trust_trace(scope: Scope, trusted: Collection[Network]) -> Scope:
    """Return the scope as it is for a trusted caller, else without trace headers."""
    headers = scope.get("headers")
    if not headers or is_trusted(scope.get("client"), trusted):
        return scope
    kept = [each for each in headers if _normalise(each[0]) not in TRACE_HEADERS]
    return scope if len(kept) == len(headers) else {**scope, "headers": kept}


def _normalise(name: bytes) -> bytes:
    """Write a name as the SDK reads it: it takes `sentry_trace` and `HTTP_SENTRY_TRACE` for the same header."""
    return name.lower().replace(b"_", b"-").removeprefix(b"http-")


def is_trusted(client: tuple[str, int] | None, trusted: Collection[Network]) -> bool:
    """Tell if the peer's address, as the server knows it, lies in one of the networks. No address, no trust."""
    if not trusted or client is None:
        return False
    try:
        address = ip_address(client[0])
    except ValueError:  # a name, or nothing: a socket file, a test client
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in trusted)
