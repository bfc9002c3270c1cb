"""Browsers that hang, pages that crash or loop, orders that crash browsers, full disks and sleep."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw import errors, events, models
from po_pw.browser import heartbeat, watchdog
from po_pw.demo import catalogue, faults, running_portal, server
from po_pw.dispatch import retry
from po_pw.machine import capacity, disk_space, probes, resources
from tests.browser import test_contexts
from tests.helpers import portal_runs
from tests.helpers.support import IN_TIME, run_async, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from po_pw.engine import run as engine
    from tests.helpers.browser_site import Site

pytestmark = pytest.mark.whole_browser

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals that only POSIX has")
PLAIN = catalogue.PortalSettings(orders=8, latency=0.05, plain=True)


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[running_portal.Portal, Path]]:
    """A portal and the folder with its sign-in."""
    with server.serve_in_thread(PLAIN) as running:
        folder = tmp_path_factory.mktemp("home")
        run_async(portal_runs.signed_in(running, folder))
        yield running, folder


@posix_only
def test_a_browser_that_hangs_is_noticed_and_ended_whoever_waits_for_it() -> None:
    """The heartbeat ends a hung browser (SIGSTOP), and callers with its pages get BrowserLostError."""

    async def go() -> None:
        async with test_contexts.small() as them:
            context = await them.open(timing=heartbeat.Timing(0.05, 4.0))
            process = psutil.Process(context.pid)

            async def wait_long() -> None:
                async with context.page() as lease:
                    os.kill(context.pid, signal.SIGSTOP)
                    await lease.page.wait_for_selector("#never", timeout=600_000)

            with pytest.raises(errors.BrowserLostError, match="hung"):
                await wait_long()
            assert context.lost.is_set()
            await until(lambda: watchdog.wait_ended([process], 0))

    run_async(go())


def test_only_silence_that_lasts_is_a_hang() -> None:
    """Slow answers count as answers, and a failed question is raised; only lasting silence is a hang."""

    async def go() -> None:
        asked = 0

        async def slow_then_broken() -> None:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0.05)
            if asked == 3:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await heartbeat.wait_until_unresponsive(slow_then_broken, heartbeat.Timing(0.0, IN_TIME))
        assert asked == 3
        await heartbeat.wait_until_unresponsive(asyncio.Event().wait, heartbeat.Timing(0.0, 0.05))

    run_async(go())


def test_a_page_that_crashes_is_replaced_and_the_browser_stays(site: Site) -> None:
    """The crashed page's caller gets `BrowserLostError`, other pages go on, and the next caller gets a new page."""

    async def go() -> None:
        async with test_contexts.small() as them:
            context = await them.open(pages=2)
            async with context.page() as other:
                await other.page.goto(site.page("blank"))
                with pytest.raises(errors.BrowserLostError, match="crashed"):  # noqa: PT012 - three things, one of which raises
                    async with context.page() as crashing:
                        session = await context.cdp(crashing.page)
                        unanswered = asyncio.ensure_future(session.send("Page.crash"))
                        await crashing.page.evaluate("new Promise(() => {})")
                unanswered.cancel()
                async with context.page() as fresh:
                    assert fresh.page is not crashing.page
                    await fresh.page.goto(site.page("blank"))
                    assert await fresh.page.inner_text("p") == "nothing here"
                assert await other.page.inner_text("p") == "nothing here"
            assert not context.lost.is_set()
            await until(lambda: not crashing.busy)

    run_async(go())


def test_a_page_that_is_too_busy_is_replaced(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an order on a page with an endless loop, the next order gets a page that answers."""
    monkeypatch.setattr("po_pw.browser.pages.OPENS_WITHIN", IN_TIME)

    async def go() -> None:
        async with test_contexts.small() as them:
            context = await them.open()
            (busy,) = context._pages._leases.values()

            async def run_in_circles() -> None:
                async with asyncio.timeout(None) as limit, context.page() as lease:
                    await lease.page.goto(site.page("blank"))
                    limit.reschedule(asyncio.get_running_loop().time() + 0.5)
                    await lease.page.evaluate("for (;;) {}")

            with pytest.raises(TimeoutError):
                await run_in_circles()
            monkeypatch.setattr("po_pw.browser.pages._ANSWERS_WITHIN", 0.5)
            async with context.page() as fresh:
                assert fresh.page is not busy.page
                await fresh.page.goto(site.page("blank"))
            monkeypatch.setattr("po_pw.browser.pages._ANSWERS_WITHIN", IN_TIME)
            with pytest.raises(errors.TransientError):
                async with context.page():
                    raise errors.TransientError("slow")
            async with context.page() as same:
                assert same.page is fresh.page

    run_async(go())


@posix_only
def test_an_order_that_kills_browsers_is_set_aside(
    signed_in: tuple[running_portal.Portal, Path], tmp_path: Path
) -> None:
    """An order that crashes several browsers fails with BROWSER_CRASH; other orders lose no attempts."""
    plain, home = signed_in
    killer = plain.orders[2].po_number
    pids: dict[str, int] = {}

    def hear(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.ContextOpened):
            pids[event.worker] = event.pid
        elif isinstance(event, events.OrderStep) and event.step == "reading" and event.po_number == killer:
            os.kill(pids[event.worker], signal.SIGKILL)

    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=home, hear=hear))
    assert ran.error is None
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders) - 1, models.Status.FAILED: 1}
    failure = ran.outcomes[killer].error
    assert failure is not None
    assert failure.code is models.ErrorCode.BROWSER_CRASH
    lost = [event for event in ran.events if isinstance(event, events.ContextLost)]
    assert len(lost) == retry.MAX_PAGE_CRASHES
    assert all(event.replaced for event in lost)


@posix_only
def test_a_browser_that_hangs_costs_no_order(signed_in: tuple[running_portal.Portal, Path], tmp_path: Path) -> None:
    """A browser that hangs during a run is replaced, its order is processed again, and every file is right."""
    plain, home = signed_in
    stopped: list[int] = []
    pids: dict[str, int] = {}

    def hear(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.ContextOpened):
            pids[event.worker] = event.pid
        elif isinstance(event, events.OrderSettled) and not stopped:
            stopped.append(pids[event.outcome.worker])
            os.kill(stopped[0], signal.SIGSTOP)

    ran = run_async(
        portal_runs.run(plain, tmp_path, workers=1, home=home, hear=hear, heartbeat_every=0.2, heartbeat_timeout=3)
    )
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert not psutil.pid_exists(stopped[0])
    for order in plain.orders:
        assert ran.hashes(order.po_number) == sorted(file.sha256 for file in order.files)


def test_a_portal_that_is_down_costs_hardly_an_attempt(
    signed_in: tuple[running_portal.Portal, Path], tmp_path: Path
) -> None:
    """While every answer is a 500, all orders wait, which is reported once; then all succeed.

    Only failures before the outage was recognised count as attempts.
    """

    def hear(_: engine.Run, event: events.Event) -> None:
        put_back.append(isinstance(event, events.OrderPutBack))
        if sum(put_back) == 8:
            plain.faults.start_random(None)

    put_back: list[bool] = []
    plain, home = signed_in
    plain.faults.start_random(faults.RandomFaults((), 1, (faults.Fault.SERVER_ERROR,), 1, 1, 10**6))
    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=home, hear=hear))
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert sum(outcome.attempts - 1 for outcome in ran.outcomes.values()) == 3
    host = plain.origin
    warned = [event.text for event in ran.events if isinstance(event, events.Notice) and event.level == "warning"]
    said = [text.removeprefix(host).split()[0] for text in warned if text.startswith(host)]
    assert said == ["is", "answers"]


def test_the_run_pauses_for_space_and_goes_on_after_a_sleep(
    signed_in: tuple[running_portal.Portal, Path], tmp_path: Path
) -> None:
    """A full disk and a sleep of 42 minutes are reported, and no order fails because of them (injected readings)."""
    plain, home = signed_in
    free, asleep = [50_000_000_000], [0.0]
    waits = "the run waits until there is space"

    def hear(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderSettled):
            settled.append(event.outcome.po_number)
            if len(settled) == 2:
                free[0] = 1_000_000
            elif len(settled) == 6:
                asleep[0] += 2520.0
        elif isinstance(event, events.Notice) and waits in event.text:
            free[0] = 50_000_000_000

    settled: list[str] = []
    system = probes.SystemProbes(
        asleep=lambda: asleep[0],
        sleep_every=0.05,
        space=lambda _: disk_space.Reading(free[0], 100_000_000_000),
        space_every=0.05,
    )
    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=home, hear=hear, system=system))
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert {outcome.attempts for outcome in ran.outcomes.values()} == {1}
    said = [event.text for event in ran.events if isinstance(event, events.Notice)]
    full = f"the disk of {ran.out} is nearly full (1 MB free, 500 MB needed): {waits}"
    assert [text for text in said if waits in text] == [full]
    assert any("the disk has space again" in text for text in said)
    assert any("this computer slept for 42 min" in text for text in said)


def test_a_run_has_a_time_limit(signed_in: tuple[running_portal.Portal, Path], tmp_path: Path) -> None:
    """At its time limit a run stops as after a first Ctrl-C; orders not reached are PENDING."""
    plain, home = signed_in
    ran = run_async(portal_runs.run(plain, tmp_path, workers=1, home=home, run_timeout=0.2))
    assert ran.error is None
    assert ran.summary.counts[models.Status.PENDING] > 0
    assert [event.why for event in ran.events if isinstance(event, events.Stopping)] == [
        "the time limit of this run is reached (0 s)"
    ]
    assert set(ran.summary.counts) <= {models.Status.PENDING, models.Status.COMPLETED}


def test_a_retired_worker_is_called_back_and_the_last_one_left_works_alone(
    signed_in: tuple[running_portal.Portal, Path], tmp_path: Path
) -> None:
    """A worker retired for a moment continues with its browser; one retired for good ends.

    The last worker settles each order before it reads the next.
    """
    plain, home = signed_in
    free = [8_000_000_000]
    said: list[str] = []
    closed: list[int] = []

    def make_governor(wanted: int) -> capacity.Governor:
        def read() -> resources.Reading:
            return dataclasses.replace(
                resources.read(), total_bytes=16_000_000_000, free_bytes=free[0], cpu_percent=10.0
            )

        return capacity.Governor(wanted, read=read, measure=lambda: 0, every=0.01)

    def hear(_: engine.Run, event: events.Event) -> None:
        if isinstance(event, events.OrderStep) and event.step == "reading" and event.worker == "w2":
            if len(said) in {0, 2}:
                free[0] = 100_000_000
        elif isinstance(event, events.Notice) and "browser" in event.text:
            said.append(event.text)
            free[0] = 8_000_000_000 if len(said) == 1 else free[0]
        elif isinstance(event, events.ContextClosed) and len(closed) < 1:
            closed.append(len(said))

    ran = run_async(portal_runs.run(plain, tmp_path, workers=2, home=home, hear=hear, make_governor=make_governor))
    assert ran.summary.counts == {models.Status.COMPLETED: len(plain.orders)}
    assert len([event for event in ran.events if isinstance(event, events.ContextOpened)]) == 2
    assert closed == [3]
    gone = next(n for n, event in enumerate(ran.events) if isinstance(event, events.ContextClosed))
    reading: set[str] = set()
    before: set[str] = set()
    for n, event in enumerate(ran.events):
        if isinstance(event, events.OrderStep) and event.step == "reading":
            reading.add(event.po_number)
            assert n < gone or len(reading - before) == 1
        elif isinstance(event, events.OrderSettled):
            reading.discard(event.outcome.po_number)
        if n == gone:
            before = set(reading)
