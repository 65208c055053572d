"""Tokens, projects, client keys and webhook integrations. SQL only."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import apsw

from embedded.store.times import from_ms, to_ms

TOKEN_PREFIX = "sntryu_"  # noqa: S105 - the public prefix of Sentry's user tokens
DEFAULT_DETECTORS = (("error", "Error Monitor"), ("issue_stream", "Issue Stream Monitor"))  # every project has these


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    slug: str
    name: str
    platform: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """A client key: the public half stands in the DSN."""

    public_key: str
    secret_key: str
    project_id: int
    label: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SentryApp:
    """An internal integration: where webhooks go, and the secret that signs them."""

    id: int
    slug: str
    name: str
    uuid: str
    client_id: str
    client_secret: str
    webhook_url: str
    scopes: str  # comma-separated
    created_at: datetime


def make_token() -> str:
    """Return a random token of the form that Sentry's have."""
    return TOKEN_PREFIX + secrets.token_hex(32)


def token_scopes(connection: apsw.Connection, token: str) -> tuple[str, ...] | None:
    """What this token may do, empty for everything; None if it is none of ours."""
    row = connection.execute(
        "SELECT coalesce(s.scopes, '') FROM api_token t LEFT JOIN token_scope s USING (token_sha256)"
        " WHERE token_sha256 = ?",
        (_digest(token),),
    ).fetchone()
    return None if row is None else tuple(str(row[0]).split())


def add_token(connection: apsw.Connection, token: str, now: datetime, scopes: Sequence[str] = ()) -> None:
    """Let this token use the web API, for some scopes or for all; only its digest is stored."""
    connection.execute("INSERT OR IGNORE INTO api_token VALUES (?,?)", (_digest(token), to_ms(now)))
    if scopes:
        connection.execute("INSERT OR IGNORE INTO token_scope VALUES (?,?)", (_digest(token), " ".join(scopes)))


def first_token_at(connection: apsw.Connection) -> datetime | None:
    """When the engine was first started on this data."""
    first_ms: int | None = connection.execute("SELECT min(created_ms) FROM api_token").get
    return from_ms(first_ms)


def add_project(connection: apsw.Connection, slug: str, name: str, platform: str | None, now: datetime) -> Project:
    """Make a project with one client key and its default monitors. Raises apsw.ConstraintError on a taken slug."""
    at = to_ms(now)
    connection.execute(
        "INSERT INTO project (slug, name, platform, created_ms) VALUES (?,?,?,?)", (slug, name, platform, at)
    )
    project_id = connection.last_insert_rowid()
    add_key(connection, project_id, "Default", now)
    connection.executemany(
        "INSERT INTO detector (project_id, name, type, config, created_ms, updated_ms) VALUES (?,?,?,'{}',?,?)",
        [(project_id, label, kind, at, at) for kind, label in DEFAULT_DETECTORS],
    )
    return Project(project_id, slug, name, platform, now)


def list_projects(connection: apsw.Connection) -> list[Project]:
    """All projects, oldest first."""
    rows = connection.execute("SELECT id, slug, name, platform, created_ms FROM project ORDER BY id")
    return [Project(row[0], row[1], row[2], row[3], from_ms(row[4])) for row in rows]


def update_project(connection: apsw.Connection, project_id: int, name: str, platform: str | None) -> None:
    """Rename the project or say what it is written in."""
    connection.execute("UPDATE project SET name = ?, platform = ? WHERE id = ?", (name, platform, project_id))


def add_key(connection: apsw.Connection, project_id: int, label: str, now: datetime) -> ProjectKey:
    """Make a random client key for the project."""
    key = ProjectKey(secrets.token_hex(16), secrets.token_hex(16), project_id, label, is_active=True, created_at=now)
    connection.execute(
        "INSERT INTO client_key VALUES (?,?,?,?,1,?)", (key.public_key, key.secret_key, project_id, label, to_ms(now))
    )
    return key


def update_key(connection: apsw.Connection, public_key: str, label: str, *, is_active: bool) -> None:
    """Rename a key, or switch it on or off."""
    connection.execute(
        "UPDATE client_key SET label = ?, is_active = ? WHERE public_key = ?", (label, int(is_active), public_key)
    )


def delete_key(connection: apsw.Connection, public_key: str) -> None:
    """Forget a key and its limit."""
    connection.execute("DELETE FROM client_key WHERE public_key = ?", (public_key,))


def find_key(connection: apsw.Connection, public_key: str) -> ProjectKey | None:
    """The client key with this public half."""
    row = connection.execute("SELECT * FROM client_key WHERE public_key = ?", (public_key,)).fetchone()
    return _key(row) if row else None


def list_keys(connection: apsw.Connection, project_id: int) -> list[ProjectKey]:
    """The project's keys, oldest first."""
    rows = connection.execute("SELECT * FROM client_key WHERE project_id = ? ORDER BY created_ms", (project_id,))
    return [_key(row) for row in rows]


def add_app(connection: apsw.Connection, slug: str, name: str, url: str, scopes: str, now: datetime) -> SentryApp:
    """Make an internal integration. Raises apsw.ConstraintError on a taken slug."""
    app = (slug, name, str(uuid4()), secrets.token_hex(32), secrets.token_hex(32), url, scopes, to_ms(now))
    connection.execute(
        "INSERT INTO sentry_app (slug, name, uuid, client_id, client_secret, webhook_url, scopes, created_ms)"
        " VALUES (?,?,?,?,?,?,?,?)",
        app,
    )
    return _app((connection.last_insert_rowid(), *app))


def set_webhook_url(connection: apsw.Connection, slug: str, url: str) -> None:
    """Point an existing integration at another address."""
    connection.execute("UPDATE sentry_app SET webhook_url = ? WHERE slug = ?", (url, slug))


def delete_app(connection: apsw.Connection, slug: str) -> None:
    """Forget an integration."""
    connection.execute("DELETE FROM sentry_app WHERE slug = ?", (slug,))


def list_apps(connection: apsw.Connection) -> list[SentryApp]:
    """All internal integrations, oldest first."""
    return [_app(row) for row in connection.execute("SELECT * FROM sentry_app ORDER BY id")]


def _key(row: tuple[Any, ...]) -> ProjectKey:
    public, secret, project_id, label, is_active, created_ms = row
    return ProjectKey(public, secret, project_id, label, bool(is_active), from_ms(created_ms))


def _app(row: tuple[Any, ...]) -> SentryApp:
    ident, slug, name, uuid, client_id, client_secret, url, scopes, created_ms = row
    return SentryApp(ident, slug, name, uuid, client_id, client_secret, url, scopes, from_ms(created_ms))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
