"""Fixtures for all tests: the browser, an event loop that lives longer than a test, and a check for lost errors."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pytest

from po_pw.browser import locate, playwright_driver
from tests.helpers import headless_shell, support
from tests.helpers.browser_site import Site
from tests.helpers.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from po_pw import models


# No deadlines: they would only test how busy the machine is.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")
# The same of our own settings, in this process and those it starts: so long takes only what hangs. Not of
# `navigation_timeout`, for which a press that brings nothing is waited for.
os.environ.update(
    dict.fromkeys(("PO_PW_LAUNCH_TIMEOUT", "PO_PW_HEARTBEAT_TIMEOUT", "PO_PW_GRACE"), str(support.IN_TIME))
)
os.environ["PO_PW_SIGN_IN_WINDOW"] = "false"  # there is nobody to sign in


_PATH: Final = os.environ["PATH"]
"""On which po-pw finds the whole browser."""


def _find_browser() -> models.BrowserInfo:
    async def find() -> models.BrowserInfo:
        async with playwright_driver.Driver() as driver:
            return driver.resolve(None)

    return support.run_async(find())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options for all tests, and for the long version of `tests/chaos`."""
    parser.addoption(
        "--all", action="store_true", help="run the tests that are marked `long`, too, and all with the whole browser"
    )
    options = parser.getgroup("chaos")
    options.addoption("--chaos-minutes", type=float, default=0, help="how long to go on with chaos; 0: short form")
    options.addoption("--chaos-seed", type=int, default=1, help="what the chance in chaos comes from")
    options.addoption("--chaos-report", default="", help="a file for what the long form adds up to, JSON")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests that are marked `long`, unless all are wanted."""
    if config.getoption("--all"):
        return
    left_out = [item for item in items if item.get_closest_marker("long") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.get_closest_marker("long") is None]


@pytest.fixture(scope="session")
def search_path(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`PATH` for the tests that are not marked `whole_browser`."""
    if pytestconfig.getoption("--all"):
        return os.environ["PATH"]
    return headless_shell.search_path(tmp_path_factory.mktemp("headless-shell"))


@pytest.fixture(scope="module", autouse=True)
def _browser_of_module(request: pytest.FixtureRequest, search_path: str) -> Iterator[None]:
    """Lets po-pw find the headless shell, unless the module is marked `whole_browser`."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("whole_browser") is None:
            patch.setenv("PATH", search_path)
        yield


@pytest.fixture(autouse=True)
def _browser_of_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lets po-pw find the whole browser in a test that is marked `whole_browser`."""
    with pytest.MonkeyPatch.context() as patch:
        if request.node.get_closest_marker("whole_browser") is not None:
            patch.setenv("PATH", _PATH)
        yield


@pytest.fixture(scope="module")
def found_browser() -> models.BrowserInfo:
    """The browser that po_pw finds on this machine."""
    return _find_browser()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], search_path: str) -> Any:
    """Makes pytest-playwright's `page` start the browser that po_pw finds, with its sandbox if possible."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", search_path)
        found = _find_browser()
    which = {"channel": found.channel} if found.channel else {"executable_path": found.executable}
    return {"chromium_sandbox": not locate.sandbox_hindrance(), **which, **browser_type_launch_args}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """`PO_PW_HOME` for the whole session: sign-ins of tests, apart from the user's."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PO_PW_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def loop() -> Iterator[LoopThread]:
    """An event loop on its own thread, for objects that must live longer than one test."""
    with LoopThread() as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A small web server with a page for every case."""
    with Site() as running:
        yield running


@pytest.fixture
def own_temp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A separate temporary folder, which no other test uses or cleans up."""
    tmp_path_factory.getbasetemp()  # created now, in the system's temporary folder
    # Not in `tmp_path`: it will contain Chromium's socket, whose path must be short.
    with tempfile.TemporaryDirectory(prefix="t") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


@pytest.fixture(autouse=True)
def _no_error_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails a test if asyncio logs an error that nobody retrieved."""
    gc.freeze()  # older objects need not be checked
    yield
    gc.collect()
    seen = [record for record in caplog.records if record.name == "asyncio" and record.levelno >= logging.ERROR]
    assert not seen, [record.getMessage() for record in seen]
