"""Content codings (RFC 9110, 8.4.1): bodies that were compressed although `identity` was requested.

Not left to aiohttp, which accepts a truncated gzip stream. A stream without the end mark of its format (the trailer of
RFC 1952 and RFC 1950, the last block of RFC 1951) is cut short, whatever the message framing says.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

_BLOCK: Final = 1 << 20
"""Maximum bytes of a decompressed block: a small body may decompress to a very large one."""
_DEFLATE: Final = "deflate"
_GZIP: Final = "gzip"
_SAME: Final = {"x-gzip": _GZIP}
_READ: Final = frozenset({_GZIP, _DEFLATE})
_FOR_BROWSERS: Final = frozenset({"br", "zstd", "dcb", "dcz", "compress", "x-compress"})
"""Registered codings that are not supported here. Browsers ignore unregistered ones (`utf-8`, `none`)."""
_MEMBER: Final = b"\x1f\x8b"
"""First bytes of a gzip member."""


class CutShortError(Exception):
    """The compressed stream is truncated or damaged."""


def of(headers: Mapping[str, str]) -> str:
    """The codings of a body, in the order applied, separated by `, `; `""` if there are none.

    Args:
        headers: of the response, names in any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    named = [name.strip().lower() for name in lower.get("content-encoding", "").split(",")]
    known = [_SAME.get(name, name) for name in named]
    return ", ".join(name for name in known if name in _READ or name in _FOR_BROWSERS)


def is_read(coding: str) -> bool:
    """Whether `decoded` supports this coding; combinations are not supported."""
    return coding in _READ


async def decoded(chunks: AsyncIterator[bytes], coding: str, *, announced: int | None) -> AsyncGenerator[bytes, None]:
    """Decompresses a body, in blocks of at most 1 MiB.

    Ends with the stream: data after it is ignored, as by browsers and gzip, unless it is another gzip member (RFC 1952,
    2.2).

    Args:
        chunks: of the body, as received.
        coding: one that `is_read`.
        announced: `Content-Length`, the compressed size in bytes; None if not announced.

    Raises:
        CutShortError: it is truncated or damaged.
    """
    stream: zlib._Decompress | None = None
    members, waiting, is_full = 0, b"", False
    async for chunk in chunks:
        waiting += chunk
        while waiting or is_full:  # zlib may hold back what did not fit into a block
            if stream is None:
                if len(waiting) < len(_MEMBER):
                    break
                if members and not waiting.startswith(_MEMBER):
                    return
                stream = zlib.decompressobj(_bits(coding, waiting))
            block, waiting = _next(stream, waiting)
            is_full = len(block) == _BLOCK and not stream.eof
            if block:
                yield block
            if stream.eof:
                waiting, stream, members = stream.unused_data, None, members + 1
                if coding != _GZIP:
                    return
    if stream is None and not waiting and (members or announced == 0):
        return
    if stream is None and members and not _MEMBER.startswith(waiting):
        return
    raise CutShortError(f"the {coding} stream breaks off")


def _next(stream: zlib._Decompress, data: bytes) -> tuple[bytes, bytes]:
    """The next block, and the input left for the one after it."""
    try:
        block = stream.decompress(data, _BLOCK)
    except zlib.error as error:
        raise CutShortError(str(error)) from error
    return block, stream.unconsumed_tail


def _bits(coding: str, head: bytes) -> int:
    """The format parameter for zlib; many servers send `deflate` without the required header (RFC 9110, 8.4.1.2)."""
    if coding == _GZIP:
        return zlib.MAX_WBITS | 16
    has_header = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
