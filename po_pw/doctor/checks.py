"""One line of `po-pw doctor`, and how a check becomes one: bounded in time, and never a traceback."""

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
"""What a check that fails may raise: a broken installation raises anything, and the doctor is who should say so."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """What was found out about one thing."""

    name: str
    state: State
    text: str
    remedy: str = ""
    """What to do; `""` where nothing needs doing, or `text` says it."""
    subject: Subject = "machine"
    """What it is about: this machine, or a portal that is elsewhere."""


def ok(name: str, text: str) -> Check:
    """All is well."""
    return Check(name, "ok", text)


def warning(name: str, text: str, remedy: str) -> Check:
    """It works, but not as well as it could, or not always."""
    return Check(name, "warning", text, remedy)


def problem(name: str, text: str, remedy: str = "") -> Check:
    """Runs fail of it."""
    return Check(name, "problem", text, remedy)


def failed(name: str, error: BaseException, remedy: str = "") -> Check:
    """A check that could not be done is a problem; of our own errors, further lines are the remedy."""
    if isinstance(error, errors.PoPwError):
        text, _, more = str(error).partition("\n")
        return problem(name, text, more.strip() or remedy)
    if isinstance(error, TimeoutError) and not str(error):
        return problem(name, "no answer in time", remedy)
    if isinstance(error, OSError) and error.strerror:
        return problem(name, f"{error.strerror}{f': {error.filename}' if error.filename else ''}", remedy)
    return problem(name, f"{type(error).__name__}: {error}", remedy)


class Lines:
    """What is known so far.

    Args:
        said: called with each line as soon as it is known.
    """

    def __init__(self, said: Callable[[Check], None] | None = None) -> None:
        self.all: list[Check] = []
        self._said = said

    def add(self, *lines: Check) -> None:
        """These lines are known now."""
        for line in lines:
            self.all.append(line)
            if self._said is not None:
                self._said(line)

    def trying(self, name: str, remedy: str = "") -> _Trying:
        """A block; what fails in it becomes a problem of this name, and what comes after the block goes on."""
        return _Trying(self, name, remedy)


class _Trying:
    def __init__(self, lines: Lines, name: str, remedy: str) -> None:
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
    """Does a check that blocks; one that hangs (a dead network drive) is left behind, and holds nothing up.

    Args:
        name: of the line where it fails.
        check: gives its lines.
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
            with contextlib.suppress(RuntimeError):  # it took too long, and the loop is gone
                loop.call_soon_threadsafe(done.set)

    # Not of the loop's own pool: its end would wait for a thread that hangs.
    threading.Thread(target=work, name=f"doctor-{name}", daemon=True).start()
    try:
        async with asyncio.timeout(timeout):
            await done.wait()
    except TimeoutError:
        return [problem(name, f"no answer within {timeout:.0f} s", "Is a network drive or a disk disconnected?")]
    return lines or [problem(name, "no answer")]
