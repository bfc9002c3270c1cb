"""Shows a desktop notification when a run has ended, and opens the results."""

from __future__ import annotations

import html
import logging
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from po_pw import environ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LONG: Final = 10.0
"""Minimum seconds of a run for a bell and a notification: during a shorter one the user does not look away."""
_PATIENCE: Final = 10.0
"""Maximum seconds for the system's command."""
_POWERSHELL: Final = r"""
$ErrorActionPreference = 'Stop'
[Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime] | Out-Null
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent(
    [Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$texts = $toast.GetElementsByTagName('text')
$texts.Item(0).AppendChild($toast.CreateTextNode($env:PO_PW_NOTIFY_TITLE)) | Out-Null
$texts.Item(1).AppendChild($toast.CreateTextNode($env:PO_PW_NOTIFY_TEXT)) | Out-Null
$app = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe'
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($app).Show(
    [Windows.UI.Notifications.ToastNotification]::new($toast))
"""
_APPLESCRIPT: Final = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")

_log = logging.getLogger(__name__)


def has_desktop(platform: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a desktop to show something on. Pure.

    Args:
        platform: as `sys.platform`.
        environment: of this process.
    """
    return platform in {"win32", "darwin"} or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def command(
    title: str, text: str, platform: str, which: Callable[[str], str | None]
) -> tuple[list[str], dict[str, str]] | None:
    """The system's command for a notification, with the environment that it needs; None if there is none. Pure.

    The texts are passed as arguments or variables, never inside a script.

    Args:
        title: of the notification.
        text: below it.
        platform: as `sys.platform`.
        which: finds a program.
    """
    if platform == "win32":
        program = which("powershell.exe")
        words = ["-NoProfile", "-NonInteractive", "-Command", _POWERSHELL]
        return (
            None if program is None else ([program, *words], {"PO_PW_NOTIFY_TITLE": title, "PO_PW_NOTIFY_TEXT": text})
        )
    if platform == "darwin":
        program = which("osascript")
        script = [word for line in _APPLESCRIPT for word in ("-e", line)]
        return None if program is None else ([program, *script, title, text], {})
    program = which("notify-send")
    return None if program is None else ([program, "--app-name=po-pw", "--", title, html.escape(text)], {})


def show(title: str, text: str) -> None:
    """Shows a notification if there is a desktop; an error is only logged. Blocks."""
    if not has_desktop(sys.platform, environ.for_child()):
        return
    found = command(title, text, sys.platform, shutil.which)
    if found is None:
        _log.warning("no notification: this system has no command for it")
        return
    words, variables = found
    try:
        done = subprocess.run(
            words,
            env={**environ.for_child(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("no notification: %s", error)
        return
    if done.returncode:
        _log.warning("no notification: %s", done.stderr.decode("utf-8", "replace").strip() or done.returncode)


def to_open(out: Path) -> Path:
    """What to open first: the report, or the folder if there is none."""
    report = out / "report.html"
    return report if report.is_file() else out


def open_on_desktop(path: Path) -> str:
    """Opens a file or folder with the desktop's program for it; returns why that failed, or `""`."""
    import typer

    if not has_desktop(sys.platform, environ.for_child()):
        return "there is no desktop"
    try:
        code = typer.launch(str(path))
    except OSError as error:
        return error.strerror or str(error)
    return f"the desktop's command ended with exit code {code}" if code else ""
