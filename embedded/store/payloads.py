"""Payloads as they lie in the store: zstd."""

import threading
from typing import Final

import zstandard

COMPRESSION_LEVEL: Final = 1  # half of the time of level 3, for payloads as small
_own: Final = threading.local()


def pack(payload: bytes) -> bytes:
    """A payload as it is stored."""
    packed: bytes = _packer().compress(payload)
    return packed


def pack_all(payloads: list[bytes | bytearray | memoryview]) -> list[bytes]:
    """The same of many, at least one, without giving the interpreter's lock away for each."""
    packed = _packer().multi_compress_to_buffer(payloads)
    return [packed[place].tobytes() for place in range(len(packed))]


def unpack(payload: bytes) -> bytes:
    """The JSON text of a stored payload."""
    return zstandard.ZstdDecompressor().decompress(payload)


def _packer() -> zstandard.ZstdCompressor:
    packer: zstandard.ZstdCompressor | None = getattr(_own, "packer", None)
    if packer is None:  # its tables are larger than most payloads: made once a thread
        packer = _own.packer = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    return packer
