"""A portal with one file per order; one file stays unfinished until a test releases it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

PDF: Final = b"%PDF-1.7\n" + b"0" * 50_000 + b"\n%%EOF\n"


class Portal:
    """Orders 1, 2, 3, …

    Args:
        loop: that it serves on.
        waits: the order whose file stays unfinished until `let_go`.
        missing: an order that does not exist; `""` for none.
    """

    def __init__(self, loop: LoopThread, *, waits: str, missing: str = "") -> None:
        self._loop = loop
        self._waits, self._missing = waits, missing
        self._go_on = asyncio.Event()
        self.half_sent = threading.Event()
        self.asked: list[str] = []

    async def start(self) -> None:
        """Serves on a free port of this machine."""
        app = web.Application()
        app.router.add_get("/orders/{n}", self._order)
        app.router.add_get("/files/{n}.pdf", self._file)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        """Ends it, with what it still sends."""
        self._go_on.set()
        await self._runner.cleanup()

    def let_go(self) -> None:
        """Sends the rest of the file that waits."""

        async def go() -> None:
            self._go_on.set()

        self._loop.run(go())

    async def _order(self, request: web.Request) -> web.Response:
        n = request.match_info["n"]
        self.asked.append(n)
        if n == self._missing:
            raise web.HTTPNotFound(text="<!doctype html><h1>Not found</h1>", content_type="text/html")
        body = f"<section><h2>Attachments (1)</h2><a href='/files/{n}.pdf'>{n}.pdf</a></section>"
        return web.Response(text=f"<!doctype html>{body}", content_type="text/html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/pdf", "Content-Length": str(len(PDF))})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):  # whoever asked was stopped
            await answer.write(PDF[:1000])
            if request.match_info["n"] == self._waits:
                self.half_sent.set()
                await self._go_on.wait()
            await answer.write(PDF[1000:])
        return answer


@contextlib.contextmanager
def serving(loop: LoopThread, folder: Path, *, orders: int, waits: str, missing: str = "") -> Iterator[Portal]:
    """Serves it for the block, with a list `pos.csv` of so many orders in the folder."""
    running = Portal(loop, waits=waits, missing=missing)
    loop.run(running.start())
    rows = [f"PO-{n},{running.origin}/orders/{n}" for n in range(1, orders + 1)]
    (folder / "pos.csv").write_text("\n".join(["po_number,url", *rows]), "utf-8")
    yield running
    loop.run(running.close())
