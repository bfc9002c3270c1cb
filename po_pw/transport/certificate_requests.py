"""Finds out whether a host asks for a client certificate: a headless browser would wait for a choice and time out."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from po_pw import hostnames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WITHIN: Final = 5.0
"""Seconds for the host to answer."""
_HANDSHAKE, _CERTIFICATE_REQUEST, _HELLO_DONE = 22, 13, 14
"""A record's type, and types of the messages in it (RFC 5246, 6.2.1 and 7.4)."""


async def is_missing(url: str, named: Iterable[str] = ()) -> bool:
    """Whether the host of an address asks for a client certificate and gets none; False if that is unknown.

    Opens a connection directly, without a proxy, sends nothing but the TLS greeting, and closes it. From TLS 1.3 on the
    host's request is encrypted, so it is unknown for hosts that speak nothing older.

    Args:
        url: http(s).
        named: hosts that get a certificate.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return False
    if hostnames.ascii_host(parts.hostname) in map(hostnames.ascii_host, named):
        return False
    try:
        async with asyncio.timeout(_WITHIN):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 443)
            try:
                writer.write(_hello(parts.hostname))
                said = b""
                while (more := await reader.read(1 << 14)) and _HELLO_DONE not in messages(said := said + more):
                    pass
            finally:
                writer.close()
    except (OSError, UnicodeError):
        return False
    return _CERTIFICATE_REQUEST in messages(said)


def _hello(host: str) -> bytes:
    """The first message to a host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    written = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), written, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return written.read()


def messages(said: bytes) -> list[int]:
    """Types of the complete handshake messages that a server sends before encryption begins. Pure."""
    text = b"".join(_records(said))
    found = []
    while len(text) >= 4 and len(text) >= (end := 4 + int.from_bytes(text[1:4], "big")):
        found.append(text[0])
        text = text[end:]
    return found


def _records(said: bytes) -> Iterator[bytes]:
    """The content of handshake records, up to the first record of another type."""
    while len(said) >= 5 and said[0] == _HANDSHAKE:
        end = 5 + int.from_bytes(said[3:5], "big")
        yield said[5:end]
        said = said[end:]
