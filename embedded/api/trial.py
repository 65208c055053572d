"""Test notifications: actions are taken at once, about an example, without an alert. They prove an address, no rule."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from embedded.api.actions import Action, check_receivers
from embedded.api.body import Body
from embedded.api.context import Ctx, Org, find_project
from embedded.channels.base import Notification, Rate
from embedded.errors import TransportError
from embedded.notification import Setting
from embedded.store.issues import Issue
from embedded.store.monitors import Detector
from embedded.store.projects import Project, list_projects

router = APIRouter()
RATE: Final = Rate(10, timedelta(minutes=1))  # Sentry's own limit
MAX_ACTIONS: Final = 20
TITLE: Final = "Test notification: this is an example, nothing is broken"
TOO_OFTEN: Final = "You are attempting to use this endpoint too frequently. Limit is 10 requests in 60 seconds"


class TrialActions(Body):
    """Body: actions as an alert has them."""

    actions: Annotated[list[Action], Field(min_length=1, max_length=MAX_ACTIONS)]
    project_slug: str | None = None


@router.post("/organizations/{organization}/test-fire-actions/")
async def fire(context: Ctx, organization: Org, body: TrialActions) -> None:  # noqa: ARG001 - checked by its dependency
    """Return once every receiver has acknowledged; 400 with what went wrong otherwise. Nothing is tried again."""
    now = context.now()
    if context.pace.wait("test-fire-actions", RATE, now):
        raise HTTPException(429, TOO_OFTEN)
    context.pace.note("test-fire-actions", RATE, now)
    check_receivers(context, body.actions, "actions")
    projects = list_projects(context.read())
    if not projects:
        raise HTTPException(404, "No projects found for this organization")
    project = find_project(context, body.project_slug) if body.project_slug else projects[0]
    problems = []
    for action in body.actions:
        try:
            await context.channels[action.type].send(_example(action, project, context.setting, now))
        except TransportError as error:
            problems.append(str(error))
    if problems:
        raise RequestValidationError(
            [{"loc": ("body", "actions"), "msg": each, "type": "transport"} for each in problems]
        )


def _example(action: Action, project: Project, setting: Setting, now: datetime) -> Notification:
    issue = Issue(
        0, project.id, project.slug, project.name, f"{project.slug.upper()}-TEST", "error", None, TITLE, "test",
        "info", "low", "unresolved", None, now, now, 1,
    )  # fmt: skip
    detector = Detector(0, project.id, "Test Detector", "error", None, True, {}, None, None, now, now, ())  # noqa: FBT003
    return Notification(
        ident=f"test-{uuid4().hex}",
        kind="first_seen_event",
        workflow_name="Test Workflow",
        action={"id": "-1", **action.model_dump(by_alias=True)},
        issue=issue,
        issue_url=setting.url,
        detector=detector,
        value=None,
        level=0,
        at=now,
        window=timedelta(0),
        event=None,
        environment=None,
        since=now,
        release=None,
        runbook=None,
        is_drill=setting.is_drill,
    )
