"""Content codings (RFC 9110, 8.4.1): bodies that were compressed although `identity` was asked for.

Done here and not by aiohttp, which takes a gzip stream that breaks off for a whole one. A stream that does not come to
the end that its own format marks (the trailer of RFC 1952 and RFC 1950, the last block of RFC 1951) is cut short,
whatever the framing of the message says.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

_BLOCK: Final = 1 << 20
"""Bytes that are given at a time: a small body may unpack to a very large one."""
_DEFLATE: Final = "deflate"
_GZIP: Final = "gzip"
_SAME: Final = {"x-gzip": _GZIP}
_READ: Final = frozenset({_GZIP, _DEFLATE})
_FOR_BROWSERS: Final = frozenset({"br", "zstd", "dcb", "dcz", "compress", "x-compress"})
"""Registered codings that are not read here. What is not registered (`utf-8`, `none`) browsers take for none at all."""
_MEMBER: Final = b"\x1f\x8b"
"""How a gzip member begins."""


class CutShortError(Exception):
    """The compressed stream breaks off, or is damaged."""


def of(headers: Mapping[str, str]) -> str:
    """The codings of a body, the last applied last, with `, ` between; `""` where it comes as it is.

    Args:
        headers: of the answer, names in any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    named = [name.strip().lower() for name in lower.get("content-encoding", "").split(",")]
    known = [_SAME.get(name, name) for name in named]
    return ", ".join(name for name in known if name in _READ or name in _FOR_BROWSERS)


def is_read(coding: str) -> bool:
    """Whether `decoded` reads this coding; one on top of another it does not."""
    return coding in _READ


async def decoded(chunks: AsyncIterator[bytes], coding: str, *, announced: int | None) -> AsyncGenerator[bytes, None]:
    """The bytes of a body without its coding, in blocks of 1 MiB at the most.

    Ends with the stream: what a server sends behind it is left unread, as browsers and gzip do, unless it is one more
    gzip member (RFC 1952, 2.2).

    Args:
        chunks: of the body, as they come.
        coding: one that `is_read`.
        announced: `Content-Length`, bytes of the body as it is sent; None where it was not announced.

    Raises:
        CutShortError: it breaks off before the end that its format marks, or is damaged.
    """
    stream: zlib._Decompress | None = None
    members, waiting, is_full = 0, b"", False
    async for chunk in chunks:
        waiting += chunk
        while waiting or is_full:  # zlib may keep back what did not fit into a block
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
    """The next block, and what is to be given again for the one after it."""
    try:
        block = stream.decompress(data, _BLOCK)
    except zlib.error as error:
        raise CutShortError(str(error)) from error
    return block, stream.unconsumed_tail


def _bits(coding: str, head: bytes) -> int:
    """The format for zlib; many servers send `deflate` without the header that it must have (RFC 9110, 8.4.1.2)."""
    if coding == _GZIP:
        return zlib.MAX_WBITS | 16
    has_header = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
