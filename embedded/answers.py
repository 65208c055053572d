"""What the ingest routes answer: status, Relay's body and headers, one write for all (SDKs wait for the whole)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from embedded.errors import RejectedError
from embedded.quota import Limit

Header = tuple[bytes, bytes]
CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-sentry-error,x-sentry-rate-limits,retry-after"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST"),
    (
        b"access-control-allow-headers",
        (
            b"x-sentry-auth,x-requested-with,x-forwarded-for,origin,referer,accept,content-type,authentication,"
            b"authorization,content-encoding,transfer-encoding"
        ),
    ),
    (b"access-control-max-age", b"3600"),
)
JSON: Final = b"application/json"
# The smallest transparent GIF, for clients that can only load images.
PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002014400 3b".replace(" ", "")
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything of one answer."""

    status: int
    content: bytes = b"{}"
    headers: tuple[Header, ...] = ()
    content_type: bytes = JSON

    def messages(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The two ASGI messages."""
        length = (b"content-length", str(len(self.content)).encode())
        headers = [(b"content-type", self.content_type), length, *CORS, *self.headers]
        return (
            {"type": "http.response.start", "status": self.status, "headers": headers},
            {"type": "http.response.body", "body": self.content},
        )


def accepted(event_id: str | None, limits: Iterable[Limit], status: int = 200) -> Answer:
    """All or a part was taken; limits that dropped a part are told even so."""
    return Answer(status, orjson.dumps({"id": event_id} if event_id else {}), _limit_headers(tuple(limits)))


def rate_limited(limits: Iterable[Limit]) -> Answer:
    """Nothing was taken. Categories are always explicit: without them an SDK stops everything, its reports too."""
    causes = [str(limit.reason) for limit in limits]
    body = orjson.dumps({"detail": "event submission rejected due to rate limits", "causes": causes})
    return Answer(429, body, _limit_headers(tuple(limits)))


def refusal(error: RejectedError) -> Answer:
    """Relay's error body; no causes, no key."""
    body: dict[str, Any] = {"detail": error.detail}
    return Answer(error.status, orjson.dumps(body | ({"causes": list(error.causes)} if error.causes else {})))


def preflight() -> Answer:
    """What a browser asks before it posts."""
    return Answer(200, b"", PREFLIGHT)


def pixel() -> Answer:
    """An image of one pixel."""
    return Answer(200, PIXEL, (), b"image/gif")


def _limit_headers(limits: tuple[Limit, ...]) -> tuple[Header, ...]:
    if not limits:
        return ()
    longest = str(max(limit.retry_after_s for limit in limits)).encode()
    return (b"x-sentry-rate-limits", ", ".join(map(str, limits)).encode()), (b"retry-after", longest)
