"""Runs in a company's network: proxies with passwords, PAC files, a private authority, client certificates."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import sys
from typing import TYPE_CHECKING, Final

import pytest
from aiohttp import web

from po_pw import events, models, settings
from po_pw.browser import nss
from po_pw.engine import run as engine
from po_pw.orders import read
from tests.helpers import certificates

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.whole_browser

PDF: Final = b"%PDF-1.7\n" + b"0" * 500 + b"\n%%EOF\n"
PORTAL: Final = "portal.corporation.invalid"
"""A name that only the proxy knows."""
PASSWORD: Final = "correct-horse"
_USER: Final = f"Basic {base64.b64encode(f'anna:{PASSWORD}'.encode()).decode()}"

_KDE: Final = "[Proxy Settings]\nProxyType=1\nhttpProxy=http://127.0.0.1 {port}\n"
"""As KDE keeps them in `kioslaverc`."""
_ON_LINUX: Final = pytest.mark.skipif(sys.platform != "linux", reason="the settings of a desktop there")


@dataclasses.dataclass(slots=True)
class Network:
    """One server: the portal, and the proxy to it."""

    port: int = 0
    asks_user: bool = False
    """Whether the proxy asks for a user name."""
    refused: int = 0
    files: list[tuple[str, bool, str]] = dataclasses.field(default_factory=list)
    """Of each file that was sent: its path, whether a browser asked, and whose client certificate came."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers as the proxy, then as the portal."""
        if request.path == "/proxy.pac":
            script = f'function FindProxyForURL(url, host) {{ return "PROXY 127.0.0.1:{self.port}"; }}'
            return web.Response(text=script, content_type="application/x-ns-proxy-autoconfig")
        if request.method == "CONNECT":  # the browser tries https first
            return web.Response(status=502)
        if self.asks_user and request.headers.get("Proxy-Authorization") != _USER:
            self.refused += 1
            return web.Response(status=407, headers={"Proxy-Authenticate": 'Basic realm="proxy"'})
        if request.path.startswith("/files/"):
            peer = request.transport.get_extra_info("peercert") if request.transport is not None else None
            subject = dict(pair for part in peer["subject"] for pair in part)["commonName"] if peer else ""
            self.files.append((request.path, request.headers["Accept"] != "*/*", subject))
            return web.Response(body=PDF + request.path.encode(), content_type="application/pdf")
        number = request.path.rpartition("/")[2]
        links = "".join(f'<a href="/files/{number}-{letter}.pdf">{number}-{letter}.pdf</a> ' for letter in "ab")
        text = f"<!doctype html><section><h2>Attachments (2)</h2>{links}</section>"
        return web.Response(text=text, content_type="text/html")


@contextlib.asynccontextmanager
async def served(tls: ssl.SSLContext | None = None, *, asks_user: bool = False) -> AsyncIterator[Network]:
    network = Network(asks_user=asks_user)
    runner = web.ServerRunner(web.Server(network.handle), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    network.port = runner.addresses[0][1]
    try:
        yield network
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def tunnelled(port: int) -> AsyncIterator[int]:
    """An https proxy that asks for a user name and connects to a server of the test; its port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if not head.startswith(f"CONNECT {PORTAL}:") or _USER not in head:
            asked = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 0\r\n\r\n'
            writer.write(asked.encode())
            writer.close()
            return
        there, here = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Yes\r\n\r\n")
        await asyncio.gather(copy(reader, here), copy(there, writer))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def run(folder: Path, origin: str, **more: object) -> tuple[list[models.Outcome], list[str]]:
    """Runs two orders with two files each; returns the outcomes and the notices."""
    rows = [f"PO-{n},{origin}/orders/{n}" for n in (1, 2)]
    folder.mkdir(exist_ok=True)
    (folder / "pos.csv").write_text("\n".join(["po_number,url", *rows]), "utf-8")
    table = read.open_table(folder / "pos.csv")
    said: list[str] = []
    hub = events.Hub()
    hub.listen(lambda event: said.append(event.text) if isinstance(event, events.Notice) else None)
    options = settings.load(out=folder / "out", home=folder / "home", backoff_base=0.05, workers=1, attempts=1, **more)
    async with engine.Run(options, hub) as one:
        given = one.process(table.rows(), columns=table.columns, resume=models.Resume())
        return [outcome async for outcome in given], [text for text in said if "are downloaded by the browser" in text]


def test_a_proxy_that_asks_for_a_user_name_gets_it_from_both(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browser and HTTP client both sign in to the environment's proxy."""

    async def body() -> None:
        async with served(asks_user=True) as network:
            monkeypatch.setenv("http_proxy", f"http://anna:{PASSWORD}@127.0.0.1:{network.port}")
            outcomes, said = await run(tmp_path, f"http://{PORTAL}")
            assert [outcome.status for outcome in outcomes] == ["COMPLETED", "COMPLETED"]
            assert [by_browser for _, by_browser, _ in network.files] == [False] * 4
            assert not said
            assert network.refused  # the browser, which asks without the name first

    loop.run(body())


@pytest.mark.parametrize("way", ["PAC", pytest.param("desktop", marks=_ON_LINUX)])
def test_a_proxy_that_only_the_browser_knows(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """With a PAC file or a desktop's settings, all files come through the browser, which is reported once."""

    async def body() -> None:
        async with served() as network:
            if way == "PAC":
                monkeypatch.setenv("auto_proxy", f"http://127.0.0.1:{network.port}/proxy.pac")
            else:
                settings_of_desktop = tmp_path / ".config" / "kioslaverc"
                settings_of_desktop.parent.mkdir()
                settings_of_desktop.write_text(_KDE.format(port=network.port), "utf-8")
                desktop = {"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5", "HOME": str(tmp_path)}
                for name, value in desktop.items():
                    monkeypatch.setenv(name, value)
            outcomes, said = await run(tmp_path, f"http://{PORTAL}")
            assert [outcome.status for outcome in outcomes] == ["COMPLETED", "COMPLETED"]
            assert [by_browser for _, by_browser, _ in network.files] == [True] * 4
            assert len(said) == 1
            assert ("PAC" if way == "PAC" else PORTAL) in said[0]

    loop.run(body())


@pytest.mark.skipif(not nss.is_used() or bool(nss.missing_tools()), reason="needs NSS' tools (libnss3-tools)")
def test_an_authority_of_the_company_and_a_client_certificate(
    loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Browser and client show the certificate through a proxy that asks for a user name.

    Until Python trusts the authority, files come through the browser, which is reported once.
    """
    authority = certificates.issue("Corporation")
    tls = certificates.server_context(tmp_path, authority, PORTAL)
    certificates.trusting_home(tmp_path / "user", tmp_path / "ca.pem")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    (tmp_path / "anna.p12").write_bytes(certificates.issue("Anna", authority).p12(PASSWORD))
    certificate = {
        "client_certificate": tmp_path / "anna.p12",
        "client_certificate_password": PASSWORD,
        "client_certificate_hosts": (PORTAL,),
    }

    async def body() -> None:
        async with served(tls) as network, tunnelled(network.port) as proxy:
            monkeypatch.setenv("https_proxy", f"http://anna:{PASSWORD}@127.0.0.1:{proxy}")
            for trusts in (False, True):
                if trusts:
                    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
                network.files.clear()
                folder = tmp_path / f"trusts-{trusts}"
                outcomes, said = await run(folder, f"https://{PORTAL}", **certificate)
                assert [outcome.status for outcome in outcomes] == ["COMPLETED", "COMPLETED"], outcomes
                assert [(by, whose) for _, by, whose in network.files] == [(not trusts, "Anna")] * 4
                assert len(said) == (0 if trusts else 1)
                assert trusts or "certificate" in said[0]
                kept = [path for path in folder.rglob("*") if path.is_file()]
                assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]

    loop.run(body())
