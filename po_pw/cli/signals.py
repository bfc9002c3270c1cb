"""Stops a run on signals and console events: the first finishes the orders in progress, the second stops at once."""

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
"""Console events of Windows, apart from Ctrl-C (0) and Ctrl-Break (1), which Python maps to SIGINT and SIGBREAK."""
_MAX_SECONDS: Final = 4.5
"""Seconds in which the run must end: Windows ends a process 5 s after its window was closed."""


def handled(before: dict[str, Any]) -> list[str]:
    """The signals to handle. Pure.

    Args:
        before: the existing handlers, by name; without signals that the system does not have.
    """
    # `nohup` ignores SIGHUP so that the run outlives the terminal.
    return [name for name in _NAMES if name in before and (name != "SIGHUP" or before[name] is not signal.SIG_IGN)]


def stop_for_signal(count: int) -> run_control.Stop:
    """What the first, second, … signal does. Pure."""
    return run_control.Stop.AFTER_CURRENT if count == 1 else run_control.Stop.NOW


def stop_for_console_event(event: int) -> tuple[run_control.Stop, str] | None:
    """What a console event of Windows does; None if others handle it. Pure.

    After a window was closed only seconds are left, so orders in progress are not finished; the same command
    continues them.
    """
    return (run_control.Stop.NOW, _CONSOLE[event]) if event in _CONSOLE else None


def handle_console_event(event: int, stop: Stopper, over: threading.Event, patience: float = _MAX_SECONDS) -> bool:
    """Handles a console event, on a thread of the system; False if others handle it.

    Windows ends the process as soon as this returns.

    Args:
        event: its number.
        stop: stops the run; may be called from any thread.
        over: set when the run has ended.
        patience: seconds to wait for that.
    """
    found = stop_for_console_event(event)
    if found is None:
        return False
    stop(*found)
    over.wait(patience)
    return True


@contextlib.contextmanager
def listened_to(stop: Stopper) -> Iterator[None]:
    """Stops the run on signals during the block; restores the earlier handlers."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(number: int, _: Any) -> None:
        nonlocal received
        received += 1
        stop(stop_for_signal(received), signal.Signals(number).name)

    known = {name: signal.getsignal(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)}
    before = {name: signal.signal(getattr(signal, name), handle) for name in handled(known)}
    try:
        with _console(stop):
            yield
    finally:
        for name, handler in before.items():
            # None: a handler that Python did not set and cannot restore.
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
        handler = make(lambda event: handle_console_event(event, stop, over))  # must live as long as it may be called
        # Called before the C runtime's handler, which would turn a closing window into SIGBREAK and return at once.
        listens = kernel.SetConsoleCtrlHandler(handler, True)
        try:
            yield
        finally:
            over.set()
            if listens:
                kernel.SetConsoleCtrlHandler(handler, False)
    else:
        yield
