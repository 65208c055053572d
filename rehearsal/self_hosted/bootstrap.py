"""A fresh Sentry made usable without a browser: first user, token, project. The rest is provisioning's.

Through the web API wherever it has a way. It has none to the first user and token: Sentry's own command line, in its
web container, makes those two. Secrets go in on standard input, never as arguments.
Source: getsentry/sentry, src/sentry/runner/commands (createuser, exec) and src/sentry/models/apitoken.py, of 2026-08.
"""

import json
import re
from pathlib import Path
from typing import Final

from monitors.client import SentryClient
from monitors.errors import ApiError, MonitorsError
from monitors.provision import ensure_project
from rehearsal.errors import EnvironmentMissingError
from rehearsal.provisioning import ORGANIZATION, PROJECT, TEAM
from rehearsal.self_hosted.overlay import ADMIN_EMAIL
from rehearsal.self_hosted.state import Installation, home, token_file
from rehearsal.self_hosted.upstream import compose
from rehearsal.statefile import read_json, write_text

TOKEN_NAME: Final = "sentry-rehearsal"  # noqa: S105 - a name
AGAIN: Final = "next: look at `docker compose logs web`, then make sentry-install, which goes on from this step"
MARK: Final = "REHEARSAL_TOKEN="  # the container prints lines of its own before ours
TOKEN: Final = re.compile(rf"^{MARK}(\S+)$", re.MULTILINE)
SCOPES: Final = (
    *("org:read", "org:write", "team:read", "team:write", "member:read"),
    *("project:read", "project:write", "project:admin", "project:releases"),
    *("event:read", "event:write", "alerts:read", "alerts:write"),
)
# Run by `sentry exec`. An earlier token of ours goes: its value can be read once only, and it was not kept.
SCRIPT: Final = """\
from sentry.models.apitoken import ApiToken
from sentry.types.token import AuthTokenType
from sentry.users.models.user import User
user = User.objects.get(username={email})
user.set_password({password})
user.save()
ApiToken.objects.filter(user=user, name={name}).delete()
token = ApiToken.objects.create(
    user=user, name={name}, token_type=AuthTokenType.USER, scope_list={scopes}, expires_at=None
)
print("{mark}" + token.plaintext_token)
"""


def bootstrap(var: Path, installation: Installation) -> None:
    """Make user, token and project, each if it is missing. Raises EnvironmentMissingError."""
    if not _is_accepted(var, installation):
        _make_user(var, installation)
        write_text(token_file(var), _make_token(var, installation))
    try:
        with client(var, installation) as sentry:
            ensure_project(sentry, TEAM, PROJECT)  # without the alert that Sentry would add by itself
    except MonitorsError as error:
        raise EnvironmentMissingError(f"the new token cannot make the project: {error}; {AGAIN}") from error


def client(var: Path, installation: Installation) -> SentryClient:
    """A client with the token that was made; the caller closes it."""
    return SentryClient(installation.url, token_file(var).read_text(encoding="ascii").strip(), ORGANIZATION)


def _is_accepted(var: Path, installation: Installation) -> bool:
    """Is there a token, and does Sentry take it?"""
    if not token_file(var).exists():
        return False
    try:
        with client(var, installation) as sentry:
            sentry.projects()
    except ApiError as error:
        if error.status in (401, 403):
            return False
        raise EnvironmentMissingError(f"{error}; {AGAIN}") from error
    return True


def _make_user(var: Path, installation: Installation) -> None:
    """The superuser; the only organisation and team take it in by themselves. One that exists is left as it is."""
    arguments = ("--superuser", "--email", ADMIN_EMAIL, "--no-password", "--no-input", "--force-update")
    compose(var, installation, "exec", "-T", "web", "sentry", "createuser", *arguments)


def _make_token(var: Path, installation: Installation) -> str:
    password = read_json(home(var) / "secrets.json")["ADMIN_PASSWORD"]
    texts = {"email": ADMIN_EMAIL, "password": password, "name": TOKEN_NAME}
    script = SCRIPT.format(**{key: json.dumps(text) for key, text in texts.items()}, scopes=list(SCOPES), mark=MARK)
    said = compose(var, installation, "exec", "-T", "web", "sentry", "exec", stdin=script)
    found = TOKEN.findall(said)
    if not found:
        raise EnvironmentMissingError(f"found no token in what `sentry exec` printed:\n{said[-500:]}\n{AGAIN}")
    return str(found[-1])
