"""Who sends: the key from one of the places where a client may put it.

Rules, marked where they are applied:
  A1  X-Sentry-Auth (or Authorization) starts with `Sentry `, else it is ignored
  A2  `Authorization: Basic` has the key for a user name
  A3  a query string with `sentry_key` is an authorisation too
  A4  so is a key in the path, of check-ins
  A5  the DSN in the envelope's header counts only where A1 to A4 gave nothing
  A6  more than one of A1 to A4 is refused
Source: getsentry/relay, request_meta.rs and auth.rs, read 2026-11.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from embedded.errors import RejectedError

MAX_PROTOCOL_VERSION: Final = 7
KEY_LENGTH: Final = 32
MAX_DIGITS: Final = 18  # of a project id or version: fits 64 bits, and int() refuses thousands of digits
MAX_KNOWN: Final = 1_000  # clients whose words are remembered
SCHEME: Final = "sentry "
BASIC: Final = "basic "


@dataclass(frozen=True, slots=True)
class Auth:
    """A public key, with the project if the source names one."""

    public_key: str
    project_id: int | None = None
    client: str = ""  # name/version, as the client calls itself


def read_auth(headers: Mapping[str, str], query: str, path_key: str | None = None) -> Auth | None:
    """Return the key that the request's headers, query or path name, or None when only an envelope's DSN can tell.

    `headers` has lower-case names. Raises RejectedError (400 or 401) as Relay does.
    """
    return _read(headers.get("x-sentry-auth", ""), headers.get("authorization", ""), query, path_key)


@lru_cache(maxsize=MAX_KNOWN)  # a client says the same with each request
def _read(own: str, authorization: str, query: str, path_key: str | None) -> Auth | None:
    given = [_parse_header(value) for value in (own, authorization) if value.lower().startswith(SCHEME)]  # A1
    if authorization.lower().startswith(BASIC):  # A2
        given.append({"sentry_key": _basic_user(authorization)})
    if "sentry_" in query:  # A3
        given.append({name: values[0] for name, values in parse_qs(query).items()})
    if path_key is not None:  # A4
        given.append({"sentry_key": path_key})
    if len(given) > 1:  # A6
        raise RejectedError(401, "multiple authorization payloads detected")
    return _check(given[0]) if given else None


def dsn_auth(dsn: object) -> Auth:
    """Return the key and project of a DSN found in an envelope's header (A5). Raises RejectedError (401)."""
    try:
        parts = urlsplit(dsn) if isinstance(dsn, str) else None
    except ValueError:  # a host in unbalanced brackets
        parts = None
    project = parse_number(parts.path.rsplit("/", 1)[-1]) if parts else None
    if parts is None or not parts.username or project is None:
        raise RejectedError(401, "bad envelope authentication header")
    return Auth(_valid_key(parts.username), project)


def parse_number(text: str) -> int | None:
    """Return the number that `text` writes in ASCII digits, or None when it is anything else or too long."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def _basic_user(value: str) -> str:
    try:
        return base64.b64decode(value[len(BASIC) :].strip(), validate=True).decode("latin-1").partition(":")[0]
    except ValueError:  # base64's own error, and that of letters outside of ASCII
        raise RejectedError(401, "bad x-sentry-auth header", "Basic is not base64") from None


def _parse_header(value: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in value[len(SCHEME) :].split(","))
    return {name.strip(): content.strip() for name, _, content in pairs}


def _check(fields: Mapping[str, str]) -> Auth:
    version = parse_number(fields.get("sentry_version", str(MAX_PROTOCOL_VERSION)).partition(".")[0])
    if "sentry_key" not in fields or version is None:
        raise RejectedError(401, "bad x-sentry-auth header")
    if version > MAX_PROTOCOL_VERSION:
        raise RejectedError(400, f"unsupported protocol version ({version})")
    return Auth(_valid_key(fields["sentry_key"]), client=fields.get("sentry_client", ""))


def _valid_key(key: str) -> str:
    plain = key.partition(".")[0]  # flags may follow a dot
    if len(plain) != KEY_LENGTH or not plain.isascii():
        raise RejectedError(400, "bad sentry DSN public key")
    return plain
