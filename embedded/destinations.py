"""Where chat, on-call and mail channels go: a YAML file of integrations, whose secrets are references only.

A secret is written `env:NAME` or `file:/path` and is read once at start; only the channel that uses it sees it.
"""

from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from embedded.errors import SettingsError

Provider = Literal["slack", "pagerduty", "discord", "msteams"]

MAX_FILE_BYTES: Final = 1 << 18
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
DEFAULT_SMTP_PORT: Final = 25
ENVIRON: Final = "environ"


def _resolve(reference: object, info: ValidationInfo) -> SecretStr:
    """Read the secret that is referred to. Raises ValueError, which never shows what was found."""
    kind, _, rest = str(reference).partition(":")
    if kind == "env" and rest:
        found = (info.context or {})[ENVIRON].get(rest, "")
        problem = f"variable {rest} is not set"
    elif kind == "file" and Path(rest).is_absolute():
        found = _read(Path(rest))
        problem = f"file {rest} cannot be read, or is empty"
    else:
        raise ValueError("write env:NAME or file:/path: a secret itself does not belong here")
    if not found.strip():
        raise ValueError(problem)
    return SecretStr(found.strip())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _check_address(text: str) -> str:
    try:
        Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        raise ValueError(f"{text!r} is no e-mail address") from None
    return text


Reference = Annotated[SecretStr, BeforeValidator(_resolve)]
MailAddress = Annotated[str, Field(min_length=3, max_length=254), AfterValidator(_check_address)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Target(_Entry):
    """A channel of a chat, or a service of an on-call tool."""

    id: Annotated[Name, BeforeValidator(str)]  # what an action's targetIdentifier says
    name: Name  # what its targetDisplay says
    secret: Reference  # the incoming webhook's URL; of PagerDuty the routing key


class Integration(_Entry):
    """What Sentry would have installed: a workspace, an account, a server, a team."""

    id: Annotated[int, Field(ge=1)]
    provider: Provider
    name: Name
    url: str = PAGERDUTY_URL  # of PagerDuty's Events API; the EU has one of its own
    targets: Annotated[tuple[Target, ...], Field(min_length=1)]

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        return _check_url(url)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_distinct("target id", [each.id for each in self.targets])
        _check_distinct("target name", [each.name for each in self.targets])
        if self.provider != "pagerduty":
            for each in self.targets:
                _check_url(each.secret.get_secret_value(), f"the secret of {each.name} is no http or https URL")
        return self

    def find_target(self, identifier: str, display: str) -> Target | None:
        """By id, else by name as Sentry does for an empty id; a name may have its # or not."""
        if identifier:
            return next((each for each in self.targets if each.id == identifier), None)
        return next((each for each in self.targets if each.name.lstrip("#") == display.lstrip("#")), None)


class Mail(_Entry):
    """The server that takes our e-mail."""

    host: Name
    port: Annotated[int, Field(ge=1, le=65535)] = DEFAULT_SMTP_PORT
    sender: MailAddress
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: str | None = None
    password: Reference | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.user is None) is not (self.password is None):
            raise ValueError("user and password go together")
        if self.password and self.security == "none":
            raise ValueError("a password over an open line; write security: starttls or tls")
        return self


class Member(_Entry):
    """A person of the organisation's one team."""

    id: Annotated[int, Field(ge=1)]
    name: Name
    email: MailAddress


class Destinations(_Entry):
    """All that is named in the file; nothing without one."""

    integrations: tuple[Integration, ...] = ()
    mail: Mail | None = None
    members: tuple[Member, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_distinct("integration id", [each.id for each in self.integrations])
        _check_distinct("member id", [each.id for each in self.members])
        if self.members and self.mail is None:
            raise ValueError("members without mail: say which server takes their e-mail")
        return self

    def find_integration(self, provider: str, ident: object) -> Integration | None:
        """The integration of this kind and id, which an action may write as a text."""
        wanted = (provider, str(ident))
        return next((each for each in self.integrations if (each.provider, str(each.id)) == wanted), None)


def load_destinations(path: Path | None, environ: Mapping[str, str]) -> Destinations:
    """Read the file, and every secret that it refers to. Raises SettingsError with every mistake and no secret."""
    if path is None:
        return Destinations()
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: more than {MAX_FILE_BYTES} bytes")
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error.__class__.__name__}, cannot be read") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SettingsError(f"{path}:{mark.line + 1 if mark else 1}: no YAML") from None  # its excerpt may be a secret
    try:
        return Destinations.model_validate(content, context={ENVIRON: environ})
    except ValidationError as error:
        lines = [f"{path}: {_place(each['loc'])}{each['msg']}" for each in error.errors(include_input=False)]
        raise SettingsError("\n".join(lines)) from None


def _place(loc: tuple[int | str, ...]) -> str:
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    return f"{written}: " if written else ""


def _check_url(url: str, problem: str = "write an http or https URL") -> str:
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError(problem)
    return url


def _check_distinct(what: str, found: list[Any]) -> None:
    if twice := {each for each in found if found.count(each) > 1}:
        raise ValueError(f"{what} {sorted(twice)[0]!r} is there twice")
