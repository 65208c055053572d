"""What is set per project and per client key: filters, scrubbing, limits. Defaults are Sentry's. SQL only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

import apsw

from embedded.suspects import Scrubbing


@dataclass(frozen=True, slots=True)
class ProjectOptions:
    """A project's settings; texts with `*` are globs."""

    filter_health_checks: bool = True  # filter `filtered-transaction`
    filter_releases: tuple[str, ...] = ()  # option `filters:releases`
    filter_error_messages: tuple[str, ...] = ()  # option `filters:error_messages`
    allowed_domains: tuple[str, ...] = ("*",)  # whose browsers may send
    data_scrubber: bool = True
    data_scrubber_defaults: bool = True
    sensitive_fields: tuple[str, ...] = ()
    safe_fields: tuple[str, ...] = ()
    scrub_ip_addresses: bool = False
    spike_protection: bool = False
    webhook_urls: tuple[str, ...] = ()  # option `webhooks:urls`
    webhooks_enabled: bool = False  # option `webhooks:enabled`

    @property
    def scrubbing(self) -> Scrubbing:
        """What `scrub` needs of them."""
        return Scrubbing(
            self.data_scrubber,
            self.data_scrubber_defaults,
            self.sensitive_fields,
            self.safe_fields,
            self.scrub_ip_addresses,
        )


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Of a client key: so many errors in so many seconds."""

    window_s: int
    count: int


def project_options(connection: apsw.Connection, project_id: int) -> ProjectOptions:
    """The project's settings, the defaults where nothing was set."""
    written = connection.execute("SELECT options FROM project_option WHERE project_id = ?", (project_id,)).get
    return _parse(written or "{}")


def set_project_options(connection: apsw.Connection, project_id: int, changes: Mapping[str, Any]) -> ProjectOptions:
    """Change the named settings, keep the others, and return all."""
    changed = replace(project_options(connection, project_id), **changes)
    connection.execute("INSERT OR REPLACE INTO project_option VALUES (?,?)", (project_id, json.dumps(asdict(changed))))
    return changed


def key_rate_limit(connection: apsw.Connection, public_key: str) -> RateLimit | None:
    """The key's limit, if it has one."""
    row = connection.execute(
        "SELECT window_s, max_count FROM client_key_limit WHERE public_key = ?", (public_key,)
    ).fetchone()
    return RateLimit(*row) if row else None


def set_key_rate_limit(connection: apsw.Connection, public_key: str, limit: RateLimit | None) -> None:
    """Give the key a limit, or none."""
    connection.execute("DELETE FROM client_key_limit WHERE public_key = ?", (public_key,))
    if limit is not None:
        connection.execute("INSERT INTO client_key_limit VALUES (?,?,?)", (public_key, limit.window_s, limit.count))


@lru_cache(maxsize=256)
def _parse(written: str) -> ProjectOptions:
    known = {each.name for each in fields(ProjectOptions)}
    found: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each
        for name, each in json.loads(written).items()
        if name in known
    }
    return ProjectOptions(**found)
