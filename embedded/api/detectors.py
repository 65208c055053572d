"""Monitors, in Sentry's shapes and with Sentry's validation. `schemas` holds the bodies."""

from dataclasses import replace
from typing import Annotated, Any

import apsw
from fastapi import APIRouter, HTTPException, Query, Response

from embedded.api.context import (
    FORBIDDEN,
    ORGANIZATION_ID,
    Context,
    Ctx,
    Org,
    find_project,
    invalid,
    not_found,
    stamp,
)
from embedded.api.issues import issue_body
from embedded.api.paging import Listed
from embedded.api.schemas import ChangedDetector, ConditionGroup, DataSource, NewDetector
from embedded.api.selection import Enabling, Selected, Selection, is_found, none_found
from embedded.store import monitors
from embedded.store.issues import latest_issue

router = APIRouter()
OWNER = "owner"  # kept beside the config, and shown apart from it
DELETABLE = "metric_issue"  # the default monitors of a project have other types


@router.get("/organizations/{organization}/detectors/")
def detectors(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    listed: Listed,
    project: Annotated[list[str] | None, Query()] = None,
    query: str = "",
) -> list[dict[str, Any]]:
    """Monitors, all or of some projects; `query` may be `type:<type>`, `name:"<name>"` or a part of the name."""
    wanted: list[int | None] = [find_project(context, each).id for each in project or []]
    found = [each for ident in wanted or [None] for each in monitors.list_detectors(context.read(), project_id=ident)]
    return [
        _body(context, each) for each in listed.of([each for each in found if is_found(query, each.type, each.name)])
    ]


@router.put("/organizations/{organization}/detectors/")
def enable_detectors(context: Ctx, organization: Org, selected: Selected, body: Enabling) -> Any:  # noqa: ARG001
    """Enable or disable all that are selected."""
    now, meant = context.now(), _select(context, selected)

    def job(connection: apsw.Connection) -> None:
        for each in meant:
            monitors.update_detector(connection, replace(each, enabled=body.enabled), now)

    context.write(job)
    return [_body(context, _find(context, each.id)) for each in meant] or none_found("detectors")


@router.delete(
    "/organizations/{organization}/detectors/", status_code=204, response_class=Response, response_model=None
)
def delete_detectors(context: Ctx, organization: Org, selected: Selected) -> Any:  # noqa: ARG001
    """Delete all that are selected, or none if a default monitor is among them."""
    meant = _select(context, selected)
    if any(each.type != DELETABLE for each in meant):
        raise HTTPException(403, FORBIDDEN)

    def job(connection: apsw.Connection) -> None:
        for each in meant:
            monitors.delete_detector(connection, each.id)

    context.write(job)
    return None if meant else none_found("detectors")


@router.post("/organizations/{organization}/projects/{project}/detectors/", status_code=201)
def create_detector(context: Ctx, organization: Org, project: str, body: NewDetector) -> dict[str, Any]:  # noqa: ARG001
    owner, now = find_project(context, project), context.now()
    if any(each.name == body.name for each in monitors.list_detectors(context.read(), project_id=owner.id)):
        raise invalid("name", "A monitor of this name exists in the project.")
    _check_workflows(context, body.workflow_ids)

    def job(connection: apsw.Connection) -> int:
        detector_id = monitors.add_detector(
            connection,
            owner.id,
            body.name,
            body.description,
            body.config.model_dump(by_alias=True) | {OWNER: body.owner},
            _data_source(connection, body.data_sources[0]),
            _conditions(connection, body.condition_group),
            enabled=body.enabled,
            now=now,
        )
        monitors.connect(connection, [(workflow_id, detector_id) for workflow_id in body.workflow_ids])
        return detector_id

    return _body(context, _find(context, context.write(job)))


@router.get("/organizations/{organization}/detectors/{detector_id}/")
def detector_details(context: Ctx, organization: Org, detector_id: int) -> dict[str, Any]:  # noqa: ARG001
    return _body(context, _find(context, detector_id))


@router.put("/organizations/{organization}/detectors/{detector_id}/")
def change_detector(context: Ctx, organization: Org, detector_id: int, body: ChangedDetector) -> dict[str, Any]:  # noqa: ARG001
    """Change the given top-level fields; lists replace what was there."""
    before, now = _find(context, detector_id), context.now()
    _check_workflows(context, body.workflow_ids or [])
    given = body.model_fields_set

    def job(connection: apsw.Connection) -> None:
        after = replace(
            before,
            name=body.name or before.name,
            description=body.description if "description" in given else before.description,
            enabled=before.enabled if body.enabled is None else body.enabled,
            config=before.config
            | (body.config.model_dump(by_alias=True) if body.config else {})
            | ({OWNER: body.owner} if "owner" in given else {}),
            query=_data_source(connection, body.data_sources[0]) if body.data_sources else before.query,
            conditions=_conditions(connection, body.condition_group) if body.condition_group else before.conditions,
        )
        monitors.update_detector(connection, after, now)
        if body.workflow_ids is not None:
            monitors.disconnect(connection, detector_id=detector_id)
            monitors.connect(connection, [(workflow_id, detector_id) for workflow_id in body.workflow_ids])

    context.write(job)
    return _body(context, _find(context, detector_id))


@router.delete("/organizations/{organization}/detectors/{detector_id}/", status_code=204, response_class=Response)
def delete_detector(context: Ctx, organization: Org, detector_id: int) -> None:  # noqa: ARG001
    if _find(context, detector_id).type != DELETABLE:
        raise invalid("nonFieldErrors", "A project's default monitors cannot be deleted.")
    context.write(lambda connection: monitors.delete_detector(connection, detector_id))


def _find(context: Context, detector_id: int) -> monitors.Detector:
    found = monitors.list_detectors(context.read(), detector_id=detector_id)
    if not found:
        raise not_found()
    return found[0]


def _check_workflows(context: Context, workflow_ids: list[int]) -> None:
    known = {each.id for each in monitors.list_workflows(context.read())}
    if unknown := set(workflow_ids) - known:
        raise invalid("workflowIds", f"Some alerts do not exist: {sorted(unknown)}")


def _select(context: Context, selected: Selection) -> list[monitors.Detector]:
    known = monitors.list_detectors(context.read())
    return [each for each in known if selected.takes(each.id, each.type, each.name, (each.project_id,))]


def _data_source(connection: apsw.Connection, source: DataSource) -> dict[str, Any]:
    """A data source as the API shows it: wrapped, with ids of its own."""
    snuba = source.model_dump(by_alias=True, exclude={"query_type"})
    query = {"id": monitors.next_id(connection), "status": 0, "subscription": None, "snubaQuery": snuba}
    snuba["id"] = monitors.next_id(connection)
    ident = monitors.next_id(connection)
    return {
        "id": ident,
        "organizationId": ORGANIZATION_ID,
        "type": "snuba_query_subscription",
        "sourceId": query["id"],
        "queryObj": query,
    }


def _conditions(connection: apsw.Connection, group: ConditionGroup) -> dict[str, Any]:
    return {
        "id": monitors.next_id(connection),
        "organizationId": ORGANIZATION_ID,
        "logicType": group.logic_type,
        "conditions": [
            {"id": monitors.next_id(connection), **condition.model_dump(by_alias=True)}
            for condition in group.conditions
        ],
        "actions": [],
    }


def _owner(owner: str | None) -> dict[str, str] | None:
    """Text in requests, an object in answers. There are no accounts here, so the name is the id."""
    kind, _, ident = (owner or "").partition(":")
    return {"type": kind, "id": ident, "name": ident} if owner else None


def _body(context: Context, detector: monitors.Detector) -> dict[str, Any]:
    latest = latest_issue(context.read(), detector.id)
    return {
        "id": str(detector.id),
        "projectId": str(detector.project_id),
        "name": detector.name,
        "description": detector.description,
        "type": detector.type,
        "workflowIds": [str(ident) for ident in detector.workflow_ids],
        "owner": _owner(detector.config.get(OWNER)),
        "createdBy": None,
        "dateCreated": stamp(detector.created_at),
        "dateUpdated": stamp(detector.updated_at),
        "dataSources": [detector.query] if detector.query else None,
        "conditionGroup": detector.conditions,
        "config": {key: value for key, value in detector.config.items() if key != OWNER},
        "enabled": detector.enabled,
        "latestGroup": issue_body(context, latest) if latest else None,
    }
