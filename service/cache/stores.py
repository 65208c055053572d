"""Where cached bytes are kept. A store forgets when it likes, and says so when it is broken."""

import threading
from collections.abc import Callable
from typing import Final, Protocol

import redis
from cachetools import TTLCache
from circuitbreaker import CircuitBreaker
from redis.backoff import NoBackoff
from redis.retry import Retry

from service.dependency import Interference, undisturbed

TTL_S: Final = 3600  # results never go stale, a graph has one answer: this bounds what is never asked for again
MEMORY_LIMIT_BYTES: Final = 16 * 1024 * 1024  # per worker; an answer is about a kilobyte
REDIS_TIMEOUT_S: Final = 0.25  # to connect, and to answer: waiting longer costs more than computing
REDIS_CONNECTIONS: Final = 50  # per worker; more threads than that do not run
FAILURES_TO_OPEN: Final = 5
RECOVERY_S: Final = 10


class StoreError(Exception):
    """The store is down, slow or switched off by its breaker; the message holds no data."""


class Store(Protocol):
    """Bytes by key."""

    is_remote: bool  # another process that may be down, and that /ready asks

    def get(self, key: str) -> bytes | None:
        """Return what is kept, or None. Raises StoreError."""

    def put(self, key: str, value: bytes) -> None:
        """Keep it for TTL_S at most. Raises StoreError."""

    def check(self) -> None:
        """Raise StoreError unless it answers."""

    def close(self) -> None:
        """Give back what it holds."""


class MemoryStore:
    """Bounded by bytes, the least recently used goes first. For the threads of one process."""

    is_remote = False

    def __init__(self) -> None:
        self._entries: TTLCache[str, bytes] = TTLCache(MEMORY_LIMIT_BYTES, TTL_S, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self._entries.get(key)

    def put(self, key: str, value: bytes) -> None:
        if len(value) > MEMORY_LIMIT_BYTES:
            return
        with self._lock:
            self._entries[key] = value

    def check(self) -> None:
        """It is there as long as the process is."""

    def close(self) -> None:
        """The process takes it along."""


class RedisStore:
    """One command per call, without retries, behind a breaker: a cache that must be waited for is none."""

    is_remote = True

    def __init__(self, url: str, interfere: Interference = undisturbed) -> None:
        self._interfere = interfere
        self._breaker = CircuitBreaker(FAILURES_TO_OPEN, RECOVERY_S, redis.RedisError, "cache")
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            max_connections=REDIS_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
        )

    def get(self, key: str) -> bytes | None:
        found = self._call(lambda: self._client.get(key))
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes) -> None:
        self._call(lambda: self._client.set(key, value, ex=TTL_S))

    def check(self) -> None:
        """Ask it, whatever the breaker thinks."""
        try:
            self._command(self._client.ping)
        except redis.RedisError as error:
            raise StoreError(type(error).__name__) from None

    def close(self) -> None:
        self._client.close()

    def _call(self, command: Callable[[], object]) -> object:
        if self._breaker.opened:
            raise StoreError("the circuit breaker is open")
        try:
            with self._breaker:
                return self._command(command)
        except redis.RedisError as error:
            # The driver's text names host and port, which are nobody's business outside.
            raise StoreError(type(error).__name__) from None

    def _command(self, command: Callable[[], object]) -> object:
        verdict = self._interfere(REDIS_TIMEOUT_S)
        if verdict != "ok":
            kind = redis.ConnectionError if verdict == "down" else redis.TimeoutError
            raise kind("made to fail by a fault")
        return command()
