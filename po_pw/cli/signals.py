"""What signals and the console's end do to a run: the first finishes what is in progress, the second stops at once."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from po_pw.engine import run_control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Stopper = Callable[[run_control.Stop, str], None]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_CONSOLE: Final = {2: "the window was closed", 5: "you are signing out of Windows", 6: "Windows is shutting down"}
"""Windows' console events beyond Ctrl-C (0) and Ctrl-Break (1), which Python makes SIGINT and SIGBREAK."""
_LAST_WORDS: Final = 4.5
"""Seconds until the run must have ended: Windows ends a process 5 s after its window was closed."""


def taken(before: dict[str, Any]) -> list[str]:
    """The signals that are listened to. Pure.

    Args:
        before: the handlers that are there, by name; a signal that the system does not know is not in it.
    """
    # `nohup` ignores SIGHUP so that the run outlives the terminal.
    return [name for name in _NAMES if name in before and (name != "SIGHUP" or before[name] is not signal.SIG_IGN)]


def how(count: int) -> run_control.Stop:
    """What the signal with this number, from 1, does. Pure."""
    return run_control.Stop.AFTER_CURRENT if count == 1 else run_control.Stop.NOW


def of_console(event: int) -> tuple[run_control.Stop, str] | None:
    """What a console event of Windows does; None where it is left to others. Pure.

    Seconds are left after a window was closed, so orders in progress are not finished: the journal has
    what is done, and the same command continues.
    """
    return (run_control.Stop.NOW, _CONSOLE[event]) if event in _CONSOLE else None


def answer(event: int, stop: Stopper, over: threading.Event, patience: float = _LAST_WORDS) -> bool:
    """Deals with a console event, on a thread of the system's; False where it is left to others.

    Windows ends the process as soon as this returns.

    Args:
        event: its number.
        stop: stops the run; may be called from any thread.
        over: set when the run has ended.
        patience: seconds to wait for that.
    """
    found = of_console(event)
    if found is None:
        return False
    stop(*found)
    over.wait(patience)
    return True


@contextlib.contextmanager
def listened_to(stop: Stopper) -> Iterator[None]:
    """Stops the run on signals while the block lasts; restores the handlers that were there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(number: int, _: Any) -> None:
        nonlocal received
        received += 1
        stop(how(received), signal.Signals(number).name)

    known = {name: signal.getsignal(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)}
    before = {name: signal.signal(getattr(signal, name), handle) for name in taken(known)}
    try:
        with _console(stop):
            yield
    finally:
        for name, handler in before.items():
            # None is one that Python did not set, and cannot set again.
            signal.signal(getattr(signal, name), signal.SIG_DFL if handler is None else handler)


@contextlib.contextmanager
def _console(stop: Stopper) -> Iterator[None]:
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        over = threading.Event()
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        make = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
        kernel.SetConsoleCtrlHandler.argtypes = [make, wintypes.BOOL]
        handler = make(lambda event: answer(event, stop, over))  # kept while it may be called
        # Asked before the C runtime's own, which would make SIGBREAK of a closing window and return at once.
        listens = kernel.SetConsoleCtrlHandler(handler, True)
        try:
            yield
        finally:
            over.set()
            if listens:
                kernel.SetConsoleCtrlHandler(handler, False)
    else:
        yield
