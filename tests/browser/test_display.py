"""A headed browser uses the display, a virtual display, or runs without a window."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from po_pw import context_pool, events, models, sessions, settings
from po_pw.auth import login
from po_pw.browser import display, launching, playwright_driver, profiles, watchdog
from po_pw.demo import catalogue, server
from tests.helpers.support import IN_TIME, run_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.whole_browser

posix_only = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="windows can always be shown here")
needs_xvfb = pytest.mark.skipif(
    sys.platform in {"win32", "darwin"} or shutil.which(display.SERVER) is None, reason="Xvfb is not installed here"
)
NODE = "window.outerWidth > 0 && window.outerHeight > window.innerHeight"
"""Holds where the page has a frame with tabs and an address around it; a headless page has none."""

# A headed run in small, that waits to be killed.
RUN = """
import asyncio, json, sys
from po_pw import models
from po_pw.browser import display, launching, playwright_driver, profiles

async def main():
    async with (
        playwright_driver.Driver() as driver,
        display.shown(headed=True, run_dir=driver.run_dir) as view,
    ):
        launch = launching.plan(driver.resolve(None), headless=view.headless, timeout=30, environment=view.environment)
        manager = profiles.ProfileManager(None, root=driver.run_dir.path / "profiles")
        context = await driver.open(models.WorkerId("w1"), launch, user_data_dir=manager.create_profile("w1"),
                                    downloads=driver.run_dir.path / "downloads")
        print(json.dumps({"folder": str(driver.run_dir.path), "headless": view.headless, "browser": context.pid}),
              flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_xvfb(no_display: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither a display nor an Xvfb; a folder on PATH for an Xvfb of the test."""
    del no_display
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("sh", "chromium", "chromium-browser", "google-chrome"):  # a browser may be there by name alone
        found = shutil.which(program)
        if found:
            (folder / program).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def displays_of(process: int) -> list[psutil.Process]:
    """The virtual displays that a process has started."""
    found = []
    for child in psutil.Process(process).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.name() == display.SERVER:
                found.append(child)
    return found


@contextlib.asynccontextmanager
async def view(*, headed: bool = True) -> AsyncIterator[tuple[display.View, watchdog.RunDir]]:
    """How browsers would be started."""
    with watchdog.RunDir() as run_dir:
        async with display.shown(headed=headed, run_dir=run_dir) as shown:
            yield shown, run_dir


def test_who_asks_for_no_window_gets_none(no_display: None) -> None:
    """Without `--headed` browsers are headless, without a warning or a virtual display."""

    async def go() -> None:
        async with view(headed=False) as (shown, _):
            assert shown == display.View(headless=True)
            assert not displays_of(os.getpid())

    run_async(go())


@posix_only
def test_a_display_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing X11 or Wayland display is used, and no virtual one is started."""

    async def go() -> None:
        async with view() as (shown, _):
            assert shown == display.View(headless=False)
            assert not displays_of(os.getpid())

    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        with monkeypatch.context() as changed:
            changed.delenv("DISPLAY", raising=False)
            changed.delenv("WAYLAND_DISPLAY", raising=False)
            changed.setenv(name, ":7")
            run_async(go())


@posix_only
def test_without_display_and_xvfb_it_is_headless_with_a_warning(no_xvfb: Path) -> None:
    """Without display and Xvfb, browsers are headless, and the warning says what to install."""

    async def go() -> None:
        async with view() as (shown, _):
            assert shown.headless
            assert "without a window" in shown.warning
            assert "xvfb" in shown.warning
            assert shown.environment == {}

    run_async(go())


@posix_only
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("sys.exit('no screens found')", "no screens found"),
        ("sys.exit()", "it ended at once"),
        ("signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()", "no answer"),
    ],
    ids=["complains", "says nothing", "hangs"],
)
def test_an_xvfb_that_does_not_start_is_no_crash_either(
    no_xvfb: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    """If Xvfb fails or never answers, browsers are headless with its reason in the warning; no process is left."""
    monkeypatch.setattr(display, "STARTS_WITHIN", 1.0 if says == "no answer" else IN_TIME)
    monkeypatch.setattr(display, "_ENDS_WITHIN", 0.2)
    program = no_xvfb / display.SERVER
    program.write_text(f"#!{sys.executable}\nimport signal, sys\n{script}\n", "utf-8")
    program.chmod(0o700)

    async def go() -> list[psutil.Process]:
        async with view() as (shown, _):
            assert shown.headless
            assert says in shown.warning
            return [one for one in psutil.Process().children() if str(program) in one.cmdline()]

    assert run_async(go()) == []


@posix_only
def test_a_file_that_cannot_be_executed_is_no_crash_either(no_xvfb: Path) -> None:
    """An Xvfb that cannot be executed leads to headless browsers and a warning."""
    program = no_xvfb / display.SERVER
    program.write_bytes(b"\x7fELF nonsense")
    program.chmod(0o700)

    async def go() -> None:
        async with view() as (shown, _):
            assert shown.headless
            assert "does not start" in shown.warning

    run_async(go())


@needs_xvfb
def test_a_window_opens_on_a_virtual_display(no_display: None, tmp_path: Path) -> None:
    """A headed browser opens its window on the virtual display, which is gone at the end."""

    async def go() -> list[psutil.Process]:
        async with playwright_driver.Driver() as driver, display.shown(headed=True, run_dir=driver.run_dir) as shown:
            assert shown.warning == ""
            launch = launching.plan(
                driver.resolve(None), headless=shown.headless, timeout=IN_TIME, environment=shown.environment
            )
            running = displays_of(os.getpid())
            recorded = json.loads((driver.run_dir.path / watchdog.OWNER).read_text("utf-8"))["processes"]
            assert {one.pid for one in running} <= {pid for pid, _ in recorded}
            manager = profiles.ProfileManager(None, root=tmp_path / "profiles")
            context = await driver.open(
                models.WorkerId("w1"), launch, user_data_dir=manager.create_profile("w1"), downloads=tmp_path
            )
            async with context.page() as lease:
                await lease.page.goto("data:text/html,<title>here</title>")
                assert await lease.page.title() == "here"
                assert await lease.page.evaluate(NODE)
                assert "Headless" not in await lease.page.evaluate("navigator.userAgent")
            await context.close()
            return running

    (running,) = run_async(go())
    assert watchdog.wait_ended([running], 0)


@needs_xvfb
def test_the_virtual_display_is_ours_alone(no_display: None) -> None:
    """The X server refuses clients without the run's cookie."""

    async def go() -> None:
        async with view() as (shown, run_dir):
            assert Path(shown.environment["XAUTHORITY"]).parent == run_dir.path
            path = f"/tmp/.X11-unix/X{shown.environment['DISPLAY'].removeprefix(':')}"  # noqa: S108 - X11's own place
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"l\0\x0b\0\0\0\0\0\0\0\0\0")  # little endian, protocol 11.0, no authorisation
            assert await reader.readexactly(1) == b"\0"
            writer.close()
            await writer.wait_closed()

    run_async(go())


@needs_xvfb
def test_two_runs_have_displays_of_their_own(no_display: None) -> None:
    """Two runs started at once have two displays, and neither ends the other's."""

    async def go() -> None:
        async with view() as (other, _):
            async with view() as (one, _):
                assert not one.headless
                assert one.environment["DISPLAY"] != other.environment["DISPLAY"]
                assert len(displays_of(os.getpid())) == 2
            assert len(displays_of(os.getpid())) == 1

    run_async(go())


@needs_xvfb
@pytest.mark.parametrize("steps", [1, 3, 10])
def test_a_cancelled_start_leaves_no_display(no_display: None, steps: int) -> None:
    """If the start of Xvfb is cancelled, no Xvfb is left."""

    async def lease() -> None:
        async with view():
            await asyncio.Event().wait()

    async def go() -> None:
        task = asyncio.ensure_future(lease())
        for _ in range(steps):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not displays_of(os.getpid())

    run_async(go())


@needs_xvfb
def test_a_killed_run_leaves_no_virtual_display(no_display: None) -> None:
    """After SIGKILL of the program, the watchdog ends Xvfb and removes its folder."""
    with subprocess.Popen([sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            assert said["headless"] is False
            (running,) = displays_of(process.pid)
            browser = psutil.Process(said["browser"])
        finally:
            process.kill()
        process.wait()
    assert watchdog.wait_ended([running, browser], IN_TIME)


@pytest.fixture
def small_pool(tmp_path: Path) -> tuple[context_pool.Pool, list[events.Event]]:
    options = settings.load(headed=True, home=tmp_path / "home", workers=2)
    heard: list[events.Event] = []
    hub = events.Hub()
    hub.listen(heard.append)
    (tmp_path / "downloads").mkdir()
    return context_pool.Pool(options, sessions.Sessions(tmp_path / "home"), hub, tmp_path / "downloads"), heard


def warnings_in(heard: list[events.Event]) -> list[str]:
    """The warnings among the events."""
    return [event.text for event in heard if isinstance(event, events.Notice) and event.level == "warning"]


@needs_xvfb
def test_the_run_shows_its_windows_on_the_virtual_display(
    no_display: None, small_pool: tuple[context_pool.Pool, list[events.Event]]
) -> None:
    """Two headed contexts share one Xvfb of the pool, which is gone after the pool has closed."""
    browsers, heard = small_pool

    async def go() -> list[psutil.Process]:
        async with browsers:
            await browsers.sign_in([])
            one, _ = await asyncio.gather(browsers.open(models.WorkerId("w1")), browsers.open(models.WorkerId("w2")))
            async with one.page() as lease:
                assert await lease.page.evaluate(NODE)
            return displays_of(os.getpid())

    (running,) = run_async(go())
    assert watchdog.wait_ended([running], 0)
    assert warnings_in(heard) == []


@posix_only
def test_the_run_goes_on_without_windows_where_there_is_no_display(
    no_xvfb: Path, small_pool: tuple[context_pool.Pool, list[events.Event]]
) -> None:
    """Without display and Xvfb the pool's contexts open headless, with one warning."""
    browsers, heard = small_pool

    async def go() -> None:
        async with browsers:
            await browsers.sign_in([])
            context = await browsers.open(models.WorkerId("w1"))
            assert await context.is_alive()

    run_async(go())
    assert len(warnings_in(heard)) == 1


@posix_only
def test_a_display_that_is_announced_but_not_there_is_no_crash(
    monkeypatch: pytest.MonkeyPatch, small_pool: tuple[context_pool.Pool, list[events.Event]]
) -> None:
    """If DISPLAY names a display that does not exist, contexts open headless, with one warning."""
    monkeypatch.setenv("DISPLAY", ":987")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    browsers, heard = small_pool

    async def go() -> None:
        async with browsers:
            await browsers.sign_in([])
            both = await asyncio.gather(browsers.open(models.WorkerId("w1")), browsers.open(models.WorkerId("w2")))
            assert all([await context.is_alive() for context in both])

    run_async(go())
    (warning,) = warnings_in(heard)
    assert display.LOST in warning


@needs_xvfb
def test_a_display_that_dies_in_mid_run_loses_the_window_only(
    no_display: None, small_pool: tuple[context_pool.Pool, list[events.Event]]
) -> None:
    """If Xvfb is killed, its browser is lost, and the worker's next one is headless."""
    browsers, heard = small_pool

    async def go() -> None:
        async with browsers:
            await browsers.sign_in([])
            first = await browsers.open(models.WorkerId("w1"))
            (running,) = displays_of(os.getpid())
            os.kill(running.pid, signal.SIGKILL)
            await first.lost.wait()
            again = await browsers.open(models.WorkerId("w1"))
            assert await again.is_alive()

    run_async(go())
    assert len(warnings_in(heard)) == 1


@needs_xvfb
def test_a_sign_in_in_a_window_works_on_the_virtual_display(no_display: None, tmp_path: Path) -> None:
    """`--username` with `--headed` fills in the form on Xvfb and saves the state."""
    with server.serve_in_thread(catalogue.PortalSettings(orders=1, latency=0, plain=True)) as portal:
        options = settings.load(headed=True, home=tmp_path)
        signed_in = run_async(
            login.login(options, portal.sign_in_url, username=portal.username, password=portal.password, patience=30)
        )
    assert signed_in.cookies > 0
    assert not displays_of(os.getpid())
