"""Environment in, one frozen Settings out, or one message that names every wrong variable at once.

Only the mapping that is passed in is read; `.env` files are the business of whatever starts the process.
"""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sentry_sdk.utils import BadDsn, Dsn

from service.api_keys import MAX_KEYS, MIN_KEY_CHARS, check_api_keys, split_keys
from service.rate_limit import MAX_LIMIT, check_rate_limit
from service.sampling import RouteRate, parse_route_rates
from service.trace_trust import Network, parse_networks
from service.urls import (
    DEFAULT_DATABASE_URL,
    DEFAULT_PLOT_URL,
    check_cache_url,
    check_database_url,
    check_plot_url,
    check_runbook_url,
)
from service.user_id import SECRET_MINIMUM

Environment = Literal["development", "staging", "production"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

OWN_PREFIX: Final = "ISL_"  # a misspelt variable of ours must not pass in silence; SENTRY_* belongs to several tools
# The guide's table: everything while developing, half while staging, a tenth where it costs money.
DEFAULT_TRACES_SAMPLE_RATES: Final[dict[Environment, float]] = {"development": 1.0, "staging": 0.5, "production": 0.1}
DEFAULT_PROFILES_SAMPLE_RATES: Final[dict[Environment, float]] = {
    "development": 1.0,
    "staging": 0.3,
    "production": 0.05,
}
PLACEHOLDER_MARKS: Final = ("your-actual-dsn", "your-dsn", "project-id", "example.com", "changeme", "<", "...")
DISTINCT_MINIMUM: Final = 8  # different characters in a secret; 32 random hex digits do not have fewer
WORKERS_LIMIT: Final = 64  # each worker is a process with its own numpy: more is a typing error
USAGE_EXIT_CODE: Final = 2  # as in the command line tools: 2 is usage or configuration
BOOT_EXIT_CODE: Final = 3  # of a worker: gunicorn then stops, where after any other it starts the next worker


def _check_secret(secret: SecretStr) -> SecretStr:
    """Refuse what is no secret, without quoting it: a typing error of a good one is nearly as good."""
    text = secret.get_secret_value()
    if (
        len(text) < SECRET_MINIMUM
        or len(set(text)) < DISTINCT_MINIMUM
        or any(mark in text for mark in PLACEHOLDER_MARKS)
    ):
        raise PydanticCustomError("found", "a value that is too short, too uniform or a placeholder")
    return secret


class SettingsError(Exception):
    """The environment cannot be used; the message lists every variable, what was found and what is allowed."""


class Settings(BaseSettings):
    """All that the service is told from outside. Each description says what is allowed."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sentry_enabled: bool = Field(default=False, description="true or false")
    sentry_dsn: SecretStr | None = Field(
        None, description="the project's DSN, https://<key>@<host>/<project number>", validate_default=True
    )
    sentry_environment: Environment = Field("development", description="development, staging or production")
    sentry_traces_sample_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="a number from 0 to 1"
    )
    sentry_traces_routes: Annotated[tuple[RouteRate, ...], BeforeValidator(parse_route_rates)] = Field(
        (), description="<route template>=<a number from 0 to 1>, comma separated, each template once"
    )
    sentry_profiles_sample_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="a number from 0 to 1"
    )
    isl_host: str = Field("127.0.0.1", min_length=1, description="an address to listen on")
    isl_port: int = Field(8000, ge=0, le=65535, description="a whole number from 0 (any free port) to 65535")
    isl_workers: Annotated[int, Field(ge=1, le=WORKERS_LIMIT)] | None = Field(
        None, description=f"a whole number from 1 to {WORKERS_LIMIT}, or nothing: one for each CPU"
    )
    isl_faults_file: Path | None = Field(
        None, description="a path, and only where SENTRY_ENVIRONMENT is not production", validate_default=True
    )
    isl_api_keys: Annotated[SecretStr, AfterValidator(check_api_keys)] | None = Field(
        None,
        description=f"keys of {MIN_KEY_CHARS} or more printable ASCII characters, at most {MAX_KEYS}, commas between",
    )
    isl_auth_disabled: bool = Field(
        default=False,
        description="true or false, and true only where SENTRY_ENVIRONMENT is not production",
        validate_default=True,
    )
    isl_rate_limit: Annotated[str, AfterValidator(check_rate_limit)] = Field(
        "100/minute", description=f"<count>/<second, minute, hour or day>, at most {MAX_LIMIT}, by caller"
    )
    isl_database_url: Annotated[SecretStr, AfterValidator(check_database_url)] = Field(
        SecretStr(DEFAULT_DATABASE_URL), description="sqlite:///<file> or postgresql://<user>@<host>/<database>"
    )
    isl_cache_url: Annotated[SecretStr, AfterValidator(check_cache_url)] | None = Field(
        None, description="redis://<host>:<port>/<number>, rediss:// for TLS, or nothing: in the process"
    )
    isl_plot_url: Annotated[str, AfterValidator(check_plot_url)] = Field(
        DEFAULT_PLOT_URL, description="http://<host>:<port> or https://, without a path"
    )
    isl_trusted_callers: Annotated[tuple[Network, ...], BeforeValidator(parse_networks)] = Field(
        (), description="addresses and networks, comma separated, whose sampling decisions are followed"
    )
    isl_user_id_secret: Annotated[SecretStr, AfterValidator(_check_secret)] | None = Field(
        None, description=f"at least {SECRET_MINIMUM} random characters, for example of `openssl rand -hex 32`"
    )
    isl_runbook_url: Annotated[str, AfterValidator(check_runbook_url)] | None = Field(
        None,
        description="http(s)://, {code} once in its path, nothing behind the path, and short enough for a tag",
    )
    isl_git_sha: str | None = Field(None, pattern="^[0-9a-f]{7,40}$", description="7 to 40 lower-case hex digits")
    isl_y0_cross_check: bool = Field(
        default=False,
        description="true or false, and true only where y0 is installed: `make y0`, or pip's sentry-rehearsal[y0]",
    )
    isl_log_level: LogLevel = Field("INFO", description="DEBUG, INFO, WARNING or ERROR")

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys, of which every request needs one."""
        return split_keys(self.isl_api_keys)

    @property
    def traces_sample_rate(self) -> float:
        """Share of requests that become transactions, 0 to 1; by environment where nothing was set."""
        given = self.sentry_traces_sample_rate
        return DEFAULT_TRACES_SAMPLE_RATES[self.sentry_environment] if given is None else given

    @property
    def profiles_sample_rate(self) -> float:
        """Share of workers whose sampled requests are profiled, 0 to 1; by environment where nothing was set."""
        given = self.sentry_profiles_sample_rate
        return DEFAULT_PROFILES_SAMPLE_RATES[self.sentry_environment] if given is None else given

    @classmethod
    def settings_customise_sources(  # the interface is pydantic-settings'
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what `load_settings` passes and nothing else: no process environment, no files."""
        return (init_settings,)

    @field_validator("sentry_dsn")
    @classmethod
    def _check_dsn(cls, dsn: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if dsn is None:
            if info.data.get("sentry_enabled"):
                raise PydanticCustomError("found", "nothing, although SENTRY_ENABLED is true")
            return None
        problem = _find_dsn_problem(dsn.get_secret_value())
        if problem:
            raise PydanticCustomError("found", "{problem}", {"problem": problem})
        return dsn

    @field_validator("isl_auth_disabled")
    @classmethod
    def _refuse_an_open_service_in_production(cls, is_disabled: bool, info: ValidationInfo) -> bool:
        if is_disabled and info.data.get("sentry_environment") == "production":
            raise PydanticCustomError("found", "true in production")
        return is_disabled

    @field_validator("isl_y0_cross_check")
    @classmethod
    def _require_y0(cls, is_checked: bool) -> bool:
        if is_checked and importlib.util.find_spec("y0") is None:
            raise PydanticCustomError("found", "true, and y0 is not installed")
        return is_checked

    @model_validator(mode="after")
    def _refuse_faults_in_production(self) -> "Settings":
        if self.isl_faults_file is not None and self.sentry_environment == "production":
            raise PydanticCustomError("faults_in_production", "ISL_FAULTS_FILE set in production")
        return self


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the known variables from `environ`; an empty value counts as unset, as `.env` files write it.

    Raises SettingsError with one line per wrong variable.
    """
    known = {name: value for name in Settings.model_fields if (value := environ.get(name.upper(), "").strip())}
    problems = list(_find_unknown(environ))
    try:
        settings = Settings(**known)  # type: ignore[arg-type]  # strings: pydantic parses them
    except ValidationError as error:
        problems += [_describe(failure, environ) for failure in error.errors(include_url=False)]
        raise SettingsError(_compose(problems)) from None
    if problems:
        raise SettingsError(_compose(problems))
    return settings


def load_serving_settings(environ: Mapping[str, str]) -> Settings:
    """Load what a service needs that is about to answer requests: also a decision on who may ask.

    Raises SettingsError.
    """
    settings = load_settings(environ)
    if not settings.api_keys and not settings.isl_auth_disabled:
        allowed = Settings.model_fields["isl_api_keys"].description
        remedy = "or, for a service that anybody may ask, ISL_AUTH_DISABLED=true"
        raise SettingsError(_compose([f"ISL_API_KEYS: found nothing, allowed: {allowed}; {remedy}"]))
    return settings


def settings_or_exit(
    environ: Mapping[str, str], load: Callable[[Mapping[str, str]], Settings] = load_serving_settings
) -> Settings:
    """Load the settings, or print the message and end the process with exit code 2, without a traceback."""
    try:
        return load(environ)
    except SettingsError as error:
        end_start(str(error), USAGE_EXIT_CODE)


def end_start(message: str, code: int) -> NoReturn:
    """Print a message and end the process, without a traceback."""
    sys.stderr.write(f"{message}\n")
    raise SystemExit(code)


def _find_dsn_problem(dsn: str) -> str:
    """Say what is wrong with a DSN, without quoting it unless it is a placeholder; empty if nothing is."""
    if any(mark in dsn for mark in PLACEHOLDER_MARKS):
        return f"the placeholder {dsn!r}"
    try:
        parsed = Dsn(dsn)
    except BadDsn:
        return "a value that is no DSN"
    return "" if parsed.project_id.isdigit() else "a DSN without a project number"


def _find_unknown(environ: Mapping[str, str]) -> Iterator[str]:
    known = sorted(name.upper() for name in Settings.model_fields if name.upper().startswith(OWN_PREFIX))
    for name in sorted(environ):
        if name.startswith(OWN_PREFIX) and name not in known:
            yield f"{name}: found an unknown variable, allowed: {', '.join(known)}"


def _describe(failure: ErrorDetails, environ: Mapping[str, str]) -> str:
    field = str(failure["loc"][0]) if failure["loc"] else "isl_faults_file"
    found = failure["msg"] if failure["type"] == "found" else repr(environ.get(field.upper(), ""))
    return f"{field.upper()}: found {found}, allowed: {Settings.model_fields[field].description}"


def _compose(problems: list[str]) -> str:
    return "\n  ".join(["The service cannot start with these settings:", *problems])
