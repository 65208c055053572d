"""Releases: those that were announced, and those that telemetry named; and their deploys. SQL only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apsw

from embedded.store.times import from_ms, to_ms


@dataclass(frozen=True, slots=True)
class Release:
    """A version of the organisation."""

    version: str
    ref: str | None
    url: str | None
    created_at: datetime
    released_at: datetime | None
    project_ids: tuple[int, ...]
    deploys: int


@dataclass(frozen=True, slots=True)
class Deploy:
    """A release that went to an environment."""

    id: int
    environment: str
    name: str | None
    url: str | None
    started_at: datetime | None
    finished_at: datetime


# A release exists once it is announced or once an event names it; it belongs to the projects of both.
_ALL = (
    "SELECT v.version, r.ref, r.url, coalesce(r.created_ms, min(v.at_ms)), r.released_ms,"
    " group_concat(DISTINCT v.project_id), (SELECT count(*) FROM deploy d WHERE d.version = v.version)"
    " FROM (SELECT version, project_id, at_ms FROM release_seen"
    " UNION ALL SELECT version, project_id, NULL FROM release_project) v"
    " LEFT JOIN release r ON r.version = v.version"
)


def list_releases(
    connection: apsw.Connection, project_id: int | None, query: str, limit: int, offset: int
) -> list[Release]:
    """Releases that were created last first; `query` is a part of the version."""
    rows = connection.execute(
        f"{_ALL} WHERE instr(v.version, ?2) > 0 GROUP BY v.version"
        " HAVING ?1 IS NULL OR max(v.project_id = ?1) ORDER BY 4 DESC, 1 LIMIT ?3 OFFSET ?4",
        (project_id, query, limit, offset),
    )
    return [_release(row) for row in rows]


def find_release(connection: apsw.Connection, version: str) -> Release | None:
    """The release of this version."""
    row = connection.execute(f"{_ALL} WHERE v.version = ? GROUP BY v.version", (version,)).fetchone()
    return _release(row) if row else None


def save_release(
    connection: apsw.Connection, version: str, project_ids: list[int], changes: dict[str, Any], now: datetime
) -> None:
    """Announce a release or change it; `changes` are of ref, url and released_at, and what is absent stays."""
    connection.execute("INSERT OR IGNORE INTO release (version, created_ms) VALUES (?,?)", (version, to_ms(now)))
    for name, column in (("ref", "ref"), ("url", "url"), ("released_at", "released_ms")):
        if name in changes:
            value = changes[name]
            stored = to_ms(value) if isinstance(value, datetime) else value
            connection.execute(f"UPDATE release SET {column} = ? WHERE version = ?", (stored, version))  # noqa: S608 - names of ours
    connection.executemany(
        "INSERT OR IGNORE INTO release_project VALUES (?,?)", [(version, project_id) for project_id in project_ids]
    )


def delete_release(connection: apsw.Connection, version: str) -> None:
    """Forget an announcement; a release that events name stays for as long as they do."""
    for table in ("deploy", "release_project", "release"):
        connection.execute(f"DELETE FROM {table} WHERE version = ?", (version,))  # noqa: S608 - names of ours


def add_deploy(connection: apsw.Connection, version: str, deploy: Deploy) -> int:
    """Note a deploy and return its id; the one that is given says nothing."""
    connection.execute(
        "INSERT INTO deploy (version, environment, name, url, started_ms, finished_ms) VALUES (?,?,?,?,?,?)",
        (
            version,
            deploy.environment,
            deploy.name,
            deploy.url,
            deploy.started_at and to_ms(deploy.started_at),
            to_ms(deploy.finished_at),
        ),
    )
    return connection.last_insert_rowid()


def list_deploys(connection: apsw.Connection, version: str) -> list[Deploy]:
    """A release's deploys, the latest first."""
    rows = connection.execute(
        "SELECT id, environment, name, url, started_ms, finished_ms FROM deploy WHERE version = ?"
        " ORDER BY finished_ms DESC, id DESC",
        (version,),
    )
    return [
        Deploy(ident, environment, name, url, from_ms(started), from_ms(finished))
        for ident, environment, name, url, started, finished in rows
    ]


def event_span(connection: apsw.Connection, version: str) -> tuple[datetime | None, datetime | None]:
    """When its first and its last error event happened."""
    first, last = connection.execute(
        "SELECT min(occurred_ms), max(occurred_ms) FROM error_event WHERE release = ?", (version,)
    ).fetchone() or (None, None)
    return from_ms(first), from_ms(last)


def new_issues(connection: apsw.Connection, version: str) -> dict[int, int]:
    """Project id -> how many of its issues were first seen in this release."""
    rows = connection.execute(
        "SELECT project_id, count(*) FROM (SELECT project_id, release, min(id) FROM error_event GROUP BY issue_id)"
        " WHERE release = ? GROUP BY project_id",
        (version,),
    )
    return {int(project_id): int(count) for project_id, count in rows}


def _release(row: tuple[Any, ...]) -> Release:
    version, ref, url, created, released, projects, deploys = row
    idents = tuple(sorted(int(each) for each in projects.split(",")))
    return Release(version, ref, url, from_ms(created), from_ms(released), idents, deploys)
