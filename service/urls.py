"""Which addresses of dependencies are accepted. A URL that may hold a password is never quoted when it is refused."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

DEFAULT_DATABASE_URL: Final = "sqlite:///var/isl.db"  # below the folder that the service is started in
DEFAULT_PLOT_URL: Final = "http://127.0.0.1:8001"  # the contract of docs/architecture.md
SQLITE_PREFIX: Final = "sqlite:///"
IN_MEMORY: Final = ":memory:"  # a database per connection: workers and even threads would not see each other's rows


def check_database_url(url: SecretStr) -> SecretStr:
    """Accept a SQLite file or a PostgreSQL database."""
    text = url.get_secret_value()
    path = text.removeprefix(SQLITE_PREFIX)
    is_file = text.startswith(SQLITE_PREFIX) and bool(path) and not path.startswith((IN_MEMORY, "?"))
    parts = _split(text)
    if not (is_file or (parts.scheme == "postgresql" and parts.path.strip("/"))):
        raise PydanticCustomError("found", "a URL of another kind")
    return url


def check_cache_url(url: SecretStr) -> SecretStr:
    """Accept a Redis."""
    parts = _split(url.get_secret_value())
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise PydanticCustomError("found", "a URL of another kind")
    return url


def check_plot_url(url: str) -> str:
    """Accept an origin, and give it as httpx will write it: that is what trace headers are matched against.

    It shows on spans, so it holds no password.
    """
    parts = _split(url)
    if "@" in parts.netloc:
        raise PydanticCustomError("found", "a URL with a user")
    is_origin = url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_origin:
        raise PydanticCustomError("found", "{url}", {"url": repr(url)})
    return str(httpx.URL(url)).rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise PydanticCustomError("found", "no URL") from None
    return parts
