"""Unpacks a gzip stream, and notices when it ends too early."""

from collections.abc import Iterable, Iterator
from typing import Final

from isal import igzip_lib, isal_zlib

from sfxero.errors import ServiceUnavailable
from sfxero.salesforce.failures import SERVICE

_GZIP: Final = 31
# Repetitive rows unpack a hundredfold; small pieces stay in the processor's cache.
_PIECE_BYTES: Final = 128 * 1024


def inflated(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the stream's content in bounded pieces; ServiceUnavailable if it is cut or damaged."""
    unpacker = isal_zlib.decompressobj(_GZIP)
    for piece in packed:
        rest = piece
        while rest:
            if unpacker.eof:  # a stream may consist of several members
                unpacker = isal_zlib.decompressobj(_GZIP)
            try:
                content = unpacker.decompress(rest, _PIECE_BYTES)
            except igzip_lib.IsalError:  # type: ignore[misc]  # its stub knows it by its old name
                raise ServiceUnavailable(
                    "a results page cannot be unpacked", service=SERVICE
                ) from None
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if content:
                yield content
    if not unpacker.eof:
        raise ServiceUnavailable("a packed results page ended early", service=SERVICE)
