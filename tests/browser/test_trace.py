"""`--trace` records failed orders only, for Playwright's own viewer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import playwright
import psutil
import pytest
from aiohttp import web

from po_pw import events, models
from tests.helpers import plain_portal
from tests.helpers.plain_portal import SIGN_IN, Answer, Portal, area, order, page
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.sync_api import Page

    from po_pw.engine import run as engine
    from tests.helpers.loop_thread import LoopThread

VIEWER: Final = Path(playwright.__file__).parent / "driver" / "package" / "lib" / "vite" / "traceViewer"
SECRET: Final = "s3cr3tValue99"
RED: Final = "<style>html{background:#f00}</style>"
GOLD: Final = "<style>html{background:#fc0}</style>"
NUMBERS: Final = ["PO-1", "PO-2", "PO-3", "PO-4", "PO-5", "PO-6", "PO-7", "PO-8"]
COLOURS: Final = """async (pictures) => {
  const seen = [];
  for (const data of pictures) {
    const image = new Image();
    image.src = 'data:image/jpeg;base64,' + data;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height), on = canvas.getContext('2d');
    on.drawImage(image, 0, 0);
    const [red, green, blue] = on.getImageData(image.width - 20, image.height - 20, 1, 1).data;
    seen.push(red > 200 && green < 60 && blue < 60 ? 'red' : red > 200 && green > 160 && blue < 90 ? 'gold' : 'other');
  }
  return seen;
}"""


@pytest.fixture(scope="session")
def base_url() -> None:
    """In place of pytest-playwright's own, which pytest 9.2 warns of."""


@pytest.fixture
def viewer(loop: LoopThread, tmp_path: Path) -> Iterator[str]:
    """Address of the trace viewer that ships with Playwright, next to the test's folder."""

    @contextlib.asynccontextmanager
    async def serving() -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_static("/viewer", VIEWER)
        app.router.add_static("/traces", tmp_path)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()

    served = serving()
    yield loop.run(served.__aenter__())
    loop.run(served.__aexit__(None, None, None))


def pages(origin: str) -> dict[str, str | Answer]:
    """Orders that fail in different ways, between two that do not."""
    failing = f"<script>console.error('failed with api_key={SECRET}')</script>{GOLD}"
    form = '<form method=post action="/files/c.pdf"><button>Download c.pdf</button></form>'
    return {
        "/orders/PO-1": order("PO-1", area("a.pdf")),
        "/orders/PO-2": Answer(page("Forbidden", f"<h1>403 Forbidden</h1>{failing}"), status=403),
        "/orders/PO-3": order("PO-3", area("a.pdf", "gone.pdf")),
        "/files/gone.pdf": Answer(f"<h1>This file has expired</h1><p>token={SECRET}", status=404),
        "/orders/PO-4": Answer(to="/enter"),
        "/enter": f"{SIGN_IN}{RED}",
        "/orders/PO-5": order("PO-5", f"<section><h2>Attachments</h2>{form}</section>{GOLD}"),
        "/orders/PO-6": order("PO-6", f"<form><input name=pin value={SECRET}></form>{area('gone.pdf')}"),
        "/orders/PO-7": Answer(to=f"{origin.replace('127.0.0.1', 'localhost')}/elsewhere"),
        "/elsewhere": page("Home", f"<h1>Welcome</h1>{RED}"),
        "/orders/PO-8": order("PO-8", area("h.pdf")),
    }


def content(trace: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """A trace's events, and its pictures in base64."""
    with zipfile.ZipFile(trace) as book:
        pictures = [base64.b64encode(book.read(name)).decode() for name in book.namelist() if name.endswith(".jpeg")]
        return [json.loads(line) for line in book.read("trace.trace").splitlines()], pictures


def test_an_order_that_fails_has_a_trace_that_the_viewer_opens(page: Page, tmp_path: Path, viewer: str) -> None:
    """A failed order's trace has pictures, calls and console errors, and no secret.

    No trace shows a sign-in page. Orders that succeed have none, and nothing else is left.
    """

    async def body() -> plain_portal.Ran:
        portal = Portal({})
        async with portal.serving():
            portal.pages |= pages(portal.origin)
            return await plain_portal.run(portal, tmp_path, NUMBERS, read_only=True, trace=True)

    ran = run_async(body())
    assert ran.error is None
    names = {number: [path.rpartition("/")[2] for path in ran.outcomes[number].evidence] for number in NUMBERS}
    kept = {number: [name for name in names[number] if name != "console.txt"] for number in NUMBERS}
    assert kept == {
        "PO-1": [],
        "PO-2": ["page.png", "page.html", "trace.zip"],
        "PO-3": ["answers.txt", "trace.zip"],
        "PO-4": ["page.png", "page.html"],
        "PO-5": ["page.png", "page.html", "trace.zip"],
        "PO-6": ["answers.txt", "trace.zip"],
        "PO-7": ["page.png", "page.html", "trace.zip"],
        "PO-8": [],
    }
    assert ran.code("PO-4") is models.ErrorCode.SIGN_IN_NEEDED
    folder = ran.out / ".po-pw" / "evidence"
    assert not any(SECRET.encode() in path.read_bytes() for path in ran.out.rglob("*") if path.is_file())
    assert "This file has expired" in (folder / "PO-3" / "answers.txt").read_text("utf-8")
    seen = {}
    for number in ("PO-2", "PO-3", "PO-5", "PO-6", "PO-7"):
        found, pictures = content(folder / number / "trace.zip")
        seen[number] = set(page.evaluate(COLOURS, pictures))
        assert SECRET not in json.dumps(found)
        calls = [event for event in found if event.get("method") == "goto"]
        assert [call["params"]["url"].rpartition("/")[2] for call in calls] == [number]
        assert found[0]["title"] == number
    assert seen["PO-2"] | {"other"} == seen["PO-5"] | {"other"} == {"gold", "other"}
    assert seen["PO-3"] == {"other"}
    assert seen["PO-6"] == seen["PO-7"] == set()  # a field for a PIN; another host, where people may sign in
    report = (ran.out / "report.html").read_text("utf-8")
    assert '<a href=".po-pw/evidence/PO-2/trace.zip">trace' in report
    assert '<a href=".po-pw/evidence/PO-3/answers.txt">server&#39;s answer' in report

    trace = (folder / "PO-2" / "trace.zip").relative_to(tmp_path).as_posix()
    page.set_default_timeout(IN_TIME * 1000)
    page.goto(f"{viewer}/viewer/index.html?trace={viewer}/traces/{trace}")
    page.get_by_text("/orders/PO-2").wait_for()
    page.get_by_role("tab", name="Console").click()
    page.get_by_text("failed with api_key=REDACTED").wait_for()
    assert page.locator(".film-strip-frame").count() > 0


@pytest.mark.whole_browser
def test_a_browser_that_crashes_leaves_no_trace_and_no_error(tmp_path: Path) -> None:
    """The order fails only because of the crash; the next one, in a new browser, is traced."""

    async def body() -> None:
        portal = Portal({"/orders/PO-1": order("PO-1", area("a.pdf"))})
        browsers: list[int] = []

        class Killing(asyncio.Event):
            async def wait(self) -> Literal[True]:
                """At the first request for the page, its browser is killed."""
                if not self.is_set():
                    self.set()
                    psutil.Process(browsers[0]).kill()
                return True

        portal.gates["/orders/PO-1"] = Killing()

        def hear(_: engine.Run, event: events.Event) -> None:
            if isinstance(event, events.ContextOpened):
                browsers.append(event.pid)

        async with portal.serving():
            ran = await plain_portal.run(portal, tmp_path, ["PO-1", "PO-2"], hear=hear, trace=True)
        assert ran.error is None
        assert len(browsers) == 2
        assert ran.outcomes["PO-1"].evidence == ()
        assert ran.outcomes["PO-2"].evidence[-1] == ".po-pw/evidence/PO-2/trace.zip"

    run_async(body())
