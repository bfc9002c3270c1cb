"""Which browser is used, on machines of every kind."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models
from po_pw.browser import launching, locate
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.whole_browser

BUNDLED = "/pw/chromium/chrome"

EDGE = {
    "linux": "/opt/microsoft/msedge/msedge",
    "darwin": "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "win32": r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
}
CHROME = {
    "linux": "/opt/google/chrome/chrome",
    "darwin": "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "win32": r"C:\Program Files\Google\Chrome\Application\chrome.exe",
}
SYSTEM = {
    "linux": "/usr/bin/chromium",
    "darwin": "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "win32": r"C:\Users\anna\AppData\Local\Chromium\Application\chrome.exe",
}
WINDOWS = {
    "LOCALAPPDATA": r"C:\Users\anna\AppData\Local",
    "PROGRAMFILES": r"C:\Program Files",
    "PROGRAMFILES(X86)": r"C:\Program Files (x86)",
}


def machine(system: str, *files: str, links: dict[str, str] | None = None) -> locate.Machine:
    """A machine with these files; those in a `bin` folder are on the path."""
    commands = {file.rpartition("/")[2]: file for file in files if "/bin/" in file}
    return locate.Machine(system, files.__contains__, commands.get, lambda path: (links or {}).get(path, path), WINDOWS)


def taken(*files: str, system: str, wanted: str | None = None) -> tuple[str, str | None, str]:
    """Name, channel and path of the browser that is used."""
    found = locate.resolve(wanted, bundled=BUNDLED, machine=machine(system, *files))
    return found.name, found.channel, found.executable


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_edge_comes_first_then_chrome_then_playwrights_own_then_the_systems(system: str) -> None:
    """On every platform the order is msedge, chrome, Playwright's Chromium, the system's Chromium."""
    edge, chrome, chromium = EDGE[system], CHROME[system], SYSTEM[system]
    assert taken(chromium, BUNDLED, chrome, edge, system=system) == ("msedge", "msedge", edge)
    assert taken(chromium, BUNDLED, chrome, system=system) == ("chrome", "chrome", chrome)
    assert taken(chromium, BUNDLED, system=system) == ("chromium", None, BUNDLED)
    assert taken(chromium, system=system) == ("chromium", None, chromium)


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_to_insist_skips_what_comes_before_and_never_takes_another(system: str) -> None:
    """`--browser NAME` uses that browser, or fails if it is missing."""
    everything = (EDGE[system], CHROME[system], SYSTEM[system], BUNDLED)
    assert taken(*everything, system=system, wanted="chrome") == ("chrome", "chrome", CHROME[system])
    assert taken(*everything, system=system, wanted="chromium") == ("chromium", None, BUNDLED)
    assert taken(*everything, system=system, wanted="msedge") == ("msedge", "msedge", EDGE[system])
    for name, others in {"msedge": everything[1:], "chrome": (everything[0], *everything[2:])}.items():
        with pytest.raises(errors.BrowserNotFoundError, match=f"--browser {name} is not installed"):
            taken(*others, system=system, wanted=name)


@pytest.mark.parametrize("root", WINDOWS.values())
def test_edge_is_found_in_each_place_windows_installs_it(root: str) -> None:
    """Edge is found when installed for one user, for all, or in the 32-bit folder."""
    path = root + r"\Microsoft\Edge\Application\msedge.exe"
    assert taken(path, system="win32") == ("msedge", "msedge", path)


def test_edge_outside_its_usual_folder_is_started_by_its_path() -> None:
    """If only the search path has Edge, it is started by its path, as Playwright's channel would not find it."""
    assert taken("/usr/bin/microsoft-edge-stable", "/usr/bin/chromium", system="linux") == (
        "msedge",
        None,
        "/usr/bin/microsoft-edge-stable",
    )


def test_chromium_never_means_edge_or_chrome() -> None:
    """`--browser chromium` never uses another browser on the search path."""
    with pytest.raises(errors.BrowserNotFoundError):
        taken("/usr/bin/microsoft-edge-stable", "/usr/bin/google-chrome", system="linux", wanted="chromium")


def test_a_path_is_taken_as_it_is_or_refused(tmp_path: Path) -> None:
    """A path to a browser is used as given; a wrong one is named in the message."""
    browser = tmp_path / "my-browser"
    browser.write_text("")
    found = locate.resolve(str(browser), bundled=None)
    assert (found.name, found.channel, found.executable) == ("path", None, str(browser))
    with pytest.raises(errors.BrowserNotFoundError, match="no-such-browser"):
        locate.resolve(str(tmp_path / "no-such-browser"), bundled=None)


@pytest.mark.parametrize(
    ("files", "links"),
    [
        (("/snap/bin/chromium",), {}),
        (("/usr/bin/chromium",), {"/usr/bin/chromium": "/snap/bin/chromium"}),
        (("/usr/bin/chromium",), {"/usr/bin/chromium": "/usr/bin/snap"}),
        (("/usr/bin/chromium-browser", "/snap/bin/chromium"), {}),
    ],
)
def test_a_snap_is_no_browser_for_us(files: tuple[str, ...], links: dict[str, str]) -> None:
    """Chromium as a snap cannot read our folders, so it is skipped in each of its forms."""
    with pytest.raises(errors.BrowserNotFoundError):
        locate.resolve(None, bundled=None, machine=machine("linux", *files, links=links))


@pytest.mark.parametrize(
    ("system", "command"),
    [("linux", "po-pw browser install"), ("darwin", "playwright install msedge"), ("win32", "po-pw browser install")],
)
def test_none_at_all_is_one_message_with_the_command_for_this_platform(system: str, command: str) -> None:
    """Without a browser the program ends with 3 and says what to run."""
    with pytest.raises(errors.BrowserNotFoundError) as caught:
        taken(system=system)
    assert caught.value.exit_code == 3
    assert "Edge, Chrome and Chromium are not installed" in str(caught.value)
    assert command in str(caught.value)


def test_it_says_why_this_one() -> None:
    """The chosen browser has the reason, for log and results."""
    chromium = locate.resolve(None, bundled=None, machine=machine("linux", SYSTEM["linux"]))
    edge = locate.resolve(None, bundled=None, machine=machine("linux", EDGE["linux"]))
    insisted = locate.resolve("msedge", bundled=None, machine=machine("linux", EDGE["linux"]))
    assert chromium.why == "the system's; msedge and chrome are not installed"
    assert edge.why == "the first choice"
    assert insisted.why == "chosen with --browser"


def test_the_sandbox_is_given_up_for_root_on_linux_alone() -> None:
    """The sandbox is off only for root on Linux, where Chromium refuses it."""
    assert locate.sandbox_hindrance(system="linux", user=0)
    assert not locate.sandbox_hindrance(system="linux", user=1000)
    assert not locate.sandbox_hindrance(system="darwin", user=0)
    assert not locate.sandbox_hindrance(system="win32", user=1000)


def test_the_real_machines_answer_is_a_file_that_runs(found_browser: models.BrowserInfo) -> None:
    """The browser found on this machine is an executable file."""
    assert os.access(found_browser.executable, os.X_OK)
    assert dataclasses.replace(found_browser, why="") == dataclasses.replace(
        locate.resolve(found_browser.name, bundled=found_browser.executable), why=""
    )


def test_a_browser_that_is_no_browser_says_so(tmp_path: Path) -> None:
    """A file that is not a browser gives a MachineError with its name, and leaves nothing running."""
    from po_pw.browser import playwright_driver

    wrong = tmp_path / "not-a-browser"
    wrong.write_text("#!/bin/sh\necho error while loading shared libraries: libnone.so\nexit 127\n")
    wrong.chmod(0o700)

    async def start() -> None:
        async with playwright_driver.Driver() as driver:
            launch = launching.plan(driver.resolve(str(wrong)), headless=True, timeout=20)
            await driver.open(models.WorkerId("w1"), launch, user_data_dir=tmp_path / "p", downloads=tmp_path / "d")

    with pytest.raises(errors.MachineError, match=r"not-a-browser does not start: .*libnone\.so") as caught:
        run_async(start())
    assert caught.value.exit_code == 3
