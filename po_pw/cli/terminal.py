"""Sets up the terminal for a live view: hides what is typed, reads keys, and restores the terminal at the end.

However the process ends, the terminal is usable afterwards. It is restored at exit and when Ctrl-Z stops the process;
if the process is killed, a small shell that waits for this restores it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

SHOW_AGAIN: Final = "\x1b[?2026l\x1b[?7h\x1b[?25h"
"""Undoes the changes of a view: ends a synchronised update, wraps lines and shows the cursor."""
SAVE_TITLE: Final = "\x1b[22;0t"
"""The title is restored by emptying it (for terminals that save none), then restoring the saved one."""
RESTORE_TITLE: Final = "\x1b]0;\x07\x1b[23;0t"
_KEY_INTERVAL: Final = 0.1
"""Seconds between two checks of the keyboard."""
_GUARD: Final = r"""
saved=$(stty -g <"$1") || exit 0
echo ready
read -r line || exit 0
changed=$(stty -g <"$1")
read -r line && exit 0
[ "$(stty -g <"$1")" = "$changed" ] && stty "$saved" <"$1"
printf '\r\033[K\033[C\033[J\r\033[?2026l\033[?7h\033[?25h\033]0;\007\033[23;0t' >"$1"
"""
"""Gets a line when the terminal was changed, and another when it was restored. If its input ends instead, the process
that changed the terminal is dead. If another program, such as a shell, has changed the terminal since, it stays so."""


def is_foreground(descriptor: int) -> bool:
    """Whether this process may read from a terminal and draw on it: not after `&` or the shell's `bg`."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:  # not the controlling terminal of this process
        return True


def descriptor_of_input() -> int | None:
    """The descriptor of standard input, if it is a terminal; else None."""
    try:
        return sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
    except (OSError, ValueError):  # closed, or replaced by an object of another library
        return None


class Quiet:
    """Hides what is typed, and delivers keys at once; Ctrl-C works as usual. A context manager.

    Has no effect on Windows, where a console shows only what is being read, and if standard input is not a terminal.

    Args:
        on_suspend: called before Ctrl-Z stops the process.
        guarded: restore the terminal even after SIGKILL, by a small extra process.
    """

    def __init__(self, on_suspend: Callable[[], None] = lambda: None, *, guarded: bool = True) -> None:
        self._descriptor = descriptor_of_input()
        self._on_suspend = on_suspend
        self._guarded = guarded
        self._guard: subprocess.Popen[str] | None = None
        self._before: list[Any] | None = None
        self._lock = threading.RLock()
        self._handler: Any = None
        self._ended = False

    def __enter__(self) -> Self:
        self.take()
        if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTSTP, self._suspend)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = True
            self._give_back()
        if sys.platform != "win32" and self._handler is not None:
            signal.signal(signal.SIGTSTP, self._handler)
        if self._guard is not None:
            with contextlib.suppress(OSError):  # it has ended
                self._guard.communicate("put back\n")

    @property
    def is_foreground(self) -> bool:
        """Whether this process may read from the terminal and draw on it."""
        return self._descriptor is None or is_foreground(self._descriptor)

    def take(self) -> None:
        """Changes the terminal, unless that is done already, or another process has the terminal."""
        if sys.platform == "win32" or self._descriptor is None:
            return
        import termios

        with self._lock, contextlib.suppress(termios.error, OSError):  # the terminal is gone
            if self._before is not None or self._ended or not is_foreground(self._descriptor):
                return
            if self._guarded and self._guard is None:
                self._guard = _guard(os.ttyname(self._descriptor))
            before = termios.tcgetattr(self._descriptor)
            changed = [*before[:3], before[3] & ~(termios.ECHO | termios.ICANON), *before[4:]]
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, changed)
            self._before = before
            if self._guard is not None and self._guard.stdin is not None:
                self._guard.stdin.write("changed\n")
                self._guard.stdin.flush()

    def _give_back(self) -> None:
        if sys.platform == "win32" or self._descriptor is None:
            return
        import termios

        with contextlib.suppress(termios.error, OSError):
            if self._before is not None and is_foreground(self._descriptor):
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._before = None

    def _suspend(self, _number: int, _frame: Any) -> None:
        """Handles Ctrl-Z, on a thread: a signal handler must not wait for a lock that the interrupted code may hold."""
        threading.Thread(target=self._stop, name="suspend", daemon=True).start()

    def _stop(self) -> None:
        """Restores the terminal and stops the process, until the shell continues it."""
        if sys.platform == "win32":
            return
        self._on_suspend()
        with self._lock:
            self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)


def _guard(name: str) -> subprocess.Popen[str] | None:
    """Starts the shell that restores the terminal if this process is killed; None if there is no shell."""
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "po-pw-terminal", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
    except OSError:
        return None
    if guard.stdout is None or guard.stdout.readline() != "ready\n":
        guard.kill()
        guard.communicate()
        return None
    return guard


@contextlib.contextmanager
def keys(pressed: Callable[[str], None]) -> Iterator[None]:
    """Reads keys on its own thread during the block, if standard input is a terminal.

    Args:
        pressed: called with each character, on that thread.
    """
    descriptor = descriptor_of_input()
    if descriptor is None:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_read, args=(descriptor, over, pressed), name="keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _read(descriptor: int, over: threading.Event, pressed: Callable[[str], None]) -> None:
    if sys.platform == "win32":
        import msvcrt

        while not over.wait(_KEY_INTERVAL):
            while msvcrt.kbhit():
                pressed(msvcrt.getwch())
        return
    import select

    while not over.is_set():
        if not is_foreground(descriptor):  # reading would stop this process
            time.sleep(_KEY_INTERVAL)
            continue
        try:
            ready, _, _ = select.select([descriptor], [], [], _KEY_INTERVAL)
            typed = os.read(descriptor, 64) if ready else None
        except OSError:  # the terminal is gone
            return
        if typed == b"":
            return
        for one in (typed or b"").decode("ascii", "ignore"):
            pressed(one)
