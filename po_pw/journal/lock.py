"""Lock of an output directory: one po-pw at a time. A system lock, released when the process dies."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

import filelock

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TIMEOUT: Final = 0.4
"""Seconds to retry: `is_locked` takes the lock for an instant."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Holds the lock of an output directory's `.po-pw` folder for the block.

    Args:
        folder: must exist.

    Yields:
        A function that takes the lock again after the folder's share was unmounted, which releases it. Raises the same
        errors.

    Raises:
        MachineError: another po-pw is working there (the message has its process id), or the folder is not
            writable.
    """
    # In a second file: on Windows a locked file cannot be read.
    note = folder / "lock.pid"
    lock = filelock.FileLock(folder / "lock", thread_local=False)

    def relock() -> None:
        with contextlib.suppress(OSError):  # the lock file is gone
            lock.release(force=True)
        _acquire(folder, lock, note)

    _acquire(folder, lock, note)
    try:
        yield relock
    finally:
        try:
            note.unlink(missing_ok=True)
        finally:
            lock.release()


def _acquire(folder: Path, lock: filelock.BaseFileLock, note: Path) -> None:
    try:
        lock.acquire(timeout=_TIMEOUT, poll_interval=0.05)
    except filelock.Timeout:
        msg = (
            f"another po-pw ({_holder(folder)}) is working in {folder.parent}. Wait for it, stop it with Ctrl-C, or "
            "choose another folder with --out."
        )
        raise errors.MachineError(msg) from None
    except (OSError, NotImplementedError) as error:
        msg = f"{folder.parent} cannot be locked ({error}). Choose another folder with --out."
        raise errors.MachineError(msg) from error
    try:
        note.write_text(f"{os.getpid()}\n", "utf-8")
    except OSError as error:
        lock.release()
        msg = f"{folder.parent} cannot be written to ({error.strerror}). Choose another folder with --out."
        raise errors.MachineError(msg) from error


def is_locked(folder: Path) -> bool:
    """Whether a po-pw has locked the output directory of this `.po-pw` folder; changes nothing."""
    try:
        file = os.open(folder / "lock", os.O_RDONLY)
    except OSError:  # never locked, or not readable
        return False
    try:
        return not _could_lock(file)
    finally:
        os.close(file)


def holder(folder: Path) -> int | None:
    """Id of the process that holds the lock, from its note; None if unknown. Check `is_locked` first."""
    try:
        return int((folder / "lock.pid").read_text("utf-8"))
    except (OSError, ValueError):  # it is just starting or ending
        return None


def _could_lock(file: int) -> bool:
    """Locks as `filelock` does (on Windows the first byte) and unlocks at once."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)
    except BlockingIOError:
        return False
    except PermissionError:  # locked, on Windows
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _holder(folder: Path) -> str:
    pid = holder(folder)
    return "process unknown" if pid is None else f"process {pid}"
