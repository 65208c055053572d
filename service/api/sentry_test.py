"""The guide's /sentry-test: an error on purpose, to see that errors arrive. Not there in production; needs a key."""

from typing import NoReturn

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)


class SentryTestError(Exception):
    """Asked for by a person who wants to see it in Sentry."""


@router.get("/sentry-test", response_model=None)
def sentry_test() -> NoReturn:
    """Fail as a bug does, and let the SDK see it: capturing it here as well would mark it as handled."""
    raise SentryTestError("this error was asked for; it shows that errors arrive")
