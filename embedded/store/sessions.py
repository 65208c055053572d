"""Requests as the SDKs count them, whether sampled or not: by minute, release and environment. SQL only."""

from dataclasses import dataclass
from datetime import datetime

import apsw

from embedded.store.times import to_ms


@dataclass(frozen=True, slots=True)
class SessionMinute:
    """So many requests of a minute ended in each way."""

    project_id: int
    minute_ms: int
    release: str
    environment: str
    exited: int
    errored: int
    crashed: int
    abnormal: int


def session_minutes(connection: apsw.Connection, since: datetime, until: datetime) -> list[SessionMinute]:
    """The minutes of all projects that begin in [since, until)."""
    rows = connection.execute(
        "SELECT project_id, minute_ms, release, environment, exited, errored, crashed, abnormal FROM session_minute"
        " WHERE minute_ms >= ? AND minute_ms < ?",
        (to_ms(since), to_ms(until)),
    )
    return [SessionMinute(*row) for row in rows]
