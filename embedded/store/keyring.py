"""What a client key opens, and on which terms: looked up once, and again when anything but telemetry was written."""

from dataclasses import dataclass
from typing import Final

from embedded.store.database import Database
from embedded.store.options import ProjectOptions, RateLimit, key_rate_limit, project_options
from embedded.store.projects import ProjectKey, find_key

MAX_KNOWN: Final = 10_000  # keys; strangers may make up endless ones


@dataclass(frozen=True, slots=True)
class Opened:
    """A client key with its project's settings and its own limit."""

    key: ProjectKey
    options: ProjectOptions
    limit: RateLimit | None


class Keyring:
    """Three lookups an envelope, of what changes once a month. Used by one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Opened | None] = {}
        self._generation = database.generation

    def find(self, public_key: str) -> Opened | None:
        """Return what the key opens as of the last committed change, None for a key that does not exist."""
        generation = self._database.generation  # read first: what changes after it is looked up the next time
        if generation != self._generation or len(self._known) >= MAX_KNOWN:
            self._known.clear()
            self._generation = generation
        if public_key not in self._known:
            self._known[public_key] = self._look_up(public_key)
        return self._known[public_key]

    def _look_up(self, public_key: str) -> Opened | None:
        connection = self._database.read()
        key = find_key(connection, public_key)
        if key is None:
            return None
        return Opened(key, project_options(connection, key.project_id), key_rate_limit(connection, public_key))
