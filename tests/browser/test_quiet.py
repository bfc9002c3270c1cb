"""A page counts as proved quiet only if nothing is in progress."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from po_pw.browser import activity, page_watch, quiet
from po_pw.browser.activity import Activity, Recurring
from po_pw.browser.quiet import How
from tests.browser.test_contexts import small
from tests.helpers import late_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from playwright.async_api import Page

    from po_pw.browser import contexts
    from tests.helpers.loop_thread import LoopThread

LONG = 30.0
"""Seconds until a page is given up: only a fault takes so long."""

# --- deciding, without a browser --------------------------------------------------------------------------------------

CLOCK = Recurring("interval 1000 ms", 3, 1.0)
POLL = Recurring("interval 20000 ms", 0, 20.0)


def nothing_is_trusted(_: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("seen", "how"),
    [
        (Activity(), How.PROVED),
        (Activity(finite=("fetch /list",), calm=9), None),
        (Activity(recurring=(CLOCK,), calm=1.4), None),
        (Activity(recurring=(CLOCK,), calm=1.5), How.IDLE),
        (Activity(recurring=(Recurring("timer 100 ms", 2, 0.1),), calm=1.6), None),
        (Activity(recurring=(Recurring("timer 9000 ms", 0, 9.0),), calm=2.9), None),
        (Activity(recurring=(Recurring("timer 9000 ms", 0, 9.0),), calm=3.0), How.PATIENCE),
        (Activity(recurring=(POLL,)), How.IDLE),
        (Activity(recurring=(POLL, Recurring("timer 100 ms", 0, 0.1))), None),
        (Activity(uncountable=("web socket /live",), calm=2.9), None),
        (Activity(uncountable=("web socket /live",), calm=3.0), How.PATIENCE),
        (Activity(uncountable=("web socket /live",), recurring=(CLOCK,), calm=2.0), None),
        (Activity(finite=("timer",), uncountable=("web socket /live",), recurring=(CLOCK,), calm=9.0), None),
    ],
)
def test_what_is_under_way_decides(seen: Activity, how: How | None) -> None:
    """Finite work is waited for, recurring work is watched, uncountable work takes patience."""
    assert quiet.decide(seen, patience=3.0, trusted=nothing_is_trusted) is how


def test_what_is_known_to_bring_nothing_holds_nobody_up() -> None:
    """With trusted sources quiet is proved at once; an untrusted one is still waited for."""
    seen = Activity(recurring=(CLOCK,), uncountable=("web socket /live",))
    trusted = {"web socket /live", CLOCK.label}
    assert quiet.decide(seen, patience=3.0, trusted=trusted.__contains__) is How.PROVED
    assert quiet.decide(seen, patience=3.0, trusted={CLOCK.label}.__contains__) is None


@pytest.mark.parametrize(
    ("seen", "waited", "how"),
    [
        (Activity(recurring=(CLOCK,), calm=60), 0.5, None),
        (Activity(recurring=(CLOCK,), calm=60), 3.0, How.IDLE),
        (Activity(recurring=(POLL,), calm=60), 0.5, None),
        (Activity(recurring=(POLL,), calm=60), 3.0, How.PATIENCE),
        (Activity(uncountable=("web socket /live",), calm=60), 0.5, None),
        (Activity(uncountable=("web socket /live",), calm=60), 3.0, How.PATIENCE),
        (Activity(), 0.0, How.PROVED),
    ],
)
def test_asked_again_it_waits_anew(seen: Activity, waited: float, how: How | None) -> None:
    """A second call waits again, unless quiet was proved."""
    assert quiet.decide(seen, patience=3.0, trusted=nothing_is_trusted, waited=waited) is how


@pytest.mark.parametrize(
    ("kind", "url", "method", "words"),
    [
        ("fetch", "https://p.example/orders/PO-1001/list?page=2&t=99", "GET", "fetch /orders/#/list"),
        ("fetch", "https://p.example/orders/4711/list", "POST", "fetch POST /orders/#/list"),
        ("xhr", "https://api.example/v2/attachments", "GET", "xhr api.example/v#/attachments"),
        ("fetch", "https://p.example/o/9b2d7f36-aa01-4c1d-8f11-0123456789ab/x", "GET", "fetch /o/#/x"),
        ("web socket", "wss://p.example/live", "GET", "web socket /live"),
        ("frame", "about:srcdoc", "GET", "frame about:"),
        ("worker", "blob:https://p.example/0815", "GET", "worker blob:"),
        ("timer", "", "", "timer"),
    ],
)
def test_descriptions_are_the_same_on_every_order(kind: str, url: str, method: str, words: str) -> None:
    """Descriptions leave out what varies between orders, so that they can be stored per portal."""
    assert activity.describe(kind, url, "https://p.example/orders/PO-1001", method) == words


@pytest.mark.parametrize(
    ("url", "position", "words"),
    [
        ("https://p.example/static/app.js", "120:7", "interval 5000 ms /static/app.js:120:7 (k3f)"),
        ("https://cdn.example/app.js", "1:9", "interval 5000 ms cdn.example/app.js:1:9 (k3f)"),
        ("", "", "interval 5000 ms in the page (k3f)"),
    ],
)
def test_recurring_work_is_named_by_its_place_in_the_script(url: str, position: str, words: str) -> None:
    """Recurring work of an inline script is named by what it does, as its lines vary."""
    raw = {"kind": "interval", "period": 5.0, "runs": 2, "url": url, "position": position, "trail": "k3f"}
    assert activity.recurring(raw, "https://p.example/orders/1") == Recurring(words, 2, 5.0)


# --- pages ------------------------------------------------------------------------------------------------------------


PAGES = 12
"""Cases that are tried at once."""


class Ground:
    """The site, and a context with pages, on one loop."""

    def __init__(self, loop: LoopThread, origin: str, context: contexts.Context) -> None:
        self.run = loop.run
        self.origin = origin
        self.context = context

    async def visit(self, way: str, delay: float = 0.0, **more: Any) -> tuple[quiet.Quiet, bool]:
        """How a page became quiet, and whether its list was there then."""
        async with self.context.page() as lease:
            with page_watch.Watch(lease.page) as watch:
                await lease.page.goto(self.origin + late_site.page(way, delay), wait_until="commit")
                became = await watch.quiet(deadline=time.monotonic() + LONG, **more)
                return became, await has_list(lease.page)

    def visits(
        self, cases: Iterable[tuple[str, float]], **more: Any
    ) -> dict[tuple[str, float], tuple[quiet.Quiet, bool]]:
        """The same for several cases (way and delay) at a time."""
        given = list(cases)

        async def all_of_them() -> list[tuple[quiet.Quiet, bool]]:
            return await asyncio.gather(*(self.visit(*case, **more) for case in given))

        return dict(zip(given, self.run(all_of_them()), strict=True))


@pytest.fixture(scope="module")
def ground(loop: LoopThread) -> Iterator[Ground]:
    """One for all tests, each of which uses its own page."""
    stack = contextlib.AsyncExitStack()

    async def open_all() -> Ground:
        origin = await stack.enter_async_context(late_site.serve())
        them = await stack.enter_async_context(small())
        return Ground(loop, origin, await them.open(pages=PAGES))

    try:
        yield loop.run(open_all())
    finally:
        loop.run(stack.aclose())


async def has_list(page: Page) -> bool:
    """Whether the list is in any frame."""
    return any([await frame.locator("#list").count() for frame in page.frames if not frame.is_detached()])


WAYS = list(late_site.PROVABLE)


@pytest.mark.parametrize(
    ("delay", "ways"),
    [
        pytest.param(0.05, WAYS[::2], id="0.05"),
        pytest.param(1.5, WAYS[1::2], id="1.5"),
        pytest.param(0.05, WAYS[1::2], id="0.05, others", marks=pytest.mark.long),
        pytest.param(0.3, WAYS[::2], id="0.3", marks=pytest.mark.long),
        pytest.param(0.7, WAYS[1::2], id="0.7", marks=pytest.mark.long),
        pytest.param(1.5, WAYS[::2], id="1.5, others", marks=pytest.mark.long),
    ],
)
def test_a_list_that_comes_late_is_there_once_quiet_is_proved(ground: Ground, delay: float, ways: list[str]) -> None:
    """A late list is there when quiet is proved, for every countable way."""
    seen = ground.visits([(way, delay) for way in ways])
    assert {case: became for case, (became, is_there) in seen.items() if not is_there} == {}
    assert {case: became for case, (became, _) in seen.items() if became.how is not How.PROVED} == {}


MUCH_LATER = (
    "fetch",
    "xhr",
    "timer",
    "timers-nested",
    "script",
    "import-nested",
    "frame-fetch",
    "channel",
    "database",
    "stream",
    "fetch-nested",
    "in-view",
    "navigation",
    "refresh",
    "written",
)


def test_also_one_that_comes_much_later(ground: Ground) -> None:
    """The same after 4 and after 8 seconds."""
    cases = [(way, 4.0) for way in MUCH_LATER] + [("eight", 0.0), ("one-after-another", 0.0)]
    seen = ground.visits(reversed(cases))
    assert {case: became for case, (became, is_there) in seen.items() if not is_there} == {}
    assert {case: became for case, (became, _) in seen.items() if became.how is not How.PROVED} == {}


def test_a_list_that_recurring_work_brings_is_never_missed_with_proof(ground: Ground) -> None:
    """While work recurs, nothing is proved: the page is idle at most, and says so."""
    seen = ground.visits([(way, delay) for way in late_site.WATCHED for delay in (0.3, 1.5, 4.0)])
    assert {
        case: became for case, (became, is_there) in seen.items() if not is_there and became.how is How.PROVED
    } == {}
    assert {case: became for case, (became, _) in seen.items() if became.how is How.DEADLINE} == {}
    assert {became.how for (_, delay), (became, _) in seen.items() if delay == 0.3} == {How.PROVED}


def test_what_cannot_be_counted_proves_nothing(ground: Ground) -> None:
    """Sockets, event streams and workers take patience and are named."""
    seen = ground.visits([(way, delay) for way in late_site.UNCOUNTABLE for delay in (0.3, 1.5)], patience=8.0)
    assert {case: became for case, (became, is_there) in seen.items() if not is_there} == {}
    assert {became.how for became, _ in seen.values()} == {How.PATIENCE}
    assert {case[0]: became.uncountable for case, (became, _) in seen.items()} == {
        "worker": ("worker /worker.js",),
        "worker-timer": ("worker /worker-timer.js",),
        "socket": ("web socket /socket",),
        "events": ("event stream /events",),
        "events-fetch": ("fetch /events",),
        "shared-worker": ("shared worker /shared.js",),
    }


FOR_EVER = {
    "none": How.PROVED,
    "nothing": How.PROVED,
    "far-timer": How.PROVED,
    "unread": How.PROVED,
    "inner-script": How.PROVED,
    "sandboxed": How.PROVED,
    "clock": How.IDLE,
    "poll-for-ever": How.IDLE,
    "poll-busy": How.IDLE,
    "polls-overlap": How.IDLE,
    "long-poll": How.IDLE,
    "fourth-answer": How.IDLE,
    "spinner": How.IDLE,
    "silent-worker": How.PATIENCE,
    "picture": How.PATIENCE,
}


def test_what_pages_have_going_for_ever_does_not_hold_them_up(ground: Ground) -> None:
    """A clock, poll, spinner, silent worker or silent picture does not block a page, and is named."""
    seen = ground.visits([(way, 0.0) for way in FOR_EVER])
    assert {way: became.how for (way, _), (became, _) in seen.items()} == FOR_EVER
    assert {way for (way, _), (_, is_there) in seen.items() if not is_there} == {"nothing"}
    assert {became.finite for became, _ in seen.values()} == {()}


def test_asked_again_it_finds_what_comes_later(ground: Ground) -> None:
    """After quiet without proof, another wait sees a later change."""

    async def again() -> list[bool]:
        async with ground.context.page() as lease:
            with page_watch.Watch(lease.page) as watch:
                await lease.page.goto(ground.origin + late_site.page("socket", 10.0), wait_until="commit")
                seen: list[bool] = []
                deadline = time.monotonic() + LONG
                while not seen or (not seen[-1] and time.monotonic() < deadline):
                    became = await watch.quiet(deadline=deadline, patience=1.0)
                    assert became.how is How.PATIENCE
                    seen.append(await has_list(lease.page))
                return seen

    seen = ground.run(again())
    assert seen[-1]
    assert len(seen) > 1


def test_changes_are_counted(ground: Ground) -> None:
    """Equal numbers mean no change; a clock's ticks do not count; a change ends the wait."""

    async def watched() -> None:
        async with ground.context.page() as lease:
            page = lease.page
            with page_watch.Watch(page) as watch:
                await page.goto(ground.origin + late_site.page("clock"), wait_until="commit")
                first = await watch.quiet(deadline=time.monotonic() + LONG)
                ticks = await page.inner_text("#clock")
                await page.wait_for_function("(was) => document.getElementById('clock').textContent !== was", arg=ticks)
                assert not await watch.changed(first.changes, 0)
                waiting = asyncio.ensure_future(watch.changed(first.changes, LONG))
                await page.evaluate("document.getElementById('attachments').append(document.createElement('hr'))")
                assert await waiting
                second = await watch.quiet(deadline=time.monotonic() + LONG)
                assert second.changes == first.changes + 1
                await page.goto(ground.origin + late_site.page("none"))
                assert await watch.changed(second.changes, LONG)

    ground.run(watched())


def test_trusted_sources_need_no_patience(ground: Ground) -> None:
    """Sockets, workers, clocks and open requests that are known to change nothing prove quiet."""

    async def trusting() -> list[tuple[quiet.Quiet, bool]]:
        ways = ("socket", "silent-worker", "clock", "hanging")
        return await asyncio.gather(*(ground.visit(way, 20.0, trusted=lambda _: True) for way in ways))

    assert [became.how for became, _ in ground.run(trusting())] == [How.PROVED] * 4


def test_a_request_to_another_site_that_hangs_holds_nobody_up_for_ever(ground: Ground) -> None:
    """An open request to another site stops counting after a while; one to the page's own site does not."""

    async def hanging() -> tuple[tuple[quiet.Quiet, bool], tuple[quiet.Quiet, bool]]:
        return await asyncio.gather(ground.visit("hanging-elsewhere", 40.0), ground.visit("hanging", 14.0))

    elsewhere, own = ground.run(hanging())
    assert (elsewhere[0].how, own[0].how) == (How.PATIENCE, How.DEADLINE)
    assert any("localhost" in label for label in elsewhere[0].uncountable)


INTACT = """async () => {
  const told = {};
  const check = (name, holds) => { if (!holds) told[name] = false; };
  for (const name of ['fetch', 'setTimeout', 'setInterval', 'clearTimeout', 'requestAnimationFrame', 'Worker',
    'WebSocket', 'EventSource', 'SharedWorker', 'MessageChannel', 'IntersectionObserver', 'ResizeObserver',
    'BroadcastChannel', 'XMLHttpRequest']) {
    check(name + ' looks native', /\\[native code\\]/.test(Function.prototype.toString.call(window[name])));
    check(name + ' has its name', window[name].name === name);
  }
  check('length', fetch.length === 1 && setTimeout.length === 1 && WebSocket.length === 1);
  check('statics', WebSocket.OPEN === 1 && EventSource.CLOSED === 2 && XMLHttpRequest.DONE === 4);
  class Mine extends WebSocket { get mine() { return 1; } }
  const socket = new Mine('ws://127.0.0.1:9');
  check('subclass', socket.mine === 1 && socket instanceof WebSocket && socket.constructor === Mine);
  socket.close();
  const channel = new MessageChannel();
  check('class', channel instanceof MessageChannel && channel.constructor === MessageChannel);
  const sees = (make) => { try { make(); return ''; } catch (error) { return error.constructor.name; } };
  check('called without new', sees(() => WebSocket('ws://x')) === 'TypeError');
  check('wrong this', sees(() => XMLHttpRequest.prototype.send.call({})) === 'TypeError');
  check('wrong url', sees(() => new WebSocket('http://[')) === 'DOMException');
  check('fetch rejects', await fetch('http://[').then(() => false, (error) => error instanceof TypeError));
  check('arguments', await new Promise((done) => setTimeout((a, b) => done(a + b === 3), 1, 1, 2)));
  check('this', await new Promise((done) => setTimeout(function () { done(this === window); }, 1)));
  check('handle', typeof setTimeout(() => 0, 1) === 'number');
  let ran = false;
  clearInterval(setTimeout(() => { ran = true; }, 5));
  cancelAnimationFrame(requestAnimationFrame(() => { ran = true; }));
  await new Promise((done) => setTimeout(done, 50));
  check('cancelled', !ran);
  const failed = new Promise((done) => { addEventListener('error', (event) => {
    event.preventDefault();
    done(event.error.message === 'thrown in a timer');
  }, { once: true }); });
  setTimeout(() => { throw new Error('thrown in a timer'); }, 1);
  check('errors are reported', await failed);
  const frame = document.createElement('iframe');
  document.body.append(frame);
  const source = new Promise((done) => { frame.contentWindow.onmessage = (event) => done(event.source === window); });
  frame.contentWindow.postMessage(1, '*');
  check('source of messages', await source);
  const answer = await fetch('/list');
  check('body', answer.body instanceof ReadableStream && !answer.bodyUsed);
  check('read body', (await answer.json()).html && answer.bodyUsed);
  check('globals', !Object.keys(window).some((name) => /quiet|po_pw/i.test(name)));
  check('stack', !/quiet/.test(new Error().stack));
  return told;
}"""


def test_the_page_does_not_notice(ground: Ground) -> None:
    """The browser's functions and classes look and behave as before."""

    async def look() -> Any:
        async with ground.context.page() as lease:
            await lease.page.goto(ground.origin + late_site.page("none"))
            return await lease.page.evaluate(INTACT)

    assert ground.run(look()) == {}


def test_frames_without_the_script_are_said(ground: Ground) -> None:
    """A frame without the script proves nothing, unless it shows nothing."""

    async def look() -> quiet.Quiet:
        async with ground.context.page() as lease:
            with page_watch.Watch(lease.page) as watch:
                await lease.page.goto(ground.origin + late_site.page("frame"), wait_until="load")
                frame = lease.page.frames[1]
                await frame.evaluate(
                    "() => { for (const s of Object.getOwnPropertySymbols(window)) delete window[s]; }"
                )
                return await watch.quiet(deadline=time.monotonic() + LONG, patience=0.5)

    became = ground.run(look())
    assert became.how is How.PATIENCE
    assert became.uncountable == ("frame /framed",)
