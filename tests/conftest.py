"""Fixtures for all tests: which browser there is, a loop that outlives a test, and no error left unseen."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from po_pw.browser import locate, playwright_driver
from tests.helpers import support
from tests.helpers.browser_site import Site
from tests.helpers.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from po_pw import models


# No deadlines: how busy the machine is proves nothing.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")
# The same of our own settings, in this process and those it starts: so long takes only what hangs. Not of
# `navigation_timeout`, for which a press that brings nothing is waited for.
os.environ.update(
    dict.fromkeys(("PO_PW_LAUNCH_TIMEOUT", "PO_PW_HEARTBEAT_TIMEOUT", "PO_PW_GRACE"), str(support.IN_TIME))
)
os.environ["PO_PW_SIGN_IN_WINDOW"] = "false"  # nobody is there to sign in


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long form of `tests/chaos`, and all of `tests/real_apps`."""
    parser.addoption("--all-real-apps", action="store_true", help="try all real applications, not only the quick ones")
    options = parser.getgroup("chaos")
    options.addoption("--chaos-minutes", type=float, default=0, help="how long to go on with chaos; 0: short form")
    options.addoption("--chaos-seed", type=int, default=1, help="what the chance in chaos comes from")
    options.addoption("--chaos-report", default="", help="a file for what the long form adds up to, JSON")


@pytest.fixture(scope="session")
def found_browser() -> models.BrowserInfo:
    """The browser that po_pw finds on this machine."""

    async def find() -> models.BrowserInfo:
        async with playwright_driver.Driver() as driver:
            return driver.resolve(None)

    return support.run_async(find())


@pytest.fixture(scope="session")
def browser_path(found_browser: models.BrowserInfo) -> str:
    """Its executable."""
    return found_browser.executable


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], found_browser: models.BrowserInfo) -> Any:
    """pytest-playwright's `page` starts the browser that po_pw finds, sandboxed where that can work."""
    which = (
        {"channel": found_browser.channel} if found_browser.channel else {"executable_path": found_browser.executable}
    )
    return {"chromium_sandbox": not locate.sandbox_hindrance(), **which, **browser_type_launch_args}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`PO_PW_HOME` for the whole session: sign-in state of tests, apart from the person's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PO_PW_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    """An event loop on a thread of its own, for what must live longer than one test."""
    with LoopThread() as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A small web server with a page for every case."""
    with Site() as running:
        yield running


@pytest.fixture
def own_temp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A temporary folder of the test's own, in which nobody else makes, looks for or sweeps anything."""
    tmp_path_factory.getbasetemp()  # made now: it belongs in the system's
    # Not in `tmp_path`: Chromium's socket lies below it, and its path must be short.
    with tempfile.TemporaryDirectory(prefix="t") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


@pytest.fixture(autouse=True)
def _no_error_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """asyncio only logs an error that nobody retrieved: here the test fails of it."""
    gc.freeze()  # what was there before need not be looked through
    yield
    gc.collect()
    seen = [record for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.ERROR]
    assert not seen, [record.getMessage() for record in seen]
