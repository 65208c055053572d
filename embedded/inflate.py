"""Request body -> plain bytes: every content encoding an SDK uses, chunk by chunk, never past the limit."""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli
import zstandard

from embedded.errors import RejectedError
from embedded.limits import MAX_ENVELOPE_BYTES, MIB

# Past so many decompressed bytes a body is only counted while it arrives, and decoded again once it is known to fit:
# a bomb is refused at the limit without ever lying in memory.
KEPT_BYTES: Final = 8 * MIB
PIECE_BYTES: Final = MIB  # decoded at a time, so that a bomb is noticed long before it fills the memory
# zstd takes no output limit, but four bytes of it decode to at most 128 KiB; so many at a time make 2 MiB.
ZSTD_SLICE_BYTES: Final = 64
IDENTITY: Final = frozenset({"", "identity", "utf-8"})  # some SDKs send a charset here; Relay strips it


class _Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, in pieces of at most about PIECE_BYTES."""

    def is_finished(self) -> bool:
        """Has the end of the compressed stream been seen?"""


class Inflater:
    """Decodes a body as it arrives and stops at `limit` decompressed bytes."""

    def __init__(self, encoding: str, limit: int = MAX_ENVELOPE_BYTES) -> None:
        """Raises RejectedError (415) for an encoding that is not one of gzip, deflate, br, zstd, identity."""
        self._encoding = encoding.strip().lower()
        self._decoder = _decoder(self._encoding)
        self._limit = limit
        self._chunks: list[bytes] = []  # as they came
        self._parts: list[bytes] = []  # decompressed, as long as there are few
        self.size_bytes = 0  # decompressed so far
        self.held_bytes = 0  # in memory

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body. Raises RejectedError: 413 past the limit, 400 when it is corrupt."""
        if not chunk:
            return
        self._chunks.append(chunk)
        self.held_bytes += len(chunk)
        for plain in _decoded(self._decoder, chunk):
            self._count(plain)

    def finish(self) -> bytes:
        """Return the whole body. Raises RejectedError (400) when the compressed stream was cut short."""
        if self._decoder is None:
            return b"".join(self._chunks)
        if self._chunks and not self._decoder.is_finished():
            raise _corrupt("the compressed stream ends early")
        if self.size_bytes <= KEPT_BYTES:
            return b"".join(self._parts)
        again = _decoder(self._encoding)
        return b"".join(plain for chunk in self._chunks for plain in _decoded(again, chunk))

    def _count(self, plain: bytes) -> None:
        self.size_bytes += len(plain)
        if self.size_bytes > self._limit:
            detail = f"envelope exceeded size limits: more than {self._limit} bytes decompressed"
            raise RejectedError(413, detail, reason="too_large")
        if self._decoder is None:
            return
        if self.size_bytes <= KEPT_BYTES:
            self._parts.append(plain)
            self.held_bytes += len(plain)
        elif self._parts:
            self.held_bytes -= sum(map(len, self._parts))
            self._parts.clear()


def _decoded(decoder: "_Decoder | None", chunk: bytes) -> Iterator[bytes]:
    try:
        yield from (chunk,) if decoder is None else decoder.decode(chunk)
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise _corrupt(str(error)) from None


def _corrupt(cause: str) -> RejectedError:
    return RejectedError(400, "failed to decode request body", cause, reason="invalid_compression")


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.decompressobj(window_bits)

    def decode(self, data: bytes) -> Iterator[bytes]:
        has_more = True
        while has_more:
            plain = self._stream.decompress(data, PIECE_BYTES)
            yield plain
            data = self._stream.unconsumed_tail
            has_more = bool(data) or len(plain) == PIECE_BYTES
        if self._stream.unused_data:  # a second member would be lost without a word
            raise zlib.error("data after the end of the compressed stream")

    def is_finished(self) -> bool:
        return self._stream.eof


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def decode(self, data: bytes) -> Iterator[bytes]:
        plain = bytes(self._stream.process(data, output_buffer_limit=PIECE_BYTES))
        while plain:  # `can_accept_more_data()` may be true while there is more to get out
            yield plain
            plain = bytes(self._stream.process(b"", output_buffer_limit=PIECE_BYTES))

    def is_finished(self) -> bool:
        return bool(self._stream.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor().decompressobj()

    def decode(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_SLICE_BYTES):
            yield self._stream.decompress(data[start : start + ZSTD_SLICE_BYTES])

    def is_finished(self) -> bool:
        return self._stream.eof


_DECODERS: Final[dict[str, Callable[[], _Decoder]]] = {
    "gzip": lambda: _Zlib(31),
    "x-gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "br": _Brotli,
    "zstd": _Zstd,
}


def _decoder(encoding: str) -> _Decoder | None:
    if encoding in IDENTITY:
        return None
    if encoding not in _DECODERS:
        raise RejectedError(415, f"unsupported content encoding {encoding!r}", reason="content_type")
    return _DECODERS[encoding]()
