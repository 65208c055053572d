"""Content encodings: every one that an SDK uses, corrupt ones, and bombs."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from embedded.errors import RejectedError
from embedded.inflate import PIECE_BYTES, Inflater

PLAIN = bytes(range(256)) * 500
MIB = 1024 * 1024
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda plain: bytes(brotli.compress(plain, quality=4)),
    "zstd": zstandard.ZstdCompressor().compress,
}
COMPRESSED = sorted(ENCODERS)
IDENTITY = ["", "identity", "utf-8", "UTF-8", " Identity "]


def inflate(encoding: str, *chunks: bytes, limit: int = 10 * MIB) -> bytes:
    inflater = Inflater(encoding, limit)
    for chunk in chunks:
        inflater.feed(chunk)
    return inflater.finish()


def encode(encoding: str, plain: bytes) -> bytes:
    return ENCODERS[encoding](plain) if encoding in ENCODERS else plain


def in_chunks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 1000, 10 * MIB])
@pytest.mark.parametrize("encoding", COMPRESSED + IDENTITY)
def test_inflater_returns_the_plain_body(encoding: str, size: int) -> None:
    """However it is cut into chunks, empty ones among them."""
    chunks = in_chunks(encode(encoding, PLAIN), size)
    assert inflate(encoding, b"", *chunks, b"") == PLAIN


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("encoding", COMPRESSED)
def test_inflater_returns_bodies_around_a_piece(encoding: str, extra: int) -> None:
    plain = bytes(2 * PIECE_BYTES + extra)
    assert inflate(encoding, encode(encoding, plain)) == plain


@pytest.mark.parametrize("encoding", COMPRESSED + IDENTITY)
def test_inflater_leaves_an_empty_body_empty(encoding: str) -> None:
    assert inflate(encoding) == b""


@pytest.mark.parametrize("encoding", ["foo", "gzip, gzip", "compress", "*"])
def test_inflater_refuses_an_unknown_encoding(encoding: str) -> None:
    with pytest.raises(RejectedError) as caught:
        Inflater(encoding)
    assert caught.value.status == 415


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("encoding", COMPRESSED)
def test_inflater_refuses_a_stream_that_is_cut_short(encoding: str, share: float) -> None:
    body = encode(encoding, PLAIN)
    with pytest.raises(RejectedError) as caught:
        inflate(encoding, body[: max(1, int(len(body) * share))])
    assert (caught.value.status, caught.value.detail) == (400, "failed to decode request body")


@pytest.mark.parametrize("encoding", COMPRESSED)
@pytest.mark.parametrize(
    "body", [b"{}\nplain text, not compressed at all, and long enough to be noticed", b"\xff" * 64]
)
def test_inflater_refuses_what_is_not_compressed(encoding: str, body: bytes) -> None:
    with pytest.raises(RejectedError) as caught:
        inflate(encoding, body)
    assert caught.value.status == 400


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("encoding", COMPRESSED)
def test_inflater_refuses_data_behind_the_end(encoding: str, is_split: bool) -> None:
    """It would be acknowledged and lost."""
    body = encode(encoding, PLAIN)
    chunks = [body, body] if is_split else [body + body]
    with pytest.raises(RejectedError) as caught:
        inflate(encoding, *chunks)
    assert caught.value.status == 400


@pytest.mark.parametrize("encoding", [*COMPRESSED, ""])
def test_inflater_refuses_more_than_the_limit(encoding: str) -> None:
    assert inflate(encoding, encode(encoding, PLAIN), limit=len(PLAIN)) == PLAIN
    with pytest.raises(RejectedError) as caught:
        inflate(encoding, encode(encoding, PLAIN), limit=len(PLAIN) - 1)
    assert caught.value.status == 413


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_inflater_stops_a_bomb_near_the_limit(encoding: str) -> None:
    """A hundred megabytes of zeros, in one chunk, cost a few megabytes of memory over the limit of one."""
    bomb = encode(encoding, bytes(100 * MIB))
    tracemalloc.start()
    try:
        with pytest.raises(RejectedError) as caught:
            inflate(encoding, bomb, limit=MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 6 * MIB
    inflater = Inflater(encoding, MIB)
    with pytest.raises(RejectedError):
        inflater.feed(bomb)
    assert inflater.size_bytes < 4 * MIB  # measured also without tracemalloc, which does not see a library's own memory
