"""The one team with its members, and the integrations: whom an alert may name. They come from a file, not from here."""

from typing import Any, Final

from fastapi import APIRouter, HTTPException

from embedded.api.context import ORGANIZATION_ID, TEAM_ID, TEAM_SLUG, Context, Ctx, Org, stamp
from embedded.api.paging import Listed
from embedded.api.projects import project_body
from embedded.destinations import Integration, Member
from embedded.store.projects import first_token_at, list_projects

router = APIRouter()
AVATAR: Final = {"avatarType": "letter_avatar", "avatarUuid": None, "avatarUrl": None}
ONE_TEAM: Final = "This engine has one team, and its members come from the file of EMBEDDED_CHANNELS."


@router.get("/organizations/{organization}/teams/")
def teams(context: Ctx, organization: Org, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001 - checked by its dependency
    return listed.of([_team(context)])


@router.post("/organizations/{organization}/teams/", status_code=201)
def create_team(context: Ctx, organization: Org, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """409 for the team that there is; others cannot be made, and are refused rather than forgotten."""
    if TEAM_SLUG in (body.get("slug"), body.get("name")):
        raise HTTPException(409, "A team with this slug already exists.")
    raise HTTPException(403, ONE_TEAM)


@router.get("/organizations/{organization}/members/")
def members(context: Ctx, organization: Org, listed: Listed) -> list[dict[str, Any]]:  # noqa: ARG001
    return listed.of([_member(context, each) for each in context.destinations.members])


@router.get("/organizations/{organization}/integrations/")
def integrations(context: Ctx, organization: Org, listed: Listed, provider_key: str = "") -> list[dict[str, Any]]:  # noqa: ARG001
    """Never with their secrets."""
    found = [each for each in context.destinations.integrations if provider_key in ("", each.provider)]
    return listed.of([_integration(each) for each in found])


def _team(context: Context) -> dict[str, Any]:
    return {
        "id": TEAM_ID,
        "slug": TEAM_SLUG,
        "name": "Sentry",
        "dateCreated": stamp(first_token_at(context.read())),
        "isMember": True,
        "teamRole": None,
        "flags": {"idp:provisioned": False},
        "access": [],
        "hasAccess": True,
        "isPending": False,
        "memberCount": len(context.destinations.members),
        "avatar": AVATAR,
        "projects": [project_body(each) for each in list_projects(context.read())],
    }


def _member(context: Context, member: Member) -> dict[str, Any]:
    return {
        "id": str(member.id),
        "email": member.email,
        "name": member.name,
        "user": {"id": str(member.id), "email": member.email, "name": member.name, "isActive": True},
        "role": "member",
        "orgRole": "member",
        "pending": False,
        "expired": False,
        "flags": {},
        "dateCreated": stamp(first_token_at(context.read())),
        "inviteStatus": "approved",
        "inviterName": None,
        "teams": [TEAM_SLUG],
    }


def _integration(found: Integration) -> dict[str, Any]:
    return {
        "id": str(found.id),
        "name": found.name,
        "icon": None,
        "domainName": None,
        "accountType": None,
        "scopes": [],
        "status": "active",
        "provider": {"key": found.provider, "slug": found.provider, "name": found.provider, "aspects": {}},
        "configOrganization": [],
        "configData": {},
        "externalId": str(found.id),
        "organizationId": int(ORGANIZATION_ID),
        "organizationIntegrationStatus": "active",
        "gracePeriodEnd": None,
    }
