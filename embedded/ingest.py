"""Spine 1: request -> key -> body -> items -> records -> limits -> disk -> answer. Plain ASGI: it is the hot path.

An answer of 200 means that everything the envelope brought is on disk, and that what was dropped is in the books.
Statuses and details follow Relay's.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import orjson

from embedded import answers
from embedded.access import check_origin, envelope_auth, known_key
from embedded.bodies import read_envelope
from embedded.categories import quantities
from embedded.clock import Clock
from embedded.deadlines import Deadlines
from embedded.dsn import Auth, read_auth
from embedded.envelope import Envelope, Item
from embedded.errors import RejectedError, StoreUnavailableError
from embedded.filters import filter_batch
from embedded.inflate import Inflater
from embedded.lenient import mapping, uuid_hex
from embedded.limits import MIB, check_limits
from embedded.normalise import normalise
from embedded.quota import Limit, Quotas
from embedded.records import Batch, Entry, Outcome
from embedded.routes import MAX_BODY_BYTES, METHODS, UNREADABLE, Kind, Route, find_route
from embedded.scrub import scrubber
from embedded.store.appender import Appender
from embedded.store.database import Database
from embedded.store.keyring import Keyring, Opened
from embedded.store.projects import ProjectKey
from embedded.tap import Tap

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EVENT_LIKE: Final = frozenset({"event", "transaction"})
NEEDS_EVENT_ID: Final = EVENT_LIKE | {"attachment", "feedback", "profile", "replay_event", "user_report"}
BODY_TIMEOUT_S: Final = 30.0  # for a whole body to arrive. Source: relay-config query_timeout, read 2026-11
MAX_IN_FLIGHT_BYTES: Final = 512 * MIB  # of bodies in memory at a time; what would be more is answered 503


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with whose it is as far as its headers tell."""

    route: Route
    path: str
    headers: dict[str, str]  # lower-case names
    query: str
    auth: Auth | None


class Ingest:
    """The ASGI app behind the ingest routes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        quotas: Quotas,
        on_stored: Callable[[Batch], None],
        tap: Tap | None = None,
    ) -> None:
        self._appender = Appender(database)
        self._keyring = Keyring(database)
        self._clock = clock
        self._quotas = quotas
        self._on_stored = on_stored  # called after the commit, for example to wake the notifier
        self._tap = tap
        self._deadlines = Deadlines(BODY_TIMEOUT_S)
        self._in_flight_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every refusal is a status with a detail, never an exception."""
        try:
            answer = await self._dispatch(scope, receive)
        except RejectedError as error:
            answer = answers.refusal(error)
        except StoreUnavailableError as error:
            answer = answers.refusal(RejectedError(503, "failed to queue envelope", str(error)))
        for message in answer.messages():
            await send(message)

    async def _dispatch(self, scope: Scope, receive: Receive) -> answers.Answer:
        route = find_route(scope["path"])
        if route is None:
            raise RejectedError(404, "not found")
        if scope["method"] == "OPTIONS":
            return answers.preflight()
        if scope["method"] not in METHODS[route.kind]:
            raise RejectedError(405, "method not allowed")
        answer = await self._ingest(_request(route, scope), receive)
        is_image = route.kind is Kind.STORE and scope["method"] == "GET" and answer.status == 200
        return answers.pixel() if is_image else answer

    async def _ingest(self, request: Request, receive: Receive) -> answers.Answer:
        """1 key, 2 body, 3 items, 4 key from the envelope, 5 sizes, 6 records, 7 limits, 8 disk, 9 answer."""
        opened = known_key(self._keyring, request.auth, request.route) if request.auth else None  # 1
        envelope = inflater = None
        try:
            inflater = Inflater(request.headers.get("content-encoding", ""), MAX_BODY_BYTES[request.route.kind])
            body = await self._read_body(receive, inflater)  # 2
            if self._tap:
                self._tap.keep(request.path, request.query, request.headers, body)
            envelope = read_envelope(request.route, body, request.headers, request.query, _client(request.auth))  # 3
            auth = envelope_auth(request.route, envelope, request.auth, request.headers.get("origin"))  # 4
            opened = opened or known_key(self._keyring, auth, request.route)
            check_limits(envelope.items)  # 5
            event_id = _event_id(envelope)
            batch, limits = self._admit(opened, request, envelope)  # 6, 7
            await self._appender.append(batch)  # 8
        except RejectedError as error:
            if opened is not None:  # else no project's books are concerned
                await self._book(opened.key, request.route, envelope, error.reason)
            raise
        finally:
            self._in_flight_bytes -= inflater.held_bytes if inflater else 0
        self._on_stored(batch)
        return _answer(request.route, batch, limits, event_id)  # 9

    async def _read_body(self, receive: Receive, inflater: Inflater) -> bytes:
        try:
            with self._deadlines.begin():
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RejectedError(400, "the client went away in the middle of the body")
                    before = inflater.held_bytes
                    try:
                        inflater.feed(message.get("body", b""))
                    finally:
                        self._in_flight_bytes += inflater.held_bytes - before
                    if self._in_flight_bytes > MAX_IN_FLIGHT_BYTES:
                        raise StoreUnavailableError(f"more than {MAX_IN_FLIGHT_BYTES} bytes of bodies are in memory")
                    if not message.get("more_body"):
                        return inflater.finish()
        except TimeoutError:
            raise RejectedError(408, f"the body took more than {BODY_TIMEOUT_S:g} s") from None

    def _admit(self, opened: Opened, request: Request, envelope: Envelope) -> tuple[Batch, tuple[Limit, ...]]:
        now, options = self._clock.now(), opened.options
        check_origin(request.headers, options)
        batch = normalise(envelope, opened.key.project_id, now, scrubber(options.scrubbing))
        return self._quotas.admit(filter_batch(batch, options), opened.key, opened.limit, options, now)

    async def _book(self, key: ProjectKey, route: Route, envelope: Envelope | None, reason: str) -> None:
        """Book what a refused request brought: its items where they were read, else one of the route's category."""
        items = envelope.items if envelope else ()
        found = tuple(Entry(quantities(item), Outcome.INVALID, reason) for item in items)
        entries = found or (Entry(((UNREADABLE[route.kind], 1),), Outcome.INVALID, reason),)
        batch = Batch(key.project_id, self._clock.now(), entries)
        with suppress(StoreUnavailableError):  # the refusal stands either way
            await self._appender.append(batch)


def _request(route: Route, scope: Scope) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    auth = read_auth(headers, query, route.key)
    if auth is None and route.kind is not Kind.ENVELOPE:  # no envelope, no DSN in its header
        raise RejectedError(401, "missing authorization information")
    return Request(route, scope["path"], headers, query, auth)


def _client(auth: Auth | None) -> str:
    return auth.client if auth else ""


def _answer(route: Route, batch: Batch, limits: tuple[Limit, ...], event_id: str | None) -> answers.Answer:
    if limits and all(entry.outcome is Outcome.RATE_LIMITED for entry in batch.entries):
        return answers.rate_limited(limits)
    is_queued = route.kind in (Kind.CRON, Kind.OTLP_TRACES, Kind.OTLP_LOGS)
    return answers.accepted(event_id, limits, 202 if is_queued else 200)


def _event_id(envelope: Envelope) -> str | None:
    """The id to answer with; one is made where an item needs it and the client gave none."""
    given = envelope.headers.get("event_id")
    if given is not None:
        found = uuid_hex(given)
        if found is None:
            raise RejectedError(400, "bad envelope", "invalid envelope header", f"event_id {given!r}")
        return found
    if any(item.type in NEEDS_EVENT_ID for item in envelope.items):
        payload_id = next((_payload_id(item) for item in envelope.items if item.type in EVENT_LIKE), None)
        envelope.headers["event_id"] = payload_id or uuid4().hex
        return str(envelope.headers["event_id"])
    return None


def _payload_id(item: Item) -> str | None:
    try:
        return uuid_hex(mapping(orjson.loads(item.payload)).get("event_id"))
    except orjson.JSONDecodeError:
        return None
