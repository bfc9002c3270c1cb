"""Every request after a press is held and decided on; a stopped one never reaches the server."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from playwright import async_api as playwright

from po_pw import errors, events, models
from po_pw.browser import controls, launching, page_lease, playwright_driver, press_guard, press_record, profiles
from tests.helpers import press_ways
from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.browser_site import Site
    from tests.helpers.loop_thread import LoopThread

pytestmark = pytest.mark.whole_browser

PASS: Final = models.RequestDecision(models.Ruling.PASS, "it changes nothing")
STOP: Final = models.RequestDecision(models.Ruling.STOP, "it may change something")
LINK: Final = models.RequestDecision(models.Ruling.LINK, "it is a document")

NEVER_SENT: Final = frozenset(
    {
        "shared-worker",
        "new-shared-worker",
        "socket",
        "new-socket",
        "socket-of-a-frame",
        "page-hide",
        "page-hide-fetch",
        "page-hide-handler",
        "unload",
        "before-unload",
        "visibility",
        "prefetch",
        "pop-up-later",
        "pop-up-fetch",
    }
)
"""Nothing can be decided about these, so they are held in the page, whatever the decision."""
ON_LEAVING: Final = frozenset(
    {
        "page-hide",
        "page-hide-fetch",
        "page-hide-handler",
        "unload",
        "before-unload",
        "visibility",
    }
)
MOVES_TO: Final = {
    "navigation": "/sent/",
    "link": "/sent/",
    "form": "/sent/",
    "form-get": "/sent/",
    "form-by-script": "/sent/",
    "redirect-form": "/sent/",
    "redirect-navigation": "/sent/",
    "keepalive-then-navigation": "/page/blank",
}
"""Where the page goes by itself. Two navigations at once come in each other's way, so each is waited for."""
IN_THE_PAGE: Final = frozenset({"WEBSOCKET", "SHAREDWORKER", "HINT"})
CANCELLED: Final = frozenset(
    {
        "beacon-then-stop",
        "keepalive-then-stop",
        "keepalive-then-navigation",
        "keepalive-then-abort",
        "beacon-of-a-removed-frame",
        "keepalive-of-a-removed-frame",
    }
)
"""The page itself cancels it at once: what would pass may be lost, or come late."""
CLOSED_FIRST: Final = frozenset({"pop-up-later", "pop-up-fetch"})
"""A window that nobody waits for is closed before it sends anything."""
IN_A_WINDOW: Final = frozenset({"link-new-window", "link-no-opener", "pop-up", "pop-up-no-opener"})
"""Documents for a window of its own become links."""


class Opened:
    """One context with two pages, shared by all tests of this file."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.told: list[events.Pressed | events.RequestDecided] = []

    async def open(self) -> None:
        self.driver = await playwright_driver.Driver().__aenter__()
        self.profiles = profiles.ProfileManager(None, root=self.driver.run_dir.path / "profiles")
        launch = launching.plan(self.driver.resolve(None), headless=True, timeout=IN_TIME)
        self.context = await self.driver.open(
            models.WorkerId("w1"),
            launch,
            user_data_dir=self.profiles.create_profile("w1"),
            downloads=self.driver.run_dir.path / "downloads",
            pages=2,
        )

    async def close(self) -> None:
        await self.context.close()
        await self.driver.__aexit__(None, None, None)

    async def show(self, lease: page_lease.PageLease, path: str) -> playwright.ElementHandle:
        """Opens a path and returns its control."""
        await lease.end_guard()
        await lease.page.goto(self.site.origin + path)
        control = await lease.page.query_selector("#go")
        assert control is not None
        return control

    async def press(
        self,
        lease: page_lease.PageLease,
        what: models.Click | playwright.ElementHandle,
        decide: press_record.Decide,
        allow: press_record.Allow = lambda _: None,
        purpose: models.Purpose = models.Purpose.OPEN,
    ) -> press_record.Press:
        """Presses it, like a control that shows more of a list."""
        return await self.context.guards.press(
            lease, what, allow=allow, decide=decide, on_audit=self.told.append, purpose=purpose
        )

    def arrived(self, name: str) -> list[str]:
        """The requests that the server got at this name."""
        return [line for line in self.site.asked if line.endswith(f"/sent/{name}")]


@pytest.fixture(scope="module")
def opened(loop: LoopThread, site: Site) -> Iterator[Opened]:
    """The open context."""
    it = Opened(site)
    loop.run(it.open())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(press_guard, "_LEAVES_WITHIN", IN_TIME)  # a busy machine is slow to tell of a thousand beacons
        yield it
    loop.run(it.close())


async def until(is_so: Callable[[], object], what: str) -> None:
    """Waits for a condition, not for a time."""
    try:
        async with asyncio.timeout(IN_TIME):
            while not is_so():  # noqa: ASYNC110 - the server and the browser tell nobody
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"in vain: {what}")


def _more_than(before: int, opened: Opened, name: str) -> bool:
    return len(opened.arrived(name)) > before


async def held(lease: page_lease.PageLease, press: press_record.Press, name: str) -> None:
    """Waits until the press has recorded the request, or the page has prevented it."""

    def is_held() -> bool:
        return any(
            urlsplit(decided.request.url).path == f"/sent/{name}" or decided.request.method in IN_THE_PAGE
            for decided in press.requests
        )

    try:
        async with asyncio.timeout(IN_TIME / 2):  # less than `loop.run`, whose error would not say what was awaited
            while not is_held():
                assert isinstance(lease.guard, press_guard.Guard)
                await lease.guard.note_messages()
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"in vain: {name} is not held; {[decided.text for decided in press.requests]}")


@pytest.mark.parametrize("way", sorted(press_ways.WAYS))
def test_what_is_stopped_never_arrives_and_what_passes_does(loop: LoopThread, opened: Opened, way: str) -> None:
    """Each way of sending works without a guard; with one, a request arrives only if it is allowed."""

    async def unguarded() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, f"/press/{way}/free-{way}")
            await control.click(no_wait_after=True)
            if way in ON_LEAVING:
                await lease.page.goto(opened.site.page("blank"))
            if way == "pop-up-fetch":  # a pop-up that nobody claims is closed, often before it has sent anything
                while not opened.arrived(f"free-{way}"):
                    await control.click(no_wait_after=True)
                    await asyncio.sleep(0.05)
            elif way != "pop-up-later":  # closed first also where nothing guards
                await until(lambda: bool(opened.arrived(f"free-{way}")), "nothing arrives even where nothing guards")
            if way in MOVES_TO:
                await until(lambda: MOVES_TO[way] in lease.page.url, "the page does not move")
            await lease.page.goto("about:blank")

    async def stopped() -> None:
        name = f"stopped-{way}"

        def decide(request: models.HeldRequest) -> models.RequestDecision:
            return STOP if urlsplit(request.url).path == f"/sent/{name}" else PASS

        async with opened.context.page() as lease:
            control = await opened.show(lease, f"/press/{way}/{name}")
            press = await opened.press(lease, control, decide)
            if way not in ON_LEAVING | CLOSED_FIRST:
                await held(lease, press, name)
            if way == "keepalive-then-navigation":
                await until(lambda: MOVES_TO[way] in lease.page.url, "the page does not move")
            await lease.end_guard()
            # What is sent on leaving this page, later and by the same way, arrives; so what it had sent would be there.
            control = await opened.show(lease, f"/press/page-hide/after-{name}")
            await control.click(no_wait_after=True)
            await lease.page.goto("about:blank")
            await until(lambda: bool(opened.arrived(f"after-{name}")), "no beacon")
        assert not opened.arrived(name)

    async def passed() -> None:
        name = f"passed-{way}"
        async with opened.context.page() as lease:
            control = await opened.show(lease, f"/press/{way}/{name}")
            press = await opened.press(lease, control, lambda _: PASS)
            if way in IN_A_WINDOW:
                await until(lambda: bool(press.links), "no link")
                assert [link.url for link in press.links] == [f"{opened.site.origin}/sent/{name}"]
            elif way == "form-new-window":
                await until(lambda: bool(press.stopped), "nothing was stopped")
            else:
                if way == "redirect-beacon":  # Chromium follows it only when the page is left
                    await until(lambda: len(press.requests) > 1, "no redirect")
                    await lease.end_guard()
                await until(functools.partial(opened.arrived, name), "what was let through does not arrive")

    loop.run(unguarded())
    loop.run(stopped())
    if way not in NEVER_SENT | CANCELLED:
        loop.run(passed())


def test_requests_of_other_pages_of_the_context_pass(loop: LoopThread, opened: Opened) -> None:
    """While one page is guarded, requests, scripts and pop-ups of another page continue."""

    async def go() -> None:
        async with opened.context.page() as lease, opened.context.page() as other:
            press = await opened.press(lease, await opened.show(lease, "/press/fetch-post/mine"), lambda _: STOP)
            await held(lease, press, "mine")
            for way in ("fetch-delete", "form", "pop-up", "worker", "socket"):
                name = f"other-{way}"
                control = await opened.show(other, f"/press/{way}/{name}")
                await control.click(no_wait_after=True)
                await until(functools.partial(opened.arrived, name), "another page's is not let through")
                if way == "form":
                    await until(lambda: "/sent/" in other.page.url, "the page does not move")
            assert not opened.arrived("mine")
            assert [decided.text.partition(" ")[0] for decided in press.requests] == ["POST"]

    loop.run(go())


def test_each_of_two_pages_gets_what_it_asked_for(loop: LoopThread, opened: Opened) -> None:
    """If both pages open a window at once, each request is attributed to its page."""

    async def go() -> None:
        async with opened.context.page() as first, opened.context.page() as second:
            names = ("of-first", "of-second")
            leases = (first, second)
            controls = [
                await opened.show(lease, f"/press/pop-up-no-opener/{name}")
                for lease, name in zip(leases, names, strict=True)
            ]
            presses = await asyncio.gather(
                *(opened.press(lease, control, lambda _: LINK) for lease, control in zip(leases, controls, strict=True))
            )
            await until(lambda: all(press.requests for press in presses), "no window was asked for")
            for press, name in zip(presses, names, strict=True):
                assert {urlsplit(link.url).path for link in press.links} <= {f"/sent/{name}"}
            assert not opened.arrived("of-first")
            assert not opened.arrived("of-second")

    loop.run(go())


@pytest.mark.parametrize("when", ["before", "pointerdown", "mousedown", "re-made"])
def test_a_control_that_became_another_is_not_pressed(loop: LoopThread, opened: Opened, when: str) -> None:
    """A control that said *Download* and now says *Delete* is not pressed, even if it changes in between."""
    change = """when => {
      const go = document.querySelector('#go');
      const change = () => {
        if (when !== 're-made') { go.textContent = 'Delete'; return; }
        const other = go.cloneNode(true);
        other.textContent = 'Delete';
        other.onclick = go.onclick;
        go.replaceWith(other);
      };
      if (when === 'before') change();
      else if (when === 're-made') go.addEventListener('pointerover', change, { once: true });
      else go.addEventListener('pointerover', () => { if (when === 'pointerdown') change(); });
      if (when === 'mousedown') go.addEventListener('pointerdown', change);
    }"""
    name = f"changed-{when}"

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, f"/press/fetch-delete/{name}")
            click = models.Click(await controls.describe(control))
            await lease.page.evaluate(change, when)
            with pytest.raises((errors.TransientError, press_record.PressRefusedError)) as caught:
                await opened.press(lease, click, lambda _: PASS)
            assert caught.value.code in {
                models.ErrorCode.LIST_INCOMPLETE,
                models.ErrorCode.NOT_PRESSED,
                models.ErrorCode.TIMEOUT,
            }
        assert not opened.arrived(name)

    loop.run(go())


def test_a_control_that_may_not_be_pressed_is_not(loop: LoopThread, opened: Opened) -> None:
    """A control is read again right before the press; a refusal is reported to the audit."""
    asked: list[models.Control] = []

    def refuse(control: models.Control) -> str:
        asked.append(control)
        return "its class says danger"

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-delete/refused")
            click = models.Click(await controls.describe(control))
            await control.evaluate("element => { element.ariaExpanded = 'false' }")
            opened.told.clear()
            with pytest.raises(press_record.PressRefusedError, match="its class says danger") as caught:
                await opened.press(lease, click, lambda _: PASS, refuse)
            assert caught.value.code is models.ErrorCode.NOT_PRESSED
        assert [control.label for control in asked] == ["Show files"]
        assert not opened.arrived("refused")
        page = f"{opened.site.origin}/press/fetch-delete/refused"
        assert opened.told == [events.Pressed("Show files", models.Purpose.OPEN, page, "its class says danger")]

    loop.run(go())


def test_the_audit_is_told_of_the_press_and_of_what_it_sends(loop: LoopThread, opened: Opened) -> None:
    """The audit gets the press and its requests, with reasons, without queries and values."""

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-post/audit?session=secret")
            opened.told.clear()
            press = await opened.press(lease, control, lambda _: STOP)
            await held(lease, press, "audit")
        site = opened.site.origin
        assert opened.told == [
            events.Pressed("Show files", models.Purpose.OPEN, f"{site}/press/fetch-post/audit"),
            events.RequestDecided(
                "Show files", models.Purpose.OPEN, "POST", f"{site}/sent/audit", models.Ruling.STOP, STOP.why, ("id",)
            ),
        ]

    loop.run(go())


def test_what_the_page_sends_anyway_says_nothing_about_the_control(loop: LoopThread, opened: Opened) -> None:
    """A keep-alive sent before the press is stopped, too, but not attributed to the press."""
    poll = (
        """() => { setInterval(() => fetch('/sent/alive', { method: 'POST', body: JSON.stringify({ at: 1 }) }), 20) }"""
    )

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-get/of-the-press")
            await lease.page.evaluate(poll)
            await until(lambda: len(lease.kinds) > 1, "no poll")

            def decide(request: models.HeldRequest) -> models.RequestDecision:
                return STOP if request.method == "POST" else PASS

            press = await opened.press(lease, control, decide)
            await until(lambda: len(press.requests) > 3 and bool(opened.arrived("of-the-press")), "no poll any more")
            assert any(decided.is_unasked for decided in press.requests)
            assert not press.stopped
            assert press.error_without_file() is None

    loop.run(go())


@pytest.mark.parametrize(
    ("body", "headers", "is_seen"),
    [
        ("new FormData(form)", "{}", True),
        ("new URLSearchParams(new FormData(form))", "{}", True),
        ("new Blob(['action=list&page=2'])", "{ 'content-type': 'application/x-www-form-urlencoded' }", True),
        ("'x'.repeat(70000)", "{}", False),
    ],
)
def test_what_cannot_be_seen_is_stopped(
    loop: LoopThread, opened: Opened, body: str, headers: str, *, is_seen: bool
) -> None:
    """Forms of both kinds are read; a body that is too long to read is stopped."""
    script = f"""() => {{
      const form = document.createElement('form');
      form.innerHTML = '<input name=action value=list><input name=page value=2>';
      const send = () => fetch('/sent/body', {{ method: 'POST', body: {body}, headers: {headers} }});
      document.querySelector('#go').onclick = send;
    }}"""

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-post/unused")
            await lease.page.evaluate(script)
            before = len(opened.arrived("body"))
            press = await opened.press(lease, control, lambda _: PASS)
            await held(lease, press, "body")
            if is_seen:
                assert press.requests[0].request.fields == (("action", "list"), ("page", "2"))
                await until(lambda: len(opened.arrived("body")) > before, "it was not let through")
            await lease.end_guard()
            assert press.requests[0].decision.ruling is (models.Ruling.PASS if is_seen else models.Ruling.STOP)
            assert (len(opened.arrived("body")) > before) is is_seen

    loop.run(go())


def test_a_page_whose_policy_forbids_beacons_is_left_all_the_same(loop: LoopThread, opened: Opened) -> None:
    """Without beacons none is waited for, and the same page is used again."""
    policy = """() => {
      const meta = document.createElement('meta');
      Object.assign(meta, { httpEquiv: 'Content-Security-Policy', content: "connect-src 'none'" });
      document.head.append(meta);
    }"""

    async def go() -> None:
        async with opened.context.page() as lease:
            control, page = await opened.show(lease, "/press/fetch-get/policy"), lease.page
            await page.evaluate(policy)
            await opened.press(lease, control, lambda _: STOP)
            await lease.end_guard()
            assert not lease.is_doubtful
            await opened.show(lease, "/press/fetch-get/policy")
            assert lease.page is page
        assert not opened.context.lost.is_set()

    loop.run(go())


def test_a_browser_that_closes_sends_nothing_of_what_it_held(loop: LoopThread, site: Site) -> None:
    """A closing browser sends neither held requests nor the last beacon of a page."""

    async def go() -> None:
        opened = Opened(site)
        await opened.open()
        try:
            async with opened.context.page() as lease:
                await opened.press(lease, await opened.show(lease, "/press/beacon/closed"), lambda _: STOP)
                leaving = asyncio.create_task(lease.end_guard())
                await asyncio.sleep(0)
                await opened.context.close()
                await leaving
        finally:
            await opened.close()

    for _ in range(3):
        loop.run(go())
    assert not [line for line in site.asked if line.endswith("/sent/closed") or press_guard.LAST in line]


def test_a_page_that_cannot_be_left_ends_with_its_browser(
    loop: LoopThread, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a page hangs, the browser is killed, because only a killed browser sends nothing more."""
    monkeypatch.setattr(press_guard, "_LEAVES_WITHIN", 1.0)
    hang = """() => {
      document.querySelector('#go').onclick = () => setTimeout(() => {
        navigator.sendBeacon('/sent/hung', 'a=1');
        while (true);
      });
    }"""

    async def press_and_go_on(opened: Opened) -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-get/unused")
            await lease.page.evaluate(hang)
            press = await opened.press(lease, control, lambda _: STOP)
            await until(lambda: press.requests, "it does not hang")
            await opened.show(lease, "/press/fetch-get/unused")

    async def go() -> None:
        opened = Opened(site)
        await opened.open()
        try:
            with pytest.raises(errors.BrowserLostError, match="a page could not be left after a press"):
                await press_and_go_on(opened)
        finally:
            await opened.close()

    loop.run(go())
    assert not [line for line in site.asked if line.endswith("/sent/hung") or press_guard.LAST in line]


def test_a_last_beacon_that_is_lost_is_sent_again(
    loop: LoopThread, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is left all the same, and its browser stays."""
    is_last, evaluate = press_guard.Guard.is_last, playwright.Frame.evaluate
    lost: list[str] = []
    sent_again: list[str] = []

    def lose(guard: press_guard.Guard, url: str) -> bool:
        if sent_again or press_guard.LAST not in url:
            return is_last(guard, url)
        lost.append(url)
        return True

    async def watched(frame: playwright.Frame, script: str, argument: Any = None) -> Any:
        if isinstance(argument, list) and argument[1:] == [True]:
            sent_again.append(argument[0])
        return await evaluate(frame, script, argument)

    async def go() -> None:
        async with opened.context.page() as lease:
            control = await opened.show(lease, "/press/fetch-post/lost")
            press = await opened.press(lease, control, lambda _: STOP)
            await held(lease, press, "lost")
            with monkeypatch.context() as patch:
                patch.setattr(press_guard.Guard, "is_last", lose)
                patch.setattr(playwright.Frame, "evaluate", watched)
                patch.setattr(press_guard, "_SENDS_AGAIN_EVERY", 0.1)
                await lease.end_guard()
            assert lost
            assert not lease.is_doubtful
        assert not opened.arrived("lost")

    loop.run(go())


def test_a_page_is_fit_for_the_next_after_it_was_pressed_on(loop: LoopThread, opened: Opened) -> None:
    """A page that was pressed on can be leased again, without a guard."""

    async def go() -> None:
        async with opened.context.page() as lease:
            press = await opened.press(lease, await opened.show(lease, "/press/many-beacons/again"), lambda _: STOP)
            await held(lease, press, "again")
        async with opened.context.page() as one, opened.context.page() as two:
            for each in (one, two):
                assert each.guard is None
                control = await opened.show(each, "/press/fetch-delete/unguarded")
                before = len(opened.arrived("unguarded"))
                await control.click()
                more = functools.partial(_more_than, before, opened, "unguarded")
                await until(more, "it is guarded still")
        assert not opened.arrived("again")

    loop.run(go())
