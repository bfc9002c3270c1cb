"""A whole run on a terminal: what it shows, what keys do, and how it leaves the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from tests.helpers.support import IN_TIME

if sys.platform != "win32":
    from tests.helpers.pty_process import PtyProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals")
PDF = b"%PDF-1.7\n" + b"0" * 50_000 + b"\n%%EOF\n"


class Portal:
    """Five orders with a file each; that of the second stays unfinished until `let_go`, the third does not exist."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._go_on = asyncio.Event()
        self.half_sent = threading.Event()
        self.asked: list[str] = []

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/orders/{n}", self._order)
        app.router.add_get("/files/{n}.pdf", self._file)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        self._go_on.set()
        await self._runner.cleanup()

    def let_go(self) -> None:
        async def go() -> None:
            self._go_on.set()

        self._loop.run(go())

    async def _order(self, request: web.Request) -> web.Response:
        n = request.match_info["n"]
        self.asked.append(n)
        if n == "3":
            raise web.HTTPNotFound(text="<!doctype html><h1>Not found</h1>", content_type="text/html")
        body = f"<section><h2>Attachments (1)</h2><a href='/files/{n}.pdf'>{n}.pdf</a></section>"
        return web.Response(text=f"<!doctype html>{body}", content_type="text/html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/pdf", "Content-Length": str(len(PDF))})
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):  # whoever asked was stopped
            await answer.write(PDF[:1000])
            if request.match_info["n"] == "2":
                self.half_sent.set()
                await self._go_on.wait()
            await answer.write(PDF[1000:])
        return answer


@pytest.fixture
def portal(loop: LoopThread, tmp_path: Path) -> Iterator[Portal]:
    running = Portal(loop)
    loop.run(running.start())
    rows = [f"PO-{n},{running.origin}/orders/{n}" for n in range(1, 6)]
    (tmp_path / "pos.csv").write_text("\n".join(["po_number,url", *rows]), "utf-8")
    yield running
    loop.run(running.close())


def on_terminal(folder: Path, *options: str) -> PtyProcess:
    """`po-pw process pos.csv` with one worker, on 80 columns and 24 lines."""
    return PtyProcess(
        [sys.executable, "-m", "po_pw", "process", "pos.csv", "-w", "1", *options],
        (80, 24),
        cwd=folder,
        environment={"PO_PW_HOME": str(folder / "home"), "PO_PW_STALL_TIMEOUT": "86400"},
    )


def statuses(folder: Path) -> dict[str, str]:
    with (folder / "downloads" / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["po_number"]: row["status"] for row in csv.DictReader(stream)}


def test_a_run_is_paused_goes_on_and_is_ended_by_keys(tmp_path: Path, portal: Portal) -> None:
    """Paused, what is in progress is finished and nothing is begun; `q` ends gently, and the same command continues."""
    with on_terminal(tmp_path) as there:
        assert portal.half_sent.wait(IN_TIME)
        lines = there.wait_for("downloading PO-2")
        assert any(line.startswith("1 of 5 (20 %)") for line in lines)
        assert not there.echoes()
        there.type("x?p")
        there.wait_for("PAUSED: p continues, q stops, 1 order still in progress")
        portal.let_go()
        lines = there.wait(lambda lines: any(line.startswith("2 of 5 (40 %)") for line in lines))
        there.wait(lambda lines: lines[-1] == "PAUSED: p continues, q stops")
        there.type("p")
        lines = there.wait_for("FAILED  PO-3")
        there.type("qqq")
        assert there.ended() in {1, 130}
        assert there.echoes()
        shown = there.everything()
        assert "(you pressed q)" in shown
        for ghost in ("p pauses", "PAUSED", "w1 ", "elapsed"):
            assert ghost not in shown
    assert portal.asked[:3] == ["1", "2", "3"]
    assert statuses(tmp_path)["PO-2"] == "COMPLETED"
    with on_terminal(tmp_path) as there:
        assert there.ended() == 1
    assert list(statuses(tmp_path).values()) == ["COMPLETED", "COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
