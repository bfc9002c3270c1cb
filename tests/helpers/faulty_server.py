"""A small web server, also a proxy, whose addresses name the error to produce. It records its requests."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PDF = b"%PDF-1.7\n" + b"0" * 3_000_000 + b"\n%%EOF\n"
PAGE = "<!DOCTYPE html><html><head><title>{title}</title></head><body>{body}</body></html>"
UNTRUSTED = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC3XwV9WLNZKUXwX4
NwCKdIMcX4M9DTUmxj75jqRedrKhRANCAAStaBTvaM4eTpFD5kyTdR2mK2JgGjxr
YDK7emAOp911yJtDV5FwJsPTxYhBYzPv+5eg/89YYvsWkooE4yqch1FF
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBkTCCATagAwIBAgIUfEbiaC0g9soEbOTviYtIqgf52TAwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyNTEzMDkxNVoYDzIxMjYxMTAx
MTMwOTE1WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAStaBTvaM4eTpFD5kyTdR2mK2JgGjxrYDK7emAOp911yJtDV5FwJsPT
xYhBYzPv+5eg/89YYvsWkooE4yqch1FFo2QwYjAdBgNVHQ4EFgQU4WjJ9vnEt6RE
sTlN0+N3rqXQIxYwHwYDVR0jBBgwFoAU4WjJ9vnEt6REsTlN0+N3rqXQIxYwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0kAMEYC
IQCzcVtWUG8oSE7D0HRYIxc8DR7d/c8HSYXZ7GYZfIzbiwIhAJ3cNsfvYudl3eim
jjF3GSWPTlPNtP2ILTiqNP5rITpS
-----END CERTIFICATE-----
"""
"""A key and a certificate for 127.0.0.1 that it signed itself."""
LARGE_BLOCK = bytes(range(256)) * 256
LARGE_BLOCKS = 1024
"""64 MiB in all."""


class Server:
    """Serves on 127.0.0.1 and a free port, on the loop that started it.

    `/bytes` answers with what a test put into `answers`; every other address is a fault or a way of sending.
    """

    port: int

    def __init__(self) -> None:
        self.asked: list[web.BaseRequest] = []
        self.answers: dict[str, Callable[[], web.StreamResponse]] = {}
        self.reached = asyncio.Event()
        """Set when an endless response has sent everything."""
        self.over = asyncio.Event()
        self.most_at_once = 0
        """Maximum number of simultaneous requests for `/meeting`."""
        self._at_once = 0
        self._met = asyncio.Event()
        self._faults: dict[str, Any] = {
            "/pdf": _pdf,
            "/truncate": self._truncate,
            "/reset": self._reset,
            "/stall": self._stall,
            "/silent": self._silent,
            "/large": _large,
            "/chunked": _chunked,
            "/chunked-cut": self._chunked_cut,
            "/gzip": _gzip,
            "/brotli": _brotli,
            "/redirect": _redirect,
            "/bad-header": self._bad_header,
            "/status": _status,
            "/proxy-auth": _proxy_auth,
            "/circle": _circle,
            "/meeting": self._meeting,
        }

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """An address of this server; `host="localhost"` is another origin."""
        return f"http://{host}:{self.port}{path}"

    def saw(self, path: str) -> list[web.BaseRequest]:
        """The requests for an address."""
        return [request for request in self.asked if request.path == path]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if request.path in self.answers:
            return self.answers[request.path]()
        fault = self._faults.get(request.path)
        if fault is None:
            return web.Response(text="nothing", headers={"Set-Cookie": "from_here=1; Path=/"})
        answer: web.StreamResponse = await fault(request)
        return answer

    async def _truncate(self, request: web.BaseRequest) -> web.StreamResponse:
        """Fewer bytes than announced, then an orderly end."""
        answer = await _begun(request, {"Content-Length": str(len(PDF))})
        await answer.write(PDF[: len(PDF) // 2])
        _hang_up(request)
        return answer

    async def _reset(self, request: web.BaseRequest) -> web.StreamResponse:
        """The connection is reset in the middle, or, with `?at=once`, before any answer."""
        answer = web.StreamResponse()
        if request.query.get("at") != "once":
            answer = await _begun(request, {"Content-Length": str(len(PDF))})
            await answer.write(PDF[:200_000])
        transport = request.transport
        assert transport is not None
        # With a linger time of zero, closing is a reset.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        return answer

    async def _stall(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends `?bytes=` of the file and then nothing more."""
        answer = await _begun(request, {"Content-Length": str(len(PDF))})
        await answer.write(PDF[: int(request.query.get("bytes", "500000"))])
        return await self._endless(answer)

    async def _silent(self, request: web.BaseRequest) -> web.StreamResponse:
        """No answer at all."""
        return await self._endless(web.Response())

    async def _meeting(self, request: web.BaseRequest) -> web.StreamResponse:
        """Responds when two requests have arrived."""
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        if self._at_once == 2:
            self._met.set()
        await self._met.wait()
        self._at_once -= 1
        return web.Response()

    async def _endless(self, answer: web.StreamResponse) -> web.StreamResponse:
        self.reached.set()
        await self.over.wait()
        return answer

    async def _chunked_cut(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await _begun(request, {})
        await answer.write(PDF[:100_000])
        _hang_up(request)
        return answer

    async def _bad_header(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")
        return web.Response()


@contextlib.asynccontextmanager
async def serve(tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """A server while the block lasts."""
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.over.set()
        await runner.cleanup()


def no_part_in(folder: Path) -> bool:
    """Whether a folder contains no partial file."""
    return not list(folder.rglob("*.part"))


async def _begun(request: web.BaseRequest, headers: dict[str, str]) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/pdf", **headers})
    if "Content-Length" not in headers:
        answer.enable_chunked_encoding()
    await answer.prepare(request)
    return answer


def _hang_up(request: web.BaseRequest) -> None:
    assert request.transport is not None
    request.transport.close()


async def _pdf(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(
        body=PDF,
        content_type="application/pdf",
        headers={
            "Content-Disposition": 'attachment; filename="invoice.pdf"',
            "Last-Modified": "Mon, 05 Jan 2026 10:20:30 GMT",
        },
    )


async def _large(request: web.BaseRequest) -> web.StreamResponse:
    answer = await _begun(
        request,
        {"Content-Type": "application/octet-stream", "Content-Length": str(LARGE_BLOCKS * len(LARGE_BLOCK))},
    )
    for _ in range(LARGE_BLOCKS):
        await answer.write(LARGE_BLOCK)
    return answer


async def _chunked(request: web.BaseRequest) -> web.StreamResponse:
    answer = await _begun(request, {})
    for start in range(0, len(PDF), 70_001):
        await answer.write(PDF[start : start + 70_001])
    return answer


async def _gzip(request: web.BaseRequest) -> web.StreamResponse:
    """Compressed though nobody asked for it; its length is that of what is sent."""
    return web.Response(body=gzip.compress(PDF), content_type="application/pdf", headers={"Content-Encoding": "gzip"})


async def _brotli(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(body=b"\x0b\x02\x80abc\x03", headers={"Content-Encoding": "br"})


async def _redirect(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": request.query["to"], "Set-Cookie": "hop=1; Path=/"})


async def _circle(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=301, headers={"Location": "/circle?again"})


async def _status(request: web.BaseRequest) -> web.StreamResponse:
    headers = {"Retry-After": request.query["after"]} if "after" in request.query else {}
    return web.Response(status=int(request.query["code"]), headers=headers, text="no")


async def _proxy_auth(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(status=407, headers={"Proxy-Authenticate": "Negotiate"})
