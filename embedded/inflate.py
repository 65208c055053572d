"""Request body -> plain bytes: every content encoding an SDK uses, chunk by chunk, never past the limit."""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli
import zstandard

from embedded.errors import RejectedError

MAX_ENVELOPE_BYTES: Final = 200 * 1024 * 1024  # decompressed. Source: relay-config max_envelope_size, read 2026-11
SLICE_BYTES: Final = 16 * 1024  # fed at a time, so that one slice of a bomb cannot fill the memory
IDENTITY: Final = frozenset({"", "identity", "utf-8"})  # some SDKs send a charset here; Relay strips it


class _Decoder(Protocol):
    def decode(self, data: bytes) -> bytes: ...

    def is_finished(self) -> bool: ...


class Inflater:
    """Decodes a body as it arrives and stops at `limit` decompressed bytes."""

    def __init__(self, encoding: str, limit: int = MAX_ENVELOPE_BYTES) -> None:
        """Raises RejectedError (415) for an encoding that is not one of gzip, deflate, br, zstd, identity."""
        self._decoder = _decoder(encoding.strip().lower())
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body. Raises RejectedError: 413 past the limit, 400 when it is corrupt."""
        for start in range(0, len(chunk), SLICE_BYTES):
            part = chunk[start : start + SLICE_BYTES]
            try:
                plain = part if self._decoder is None else self._decoder.decode(part)
            except (zlib.error, brotli.error, zstandard.ZstdError) as error:
                raise RejectedError(400, "failed to decode request body", str(error)) from None
            self._size += len(plain)
            if self._size > self._limit:
                raise RejectedError(413, f"envelope exceeded size limits: more than {self._limit} bytes decompressed")
            self._parts.append(plain)

    def finish(self) -> bytes:
        """Return the whole body. Raises RejectedError (400) when the compressed stream was cut short."""
        if self._decoder is not None and self._size and not self._decoder.is_finished():
            raise RejectedError(400, "failed to decode request body", "the compressed stream ends early")
        return b"".join(self._parts)


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.decompressobj(window_bits)

    def decode(self, data: bytes) -> bytes:
        return self._stream.decompress(data)

    def is_finished(self) -> bool:
        return self._stream.eof


class _Brotli:
    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def decode(self, data: bytes) -> bytes:
        return bytes(self._stream.process(data))

    def is_finished(self) -> bool:
        return bool(self._stream.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor().decompressobj()

    def decode(self, data: bytes) -> bytes:
        return self._stream.decompress(data)

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
        raise RejectedError(415, f"unsupported content encoding {encoding!r}")
    return _DECODERS[encoding]()
