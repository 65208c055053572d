"""Issues, the lists of their events, and the open periods of monitors."""

from typing import Annotated, Any, Final, Literal

import apsw
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from embedded.api.context import Context, Ctx, Org, find_project, invalid, not_found, stamp
from embedded.api.paging import Listed, Paging, cut
from embedded.api.steps import parse_period
from embedded.evaluate import Level
from embedded.store import issues as store

router = APIRouter()
MAX_CHANGED: Final = 1000  # issues in one request; Sentry's own
CATEGORY = {"error": "error", "metric_issue": "metric"}
# What Sentry's clients expect to find, of features that this engine does not have.
ABSENT_OF_ISSUE: Final[dict[str, Any]] = {
    **dict.fromkeys(("priorityLockedAt", "seerAutofixLastTriggered", "seerExplorerAutofixLastTriggered")),
    **dict.fromkeys(("assignedTo", "logger", "seerFixabilityScore", "shareId", "subscriptionDetails")),
    "activity": [],
    "annotations": [],
    "hasSeen": False,
    "isBookmarked": False,
    "isPublic": False,
    "isSubscribed": False,
    "numComments": 0,
    "participants": [],
    "seenBy": [],
    "statusDetails": {},
    "userCount": 0,
    "userReportCount": 0,
}


PRIORITIES: Final = {Level.MEDIUM.value: "medium", Level.HIGH.value: "high"}


class ChangedIssue(BaseModel):
    """Body of an issue's change."""

    status: Literal["resolved", "unresolved", "ignored"]


@router.put("/organizations/{organization}/issues/")
def change_issues(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    body: ChangedIssue,
    ids: Annotated[list[int], Query(alias="id", min_length=1, max_length=MAX_CHANGED)],
) -> dict[str, Any]:
    """Resolve, ignore or reopen the issues that are named; those that are not there are passed over, as in Sentry."""

    def change(connection: apsw.Connection) -> None:
        for issue_id in ids:
            store.set_status(connection, issue_id, body.status)

    context.write(change)
    return {"status": body.status, "statusDetails": {}}


@router.get("/organizations/{organization}/issues/")
def issues(
    context: Ctx,
    organization: Org,  # noqa: ARG001 - checked by its dependency
    request: Request,
    response: Response,
    page: Paging,
    project: str | None = None,
    query: str = "is:unresolved",
) -> list[dict[str, Any]]:
    """Issues, newest event first. `query` takes `is:<status>` and `issue.type:<type>`; empty means all."""
    status, kind = _filters(query)
    project_id = find_project(context, project).id if project and project != "-1" else None
    found = store.list_issues(context.read(), project_id, status, kind, page.limit, page.offset)
    return [issue_body(context, issue) for issue in cut(found, page, request, response)]


@router.get("/projects/{organization}/{project}/issues/")
def project_issues(
    context: Ctx, organization: Org, project: str, request: Request, response: Response, page: Paging, query: str = ""
) -> list[dict[str, Any]]:
    """Deprecated in Sentry, and what sentry-cli asks."""
    return issues(context, organization, request, response, page, project, query)


@router.get("/organizations/{organization}/issues/{issue_id}/")
def issue_details(context: Ctx, organization: Org, issue_id: int) -> dict[str, Any]:  # noqa: ARG001
    return issue_body(context, find_issue(context, issue_id))


@router.put("/organizations/{organization}/issues/{issue_id}/")
def change_issue(context: Ctx, organization: Org, issue_id: int, body: ChangedIssue) -> dict[str, Any]:  # noqa: ARG001
    """Resolve, ignore or reopen an issue."""
    find_issue(context, issue_id)
    context.write(lambda connection: store.set_status(connection, issue_id, body.status))
    return issue_body(context, find_issue(context, issue_id))


@router.get("/organizations/{organization}/issues/{issue_id}/events/")
def issue_events(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    issue_id: int,
    request: Request,
    response: Response,
    page: Paging,
) -> list[dict[str, Any]]:
    find_issue(context, issue_id)
    return cut(store.issue_events(context.read(), issue_id, page.limit, page.offset), page, request, response)


@router.get("/organizations/{organization}/open-periods/")
def open_periods(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    listed: Listed,
    detector_id: Annotated[int | None, Query(alias="detectorId")] = None,
    group_id: Annotated[int | None, Query(alias="groupId")] = None,
    period: Annotated[str | None, Query(alias="statsPeriod")] = None,
) -> list[dict[str, Any]]:
    """Breaches of a monitor (`detectorId`) or of an issue (`groupId`): exactly one of the two.

    With `statsPeriod` those that were open in it, else all.
    """
    if (detector_id is None) == (group_id is None):
        raise invalid("nonFieldErrors", "Pass exactly one of detectorId and groupId.")
    found = store.open_periods(context.read(), detector_id=detector_id, issue_id=group_id)
    since = None if period is None else context.now() - parse_period(period)
    asked = [each for each in found if since is None or each.end is None or each.end >= since]
    return [
        {
            "id": str(each.id),
            "start": stamp(each.start),
            "end": stamp(each.end),
            "isOpen": each.end is None,
            "activities": [_activity(one) for one in store.activities(context.read(), each.id)],
            "value": each.value,
        }
        for each in listed.of(asked)
    ]


def _activity(activity: store.Activity) -> dict[str, Any]:
    """Its value is the priority from then on; a breach that is over has none."""
    return {
        "id": str(activity.id),
        "type": activity.type,
        "value": PRIORITIES.get(activity.level),
        "dateCreated": stamp(activity.at),
        "eventId": None,
    }


def issue_body(context: Context, issue: store.Issue) -> dict[str, Any]:
    """An issue as the web API shows it."""
    return {
        **ABSENT_OF_ISSUE,
        "id": str(issue.id),
        "shortId": issue.short_id,
        "title": issue.title,
        "culprit": issue.culprit,
        "permalink": f"{context.url}/issues/{issue.id}/",
        "level": issue.level,
        "status": issue.status,
        "substatus": issue.substatus,
        "platform": "python",
        "priority": issue.priority,
        "project": {
            "id": str(issue.project_id),
            "slug": issue.project_slug,
            "name": issue.project_name,
            "platform": "python",
        },
        "type": "error" if issue.type == "error" else "generic",
        "issueType": issue.type,
        "issueCategory": CATEGORY[issue.type],
        "metadata": {"title": issue.title},
        "count": str(issue.times_seen),
        "firstSeen": stamp(issue.first_seen),
        "lastSeen": stamp(issue.last_seen),
    }


def find_issue(context: Context, issue_id: int) -> store.Issue:
    """Raises 404 when there is no such issue."""
    issue = store.find_issue(context.read(), issue_id)
    if issue is None:
        raise not_found()
    return issue


def _filters(query: str) -> tuple[str | None, str | None]:
    found: dict[str, str] = {}
    for term in query.split():
        key, colon, value = term.partition(":")
        if not colon or key not in ("is", "issue.type"):
            raise invalid("query", f"{term!r}: only is:<status> and issue.type:<type> are searched here")
        found[key] = value
    return found.get("is"), found.get("issue.type")
