"""Alerts, in Sentry's shapes."""

from typing import Any

import apsw
from fastapi import APIRouter, Response

from embedded.api.actions import Action, check_receivers
from embedded.api.context import ORGANIZATION_ID, Context, Ctx, Org, invalid, not_found, stamp
from embedded.api.paging import Listed
from embedded.api.schemas import ActionFilter, NewWorkflow, Triggers
from embedded.api.selection import Enabling, Selected, Selection, none_found
from embedded.store import monitors

router = APIRouter()
OWNER = "owner"  # kept beside the config, and shown apart from it


@router.get("/organizations/{organization}/workflows/")
def workflows(context: Ctx, organization: Org, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001 - checked by its dependency
    return listed.of([_body(each) for each in monitors.list_workflows(context.read())])


@router.put("/organizations/{organization}/workflows/")
def enable_workflows(context: Ctx, organization: Org, selected: Selected, body: Enabling) -> Any:  # noqa: ARG001
    """Enable or disable all that are selected."""
    now, meant = context.now(), _select(context, selected)

    def job(connection: apsw.Connection) -> None:
        for each in meant:
            monitors.enable_workflow(connection, each.id, now, enabled=body.enabled)

    context.write(job)
    return [_body(_find(context, each.id)) for each in meant] or none_found("workflows")


@router.delete(
    "/organizations/{organization}/workflows/", status_code=204, response_class=Response, response_model=None
)
def delete_workflows(context: Ctx, organization: Org, selected: Selected) -> Any:  # noqa: ARG001
    """Delete all that are selected."""
    meant = _select(context, selected)

    def job(connection: apsw.Connection) -> None:
        for each in meant:
            monitors.delete_workflow(connection, each.id)

    context.write(job)
    return None if meant else none_found("workflows")


@router.post("/organizations/{organization}/workflows/", status_code=201)
def create_workflow(context: Ctx, organization: Org, body: NewWorkflow) -> dict[str, Any]:  # noqa: ARG001
    return _save(context, None, body)


@router.get("/organizations/{organization}/workflows/{workflow_id}/")
def workflow_details(context: Ctx, organization: Org, workflow_id: int) -> dict[str, Any]:  # noqa: ARG001
    return _body(_find(context, workflow_id))


@router.put("/organizations/{organization}/workflows/{workflow_id}/")
def change_workflow(context: Ctx, organization: Org, workflow_id: int, body: NewWorkflow) -> dict[str, Any]:  # noqa: ARG001
    """Replace the alert; nested objects whose id is not echoed are new ones."""
    _find(context, workflow_id)
    return _save(context, workflow_id, body)


@router.delete("/organizations/{organization}/workflows/{workflow_id}/", status_code=204, response_class=Response)
def delete_workflow(context: Ctx, organization: Org, workflow_id: int) -> None:  # noqa: ARG001
    _find(context, workflow_id)
    context.write(lambda connection: monitors.delete_workflow(connection, workflow_id))


def _save(context: Context, workflow_id: int | None, body: NewWorkflow) -> dict[str, Any]:
    _check_references(context, body)
    now = context.now()

    def job(connection: apsw.Connection) -> int:
        saved = monitors.save_workflow(
            connection,
            workflow_id,
            body.name,
            body.environment,
            body.config.model_dump(by_alias=True) | {OWNER: body.owner},
            _triggers(connection, body.triggers),
            [_action_filter(connection, each) for each in body.action_filters],
            enabled=body.enabled,
            now=now,
        )
        monitors.disconnect(connection, workflow_id=saved)
        monitors.connect(connection, [(saved, detector_id) for detector_id in body.detector_ids])
        return saved

    return _body(_find(context, context.write(job)))


def _check_references(context: Context, body: NewWorkflow) -> None:
    known = {each.id for each in monitors.list_detectors(context.read())}
    if unknown := set(body.detector_ids) - known:
        raise invalid("detectorIds", f"Some monitors do not exist: {sorted(unknown)}")
    actions = [action for group in body.action_filters for action in group.actions]
    check_receivers(context, actions, "actionFilters")


def _find(context: Context, workflow_id: int) -> monitors.Workflow:
    found = monitors.list_workflows(context.read(), workflow_id=workflow_id)
    if not found:
        raise not_found()
    return found[0]


def _select(context: Context, selected: Selection) -> list[monitors.Workflow]:
    """An alert belongs to the projects of its monitors."""
    projects = {each.id: each.project_id for each in monitors.list_detectors(context.read())}
    return [
        each
        for each in monitors.list_workflows(context.read())
        if selected.takes(each.id, None, each.name, [projects[ident] for ident in each.detector_ids])
    ]


def _ident(connection: apsw.Connection, given: str | int | None) -> str:
    return str(given) if given is not None else monitors.next_id(connection)


def _triggers(connection: apsw.Connection, triggers: Triggers) -> dict[str, Any]:
    return {
        "id": _ident(connection, triggers.id),
        "organizationId": ORGANIZATION_ID,
        "logicType": triggers.logic_type,
        "conditions": [
            each.model_dump(by_alias=True) | {"id": _ident(connection, each.id)} for each in triggers.conditions
        ],
        "actions": [],
    }


def _action_filter(connection: apsw.Connection, group: ActionFilter) -> dict[str, Any]:
    return {
        "id": _ident(connection, group.id),
        "organizationId": ORGANIZATION_ID,
        "logicType": group.logic_type,
        "conditions": [
            each.model_dump(by_alias=True) | {"id": _ident(connection, each.id)} for each in group.conditions
        ],
        "actions": [_action(connection, action) for action in group.actions],
    }


def _action(connection: apsw.Connection, action: Action) -> dict[str, Any]:
    return action.model_dump(by_alias=True) | {"id": _ident(connection, action.id)}


def _body(workflow: monitors.Workflow) -> dict[str, Any]:
    return {
        "id": str(workflow.id),
        "name": workflow.name,
        "organizationId": ORGANIZATION_ID,
        "createdBy": None,
        "dateCreated": stamp(workflow.created_at),
        "dateUpdated": stamp(workflow.updated_at),
        "triggers": workflow.triggers,
        "actionFilters": workflow.action_filters,
        "environment": workflow.environment,
        "config": {key: value for key, value in workflow.config.items() if key != OWNER},
        "detectorIds": [str(ident) for ident in workflow.detector_ids],
        "enabled": workflow.enabled,
        "lastTriggered": stamp(workflow.triggered_at),
        "owner": workflow.config.get(OWNER),
    }
