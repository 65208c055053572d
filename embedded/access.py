"""May this request send here: the key, its project, what the envelope says of both, and the browser's origin.

Source: getsentry/relay, request_meta.rs, envelope meta checks and relay-filter csp/cors, read 2026-11.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NoReturn
from urllib.parse import urlsplit

from embedded.dsn import Auth, dsn_auth, parse_number
from embedded.envelope import Envelope
from embedded.errors import RejectedError
from embedded.routes import Kind, Route
from embedded.store.keyring import Keyring, Opened
from embedded.store.options import ProjectOptions

MISMATCH = "invalid event envelope"


def known_key(keyring: Keyring, auth: Auth, route: Route) -> Opened:
    """Return what the request's key opens. Raises RejectedError: 400 for a bad project, 403 when it opens nothing."""
    project_id = _project_id(route)
    found = keyring.find(auth.public_key)
    if found is None or not found.key.is_active or (project_id is not None and found.key.project_id != project_id):
        raise RejectedError(403, "event submission rejected with_reason: ProjectId", reason="project_id")
    return found


def envelope_auth(route: Route, envelope: Envelope, auth: Auth | None, origin: str | None) -> Auth:
    """Return who sends, now that the envelope's own header is known.

    Raises RejectedError: 401 when nothing says who, 400 when the header and the request do not agree.
    """
    if route.kind is not Kind.ENVELOPE:
        return auth or _unknown()
    dsn = envelope.headers.get("dsn")
    named = dsn_auth(dsn) if dsn is not None or auth is None else None
    if named and auth and named.public_key != auth.public_key:
        raise RejectedError(400, MISMATCH, "public key header mismatch between envelope and request")
    if named and named.project_id != _project_id(route):
        raise RejectedError(400, MISMATCH, "project id header mismatch between envelope and request")
    claimed = envelope.headers.get("origin")
    if claimed is not None and origin is not None and claimed != origin:
        raise RejectedError(400, MISMATCH, "origin header mismatch between envelope and request")
    return auth or named or _unknown()


def check_origin(headers: Mapping[str, str], options: ProjectOptions) -> None:
    """Raise RejectedError (403) when a browser sends from a site that the project does not allow."""
    origin = headers.get("origin") or headers.get("referer")
    if not origin or not origin.startswith(("http://", "https://")) or "*" in options.allowed_domains:
        return
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        host = ""
    allowed = (domain.partition("://")[2] or domain for domain in options.allowed_domains)
    if not any(fnmatchcase(host, domain.lower()) for domain in allowed):
        raise RejectedError(403, "event submission rejected with_reason: Cors", reason="cors")


def _project_id(route: Route) -> int | None:
    if route.project is None:
        return None
    project_id = parse_number(route.project)
    if project_id is None:
        raise RejectedError(400, "bad project path parameter")
    return project_id


def _unknown() -> NoReturn:
    raise RejectedError(401, "missing authorization information")
