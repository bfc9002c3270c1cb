"""Posts a JSON value to a web address, with the system's trust store and proxy."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
import truststore

from po_pw import errors, hostnames, proxies

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)


async def post_json(url: str, value: Mapping[str, Any]) -> None:
    """Sends a value once; redirects are not followed, and nothing is sent again.

    Args:
        url: http or https. It may be a secret, as with Slack, so messages name only its host.
        value: to send.

    Raises:
        InputError: the address cannot be used.
        TransientError: it does not answer, or answers with an error.
    """
    parts = urlsplit(url)
    if parts.scheme not in hostnames.DEFAULT_PORTS or not parts.hostname:
        msg = "--notify needs an address that begins with https:// or http://"
        raise errors.InputError(msg)
    host = hostnames.origin_of(url)
    port = parts.port or hostnames.DEFAULT_PORTS[parts.scheme]
    proxy = await asyncio.to_thread(lambda: proxies.read().server_for(parts.scheme, parts.hostname or "", port))
    connector = aiohttp.TCPConnector(ssl=truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
            session.post(url, json=value, proxy=proxy, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        msg = f"{host} did not take the message ({type(error).__name__})"
        raise errors.TransientError(msg) from error
    if not 200 <= status < 300:
        msg = f"{host} answered HTTP {status} to the message"
        raise errors.TransientError(msg)
