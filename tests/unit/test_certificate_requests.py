"""Whether a host asks for a client certificate, checked with real TLS servers."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest

from po_pw import models, net_errors
from po_pw.transport import certificate_requests
from tests.helpers import certificates
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("asks", "oldest", "named", "missed"),
    [
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2, (), True),
        (ssl.CERT_OPTIONAL, ssl.TLSVersion.TLSv1_2, ("elsewhere.example",), True),
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2, ("LOCALHOST",), False),
        (ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2, (), False),
        (ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_3, (), False),  # encrypted: it cannot be told
    ],
)
def test_a_server_that_asks(
    tmp_path: Path, asks: ssl.VerifyMode, oldest: ssl.TLSVersion, named: tuple[str, ...], missed: bool
) -> None:
    """Both required and optional requests are noticed; a host that gets a certificate misses none."""
    tls = certificates.server_context(tmp_path, certificates.issue("Corporation"))
    tls.verify_mode, tls.minimum_version = asks, oldest

    async def go() -> bool:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await certificate_requests.is_missing(f"https://localhost:{port}/orders/1", named)

    assert run_async(go()) is missed


def test_what_is_no_tls_server_asks_for_nothing() -> None:
    """Other protocols, closed ports, impossible names and plain http ask for nothing."""

    async def go() -> list[bool]:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\x16\x03\x03\x00\x02\x0d\x00SSH-2.0\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with server:
            found = [await certificate_requests.is_missing(url)]
        more = [url, f"https://{'x' * 70}.invalid/", "http://127.0.0.1/", "https://:443/"]
        return [*found, *[await certificate_requests.is_missing(one) for one in more]]

    assert run_async(go()) == [False] * 5


def test_the_message_names_the_host_and_the_option() -> None:
    """The message has the host without port and scheme, as it must be typed."""
    error = net_errors.unreachable("https://idp.example:8443/x?y", models.NetFault.CLIENT_CERTIFICATE)
    assert "idp.example:8443 cannot be opened: it asks for a client certificate" in str(error)
    assert "--client-certificate-host idp.example, and --client-certificate FILE" in str(error)
