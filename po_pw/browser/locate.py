"""Chooses the browser: Edge, then Chrome, then Playwright's Chromium, then a Chromium on the system."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Final

from po_pw import environ, errors, models

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES: Final = ("msedge", "chrome", "chromium")

_LINUX: Final = {"msedge": "/opt/microsoft/msedge/msedge", "chrome": "/opt/google/chrome/chrome"}
_MACOS: Final = {
    "msedge": "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "chrome": "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "chromium": "/Applications/Chromium.app/Contents/MacOS/Chromium",
}
_WINDOWS: Final = {
    "msedge": r"Microsoft\Edge\Application\msedge.exe",
    "chrome": r"Google\Chrome\Application\chrome.exe",
    "chromium": r"Chromium\Application\chrome.exe",
}
_WINDOWS_ROOTS: Final = ("LOCALAPPDATA", "PROGRAMFILES", "PROGRAMFILES(X86)")
_ON_PATH: Final = {
    "msedge": ("microsoft-edge-stable", "microsoft-edge"),
    "chrome": ("google-chrome-stable", "google-chrome"),
    "chromium": ("chromium", "chromium-browser"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """Access to the machine; replaced in tests."""

    system: str = sys.platform
    exists: Callable[[str], bool] = os.path.isfile
    which: Callable[[str], str | None] = shutil.which
    real: Callable[[str], str] = os.path.realpath
    environment: Mapping[str, str] | None = None

    def variable(self, name: str) -> str | None:
        """An environment variable of this machine."""
        return environ.variable(name) if self.environment is None else self.environment.get(name)


def resolve(wanted: str | None, *, bundled: str | None, machine: Machine | None = None) -> models.BrowserInfo:
    """Decides which browser to start.

    Looks in the paths of Playwright's channels (its registry), so that Playwright can start what is found.

    Args:
        wanted: only this one: `msedge`, `chrome`, `chromium` or a path; None takes the first installed.
        bundled: path of Playwright's Chromium, whether or not it is installed.
        machine: to look at; the real one by default.

    Raises:
        BrowserNotFoundError: none, or not the wanted one, is installed.
    """
    machine = machine or Machine()
    if wanted and wanted not in NAMES:
        if not machine.exists(wanted):
            msg = f"--browser {wanted}: there is no such file. Give msedge, chrome, chromium, or the path of a browser."
            raise errors.BrowserNotFoundError(msg)
        return models.BrowserInfo("path", None, wanted, why="chosen with --browser")
    tried: list[str] = []
    for name in (wanted,) if wanted else NAMES:
        path = _channel(name, machine) if name != "chromium" else None
        if path:
            return models.BrowserInfo(name, name, path, why=_why(wanted, tried))
        if name == "chromium" and bundled and machine.exists(bundled):
            return models.BrowserInfo(name, None, bundled, why=f"Playwright's own; {_why(wanted, tried)}")
        path = _elsewhere(name, machine)
        if path:
            return models.BrowserInfo(name, None, path, why=f"the system's; {_why(wanted, tried)}")
        tried.append(name)
    what = (
        f"--browser {wanted} is not installed"
        if wanted
        else "no browser found: Edge, Chrome and Chromium are not installed"
    )
    msg = f"{what}.\nTo install one: {advice(machine.system)}"
    raise errors.BrowserNotFoundError(msg)


def advice(system: str) -> str:
    """The command that installs a browser on this platform."""
    if system == "linux":
        return "po-pw browser install (as root it may use apt-get; otherwise: playwright install chromium)"
    if system == "darwin":
        return "po-pw browser install (it runs: playwright install msedge)"
    return "po-pw browser install (or install Microsoft Edge from Microsoft)"


def sandbox_hindrance(*, system: str = sys.platform, user: int | None = None) -> str:
    """Why Chromium's sandbox cannot work here, if known before a launch; else `""`."""
    if user is None and sys.platform != "win32":
        user = os.geteuid()
    return "it does not work as root" if system == "linux" and user == 0 else ""


def _why(wanted: str | None, tried: list[str]) -> str:
    if wanted:
        return "chosen with --browser"
    if not tried:
        return "the first choice"
    return f"{' and '.join(tried)} {'is' if len(tried) == 1 else 'are'} not installed"


def _channel(name: str, machine: Machine) -> str | None:
    paths: list[PurePath] = []
    if machine.system == "linux":
        paths = [PurePosixPath(_LINUX[name])]
    elif machine.system == "darwin":
        paths = [PurePosixPath(_MACOS[name])]
    elif machine.system == "win32":
        paths = _windows(name, machine)
    return next((str(path_found) for path_found in paths if machine.exists(str(path_found))), None)


def _windows(name: str, machine: Machine) -> list[PurePath]:
    roots = [machine.variable(root) for root in _WINDOWS_ROOTS]
    return [PureWindowsPath(root) / _WINDOWS[name] for root in roots if root]


def _elsewhere(name: str, machine: Machine) -> str | None:
    """Path of a browser outside of Playwright's channels."""
    if machine.system == "darwin":
        return _MACOS[name] if machine.exists(_MACOS[name]) else None
    if machine.system == "win32":
        return next(
            (str(path_found) for path_found in _windows(name, machine) if machine.exists(str(path_found))), None
        )
    for command in _ON_PATH[name]:
        path = machine.which(command)
        # A snap has its own /tmp: it could neither read our profiles nor write to our download folder.
        if path and not _is_snap(path, machine):
            return path
    return None


def _is_snap(path: str, machine: Machine) -> bool:
    if path.startswith("/snap/") or machine.real(path).startswith(("/snap/", "/usr/bin/snap")):
        return True
    # Ubuntu's chromium-browser is a script that starts the snap.
    return Path(path).name == "chromium-browser" and machine.exists("/snap/bin/chromium")
