"""Reads an administrator's browser policies before a launch, because a forbidden launch only times out.

Each rule but `UserDataDir` (Windows and macOS only) was tested with Chromium 156 on Linux; Edge and Chrome use the same
names.
"""

from __future__ import annotations

import dataclasses
import json
import plistlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINUX: Final = {
    "msedge": ("etc/opt/edge/policies/managed",),
    "chrome": ("etc/opt/chrome/policies/managed",),
    # Playwright's Chromium is Chrome for Testing.
    "chromium": ("etc/chromium/policies/managed", "etc/opt/chrome_for_testing/policies/managed"),
}
_MACOS: Final = {
    "msedge": ("com.microsoft.Edge",),
    "chrome": ("com.google.Chrome",),
    "chromium": ("org.chromium.Chromium", "com.google.chrome.for.testing"),
}
_WINDOWS: Final = {
    "msedge": (r"SOFTWARE\Policies\Microsoft\Edge",),
    "chrome": (r"SOFTWARE\Policies\Google\Chrome",),
    "chromium": (r"SOFTWARE\Policies\Chromium", r"SOFTWARE\Policies\Google\Chrome for Testing"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one source."""

    source: str
    """A file or a registry key."""
    values: Mapping[str, object]
    unreadable: str = ""
    """Why they cannot be read; `""` if they can."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A policy that affects us."""

    name: str
    source: str
    stops: bool
    """Whether it prevents every run; if not, it may affect some."""
    meaning: str


def read(browser: str, *, system: str = sys.platform, root: Path = Path("/")) -> list[Policies]:
    """Reads the mandatory policies of a browser, by source; missing sources are left out.

    Args:
        browser: `msedge`, `chrome` or `chromium`; for any other value all are read.
        system: `sys.platform`.
        root: of the file system (Linux, macOS).
    """
    if system == "win32":
        return _registry(browser)
    if system == "darwin":
        folders = [root / "Library/Managed Preferences"]
        folders.append(folders[0] / Path.home().name)
        files = [folder / f"{bundle}.plist" for bundle in _of(_MACOS, browser) for folder in folders]
        return [_plist(file) for file in files if file.exists()]
    found: list[Policies] = []
    for folder in _of(_LINUX, browser):
        try:
            # The browser reads them in this order, too: the last one counts.
            files = sorted(file for file in (root / folder).iterdir() if file.is_file())
        except FileNotFoundError:
            continue
        except OSError as error:
            found.append(Policies(str(root / folder), {}, error.strerror or str(error)))
            continue
        found += [_json(file) for file in files]
    return found


def evaluate(policies: Policies, *, headless: bool, system: str = sys.platform) -> list[Finding]:
    """Those policies that prevent or may affect a run."""
    values = policies.values
    found: list[Finding] = []

    def add(name: str, meaning: str, *, stops: bool) -> None:
        found.append(Finding(name, policies.source, stops, meaning))

    def off(name: str) -> bool:
        # The registry has only numbers; elsewhere the browser ignores a number in place of a boolean.
        return values.get(name) is False or (system == "win32" and name in values and values[name] == 0)

    if off("RemoteDebuggingAllowed"):
        add("RemoteDebuggingAllowed", "programs may not control the browser", stops=True)
    if values.get("DeveloperToolsAvailability") == 2:
        add("DeveloperToolsAvailability", "developer tools, and so programs, may not control the browser", stops=True)
    elif values.get("DeveloperToolsDisabled") is True or (
        system == "win32" and values.get("DeveloperToolsDisabled") == 1
    ):
        add("DeveloperToolsDisabled", "developer tools, and so programs, may not control the browser", stops=True)
    if values.get("BrowserSignin") == 2:
        add("BrowserSignin", "the browser works only after somebody signs in to it", stops=True)
    if headless and (values.get("HeadlessMode") == 2 or off("HeadlessModeEnabled")):
        name = "HeadlessMode" if "HeadlessMode" in values else "HeadlessModeEnabled"
        add(name, "the browser does not run without a window: use --headed", stops=True)
    if values.get("UserDataDir"):
        add("UserDataDir", "all browsers would share one profile folder, so only one can open", stops=True)
    restrictions = values.get("DownloadRestrictions")
    if isinstance(restrictions, int) and restrictions > 0:
        # Tested with Chromium 156: Playwright's downloads work regardless.
        which = "all downloads" if restrictions == 3 else "some kinds of downloads"
        add("DownloadRestrictions", f"{which} may be blocked", stops=False)
    if _blocks_all(values.get("URLBlocklist")):
        add("URLBlocklist", "all addresses are blocked except those in URLAllowlist", stops=False)
    return found


def _blocks_all(blocklist: object) -> bool:
    return isinstance(blocklist, list) and "*" in blocklist


def _of(table: Mapping[str, tuple[str, ...]], browser: str) -> tuple[str, ...]:
    return table.get(browser) or tuple(source for sources in table.values() for source in sources)


def _json(file: Path) -> Policies:
    try:
        values = json.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        return Policies(str(file), {}, error.strerror or str(error))
    except ValueError:
        return Policies(str(file), {}, "it is not JSON")
    return Policies(str(file), values if isinstance(values, dict) else {})


def _plist(file: Path) -> Policies:
    try:
        with file.open("rb") as stream:
            values = plistlib.load(stream)
    except OSError as error:
        return Policies(str(file), {}, error.strerror or str(error))
    except (ValueError, plistlib.InvalidFileException):
        return Policies(str(file), {}, "it is not a property list")
    return Policies(str(file), values if isinstance(values, dict) else {})


def _registry(browser: str) -> list[Policies]:
    found: list[Policies] = []
    if sys.platform == "win32":
        import winreg

        for name, hive in (("HKLM", winreg.HKEY_LOCAL_MACHINE), ("HKCU", winreg.HKEY_CURRENT_USER)):
            for path in _of(_WINDOWS, browser):
                source = f"{name}\\{path}"
                try:
                    with winreg.OpenKey(hive, path) as key:
                        subkeys, count, _ = winreg.QueryInfoKey(key)
                        values: dict[str, object] = {}
                        for index in range(count):
                            value = winreg.EnumValue(key, index)
                            values[value[0]] = value[1]
                        for index in range(subkeys):  # a list is a subkey with values 1, 2, 3...
                            inner = winreg.EnumKey(key, index)
                            with winreg.OpenKey(key, inner) as items:
                                length = winreg.QueryInfoKey(items)[1]
                                values[inner] = [winreg.EnumValue(items, item)[1] for item in range(length)]
                except FileNotFoundError:
                    continue
                except OSError as error:
                    found.append(Policies(source, {}, error.strerror or str(error)))
                else:
                    found.append(Policies(source, values))
    return found
