"""Installs a browser."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from po_pw import environ
from po_pw.browser import watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One way to install a browser."""

    why: str
    commands: tuple[tuple[str, ...], ...]
    timeout: float
    """Seconds for all commands together."""
    environment: tuple[tuple[str, str], ...] = ()


_UPDATE: Final = ("apt-get", "update", "-q")
_QUIET: Final = (("DEBIAN_FRONTEND", "noninteractive"),)
_PLAYWRIGHT: Final = (sys.executable, "-m", "playwright", "install")


def attempts(*, system: str, machine: str, root: bool, distribution: str, apt: bool) -> tuple[Attempt, ...]:
    """The ways to try, in order. Pure.

    Args:
        system: `sys.platform`.
        machine: `platform.machine()`.
        root: whether system packages may be installed.
        distribution: `ID` of os-release, e.g. `debian`; `""` on other systems.
        apt: whether there is an `apt-get`.
    """
    # On Linux Microsoft's installer needs root and apt, and there is only an x86-64 build.
    edge_works = system != "linux" or (root and apt and machine.lower() in {"x86_64", "amd64"})
    edge = Attempt("Microsoft Edge, by Playwright", ((*_PLAYWRIGHT, "msedge"),), 300)
    own = Attempt("Playwright's own Chromium (for this user only, needs no root)", ((*_PLAYWRIGHT, "chromium"),), 600)
    own_with_libraries = Attempt(
        "Playwright's own Chromium, with the system libraries it needs",
        ((*_PLAYWRIGHT, "--with-deps", "chromium"),),
        900,
    )
    # Ubuntu's chromium package only installs a snap, which cannot access our folders.
    debian = system == "linux" and root and apt and distribution in {"debian", "raspbian", "kali"}
    packages = Attempt(
        "Chromium, by the system's package manager",
        (_UPDATE, ("apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium")),
        900,
        _QUIET,
    )
    plan: list[Attempt] = []
    if edge_works:
        plan.append(edge)
    if debian:
        plan.append(packages)
    plan.append(own_with_libraries if system == "linux" and root and apt and not debian else own)
    return tuple(plan)


def driver_library() -> Attempt | None:
    """Installs libraries for Playwright's driver (Node.js) on a minimal Debian or Ubuntu; None if not permitted."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    commands = (_UPDATE, ("apt-get", "install", "-y", "-q", "--no-install-recommends", "libatomic1"))
    return Attempt("the system library that Playwright needs, by the system's package manager", commands, 300, _QUIET)


def attempts_here() -> tuple[Attempt, ...]:
    """The ways to try on this machine."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return attempts(
        system=sys.platform,
        machine=platform.machine(),
        root=root,
        distribution=_distribution(),
        apt=shutil.which("apt-get") is not None,
    )


def run(attempt: Attempt, say: Callable[[str], None]) -> str:
    """Runs the commands of one attempt, printing each first.

    Returns:
        `""` if all commands succeeded, otherwise the error.
    """
    environment = {**environ.for_child(), **dict(attempt.environment)}
    deadline = time.monotonic() + attempt.timeout
    for command in attempt.commands:
        say(f"$ {_shown(command)}")
        try:
            code, output = _bounded(command, environment, deadline)
        except subprocess.TimeoutExpired:
            return f"not finished after {attempt.timeout:.0f} s"
        except OSError as error:
            return str(error)
        if code != 0:
            lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
            telling = [line for line in lines if "rror" in line or line.startswith("E:")] or lines
            return (telling[-1].strip() if telling else f"exit code {code}")[:300]
    return ""


def _bounded(command: Sequence[str], environment: dict[str, str], deadline: float) -> tuple[int, bytes]:
    """Runs a command; at the deadline, or when we are stopped, it is killed with everything it started."""
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # its own process group, to be killed as a whole; ignored on Windows
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
        except BaseException:
            _end(process)
            raise
    return process.returncode, output


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills a command and everything it started."""
    if process.returncode is None:  # not reaped yet: so its pid and process group are still its own
        with contextlib.suppress(psutil.Error):
            watchdog.kill_tree(psutil.Process(process.pid))
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _shown(command: Sequence[str]) -> str:
    words = list(command)
    if words[0] == sys.executable:
        words[0] = "python"
    return " ".join(words)


def _distribution() -> str:
    file = Path("/etc/os-release")
    if not file.exists():
        return ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("ID="):
            return line.removeprefix("ID=").strip('"')
    return ""
