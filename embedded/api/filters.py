"""Inbound filters by name, and spike protection: what is switched on or off as a whole."""

from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from embedded.api.context import Context, Ctx, Org, find_project, not_found
from embedded.store.options import project_options, set_project_options

router = APIRouter()
FILTERS: Final = {"filtered-transaction": "filter_health_checks"}  # those that see a server's telemetry


class FilterBody(BaseModel):
    """Body of a filter's change."""

    model_config = ConfigDict(extra="forbid")

    active: bool


class SpikeBody(BaseModel):
    """Whose spike protection: projects by slug."""

    projects: list[str]


@router.get("/projects/{organization}/{project}/filters/")
def filters(context: Ctx, organization: Org, project: str) -> list[dict[str, Any]]:  # noqa: ARG001
    options = project_options(context.read(), find_project(context, project).id)
    return [{"id": name, "active": getattr(options, field)} for name, field in FILTERS.items()]


@router.put("/projects/{organization}/{project}/filters/{filter_id}/", status_code=204, response_class=Response)
def change_filter(context: Ctx, organization: Org, project: str, filter_id: str, body: FilterBody) -> None:  # noqa: ARG001
    """Switch a filter; 404 for one that this engine has not."""
    if filter_id not in FILTERS:
        raise not_found()
    _set(context, find_project(context, project).id, FILTERS[filter_id], is_on=body.active)


@router.post("/organizations/{organization}/spike-protections/", status_code=201)
def protect(context: Ctx, organization: Org, body: SpikeBody) -> dict[str, Any]:  # noqa: ARG001
    _set_spike_protection(context, body, is_on=True)
    return {}


@router.delete("/organizations/{organization}/spike-protections/", status_code=200)
def unprotect(context: Ctx, organization: Org, body: SpikeBody) -> dict[str, Any]:  # noqa: ARG001
    _set_spike_protection(context, body, is_on=False)
    return {}


def _set_spike_protection(context: Context, body: SpikeBody, *, is_on: bool) -> None:
    for project_id in [find_project(context, slug).id for slug in body.projects]:  # all of them, or none
        _set(context, project_id, "spike_protection", is_on=is_on)


def _set(context: Context, project_id: int, option: str, *, is_on: bool) -> None:
    context.write(lambda connection: set_project_options(connection, project_id, {option: is_on}))
