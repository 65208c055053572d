"""One event with all that the SDK sent, by its id, or as the newest or oldest of its issue."""

from typing import Any, Final

from fastapi import APIRouter

from embedded.api.context import Context, Ctx, Org, find_project, not_found, stamp
from embedded.api.issues import find_issue
from embedded.lenient import mapping, sequence, tags
from embedded.store.issue_search import neighbours, oldest_event
from embedded.store.issues import find_event

router = APIRouter()
NEWEST: Final = frozenset({"latest", "recommended"})  # Sentry recommends by what it knows of replays and traces
# What Sentry's clients expect to find, of features that this engine does not have.
ABSENT_OF_EVENT: Final[dict[str, Any]] = {
    **dict.fromkeys(("context", "dateReceived", "dist", "location", "nextEventID", "occurrence", "previousEventID")),
    **dict.fromkeys(("size", "userReport")),
    "errors": [],
    "packages": {},
    "resolvedWith": [],
    "sdkUpdates": [],
    "_meta": {},
}


@router.get("/projects/{organization}/{project}/events/{event_id}/")
def event_details(context: Ctx, organization: Org, project: str, event_id: str) -> dict[str, Any]:  # noqa: ARG001
    """One event by id."""
    return _details(context, find_project(context, project).id, _plain(event_id))


@router.get("/organizations/{organization}/issues/{issue_id}/events/{event_id}/")
def issue_event(context: Ctx, organization: Org, issue_id: int, event_id: str) -> dict[str, Any]:  # noqa: ARG001
    """One event of an issue, by id or by `latest`, `oldest` or `recommended`, and the ids of those beside it."""
    issue, reader = find_issue(context, issue_id), context.read()
    asked = oldest_event(reader, issue.id) if event_id == "oldest" else None if event_id in NEWEST else _plain(event_id)
    older, found, newer = neighbours(reader, issue.id, asked)
    if found is None:
        raise not_found()
    return _details(context, issue.project_id, found) | {"previousEventID": older, "nextEventID": newer}


def _plain(event_id: str) -> str:
    return event_id.replace("-", "").lower()


def _details(context: Context, project_id: int, event_id: str) -> dict[str, Any]:
    found = find_event(context.read(), project_id, event_id)
    if found is None:
        raise not_found()
    payload = found.payload
    return {
        **ABSENT_OF_EVENT,
        "id": found.event_id,
        "eventID": found.event_id,
        "projectID": str(project_id),
        "groupID": None if found.issue_id is None else str(found.issue_id),
        "type": payload.get("type", "error"),
        "title": found.title,
        "message": found.title,
        "metadata": {"title": found.title},
        "platform": str(payload.get("platform") or "other"),
        "dateCreated": stamp(found.occurred_at),
        "tags": [{"key": key, "value": value} for key, value in tags(payload.get("tags")).items()],
        "contexts": mapping(payload.get("contexts")),
        "entries": [
            {"type": kind, "data": payload[kind]}
            for kind in ("exception", "breadcrumbs", "request", "logentry", "spans")
            if kind in payload
        ],
        "release": {"version": payload["release"]} if isinstance(payload.get("release"), str) else None,
        "sdk": mapping(payload.get("sdk")) or None,
        "user": mapping(payload.get("user")) or None,
        "fingerprints": sequence(payload.get("fingerprint")),
    }
