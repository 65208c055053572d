"""Who may ask: a key in X-API-Key, or nobody. Pure ASGI, and before anything that costs work.

The keys are set by the environment; without any, every request but the open ones is refused, so that a forgotten
variable never opens the service.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from pydantic import SecretStr
from pydantic_core import PydanticCustomError
from starlette.types import ASGIApp, Receive, Scope, Send

from service.error_handlers import error_response
from service.errors import Details, ErrorCode, IslError

HEADER: Final = "X-API-Key"
_HEADER_BYTES: Final = HEADER.lower().encode()
# Probes know no keys, and the description of the API is public.
OPEN_PATHS: Final = frozenset({"/health", "/ready", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"})
MIN_KEY_CHARS: Final = 16  # shorter ones can be guessed
MAX_KEYS: Final = 100  # every request is compared with each of them
CALLER_CHARS: Final = 16  # of the key's hash: tells callers apart, and nobody gets the key back from it


def check_api_keys(given: SecretStr) -> SecretStr:
    """Accept keys with commas between them. Raises PydanticCustomError, which never quotes a key."""
    keys = split_keys(given)
    if len(keys) > MAX_KEYS:
        raise PydanticCustomError("found", "{count} keys", {"count": len(keys)})
    for place, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY_CHARS:
            raise PydanticCustomError("found", "a key of {size} characters", {"size": len(key)})
        if not key.isascii() or not key.isprintable() or " " in key:
            raise PydanticCustomError("found", "other than printable ASCII in key {place}", {"place": place})
    return given


def split_keys(given: SecretStr | None) -> tuple[str, ...]:
    """The keys of a comma-separated list."""
    return tuple(key for part in given.get_secret_value().split(",") if (key := part.strip())) if given else ()


class ApiKeyMiddleware:
    """Answers 401 with an Olumi body unless the request carries one of the keys."""

    def __init__(self, app: ASGIApp, keys: Sequence[str], *, is_disabled: bool) -> None:
        self.app = app
        self._keys = {key.encode(): sha256(key.encode()).hexdigest()[:CALLER_CHARS] for key in keys}
        self._is_disabled = is_disabled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_disabled or scope["path"] in OPEN_PATHS:
            await self.app(scope, receive, send)
            return
        offered = [value for name, value in scope["headers"] if name == _HEADER_BYTES]
        caller = self._find_caller(offered[0]) if len(offered) == 1 else None
        if caller is None:
            await _refuse("invalid_api_key" if offered else "missing_api_key")(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)

    def _find_caller(self, offered: bytes) -> str | None:
        """Compare with every key, in a time that does not depend on which one fits, or how much of it."""
        found = None
        for key, caller in self._keys.items():
            if hmac.compare_digest(key, offered):  # bytes: text beyond ASCII would raise
                found = caller
        return found


def _refuse(reason: str) -> ASGIApp:
    error = IslError(ErrorCode.ISL_UNAUTHORIZED, f"This request needs one valid key in {HEADER}", Details(reason))
    response = error_response(error)
    response.headers["WWW-Authenticate"] = f'ApiKey realm="isl", header="{HEADER}"'  # RFC 9110 15.5.2 wants a challenge
    response.headers["connection"] = "close"  # its body is not read
    return response
