"""Who the caller is and what its token may do, which sentry-cli asks first; and further tokens, that may do less."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, field_validator

from embedded.api.context import Ctx, scopes_of, stamp
from embedded.api.scopes import ALL
from embedded.store.projects import add_token, make_token

router = APIRouter()
API_VERSION: Final = "0"


class NewToken(BaseModel):
    """Body of a token's creation."""

    name: Annotated[str, Field(max_length=255)] = ""
    scopes: Annotated[list[str], Field(min_length=1)]

    @field_validator("scopes")
    @classmethod
    def _are_known(cls, scopes: list[str]) -> list[str]:
        if unknown := sorted(set(scopes) - set(ALL)):
            raise ValueError(f"{', '.join(unknown)}: allowed are {', '.join(ALL)}")
        return sorted(set(scopes))


@router.get("/")
def root(context: Ctx, request: Request) -> dict[str, Any]:
    return {"version": API_VERSION, "user": None, "auth": {"scopes": sorted(scopes_of(context, request) or ())}}


@router.post("/api-tokens/", status_code=201)
def create_token(context: Ctx, body: NewToken) -> dict[str, Any]:
    """Make a token, which is shown this once only. Sentry wants a session for it; here a token of all scopes does."""
    token, now = make_token(), context.now()
    context.write(lambda connection: add_token(connection, token, now, body.scopes))
    return {"name": body.name, "token": token, "scopes": body.scopes, "dateCreated": stamp(now)}
