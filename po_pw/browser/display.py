"""Where windows are shown: on this machine's display, on a virtual one that is started for the run, or nowhere."""

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

from po_pw import numerals, settings

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
"""Part of the message of a browser that could not show its window."""

WITHOUT: Final = "the browser runs without a window"


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """How browsers are to be started so that windows are, or are not, shown."""

    headless: bool
    warning: str = ""
    """Why it is not as it was asked for; `""` where it is."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variables that the browsers need to find the display."""


def can_show_windows() -> bool:
    """Whether people can see a window: always on Windows and macOS, elsewhere where X11 or Wayland is announced."""
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(settings.environment("DISPLAY") or settings.environment("WAYLAND_DISPLAY"))


@contextlib.asynccontextmanager
async def shown(*, headed: bool, run_dir: watchdog.RunDir) -> AsyncIterator[View]:
    """Sees to it that windows can be shown while the block lasts; never fails for want of a display.

    Where there is none, Xvfb is started if it is installed; otherwise the view is headless and has a warning.

    Args:
        headed: whether windows are asked for at all.
        run_dir: the run's folder; a virtual display that is started does not outlive it.
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
    """A virtual display of ours alone: whoever else is on this machine can neither see into it nor type."""

    def __init__(self, program: str, run_dir: watchdog.RunDir) -> None:
        self.environment: dict[str, str] = {}
        self._program = program
        self._run_dir = run_dir
        self._authority = run_dir.path / "xauthority"
        self._log = run_dir.path / "xvfb.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Starts it and waits until it answers; gives what hindered it, or `""`."""
        try:
            process = self._begin()
            async with asyncio.timeout(STARTS_WITHIN):
                number = await _first_line(process.stdout)
        except OSError as error:
            return str(error) if not isinstance(error, TimeoutError) else f"no answer within {STARTS_WITHIN:.0f} s"
        if numerals.whole(number) is None:
            return _last_line(self._log) or "it ended at once"
        # The session's kind too: Chromium would else look for a Wayland that the environment only remembers.
        self.environment = {
            "DISPLAY": f":{number}",
            "XAUTHORITY": str(self._authority),
            "XDG_SESSION_TYPE": "x11",
        }
        return ""

    def _begin(self) -> subprocess.Popen[bytes]:
        # In one go, without a thread: cancelled in between, it would run and nobody would know.
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
        """Ends it, if it runs."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes the pipe, and waits
            process.terminate()
            try:
                process.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
        self._run_dir.forget(process.pid)


async def _first_line(stream: IO[bytes] | None) -> str:
    """The first line that a pipe brings, or what came before it was closed."""
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
    """An Xauthority file with one entry: this cookie, for whatever address (family 65535)."""
    parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", cookie)  # address, display number, name, data
    return struct.pack(">H", 0xFFFF) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""
