"""Is everything there that requests need: each dependency asked once, with a short timeout, and none asked in vain."""

from dataclasses import dataclass
from typing import Literal

from service.cache.stores import Store, StoreError
from service.database.schema import Schema
from service.errors import IslError
from service.plot.client import PlotClient, PlotUnavailableError

State = Literal["up", "down"]
Overall = Literal["ready", "degraded", "unready"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found."""

    database: State
    cache: State
    plot: State

    @property
    def overall(self) -> Overall:
        """Unready: send no requests here. Without cache or PLoT all routes but the summary answer, if with less."""
        if self.database == "down":
            return "unready"
        return "ready" if (self.cache, self.plot) == ("up", "up") else "degraded"


def check(schema: Schema, store: Store, plot: PlotClient) -> Readiness:
    """Ask each of them. A database that was away at the start gets its schema here."""
    return Readiness(_check_database(schema), _check_store(store), _check_plot(plot))


def _check_database(schema: Schema) -> State:
    try:
        schema.check()
    except IslError:
        return "down"
    return "up"


def _check_store(store: Store) -> State:
    try:
        store.check()
    except StoreError:
        return "down"
    return "up"


def _check_plot(plot: PlotClient) -> State:
    try:
        plot.check()
    except PlotUnavailableError:
        return "down"
    return "up"
