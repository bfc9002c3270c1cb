"""Persistent contexts in a real browser are separate, watched, and gone when they are closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from po_pw import errors, models
from po_pw.browser import contexts, launching, playwright_driver, profiles, watchdog
from tests.helpers.support import IN_TIME, run_async, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.browser_site import Site

pytestmark = pytest.mark.whole_browser

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals that only POSIX has")


def user_data_dirs(pid: int) -> set[str]:
    """The user-data dirs on a process's command line."""
    words = psutil.Process(pid).cmdline()
    return {word.partition("=")[2] for word in words if word.startswith("--user-data-dir=")}


class Small:
    """A driver with contexts, which are closed as in a run."""

    def __init__(self, driver: playwright_driver.Driver) -> None:
        self.driver = driver
        self.launch = launching.plan(driver.resolve(None), headless=True, timeout=IN_TIME)
        self.profiles = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        self.downloads = driver.run_dir.path / "downloads"
        self.open_ones: list[contexts.Context] = []

    async def open(self, name: str = "w1", pages: int = 1, **more: Any) -> contexts.Context:
        """Opens one more context."""
        context = await self.driver.open(
            models.WorkerId(name),
            self.launch,
            user_data_dir=self.profiles.create_profile(name),
            downloads=self.downloads / name,
            pages=pages,
            **more,
        )
        self.open_ones.append(context)
        return context

    def files(self) -> list[str]:
        """Names of all files in the download folders."""
        return [path.name for path in self.downloads.rglob("*") if path.is_file()]


@contextlib.asynccontextmanager
async def small() -> AsyncIterator[Small]:
    """A driver; its contexts are closed at the end."""
    async with playwright_driver.Driver() as driver:
        them = Small(driver)
        try:
            yield them
        finally:
            await asyncio.gather(*(context.close() for context in them.open_ones))


def test_two_contexts_are_two_processes_on_two_dirs_with_cookies_of_their_own(site: Site) -> None:
    """Two contexts are two processes with separate user-data dirs and cookies."""

    async def go() -> None:
        async with small() as them:
            cookie = {"name": "given", "value": "1", "url": site.origin}
            one, two = await asyncio.gather(them.open("w1", cookies=[cookie]), them.open("w2"))
            assert one.pid != two.pid
            assert user_data_dirs(one.pid) == {str(one.user_data_dir)}
            assert user_data_dirs(two.pid) == {str(two.user_data_dir)}
            assert one.version == two.version != ""
            assert "Mozilla" in one.user_agent
            assert one.language
            async with one.page() as lease:
                await lease.page.goto(f"{site.origin}/cookie")
                await lease.page.evaluate("document.cookie = 'written=2'")
                async with asyncio.timeout(IN_TIME):  # the page's process tells the browser of it by and by
                    while len(await one.cookies()) < 2:  # noqa: ASYNC110 - the browser tells nobody
                        await asyncio.sleep(0.02)
                await lease.page.reload()
                assert await lease.page.inner_text("pre") == "[('given', '1'), ('written', '2')]"
            async with two.page() as lease:
                await lease.page.goto(f"{site.origin}/cookie")
                assert await lease.page.inner_text("pre") == "[]"
            assert {cookie["name"] for cookie in await one.cookies()} == {"given", "written"}
            assert await two.cookies() == []

    run_async(go())


def test_a_window_that_nobody_sees_is_minimised_and_its_pages_do_not_notice() -> None:
    """Pages of a minimised window are visible to themselves, paint, and can be clicked."""

    async def go() -> None:
        async with small() as them:
            context = await them.open(pages=2)
            for _ in range(2):
                async with context.page() as first, context.page() as second:
                    for lease in (first, second):
                        page = lease.page
                        session = await context._inner.new_cdp_session(page)
                        window = await session.send("Browser.getWindowForTarget")
                        assert window["bounds"]["windowState"] == "minimized"
                        await page.set_content("<button onclick='document.title = \"clicked\"'>Click</button>")
                        await page.click("button")
                        seen = "() => new Promise(done => requestAnimationFrame(() => done(document.visibilityState)))"
                        assert (await page.title(), await page.evaluate(seen)) == ("clicked", "visible")
                    await second.page.evaluate("() => { window.open('about:blank') }")  # brings the window back
                    await until(lambda second=second: not second.popups and not second.busy)  # type: ignore[misc]
                    await first.page.close()
                    first.is_doubtful = True

    run_async(go())


@posix_only
def test_features_we_switch_off_join_those_that_playwright_does() -> None:
    """The features that we switch off are merged with Playwright's, as Chromium reads only one list."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            assert context.pid is not None
            words = psutil.Process(context.pid).cmdline()
            (lists,) = [word.partition("=")[2] for word in words if word.startswith("--disable-features=")]
            (ours,) = [
                word.partition("=")[2] for word in playwright_driver.ARGUMENTS if word.startswith("--disable-features=")
            ]
            assert set(lists.split(",")) > set(ours.split(","))
            session = await context._inner.browser.new_browser_cdp_session()  # type: ignore[union-attr]
            targets = (await session.send("Target.getTargets", {"filter": [{}]}))["targetInfos"]
            assert {target["type"] for target in targets} == {"page", "tab"}

    run_async(go())


def test_nothing_is_left_after_the_driver_ends(site: Site, own_temp: Path) -> None:
    """No process, run folder or file in the system's temporary folder is left."""
    others = set(psutil.Process().children(recursive=True))  # e.g. pytest-playwright's own driver

    async def go() -> tuple[Path, list[psutil.Process]]:
        async with small() as them:
            context = await them.open()
            async with context.page() as lease:
                await lease.page.goto(site.page("blank"))
            below = [one for one in psutil.Process().children(recursive=True) if one not in others]
            assert context.pid in {one.pid for one in below}
            return them.driver.run_dir.path, below

    folder, below = run_async(go())
    assert folder.parent == own_temp
    assert not list(own_temp.iterdir())
    assert watchdog.wait_ended(below, IN_TIME), below


def test_pop_ups_are_closed_downloads_cancelled_and_dialogs_answered_where_nobody_asked(site: Site) -> None:
    """Unrequested windows, downloads and dialogs neither block a page nor leave anything."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            site.hold_back()
            async with context.page() as lease:
                inner = lease.page.context
                for name in ("pop-ups", "downloads", "slow-download"):
                    async with contextlib.AsyncExitStack() as stack:
                        if name != "pop-ups":
                            await stack.enter_async_context(lease.page.expect_event("download"))
                        await lease.page.goto(site.page(name), wait_until="commit")
                await until(lambda: inner.pages == [lease.page] and not them.files() and not lease.busy)
                await lease.page.goto(site.page("blank"))
                assert await lease.page.inner_text("p") == "nothing here"
            site.let_go()

    run_async(go())


def test_an_inline_pdf_is_a_download(site: Site) -> None:
    """A PDF that the server sends inline is downloaded under its own name."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            async with context.page() as lease:
                await lease.page.goto(site.page("inline-pdf"))
                lease.waiter = asyncio.get_running_loop().create_future()
                await lease.page.click("#go", no_wait_after=True)
                download = await lease.waiter
                assert getattr(download, "suggested_filename", "") == "inline.pdf"
                lease.waiter = None

    run_async(go())


@posix_only
def test_a_killed_browser_is_noticed_by_all_who_hold_a_page_of_it(site: Site) -> None:
    """If a browser is killed, `lost` is set, and all callers that use its pages get `BrowserLostError`."""

    async def navigates(context: contexts.Context, ready: asyncio.Event) -> None:
        async with context.page() as lease:
            ready.set()
            await lease.page.wait_for_selector("#never", timeout=60_000)

    async def awaits_a_file(context: contexts.Context, ready: asyncio.Event) -> None:
        async with context.page() as lease:
            lease.waiter = asyncio.get_running_loop().create_future()
            ready.set()
            await lease.waiter

    async def go() -> None:
        async with small() as them:
            context, other = await asyncio.gather(them.open("w1", pages=2), them.open("w2"))
            ready = [asyncio.Event(), asyncio.Event()]
            at_work = [
                asyncio.ensure_future(navigates(context, ready[0])),
                asyncio.ensure_future(awaits_a_file(context, ready[1])),
            ]
            await asyncio.gather(*(event.wait() for event in ready))
            os.kill(context.pid, signal.SIGKILL)
            async with asyncio.timeout(IN_TIME):
                ends = await asyncio.gather(*at_work, return_exceptions=True)
                await context.lost.wait()
            assert [type(end) for end in ends] == [errors.BrowserLostError, errors.BrowserLostError]
            assert context.why_lost
            assert "lost" in repr(context)
            with pytest.raises(errors.BrowserLostError):
                await context.cookies()
            with pytest.raises(errors.BrowserLostError):
                async with context.page() as lease:
                    await lease.page.goto(site.page("blank"))
            assert not other.lost.is_set()
            assert await other.is_alive()

    run_async(go())


@posix_only
def test_a_hung_browser_is_told_from_a_slow_portal_and_closed_in_bounded_time(site: Site) -> None:
    """A timeout in a hung browser (SIGSTOP) is BrowserLostError, and `close` ends its process."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            process = psutil.Process(context.pid)
            os.kill(context.pid, signal.SIGSTOP)
            with pytest.raises(errors.BrowserLostError, match="hung"):
                async with context.page() as lease:
                    await lease.page.goto(site.page("blank"), timeout=1000)
            async with asyncio.timeout(IN_TIME):
                await context.close()
            assert watchdog.wait_ended([process], 0)

    run_async(go())


def test_a_slow_portal_is_not_a_lost_browser() -> None:
    """An error on a page of a working browser is not BrowserLostError."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            for error in (errors.TransientError("slow"), errors.PermanentError("gone"), ValueError("ours")):
                with pytest.raises(type(error)) as caught:
                    async with context.page():
                        raise error
                assert caught.value is error
            assert not context.lost.is_set()

    run_async(go())


@pytest.mark.parametrize("steps", [0, 1, 5, 40])
def test_a_cancelled_opening_leaves_no_browser(steps: int) -> None:
    """If opening is cancelled at any moment, no process is left, and the driver still works."""

    async def go() -> None:
        async with small() as them:
            opening = asyncio.ensure_future(them.open("w1"))
            for _ in range(steps):
                await asyncio.sleep(0.01)
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await opening
            if opening.cancelled():
                assert not watchdog.browsers_in(them.driver.run_dir.path / "profiles")
            again = await them.open("w2")
            assert await again.is_alive()

    run_async(go())


@posix_only
def test_a_cancelled_closing_still_ends_the_browser() -> None:
    """A hung browser ends although closing it was cancelled, as by a second Ctrl-C."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            process = psutil.Process(context.pid)
            os.kill(context.pid, signal.SIGSTOP)
            closing = asyncio.ensure_future(context.close())
            await asyncio.sleep(0)
            await asyncio.sleep(0.05)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            assert watchdog.wait_ended([process], 0)

    run_async(go())


def test_pages_are_handed_out_one_holder_each_and_come_back() -> None:
    """Two pages are leased to two callers, a third waits, and each page is free again after an error."""

    async def go() -> None:
        async with small() as them:
            context = await them.open(pages=2)
            async with context.page() as one, context.page() as two:
                assert one.page is not two.page
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05), context.page():
                        raise AssertionError
            with pytest.raises(ValueError, match="ours"):
                async with context.page():
                    raise ValueError("ours")
            async with context.page() as three, context.page() as four:
                assert {three, four} == {one, two}

    run_async(go())


def test_two_drivers_in_two_threads_do_not_end_each_other() -> None:
    """The first of two drivers in one process to end does not end the other."""
    both_open, first_ended = threading.Barrier(2), threading.Event()

    async def go(first: bool) -> None:
        async with playwright_driver.Driver() as driver:
            await asyncio.to_thread(both_open.wait, IN_TIME)
            if first:
                return
            await asyncio.to_thread(first_ended.wait, IN_TIME)
            them = Small(driver)
            context = await them.open()
            assert await context.is_alive()
            await context.close()

    def first() -> None:
        run_async(go(first=True))
        first_ended.set()

    thread = threading.Thread(target=first)
    thread.start()
    run_async(go(first=False))
    thread.join()


def test_a_profile_in_use_is_refused_before_anything_starts() -> None:
    """A second context on one user-data dir is refused, with the process that uses it."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            with pytest.raises(errors.ProfileError, match=r"in use by .*\(process \d+\)"):
                await them.driver.open(
                    models.WorkerId("w9"), them.launch, user_data_dir=context.user_data_dir, downloads=them.downloads
                )
            assert await context.is_alive()

    if os.name == "posix":
        run_async(go())


def test_what_a_page_asks_on_leaving_does_not_stop_the_next_order(site: Site) -> None:
    """A question on leaving the page is answered with yes."""

    async def go() -> None:
        async with small() as them:
            context = await them.open()
            async with context.page() as lease:
                await lease.page.goto(site.page("form-leaving"))
                await lease.page.click("body")
                await lease.page.goto(site.page("blank"))
                assert lease.page.url == site.page("blank")

    run_async(go())
