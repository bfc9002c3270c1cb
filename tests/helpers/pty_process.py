"""Runs a program on a pseudo-terminal: its screen, its input, and the state in which it leaves the terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from typing import TYPE_CHECKING, Self

import psutil
import pyte

from tests.helpers.support import IN_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


class PtyProcess:
    """Runs a program on a terminal of so many columns and lines; a context manager that ends it.

    Its output is kept, and shown by a terminal emulator.
    """

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], *, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = bytearray()
        self._size = size
        self._screen = pyte.HistoryScreen(*size, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self._changed = threading.Condition()
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        given = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        given.pop("COLUMNS", None)
        given.pop("LINES", None)
        self.process = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=given,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._theirs)
        self._thread.join(IN_TIME)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # its last user closed it
                data = b""
            with self._changed:
                self.output += data
                self._stream.feed(data)
                self._changed.notify_all()
            if not data:
                return

    def type(self, keys: str) -> None:
        """Types keys."""
        os.write(self._ours, keys.encode())

    def lines(self) -> list[str]:
        """What the screen shows, without what is blank."""
        with self._changed:
            return [line.rstrip() for line in self._screen.display if line.strip()]

    def everything(self) -> str:
        """What has scrolled out of the screen, and what it shows."""
        with self._changed:
            gone = ["".join(row[column].data for column in range(self._size[0])) for row in self._screen.history.top]
            return "\n".join(line.rstrip() for line in [*gone, *self._screen.display])

    def wait(self, condition: Callable[[list[str]], bool]) -> list[str]:
        """Waits until the screen shows something; gives its lines.

        Raises:
            AssertionError: it never does.
        """
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.lines()), IN_TIME), self.everything()
            return self.lines()

    def wait_for(self, text: str) -> list[str]:
        """Waits until the screen shows a text; gives its lines."""
        return self.wait(lambda lines: any(text in line for line in lines))

    def echoes(self) -> bool:
        """Whether what is typed would be shown, a line at a time."""
        flags = termios.tcgetattr(self._theirs)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)

    def wait_until_idle(self) -> None:
        """Waits until the program sleeps, that is, waits for a key: a signal just before would wait for that key.

        Raises:
            AssertionError: it never does.
        """
        program, never = psutil.Process(self.process.pid), threading.Event()
        for _ in range(int(IN_TIME / 0.05)):
            if program.status() == psutil.STATUS_SLEEPING:
                return
            never.wait(0.05)
        raise AssertionError(self.everything())

    def wait_written(self, codes: bytes) -> None:
        """Waits until these bytes were written."""
        with self._changed:
            assert self._changed.wait_for(lambda: codes in self.output, IN_TIME), bytes(self.output[-2000:])

    def wait_echo(self) -> bool:
        """Waits until what is typed is shown again."""
        never = threading.Event()
        for _ in range(int(IN_TIME / 0.05)):
            if self.echoes():
                return True
            never.wait(0.05)
        return False

    def ended(self) -> int:
        """Waits for its end; its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(IN_TIME)
        assert self.process.returncode is not None, self.everything()
        return self.process.returncode
