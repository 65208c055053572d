"""The cache: bounded, truthful, and never a reason for a request to fail. Redis is a real one where there is one."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
import sentry_sdk
from sentry_sdk.transport import Transport

from service.cache.results import ResultCache, make_key
from service.cache.stores import MEMORY_LIMIT_BYTES, TTL_S, MemoryStore, RedisStore, StoreError
from service.dependency import Verdict
from tests.path.engine import free_port


class Kept(Transport):
    """Keeps what the SDK would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.sent += [item.payload.json for item in envelope.items if item.payload.json]


def _watch(use: Callable[[], object]) -> dict[str, Any]:
    """Run `use` in a transaction of a real SDK and return the transaction as it would be sent."""
    transport = Kept()
    with sentry_sdk.isolation_scope() as scope:
        client = sentry_sdk.Client("http://0123@127.0.0.1:9/1", traces_sample_rate=1.0, transport=transport)
        scope.set_client(client)
        with sentry_sdk.start_transaction(name="test"):
            use()
        client.close()
    [transaction] = [each for each in transport.sent if each.get("type") == "transaction"]
    return transaction


def test_memory_keeps_the_latest_used_within_its_bytes() -> None:
    store, third = MemoryStore(), bytes(MEMORY_LIMIT_BYTES // 3)
    for key in "abc":
        store.put(key, third)
    assert store.get("a") == third
    store.put("d", third)
    assert [key for key in "abcd" if store.get(key) is not None] in (["a", "c", "d"], ["b", "c", "d"])


def test_memory_refuses_what_would_not_fit() -> None:
    store = MemoryStore()
    store.put("a", bytes(MEMORY_LIMIT_BYTES + 1))
    assert store.get("a") is None


def test_memory_forgets_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cache.stores.TTL_S", 0)
    store = MemoryStore()
    store.put("a", b"1")
    assert store.get("a") is None


def test_redis_keeps_and_forgets(redis_url: str) -> None:
    store, key = RedisStore(redis_url), make_key("test", "1", "keeps")
    assert store.get(key) is None
    store.put(key, b"\x00\xff")
    assert store.get(key) == b"\x00\xff"
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.ttl(key) <= TTL_S
    store.close()


def test_redis_that_is_away_opens_the_breaker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts: list[Verdict] = ["down", "timeout", "down", "down", "down"]
    store = RedisStore(redis_url, lambda _limit_s: verdicts.pop(0) if verdicts else "ok")
    for _ in range(5):
        with pytest.raises(StoreError, match=r"ConnectionError|TimeoutError"):
            store.get("a")
    with pytest.raises(StoreError, match="breaker"):
        store.get("a")
    monkeypatch.setattr(store._breaker, "_recovery_timeout", 0)
    assert store.get("nothing") is None
    assert store._breaker.closed
    store.close()


def test_failing_store_is_a_miss_that_is_marked() -> None:
    cache = ResultCache(RedisStore(f"redis://127.0.0.1:{free_port()}/0"))

    def use() -> None:
        assert cache.get("isl:test:k") is None
        cache.put("isl:test:k", b"1")

    transaction = _watch(use)
    assert (transaction["tags"]["degraded"], transaction["tags"]["dependency"]) == ("true", "cache")
    spans = [each for each in transaction["spans"] if each["op"].startswith("cache")]
    assert [(each["op"], each["status"]) for each in spans] == [
        ("cache.get", "unavailable"),
        ("cache.put", "unavailable"),
    ]
    assert "cache.hit" not in spans[0]["data"]  # nobody knows whether it was there


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_spans_are_as_sentry_reads_them(kind: str, request: pytest.FixtureRequest) -> None:
    store = MemoryStore() if kind == "memory" else RedisStore(request.getfixturevalue("redis_url"))
    cache, key = ResultCache(store), make_key("test", "1", "spans")

    def use() -> None:
        cache.get(key)
        cache.put(key, b"four")
        cache.get(key)

    spans = [each for each in _watch(use)["spans"] if each["op"].startswith("cache")]
    names = ("cache.key", "cache.hit", "cache.item_size")
    assert [(each["op"], each["description"], [each["data"].get(name) for name in names]) for each in spans] == [
        ("cache.get", key, [[key], False, None]),
        ("cache.put", key, [[key], None, 4]),
        ("cache.get", key, [[key], True, 4]),
    ]
    store.close()


def test_key_is_a_hash_of_question_and_version() -> None:
    key = make_key("identify", "isl@1", {"b": 1, "a": ["secret"]})
    assert key == make_key("identify", "isl@1", {"a": ["secret"], "b": 1})
    assert key != make_key("identify", "isl@2", {"a": ["secret"], "b": 1})
    assert key.startswith("isl:identify:")
    assert "secret" not in key
