"""A click becomes a file, in a real browser, in every way in which portals send files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, TypeVar

import pytest

from po_pw import errors, models
from po_pw.browser import (
    capture,
    contexts,
    controls,
    document_answers,
    launching,
    page_lease,
    playwright_driver,
    press_record,
    profiles,
    started_download,
)
from po_pw.transport import allowed_hosts
from tests.helpers.browser_site import PDF, PNG, TEXT
from tests.helpers.support import IN_TIME, until

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from pathlib import Path
    from typing import Any

    from tests.helpers.browser_site import Site
    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.whole_browser

T = TypeVar("T")
PASSES = models.RequestDecision(models.Ruling.PASS, "it changes nothing")
LINKS = models.RequestDecision(models.Ruling.LINK, "it is a document")


def decide(request: models.HeldRequest) -> models.RequestDecision:
    """Documents become links, all else is let through."""
    return LINKS if request.resource == "document" and request.method == "GET" else PASSES


async def clicks(lease: page_lease.PageLease, selector: str = "#go") -> models.Click:
    """The control at a selector, in any frame, as a portal would have read it."""
    for frame in lease.page.frames:
        element = await frame.query_selector(selector)
        if element is not None:
            in_frame = "" if frame is lease.page.main_frame else frame.url
            return models.Click(await controls.describe(element, in_frame))
    return models.Click(models.Control("button", "Get it"))


async def captured(
    context: contexts.Context,
    lease: page_lease.PageLease,
    selector: str = "#go",
    timeout: float = IN_TIME,
    guard: document_answers.HostCheck | None = None,
) -> started_download.StartedDownload | capture.Opened:
    """The result of a click, with every press allowed."""
    click = await clicks(lease, selector)
    return await capture.capture(
        context, lease, click, timeout, guard, allow=lambda _: None, decide=decide, on_audit=lambda _: None
    )


class Opened:
    """One open context on its own loop, shared by all tests of this file."""

    def __init__(self, loop: LoopThread, site: Site) -> None:
        self.loop = loop
        self.site = site

    async def open(self) -> None:
        self.driver = await playwright_driver.Driver().__aenter__()
        self.profiles = profiles.ProfileManager(None, root=self.driver.run_dir.path / "profiles")
        self.context = await self.another("w1")

    async def another(self, name: str, max_bytes: int | None = None) -> contexts.Context:
        launch = launching.plan(self.driver.resolve(None), headless=True, timeout=IN_TIME)
        return await self.driver.open(
            models.WorkerId(name),
            launch,
            user_data_dir=self.profiles.create_profile(name),
            downloads=self.driver.run_dir.path / "downloads" / name,
            max_bytes=max_bytes,
        )

    async def close(self) -> None:
        await self.context.close()
        await self.driver.__aexit__(None, None, None)

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(doing)

    async def clicked(
        self, page: str, selector: str = "#go", timeout: float = IN_TIME, *, path: str = ""
    ) -> started_download.StartedDownload | capture.Opened:
        """Opens a page of the site and captures a click on it."""
        async with self.context.page() as lease:
            await lease.page.goto(path or self.site.page(page))
            try:
                return await captured(self.context, lease, selector, timeout)
            finally:
                assert lease.waiter is None

    async def file(
        self, page: str, selector: str = "#go", *, path: str = ""
    ) -> tuple[str, bytes, started_download.StartedDownload]:
        """Name and content of the file that a click downloads."""
        got = await self.clicked(page, selector, path=path)
        assert isinstance(got, started_download.StartedDownload)
        part = await got.part()
        content = part.read_bytes()
        await got.discard()
        assert not part.exists()
        return got.sent_name, content, got


@pytest.fixture(scope="module")
def opened(loop: LoopThread, site: Site) -> Iterator[Opened]:
    """The open context."""
    it = Opened(loop, site)
    loop.run(it.open())
    yield it
    loop.run(it.close())


@pytest.mark.parametrize(
    ("page", "name", "content"),
    [
        ("form-attachment", "a.pdf", PDF),
        ("form-pdf", "inline.pdf", PDF),
        ("form-png", "png.png", PNG),
        ("form-text", "notes.txt", TEXT.encode()),
        ("form-html-file", "page.html", b"<p>a saved page</p>"),
        ("form-target", "a.pdf", PDF),
        ("form-redirect", "a.pdf", PDF),
        ("form-leaving", "inline.pdf", PDF),
        ("blob", "made here.bin", bytes([7]) * 4096),
        ("form-new-window-by-script", "a.pdf", PDF),
        ("fetch-then-blob", "made of an answer.pdf", PDF),
        ("form-gzip-cut", "a.pdf", PDF),
        ("form-gzip-cut-target", "a.pdf", PDF),
        ("fetch-gzip-cut", "a.pdf", PDF),
    ],
)
def test_a_click_brings_the_file_under_its_own_name(opened: Opened, page: str, name: str, content: bytes) -> None:
    """Forms, inline responses, new windows, redirects and blobs give the complete file."""
    sent_name, body, _ = opened.run(opened.file(page))
    assert (sent_name, body) == (name, content)


@pytest.mark.parametrize(("page", "host"), [("form-redirect", "127.0.0.1"), ("form-pdf", "localhost"), ("blob", "")])
def test_a_click_brings_no_file_of_another_host(opened: Opened, page: str, host: str) -> None:
    """A file of another host is refused, with the flag that allows it, and downloaded once it is allowed.

    A file that a script of the page made counts as the page's own.
    """
    url = f"http://{host or '127.0.0.1'}:{opened.site.port}/page/{page}"

    async def go(*allowed: str) -> str:
        async with opened.context.page() as lease:
            await lease.page.goto(url)
            guard = allowed_hosts.host_policy("http://127.0.0.1/order", allowed=allowed)
            got = await captured(opened.context, lease, guard=guard)
        assert isinstance(got, started_download.StartedDownload)
        await got.discard()
        return got.url

    before = len(opened.site.asked)
    if host:
        with pytest.raises(allowed_hosts.NotAllowedError, match="add --allow-host localhost"):
            opened.run(go())
        assert "GET /file/attachment" not in opened.site.asked[before:]
    assert "127.0.0.1" in opened.run(go("localhost")) or host


def test_the_form_is_sent_once(opened: Opened) -> None:
    """The form is sent only once, because a POST may return its file only once."""
    before = len(opened.site.asked)
    opened.run(opened.file("form-pdf"))
    assert [line for line in opened.site.asked[before:] if "/file/" in line] == ["POST /file/pdf"]


def test_headers_are_those_of_the_file_and_none_for_a_blob(opened: Opened) -> None:
    """Length and type are as the server sent them; a file made by a script has no headers."""
    _, _, of_server = opened.run(opened.file("form-png"))
    assert of_server.headers["content-type"] == "image/png"
    assert of_server.headers["content-length"] == str(len(PNG))
    assert of_server.url == f"{opened.site.origin}/file/png"
    _, _, of_script = opened.run(opened.file("blob"))
    assert dict(of_script.headers) == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_control_in_a_frame_is_clicked_there(opened: Opened, host: str) -> None:
    """A control in a frame can be clicked, even in a frame of another site; a page that opens there is a refusal."""
    inner = f"http://{host}:{opened.site.port}/page"
    name, body, _ = opened.run(opened.file("", path=f"{opened.site.origin}/frame?src={inner}/form-png"))
    assert (name, body) == ("png.png", PNG)
    with pytest.raises(document_answers.PageOpenedError):
        opened.run(opened.clicked("", path=f"{opened.site.origin}/frame?src={inner}/form-html"))


def test_a_new_window_with_an_image_or_a_page_gives_its_address(opened: Opened) -> None:
    """A window or frame with a picture or page is not loaded: its address is returned, and no window stays open."""
    before = len(opened.site.asked)
    for page, selector, path in (
        ("opens-image", "#go", "/file/png"),
        ("opens-page", "#go", "/page/blank"),
        ("opens-file", "#go", "/file/pdf"),
        ("opens-later", "#go", "/file/pdf"),
        ("hidden-frame", "#go", "/file/attachment"),
        ("hidden-frame", "#bad", "/answer/403"),
        ("inline-pdf", "#go", "/file/pdf"),
    ):
        got = opened.run(opened.clicked(page, selector))
        assert got == capture.Opened(opened.site.origin + path)
    assert not [line for line in opened.site.asked[before:] if "/page/" not in line or line.endswith("/blank")]

    async def windows() -> list[str]:
        """All windows, also those that Playwright does not know."""
        async with opened.context.page() as lease:
            browser = lease.page.context.browser
            assert browser is not None
            session = await browser.new_browser_cdp_session()
            targets = (await session.send("Target.getTargets"))["targetInfos"]
            await session.detach()
            return [target["url"] for target in targets if target["type"] == "page"]

    assert opened.run(windows()) == ["about:blank"]


def test_a_link_keeps_the_name_that_it_gives_its_file(opened: Opened) -> None:
    """The name in a link's `download` attribute is kept, although the attribute is removed to hold the request."""
    for page in ("named-link", "made-link", "made-link-sent"):
        got = opened.run(opened.clicked(page))
        assert got == capture.Opened(f"{opened.site.origin}/file/pdf", "Order 7.pdf"), page


def test_a_frame_is_the_answer_only_where_nothing_better_comes(opened: Opened) -> None:
    """If a click loads a frame and shows a link to the file, the link counts."""
    got = opened.run(opened.clicked("frame-and-file"))
    origin = opened.site.origin
    assert got == capture.Opened(f"{origin}/file/pdf", others=(f"{origin}/page/blank",))


@pytest.mark.parametrize(
    ("page", "kind", "code", "says"),
    [
        ("form-404", errors.PermanentError, models.ErrorCode.NOT_FOUND, "404"),
        ("form-403", errors.PermanentError, models.ErrorCode.FORBIDDEN, "403"),
        ("form-500", errors.TransientError, models.ErrorCode.PORTAL_ERROR, "500"),
        ("form-429", errors.TransientError, models.ErrorCode.RATE_LIMITED, "429"),
        ("form-html", document_answers.PageOpenedError, models.ErrorCode.NOT_A_FILE, "opened a page"),
        ("form-file-201", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, "HTTP 201 .*no file"),
        ("form-file-202", errors.TransientError, models.ErrorCode.NOT_A_FILE, "not ready yet"),
        ("form-file-203", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, "no file"),
        ("form-file-206", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, "no file"),
        ("form-file-207", errors.PermanentError, models.ErrorCode.PORTAL_ERROR, "no file"),
        ("form-nowhere", errors.TransientError, models.ErrorCode.NETWORK, "could not be downloaded"),
    ],
)
def test_what_is_no_file_is_told_by_its_kind(
    opened: Opened, page: str, kind: type[errors.OrderError], code: models.ErrorCode, says: str
) -> None:
    """An error response, a page or no response at once raises the error that says whether to retry."""
    with pytest.raises(kind, match=says) as caught:
        opened.run(opened.clicked(page))
    assert caught.value.code is code
    if page in {"form-429", "form-file-202"}:
        assert isinstance(caught.value, errors.TransientError)
        assert caught.value.retry_after == 7
    if isinstance(caught.value, document_answers.PageOpenedError):
        assert (caught.value.url, caught.value.status) == (f"{opened.site.origin}/answer/html", 200)


def test_nothing_happens_is_a_time_out(opened: Opened) -> None:
    """A control that does nothing times out and may be tried again."""
    with pytest.raises(errors.TransientError, match="no download started") as caught:
        opened.run(opened.clicked("dead", timeout=1.5))
    assert caught.value.code is models.ErrorCode.TIMEOUT


def test_a_post_that_brings_no_file_is_no_time_out(opened: Opened) -> None:
    """A press that sent a POST without getting a file is not retried, and the error names the request."""
    with pytest.raises(press_record.PressRefusedError, match=r"POST .*/answer/204, but no file") as caught:
        opened.run(opened.clicked("form-204"))
    assert caught.value.code is models.ErrorCode.NOT_PRESSED
    assert [decided.request.method for decided in caught.value.sent] == ["POST"]


def test_a_control_that_is_gone_says_so(opened: Opened) -> None:
    """A control that has disappeared since the page was read may be tried again."""
    with pytest.raises(errors.TransientError, match="no longer there") as caught:
        opened.run(opened.clicked("blank"))
    assert caught.value.code is models.ErrorCode.LIST_INCOMPLETE


def test_no_question_is_answered_with_yes(opened: Opened) -> None:
    """A dialog ("Are you sure?") is dismissed, and nothing is sent."""
    before = len(opened.site.asked)
    with pytest.raises(errors.TransientError, match="no download started"):
        opened.run(opened.clicked("form-asking", timeout=1.5))
    assert not [line for line in opened.site.asked[before:] if line.startswith("POST")]


def test_a_control_that_something_lies_over_is_not_pressed(opened: Opened) -> None:
    """A control under another element is not pressed by force."""
    before = len(opened.site.asked)
    with pytest.raises(errors.TransientError, match="cannot be clicked"):
        opened.run(opened.clicked("form-covered"))
    assert not [line for line in opened.site.asked[before:] if line.startswith("POST")]


def test_the_download_goes_on_while_the_page_moves_on(opened: Opened) -> None:
    """A download completes although its page has opened the next order meanwhile."""

    async def go() -> bytes:
        got = await opened.clicked("form-slow")
        assert isinstance(got, started_download.StartedDownload)
        assert (await opened.file("form-png"))[1] == PNG
        await asyncio.to_thread(opened.site.let_go)
        content = (await got.part()).read_bytes()
        await got.discard()
        return content

    opened.site.hold_back()
    assert opened.run(go()) == b"x" * (4 * 65536)


def test_a_download_that_is_given_up_leaves_nothing(opened: Opened) -> None:
    """A discarded download leaves nothing on disk, and asking for it raises an error."""

    def files() -> list[Path]:
        downloads = opened.driver.run_dir.path / "downloads"
        return [path for path in downloads.rglob("*") if path.is_file()]

    async def go() -> None:
        got = await opened.clicked("form-slow")
        assert isinstance(got, started_download.StartedDownload)
        await until(files)
        await got.discard()
        with pytest.raises(errors.TransientError, match="broke off"):
            await got.part()
        await got.discard()

    opened.site.hold_back()
    opened.run(go())
    opened.site.let_go()
    assert not files()


@pytest.mark.parametrize("served", ["form-cut", "form-cut-validated"])
def test_a_body_that_is_cut_short_is_not_a_file(opened: Opened, served: str) -> None:
    """Fewer bytes than announced are TRUNCATED, even if the browser takes them for the whole file."""

    async def go() -> None:
        got = await opened.clicked(served)
        assert isinstance(got, started_download.StartedDownload)
        try:
            await got.part()
        finally:
            await got.discard()

    with pytest.raises(errors.TransientError) as caught:
        opened.run(go())
    assert caught.value.code is models.ErrorCode.TRUNCATED


def test_a_download_is_no_larger_than_allowed_while_it_comes(opened: Opened) -> None:
    """A download without a length is ended as soon as it is too large; smaller ones complete."""

    async def go() -> None:
        context = await opened.another("w3", max_bytes=1 << 20)
        try:
            for page in ("form-endless", "form-endless-target", "blob-endless"):
                async with context.page() as lease:
                    await lease.page.goto(opened.site.page(page))
                    got = await captured(context, lease)
                assert isinstance(got, started_download.StartedDownload)
                with pytest.raises(errors.PermanentError, match="larger than 1,048,576 bytes") as caught:
                    await got.part()
                assert caught.value.code is models.ErrorCode.TOO_LARGE
                async with asyncio.timeout(30):
                    while list(context.downloads.iterdir()):  # noqa: ASYNC110 - the browser removes it in its own time
                        await asyncio.sleep(0.02)
            async with context.page() as lease:
                await lease.page.goto(opened.site.page("form-pdf"))
                got = await captured(context, lease)
            assert isinstance(got, started_download.StartedDownload)
            assert (await got.part()).read_bytes() == PDF
            await got.discard()
        finally:
            await context.close()
        assert opened.site.taken_whole == 0

    opened.run(go())


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_browser_that_dies_is_lost_not_slow(opened: Opened) -> None:
    """If the browser is killed during a click or a download, BrowserLostError is raised at once, not a timeout."""

    async def killed(context: contexts.Context) -> None:
        async with context.page() as lease:
            await lease.page.goto(opened.site.page("dead"))
            waiting = asyncio.ensure_future(captured(context, lease))
            await asyncio.wait([waiting], timeout=0.5)
            os.kill(context.pid, signal.SIGKILL)
            await waiting

    async def go() -> None:
        context = await opened.another("w2")
        try:
            async with context.page() as lease:
                await lease.page.goto(opened.site.page("form-slow"))
                got = await captured(context, lease)
            assert isinstance(got, started_download.StartedDownload)
            with pytest.raises(errors.BrowserLostError):
                await killed(context)
            with pytest.raises(errors.BrowserLostError):
                await got.part()
            await got.discard()
        finally:
            await context.close()

    opened.site.hold_back()
    opened.run(go())
    opened.site.let_go()


def test_cancelled_while_it_waits_the_page_is_fit_for_the_next(opened: Opened) -> None:
    """After a cancelled capture, the next one on the same page works."""

    async def go() -> None:
        waiting = asyncio.ensure_future(opened.clicked("dead"))
        await asyncio.wait([waiting], timeout=0.7)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await opened.file("form-pdf"))[1] == PDF

    opened.run(go())


@pytest.mark.parametrize(
    ("page", "sent"), [("form-attachment", "POST"), ("fetch-then-blob", "POST"), ("form-new-window-by-script", "POST")]
)
def test_what_is_stopped_is_told_and_nothing_arrives(opened: Opened, page: str, sent: str) -> None:
    """A stopped request never reaches the server, and the error says what would have been sent."""
    stop = models.RequestDecision(models.Ruling.STOP, "its address says nothing good")

    async def go() -> None:
        async with opened.context.page() as lease:
            await lease.page.goto(opened.site.page(page))
            click = await clicks(lease)
            no_file: list[models.Control] = []
            with pytest.raises(press_record.PressRefusedError, match="says nothing good") as caught:
                await capture.capture(
                    opened.context,
                    lease,
                    click,
                    IN_TIME,
                    allow=lambda _: None,
                    decide=lambda _: stop,
                    on_audit=lambda _: None,
                    on_no_file=lambda control, _: no_file.append(control),
                )
            assert [decided.request.method for decided in caught.value.stopped] == [sent]
            assert not no_file  # nothing was sent

    before = len(opened.site.asked)
    opened.run(go())
    assert not [line for line in opened.site.asked[before:] if line.startswith("POST")]


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("form-404", 1),
        ("form-html", 1),
        ("form-204", 1),
        ("form-500", 1),
        ("form-pdf", 0),
        ("form-429", 0),
        ("form-503", 0),
        ("form-nowhere", 0),
    ],
)
def test_a_control_that_sent_something_and_brought_no_file_is_told(opened: Opened, page: str, told: int) -> None:
    """A control that sent something and led to no file is reported, if the portal processed the request."""
    no_file: list[models.Control] = []

    async def go() -> None:
        async with opened.context.page() as lease:
            await lease.page.goto(opened.site.page(page))
            got = await capture.capture(
                opened.context,
                lease,
                await clicks(lease),
                IN_TIME,
                allow=lambda _: None,
                decide=decide,
                on_audit=lambda _: None,
                on_no_file=lambda control, _: no_file.append(control),
            )
        assert isinstance(got, started_download.StartedDownload)
        await got.discard()

    with contextlib.suppress(errors.OrderError):
        opened.run(go())
    assert [control.label for control in no_file] == ["Get it"] * told
