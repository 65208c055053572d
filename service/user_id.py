"""Which user an error met, without saying who it is: a keyed hash of the caller's user id, or nothing.

A plain hash of an e-mail address is undone by hashing a list of addresses; without the key this one is not.
"""

import hashlib
import hmac
from typing import Final

import sentry_sdk
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

HEADER: Final = "X-User-Id"
LENGTH_LIMIT: Final = 256  # characters; whatever is longer is no id
SECRET_MINIMUM: Final = 32  # characters: as long as what `openssl rand -hex 16` prints
DIGITS: Final = 32  # 128 bits: no two users share a hash by chance


def hash_user_id(secret: SecretStr, user_id: str) -> str:
    """Return 32 hex digits that are the same for the same user under the same secret."""
    key = secret.get_secret_value().encode()
    return hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:DIGITS]


class UserIdMiddleware:
    """Puts the hash on the request's errors and transaction. Pure ASGI; without a secret no user is ever set."""

    def __init__(self, app: ASGIApp, secret: SecretStr | None) -> None:
        self.app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._secret is not None and scope["type"] == "http":
            user_id = Headers(scope=scope).get(HEADER, "").strip()
            if 0 < len(user_id) <= LENGTH_LIMIT:
                sentry_sdk.get_isolation_scope().set_user({"id": hash_user_id(self._secret, user_id)})
        await self.app(scope, receive, send)
