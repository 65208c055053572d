"""The engine's settings: one frozen object, built once from `EMBEDDED_*` variables and passed in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from embedded.errors import SettingsError

PREFIX = "EMBEDDED_"
DEFAULT_PORT = 9000  # where self-hosted Sentry listens too
DEFAULT_RETENTION_DAYS = 90  # Sentry's
DEFAULT_MAX_BYTES = 4 * 1024**3
MIN_BYTES = 1024**2  # an empty store takes a quarter of it
URL = r"^https?://[^/\s@]+/?$"
MAX_SPEED = 600.0  # at 600 a one-minute cadence is 100 ms, the least that a tick can be trusted with


class Settings(BaseModel):
    """Where the engine listens, where it keeps its data, and how fast its time runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = DEFAULT_PORT
    public_url: Annotated[str, Field(pattern=URL)] | None = (
        None  # as people and SDKs reach it, where that is not where it listens
    )
    data_dir: Path = Path("var/embedded")
    token_file: Path | None = None  # of the web API's token, written if missing; in data_dir where nothing is set
    speed: Annotated[float, Field(ge=1, le=MAX_SPEED)] = 1.0  # production seconds per second

    retention_days: Annotated[int, Field(ge=1, le=3650)] = DEFAULT_RETENTION_DAYS
    max_bytes: Annotated[int, Field(ge=MIN_BYTES)] = DEFAULT_MAX_BYTES  # of stored data; the oldest goes first
    channels: Path | None = None  # a YAML file of where chat, on-call and mail channels go
    drill: bool = False  # every message says that it is one
    quotas: str = ""  # see `quota_by_category`
    tap_bytes: Annotated[int, Field(ge=0)] = 0  # bound of the tap; 0: none

    @field_validator("quotas")
    @classmethod
    def _check_quotas(cls, value: str) -> str:
        _parse_quotas(value)
        return value

    @property
    def quota_by_category(self) -> dict[str, int]:
        """Category -> what reserved volume and pay-as-you-go buy in a cycle: `error=50000,span=5000000`."""
        return _parse_quotas(self.quotas)

    @property
    def url(self) -> str:
        """The engine's own address, as DSNs and links name it."""
        return self.public_url.rstrip("/") if self.public_url else f"http://{self.host}:{self.port}"

    @property
    def database(self) -> Path:
        return self.data_dir / "engine.sqlite"

    @property
    def tap_file(self) -> Path:
        """Ingest requests as they arrived, where `tap_bytes` asks for them, mode 0600."""
        return self.data_dir / "tap"

    @property
    def token_path(self) -> Path:
        """The web API's token, written on first start, mode 0600."""
        return self.token_file or self.data_dir / "token"


def _parse_quotas(written: str) -> dict[str, int]:
    quotas: dict[str, int] = {}
    for part in filter(None, written.split(",")):
        category, equals, number = part.strip().partition("=")
        if not category or not equals or not number.isdecimal():
            raise ValueError(f"{part.strip()!r}, write for example error=50000,span=5000000")
        quotas[category] = int(number)
    return quotas


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Build the settings from `EMBEDDED_*` variables; an empty value counts as unset, as `.env` files write it.

    Raises SettingsError naming every variable that is unknown or out of range.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX) and value
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError("\n".join(_line(problem) for problem in error.errors())) from None


def _line(problem: ErrorDetails) -> str:
    name = PREFIX + str(problem["loc"][0]).upper()
    return f"{name}: found {problem['input']!r}; {_remedy(problem['type'], problem['msg'])}"


def _remedy(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        allowed = ", ".join(PREFIX + name.upper() for name in Settings.model_fields)
        return f"no such variable, allowed are {allowed}"
    return message
