"""Where browser windows are shown: on the machine's display, on a virtual one, or nowhere (headless)."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import secrets
import shutil
import struct
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Final

from po_pw import environ, numerals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from po_pw.browser import watchdog

SERVER: Final = "Xvfb"
SCREEN: Final = "1280x1024x24"
STARTS_WITHIN: Final = 15.0
"""Seconds for a virtual display to be ready; 0.1 to 0.4 s are usual."""
_ENDS_WITHIN: Final = 3.0

LOST: Final = "there is no display to show it on"
"""Part of the message if a browser cannot show its window."""

WITHOUT: Final = "the browser runs without a window"


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """How to start browsers with or without windows."""

    headless: bool
    warning: str = ""
    """Why it differs from the request; `""` if it does not."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment variables with which browsers find the display."""


def can_show_windows() -> bool:
    """Whether windows can be seen: always on Windows and macOS, elsewhere if X11 or Wayland variables are set."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(environ.variable("DISPLAY") or environ.variable("WAYLAND_DISPLAY"))


@contextlib.asynccontextmanager
async def shown(*, headed: bool, run_dir: watchdog.RunDir) -> AsyncIterator[View]:
    """Provides a display for the block; never fails if there is none.

    Without a display Xvfb is started if installed; otherwise the view is headless, with a warning.

    Args:
        headed: whether windows are requested.
        run_dir: the run's folder; a virtual display does not outlive it.
    """
    if not headed or can_show_windows():
        yield View(headless=not headed)
        return
    program = shutil.which(SERVER)
    if program is None:
        yield View(
            headless=True,
            warning=f"{WITHOUT}: this computer has no display, and the virtual display Xvfb is not "
            "installed. Install the package xvfb, or leave out --headed.",
        )
        return
    server = _Virtual(program, run_dir)
    try:
        problem = await server.start()
        if problem:
            await asyncio.to_thread(server.end)
            yield View(headless=True, warning=f"{WITHOUT}: {program} does not start ({problem}).")
        else:
            yield View(headless=False, environment=server.environment)
    finally:
        await asyncio.to_thread(server.end)


class _Virtual:
    """A private virtual display: other users of the machine can neither see it nor type into it."""

    def __init__(self, program: str, run_dir: watchdog.RunDir) -> None:
        self.environment: dict[str, str] = {}
        self._program = program
        self._run_dir = run_dir
        self._authority = run_dir.path / "xauthority"
        self._log = run_dir.path / "xvfb.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Starts it and waits until it is ready; returns the reason if it fails, else `""`."""
        try:
            process = self._begin()
            async with asyncio.timeout(STARTS_WITHIN):
                number = await _first_line(process.stdout)
        except OSError as error:
            return str(error) if not isinstance(error, TimeoutError) else f"no answer within {STARTS_WITHIN:.0f} s"
        if numerals.parse_int(number) is None:
            return _last_line(self._log) or "it ended at once"
        # Also the session type: otherwise Chromium might look for a Wayland that no longer exists.
        self.environment = {
            "DISPLAY": f":{number}",
            "XAUTHORITY": str(self._authority),
            "XDG_SESSION_TYPE": "x11",
        }
        return ""

    def _begin(self) -> subprocess.Popen[bytes]:
        # Without awaiting or a thread: if cancelled in between, the process would be orphaned.
        self._authority.write_bytes(_authority(secrets.token_bytes(16)))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    "-displayfd",
                    "1",
                    "-screen",
                    "0",
                    SCREEN,
                    "-nolisten",
                    "tcp",
                    "-noreset",
                    "-auth",
                    str(self._authority),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._run_dir.record(self._process.pid)
        return self._process

    def end(self) -> None:
        """Ends it, if it is running."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes the pipe and waits
            process.terminate()
            try:
                process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
        self._run_dir.forget(process.pid)


async def _first_line(stream: IO[bytes] | None) -> str:
    """The first line from a pipe, or what came before it was closed."""
    if stream is None:
        return ""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    said = b""
    loop.add_reader(stream, ready.set)
    try:
        while not said.endswith(b"\n"):
            await ready.wait()
            ready.clear()
            more = os.read(stream.fileno(), 64)
            if not more:
                break
            said += more
    finally:
        loop.remove_reader(stream)
    return said.decode("ascii", "replace").strip()


def _authority(cookie: bytes) -> bytes:
    """Content of an Xauthority file with one entry: this cookie for any address (family 65535)."""
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", cookie)  # address, display number, name, data
    return struct.pack(">H", 0xFFFF) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
