"""Tags and their values, environments, and the short ways to an issue and to an event."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from embedded.api.context import ORGANIZATION_SLUG, Context, Ctx, Org, find_project, not_found, stamp
from embedded.api.event_details import event_details
from embedded.api.issues import find_issue, issue_body
from embedded.api.paging import MAX_PAGE, Listed
from embedded.store import issues as store
from embedded.store.projects import list_projects
from embedded.store.tags import Scope, TagKey, TagValue, environments, tag_keys, tag_values

router = APIRouter()
TOP: Final = 10  # values that a tag's own page shows
ISSUE = "/organizations/{organization}/issues/{issue_id}/tags/"


@router.get(ISSUE)
def issue_tags(context: Ctx, organization: Org, issue_id: int) -> list[dict[str, Any]]:  # noqa: ARG001 - checked by its dependency
    find_issue(context, issue_id)
    return [_tag(context, "issue_id", issue_id, each) for each in tag_keys(context.read(), "issue_id", issue_id)]


@router.get(ISSUE + "{key}/")
def issue_tag(context: Ctx, organization: Org, issue_id: int, key: str) -> dict[str, Any]:  # noqa: ARG001
    """404 for a tag that no event of the issue has."""
    find_issue(context, issue_id)
    return _tag(context, "issue_id", issue_id, _key(context, "issue_id", issue_id, key))


@router.get(ISSUE + "{key}/values/")
def issue_tag_values(context: Ctx, organization: Org, issue_id: int, key: str, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001
    find_issue(context, issue_id)
    _key(context, "issue_id", issue_id, key)
    found = tag_values(context.read(), "issue_id", issue_id, key, listed.page.limit, listed.page.offset)
    return listed.cut([_value(key, each) for each in found])


@router.get("/organizations/{organization}/tags/")
def tags(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    project: Annotated[list[str] | None, Query()] = None,
) -> list[dict[str, Any]]:
    """Tags of error events, of one project or of all; without their values."""
    wanted = [find_project(context, each) for each in project] if project else list_projects(context.read())
    totals: dict[str, int] = {}
    for owner in wanted:
        for each in tag_keys(context.read(), "project_id", owner.id):
            totals[each.key] = totals.get(each.key, 0) + each.total
    return [{"key": key, "name": _name(key), "totalValues": total} for key, total in totals.items()]


@router.get("/projects/{organization}/{project}/tags/{key}/values/")
def project_tag_values(
    context: Ctx,
    organization: Org,  # noqa: ARG001
    project: str,
    key: str,
    listed: Listed,
) -> list[dict[str, Any]]:
    owner = find_project(context, project)
    _key(context, "project_id", owner.id, key)
    found = tag_values(context.read(), "project_id", owner.id, key, listed.page.limit, listed.page.offset)
    return listed.cut([_value(key, each) for each in found])


@router.get("/projects/{organization}/{project}/environments/")
def project_environments(context: Ctx, organization: Org, project: str) -> list[dict[str, Any]]:  # noqa: ARG001
    found = environments(context.read(), find_project(context, project).id)
    return [{"id": str(number), "name": name, "isHidden": False} for number, name in enumerate(found, 1)]


@router.get("/organizations/{organization}/shortids/{short_id}/")
def short_id(context: Ctx, organization: Org, short_id: str) -> dict[str, Any]:  # noqa: ARG001
    issue = store.find_short_id(context.read(), short_id)
    if issue is None:
        raise not_found()
    group = issue_body(context, issue)
    return _whereabouts(issue.project_slug, issue.id) | {"shortId": issue.short_id, "group": group}


@router.get("/organizations/{organization}/eventids/{event_id}/")
def event_id(context: Ctx, organization: Org, event_id: str) -> dict[str, Any]:
    """Where an error event is, whatever its project."""
    for project in list_projects(context.read()):
        found = store.find_event(context.read(), project.id, event_id.replace("-", "").lower())
        if found is not None and found.issue_id is not None:
            event = event_details(context, organization, project.slug, found.event_id)
            return _whereabouts(project.slug, found.issue_id) | {"eventId": found.event_id, "event": event}
    raise not_found()


def _whereabouts(project: str, issue_id: int) -> dict[str, Any]:
    return {"organizationSlug": ORGANIZATION_SLUG, "projectSlug": project, "groupId": str(issue_id)}


def _key(context: Context, scope: Scope, ident: int, key: str) -> TagKey:
    for each in tag_keys(context.read(), scope, ident):
        if each.key == key:
            return each
    raise not_found()


def _tag(context: Context, scope: Scope, ident: int, found: TagKey) -> dict[str, Any]:
    top = tag_values(context.read(), scope, ident, found.key, min(TOP, MAX_PAGE))
    return {
        "key": found.key,
        "name": _name(found.key),
        "uniqueValues": found.unique,
        "totalValues": found.total,
        "topValues": [_value(found.key, each) for each in top],
    }


def _value(key: str, found: TagValue) -> dict[str, Any]:
    return {
        "key": key,
        "name": found.value,
        "value": found.value,
        "count": found.count,
        "firstSeen": stamp(found.first_seen),
        "lastSeen": stamp(found.last_seen),
    }


def _name(key: str) -> str:
    """`error_code` is shown as Error Code."""
    return key.replace("_", " ").replace(".", " ").title()
