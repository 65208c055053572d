"""What many requests have in common and a query may ask for: the combinations, numbered. SQL only.

There are never more than MAX_KEYS combinations of a project. What is new beyond that shares a combination without the
name, and beyond MAX_KEYS of those one that says of requests only whether they failed. A query that asks for what a
combination of its project has lost is answered from rows: as exact, and slower.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import apsw

from embedded.records import GOOD_STATUSES, Transaction
from embedded.store.fields import SPANS, TRUE, Dataset, where
from monitors.query import Query

MAX_KEYS: Final = 5_000  # combinations of a project with all fields; a service has tens, times its releases
WHOLE: Final = 2  # all fields are kept
NAMELESS: Final = 1
BARE: Final = 0  # failed or not is all that is kept
_COLUMNS: Final = ("name", "op", "method", "status", "http_status", "release", "environment")
# Fields as queries see them; a request's other fields are in its row alone.
KEYS: Final = Dataset(
    "request_key",
    "",
    {
        field: TRUE if column == TRUE else f"k.{column}"
        for field, column in SPANS.fields.items()
        if column in (*_COLUMNS, TRUE)
    },
)
_FIELDS: Final = " AND ".join(f"{column} IS ?" for column in _COLUMNS)
_FIND: Final = f"SELECT id FROM request_key WHERE project_id = ? AND kept = ? AND {_FIELDS}"  # noqa: S608 - names of ours
Fields = tuple[Any, ...]  # of _COLUMNS


def key_of(connection: apsw.Connection, project_id: int, record: Transaction) -> int:
    """Return the number of the request's combination, which is given one if it is new."""
    whole = (
        record.name,
        record.op,
        record.method,
        record.status,
        record.http_status,
        record.release,
        record.environment,
    )
    failed = "ok" if record.status in GOOD_STATUSES else "internal_error"
    bare = (None, None, None, failed, None, None, None)
    for kept, fields in ((WHOLE, whole), (NAMELESS, (None, *whole[1:]))):
        found: int | None = connection.execute(_FIND, (project_id, kept, *fields)).get
        if found is not None:
            return found
        if _has_room(connection, project_id, kept):
            return _add(connection, project_id, kept, fields)
    return connection.execute(_FIND, (project_id, BARE, *bare)).get or _add(connection, project_id, BARE, bare)


def condition(query: Query, environment: str | None) -> tuple[str, Fields]:
    """Return a condition on the combinations, `k`, that a query and an environment select, with its parameters.

    For what `can_answer` says that they hold.
    """
    clause, parameters = where(KEYS, query)
    if environment is None:
        return clause, parameters
    return f"{clause} AND k.environment = ?", (*parameters, environment)


def asked_of(query: Query, environment: str | None) -> set[str]:
    """Which fields a query and an environment ask for."""
    return {term.key for term in query.terms} | ({"environment"} if environment is not None else set())


def columns_of(asked: Iterable[str]) -> set[str]:
    """The columns of combinations that say what is asked for, the empty string where none does."""
    return {KEYS.fields.get(field, "") for field in asked} - {TRUE}


def keys_by(
    connection: apsw.Connection, project_id: int, query: Query, environment: str | None, fields: Iterable[str]
) -> dict[Fields, list[int]]:
    """Values of the fields -> the combinations with them that a query and an environment select.

    For what `can_answer` says that they hold.
    """
    clause, parameters = condition(query, environment)
    columns = "".join(f", {KEYS.fields[each]}" for each in fields)
    found: dict[Fields, list[int]] = defaultdict(list)
    for ident, *values in connection.execute(
        f"SELECT k.id{columns} FROM request_key k WHERE k.project_id = ? AND {clause}",  # noqa: S608 - names of ours
        (project_id, *parameters),
    ):
        found[tuple(values)].append(ident)
    return found


def can_answer(connection: apsw.Connection, project_id: int, asked: Iterable[str]) -> bool:
    """Whether every combination of the project still says what is asked for."""
    columns = columns_of(asked)
    if "" in columns:
        return False
    if not columns:
        return True
    least = WHOLE if "k.name" in columns else NAMELESS
    fewest = connection.execute("SELECT min(kept) FROM request_key WHERE project_id = ?", (project_id,)).get
    return fewest is None or fewest >= least


def forget_keys(connection: apsw.Connection) -> None:
    """Remove the combinations that no stored request has; a project's may then have room again."""
    connection.execute(
        "DELETE FROM request_key WHERE NOT EXISTS (SELECT 1 FROM request_rollup r WHERE r.key_id = request_key.id)"
    )


def _has_room(connection: apsw.Connection, project_id: int, kept: int) -> bool:
    """A project that has lost fields once goes on losing them until retention has removed what lost them."""
    lost = "SELECT 1 FROM request_key WHERE project_id = ? AND kept < ? LIMIT 1"
    if connection.execute(lost, (project_id, kept)).get:
        return False
    count: int = connection.execute(
        "SELECT count(*) FROM request_key WHERE project_id = ? AND kept = ?", (project_id, kept)
    ).get
    return count < MAX_KEYS


def _add(connection: apsw.Connection, project_id: int, kept: int, fields: Fields) -> int:
    connection.execute(
        f"INSERT INTO request_key (project_id, kept, {', '.join(_COLUMNS)}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608 - names of ours
        (project_id, kept, *fields),
    )
    return connection.last_insert_rowid()
