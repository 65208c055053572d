"""Which monitors or alerts a bulk request means. Without any filter it means none: a slip must not switch all off.

Source: Sentry's public API document, bulk endpoints of monitors and alerts, read 2026-11.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from fastapi.responses import JSONResponse

from embedded.api.body import Body
from embedded.api.context import Ctx, find_project, invalid

ALL_PROJECTS: Final = "-1"


class Enabling(Body):
    """The body of a bulk change."""

    enabled: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters that must all hold; None is no filter."""

    ids: frozenset[int] | None
    query: str
    project_ids: frozenset[int] | None

    def takes(self, ident: int, kind: str | None, name: str, project_ids: Sequence[int]) -> bool:
        """Does it mean this one? `project_ids` are all that it has to do with."""
        return (
            (self.ids is None or ident in self.ids)
            and (self.project_ids is None or not self.project_ids.isdisjoint(project_ids))
            and is_found(self.query, kind, name)
        )


def is_found(query: str, kind: str | None, name: str) -> bool:
    """Does a search of `type:<type>`, `name:"<name>"` or a part of the name find it?"""
    key, colon, value = query.partition(":")
    if not colon:
        return query.lower() in name.lower()
    value = value.strip('"')
    return (key == "type" and kind == value) or (key == "name" and name == value)


def none_found(what: str) -> Any:
    """Sentry's answer where a bulk request means nothing: 200 and no list."""
    return JSONResponse({"detail": f"No {what} found."})


def _selection(
    context: Ctx,
    ids: Annotated[list[int] | None, Query(alias="id")] = None,
    query: str = "",
    project: Annotated[list[str] | None, Query()] = None,
) -> Selection:
    if not (ids or query or project):
        raise invalid("nonFieldErrors", "At least one of 'id', 'query' or 'project' must be provided.")
    named = None if not project or ALL_PROJECTS in project else project
    return Selection(
        frozenset(ids) if ids else None,
        query,
        frozenset(find_project(context, each).id for each in named) if named else None,
    )


Selected = Annotated[Selection, Depends(_selection)]
