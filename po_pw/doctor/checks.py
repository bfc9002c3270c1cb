"""Results of doctor checks. Every check has a time limit, and none ends in a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

State: TypeAlias = Literal["ok", "warning", "problem"]
Subject: TypeAlias = Literal["machine", "portal"]

FAULTS: Final = (
    errors.PoPwError,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Errors that become a check's result: a broken installation may raise any of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """Result of one check."""

    name: str
    state: State
    text: str
    remedy: str = ""
    """What to do; `""` if nothing, or if `text` says it."""
    subject: Subject = "machine"
    """What it is about: this machine or a portal."""


def ok(name: str, text: str) -> Check:
    """A check that passed."""
    return Check(name, "ok", text)


def warning(name: str, text: str, remedy: str) -> Check:
    """A check that passed with restrictions."""
    return Check(name, "warning", text, remedy)


def problem(name: str, text: str, remedy: str = "") -> Check:
    """A check that failed: runs would fail."""
    return Check(name, "problem", text, remedy)


def failed(name: str, error: BaseException, remedy: str = "") -> Check:
    """A check that raised an error. If it is one of ours, the lines after the first become the remedy."""
    if isinstance(error, errors.PoPwError):
        text, _, more = str(error).partition("\n")
        return problem(name, text, more.strip() or remedy)
    if isinstance(error, TimeoutError) and not str(error):
        return problem(name, "no answer in time", remedy)
    if isinstance(error, OSError) and error.strerror:
        return problem(name, f"{error.strerror}{f': {error.filename}' if error.filename else ''}", remedy)
    return problem(name, f"{type(error).__name__}: {error}", remedy)


class Results:
    """Collects the results of checks.

    Args:
        on_progress: called with each result as soon as it is known.
    """

    def __init__(self, on_progress: Callable[[Check], None] | None = None) -> None:
        self.all: list[Check] = []
        self._on_progress = on_progress

    def add(self, *lines: Check) -> None:
        """Adds results."""
        for line in lines:
            self.all.append(line)
            if self._on_progress is not None:
                self._on_progress(line)

    def catching(self, name: str, remedy: str = "") -> _Catching:
        """A context manager that turns an error inside into a problem with this name."""
        return _Catching(self, name, remedy)


class _Catching:
    def __init__(self, lines: Results, name: str, remedy: str) -> None:
        self._lines, self._name, self._remedy = lines, name, remedy

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, FAULTS):
            return False
        self._lines.add(failed(self._name, error, self._remedy))
        return True


async def in_thread(name: str, check: Callable[[], Sequence[Check]], timeout: float) -> list[Check]:
    """Runs a blocking check on a thread; after the timeout (a dead network drive) the thread is abandoned.

    Args:
        name: of the result if it fails.
        check: returns its results.
        timeout: seconds.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    lines: list[Check] = []

    def work() -> None:
        try:
            lines.extend(check())
        except FAULTS as error:
            lines.append(failed(name, error))
        finally:
            with contextlib.suppress(RuntimeError):  # the check ended after its timeout, when the loop was closed
                loop.call_soon_threadsafe(done.set)

    # Not in the loop's own pool, whose shutdown would wait for a hanging thread.
    threading.Thread(target=work, name=f"doctor-{name}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            await done.wait()
    except TimeoutError:
        return [problem(name, f"no answer within {timeout:.0f} s", "Is a network drive or a disk disconnected?")]
    return lines or [problem(name, "no answer")]
