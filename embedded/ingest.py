"""Spine 1: request -> key -> body -> items -> records -> disk -> answer. Plain ASGI, since it is the hot path.

An answer of 200 means that everything the envelope brought is on disk. Statuses and details follow Relay's.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from uuid import UUID, uuid4

import orjson

from embedded.clock import Clock
from embedded.dsn import Auth, dsn_auth, parse_number, read_auth
from embedded.envelope import Envelope, Item, parse_envelope
from embedded.errors import RejectedError, StoreUnavailableError
from embedded.inflate import Inflater
from embedded.normalise import normalise
from embedded.records import Batch
from embedded.store.database import Database
from embedded.store.projects import ProjectKey, find_key
from embedded.store.telemetry import append

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ROUTE: Final = re.compile(r"/api/(?P<project>[^/]+)/envelope/")
# Largest payload and largest number per envelope, by item type. Source: relay-config defaults, read 2026-11.
MIB: Final = 1024 * 1024
ITEM_LIMITS: Final[dict[str, tuple[int, int]]] = {
    "attachment": (200 * MIB, 30),
    "check_in": (100 * 1024, 1),
    "client_report": (100 * 1024, 100),
    "event": (MIB, 1),
    "log": (12 * MIB, 1),
    "profile": (50 * MIB, 1),
    "profile_chunk": (50 * MIB, 1),
    "session": (10 * MIB, 100),
    "sessions": (10 * MIB, 100),
    "span": (12 * MIB, 25),
    "trace_metric": (12 * MIB, 1),
    "transaction": (MIB, 1),
}
EVENT_LIKE: Final = frozenset({"event", "transaction"})  # one of either per envelope
NEEDS_EVENT_ID: Final = EVENT_LIKE | {"attachment", "feedback", "profile", "replay_event", "user_report"}
INTERNAL: Final = "integration"  # Relay's own item type; a client must not send it
CORS: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-sentry-error,x-sentry-rate-limits,retry-after"),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
PREFLIGHT: Final = [
    (b"access-control-allow-methods", b"POST"),
    (
        b"access-control-allow-headers",
        (
            b"x-sentry-auth,x-requested-with,x-forwarded-for,origin,referer,accept,content-type,authentication,"
            b"authorization,content-encoding,transfer-encoding"
        ),
    ),
    (b"access-control-max-age", b"3600"),
]


class Ingest:
    """The ASGI app behind `/api/{project}/envelope/`."""

    def __init__(self, database: Database, clock: Clock, on_stored: Callable[[Batch], None]) -> None:
        self._database = database
        self._clock = clock
        self._on_stored = on_stored  # called after the commit, for example to wake the notifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every refusal is a status with a detail, never an exception."""
        try:
            if scope["method"] == "OPTIONS":
                await _answer(send, 200, {}, PREFLIGHT)
                return
            event_id = await self._ingest(scope, receive)
            await _answer(send, 200, {"id": event_id} if event_id else {})
        except RejectedError as error:
            body: dict[str, Any] = {"detail": error.detail}
            await _answer(send, error.status, body | ({"causes": list(error.causes)} if error.causes else {}))
        except StoreUnavailableError as error:
            await _answer(send, 503, {"detail": "failed to queue envelope", "causes": [str(error)]})

    async def _ingest(self, scope: Scope, receive: Receive) -> str | None:
        """1 route and key, 2 body, 3 items, 4 key from the envelope, 5 limits, 6 records, 7 disk."""
        if scope["method"] != "POST":
            raise RejectedError(405, "method not allowed")
        project_id = _project_id(scope["path"])
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        auth = read_auth(headers, scope["query_string"].decode("latin-1"))  # 1
        body = await _read_body(receive, headers.get("content-encoding", ""))  # 2
        envelope = parse_envelope(body)  # 3
        key = self._authorise(auth, envelope, project_id)  # 4
        _check_limits(envelope.items)  # 5
        event_id = _event_id(envelope)
        batch = normalise(envelope, key.project_id, self._clock.now())  # 6
        await self._database.commit(lambda connection: append(connection, batch))  # 7
        self._on_stored(batch)
        return event_id

    def _authorise(self, auth: Auth | None, envelope: Envelope, project_id: int) -> ProjectKey:
        dsn = envelope.headers.get("dsn")
        named = dsn_auth(dsn) if dsn is not None or auth is None else None
        given = auth or named
        if given is None:  # cannot happen: without `auth`, `dsn_auth` has answered or raised
            raise RejectedError(401, "missing authorization information")
        if named and auth and named.public_key != auth.public_key:
            raise RejectedError(
                400, "invalid event envelope", "public key header mismatch between envelope and request"
            )
        if named and named.project_id != project_id:
            raise RejectedError(
                400, "invalid event envelope", "project id header mismatch between envelope and request"
            )
        key = find_key(self._database.read(), given.public_key)
        if key is None or not key.is_active or key.project_id != project_id:
            raise RejectedError(403, "event submission rejected with_reason: ProjectId")
        return key


async def _read_body(receive: Receive, encoding: str) -> bytes:
    inflater = Inflater(encoding)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RejectedError(400, "the client went away in the middle of the body")
        inflater.feed(message.get("body", b""))
        if not message.get("more_body"):
            return inflater.finish()


def _project_id(path: str) -> int:
    match = ROUTE.fullmatch(path)
    project = parse_number(match["project"]) if match else None
    if project is None:
        raise RejectedError(400, "bad project path parameter")
    return project


def _check_limits(items: tuple[Item, ...]) -> None:
    counts: dict[str, int] = {}
    for item in items:
        if item.type == INTERNAL:
            raise RejectedError(400, "envelope contains internal items")
        kind = "event" if item.type in EVENT_LIKE else item.type
        counts[kind] = counts.get(kind, 0) + 1
        max_bytes, max_count = ITEM_LIMITS.get(item.type, (MIB, 100))
        if len(item.payload) > max_bytes or counts[kind] > max_count:
            detail = f"envelope exceeded size limits for type '{item.type}' (at most {max_count} of {max_bytes} bytes)"
            raise RejectedError(413, detail)


def _event_id(envelope: Envelope) -> str | None:
    """The id to answer with; one is made where an item needs it and the client gave none."""
    given = envelope.headers.get("event_id")
    if given is not None:
        try:
            return UUID(str(given)).hex
        except ValueError:
            raise RejectedError(400, "bad envelope", "invalid envelope header", f"event_id {given!r}") from None
    if any(item.type in NEEDS_EVENT_ID for item in envelope.items):
        payload_id = next((_payload_id(item) for item in envelope.items if item.type in EVENT_LIKE), None)
        envelope.headers["event_id"] = payload_id or uuid4().hex
        return str(envelope.headers["event_id"])
    return None


def _payload_id(item: Item) -> str | None:
    try:
        return UUID(orjson.loads(item.payload)["event_id"]).hex
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


async def _answer(
    send: Send, status: int, body: dict[str, Any], extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    content = orjson.dumps(body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        *CORS,
        *(extra or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
