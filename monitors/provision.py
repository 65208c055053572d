"""What must be there before a plan can be applied: the project, and an integration per channel. Safe to repeat."""

from monitors.answers import Project
from monitors.client import SentryClient
from monitors.errors import ApiError, PlanError

CONFLICT = 409


def ensure_project(client: SentryClient, team: str, name: str) -> Project:
    """Return the project of this name or slug, made if it is missing. Raises ApiError."""
    if found := _find_project(client, name):
        return found
    try:
        return client.create_project(team, name)
    except ApiError as error:
        # Someone else was faster, or the first attempt's answer was lost.
        if error.status == CONFLICT and (found := _find_project(client, name)):
            return found
        raise


def ensure_app(client: SentryClient, name: str, webhook_url: str) -> tuple[int, str | None]:
    """Return the id and client secret of the integration of this name, made or pointed to the URL if need be.

    The secret is None for one that existed: Sentry shows it once. Raises PlanError if alerts may not notify it.
    """
    secret: str | None = None
    if app := next((each for each in client.sentry_apps() if each.name == name), None):
        secret = app.client_secret
        if app.webhook_url != webhook_url:
            client.update_sentry_app(app, webhook_url)
    else:
        secret = client.create_sentry_app(name, webhook_url).client_secret
    return _available_id(client, name), secret


def _find_project(client: SentryClient, name: str) -> Project | None:
    return next((each for each in client.projects() if name in (each.slug, each.name)), None)


def _available_id(client: SentryClient, name: str) -> int:
    """The numeric id, which only the list of actions shows."""
    for app in client.available_actions().apps:
        if app.name == name:
            return app.id
    raise PlanError(
        f"integration {name!r} exists but no alert may notify it; switch its Alert Rule Action on in Sentry"
    )
