"""What the filters of alerts look up: how often, by how many, in which release. SQL only."""

import json
from datetime import datetime
from typing import Any, Final

import apsw

from embedded.store.payloads import unpack
from embedded.store.times import to_ms

MAX_USER_EVENTS: Final = 10_000  # payloads that are opened to count users; more than so many users alert anyway


def count_events(connection: apsw.Connection, issue_id: int, since: datetime, until: datetime) -> int:
    """How many events the issue had in (since, until]."""
    return int(
        connection.execute(
            "SELECT count(*) FROM error_event WHERE issue_id = ? AND occurred_ms > ? AND occurred_ms <= ?",
            (issue_id, to_ms(since), to_ms(until)),
        ).get
    )


def user_payloads(connection: apsw.Connection, issue_id: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The newest events of the issue in (since, until], as received."""
    rows = connection.execute(
        "SELECT payload FROM error_event WHERE issue_id = ? AND occurred_ms > ? AND occurred_ms <= ?"
        " ORDER BY occurred_ms DESC LIMIT ?",
        (issue_id, to_ms(since), to_ms(until), MAX_USER_EVENTS),
    )
    return [json.loads(unpack(row[0])) for row in rows]


def latest_release(connection: apsw.Connection, project_id: int) -> str | None:
    """The release of the project whose first request or error is the most recent."""
    row = connection.execute(
        "SELECT version FROM release_seen WHERE project_id = ? GROUP BY version ORDER BY min(at_ms) DESC LIMIT 1",
        (project_id,),
    ).fetchone()
    return str(row[0]) if row else None


def current_release(connection: apsw.Connection, project_id: int) -> str | None:
    """The release of the project's newest request, else of its newest error."""
    for table, at in (("request_span", "ended_ms"), ("error_event", "occurred_ms")):
        found: str | None = connection.execute(
            f"SELECT release FROM {table} WHERE project_id = ? AND release IS NOT NULL ORDER BY {at} DESC LIMIT 1",  # noqa: S608 - no input in it
            (project_id,),
        ).get
        if found:
            return found
    return None
