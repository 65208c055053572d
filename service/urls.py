"""Which addresses of dependencies are accepted. A URL that may hold a password is never quoted when it is refused."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from service.errors import ErrorCode

DEFAULT_DATABASE_URL: Final = "sqlite:///var/isl.db"  # below the folder that the service is started in
DEFAULT_PLOT_URL: Final = "http://127.0.0.1:8001"  # the contract of docs/architecture.md
SQLITE_PREFIX: Final = "sqlite:///"
CODE_PLACE: Final = "{code}"
UNFIT_MARKS: Final = ("?", "#", "@", " ")  # the scrubber cuts at the first two, and a link holds no password
MAX_TAG_CHARS: Final = 200  # Sentry drops the value of a tag that is longer
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


def check_runbook_url(url: str) -> str:
    """Accept the address of runbooks, one per error code. What is sent is scrubbed, so it can be a path only."""
    parts = _split(url)
    is_plain = parts.scheme in ("http", "https") and parts.hostname and not any(mark in url for mark in UNFIT_MARKS)
    longest = max((runbook_of(url, code.name) for code in ErrorCode), key=len)
    if not is_plain or url.count(CODE_PLACE) != 1 or CODE_PLACE not in parts.path or len(longest) > MAX_TAG_CHARS:
        raise PydanticCustomError("found", "{url}", {"url": "a URL with a user" if "@" in url else repr(url)})
    return url


def runbook_of(url: str, code: str) -> str:
    """Return where it says what to do about an error code."""
    return url.replace(CODE_PLACE, code)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise PydanticCustomError("found", "no URL") from None
    return parts
