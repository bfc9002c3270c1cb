"""Chromium's headless shell instead of Debian's whole Chromium: it starts with a third of the CPU time.

It is the same Chromium without what a window needs. Tests of the browser itself (its processes, profile, windows,
downloads and guards) are marked `whole_browser`. With `--all` no test uses the shell, nor where po-pw finds Edge,
Chrome or Playwright's own Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from po_pw import errors
from po_pw.browser import locate

NAME: Final = "chromium-headless-shell"
"""Debian's package, and its command."""
_PROGRAM: Final = Path("/usr/lib/chromium") / NAME
"""What that command starts, and stays in between: here the browser is our child."""
_INSTALL: Final = (
    ("apt-get", "update", "-q"),
    ("apt-get", "install", "-y", "-q", "--no-install-recommends", NAME),
)
_INSTALLS_WITHIN: Final = 300.0


def install() -> subprocess.CompletedProcess[str]:
    """Installs it with Debian's Chromium, if that is what po-pw uses and this user may; a failure is only reported."""
    done = subprocess.CompletedProcess[str]((), 0, "")
    if not _uses_debians_chromium() or _PROGRAM.exists() or os.geteuid() != 0 or not shutil.which("apt-get"):
        return done
    for command in _INSTALL:
        try:
            done = subprocess.run(
                command,
                check=False,
                timeout=_INSTALLS_WITHIN,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 1, f"not finished after {_INSTALLS_WITHIN:.0f} s")
    return done


def search_path(folder: Path) -> str:
    """A `PATH` on which po-pw finds the headless shell as Chromium; the present one if that would change nothing.

    Args:
        folder: empty; for the command `chromium`.
    """
    present = os.environ["PATH"]
    if not _PROGRAM.exists() or not _uses_debians_chromium():
        return present
    command = folder / "chromium"
    command.write_text(f'#!/bin/sh\nexec {_PROGRAM} "$@"\n', "utf-8")
    command.chmod(0o755)
    return f"{folder}{os.pathsep}{present}"


def _uses_debians_chromium() -> bool:
    if sys.platform != "linux":
        return False
    try:
        return locate.resolve(None, bundled=None).executable == "/usr/bin/chromium"
    except errors.PoPwError:
        return False
