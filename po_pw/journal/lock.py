"""One po-pw at a time on an output directory: a lock the system holds, so that a dead process holds nothing."""

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

_PATIENCE: Final = 0.4
"""Seconds to try for: somebody who only looks (`is_held`) has it for an instant."""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Callable[[], None]]:
    """Holds the lock of this output directory's `.po-pw` folder for as long as the block lasts.

    Args:
        folder: is there.

    Yields:
        Takes the lock again, where the share that the folder is on was gone: a lock does not outlast that. It raises
        what this does, where somebody else has taken it meanwhile.

    Raises:
        MachineError: another po-pw is working there, and the message names its process; or the folder cannot be
            written to.
    """
    # Beside the lock, not in it: Windows lets nobody read a locked file.
    note = folder / "lock.pid"
    lock = filelock.FileLock(folder / "lock", thread_local=False)

    def again() -> None:
        with contextlib.suppress(OSError):  # of a file that is gone
            lock.release(force=True)
        _acquire(folder, lock, note)

    _acquire(folder, lock, note)
    try:
        yield again
    finally:
        try:
            note.unlink(missing_ok=True)
        finally:
            lock.release()


def _acquire(folder: Path, lock: filelock.BaseFileLock, note: Path) -> None:
    try:
        lock.acquire(timeout=_PATIENCE, poll_interval=0.05)
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


def is_held(folder: Path) -> bool:
    """Whether a po-pw is working on the output directory of this `.po-pw` folder; makes and changes nothing."""
    try:
        file = os.open(folder / "lock", os.O_RDONLY)
    except OSError:  # nobody ever locked it, or nobody may see it
        return False
    try:
        return not _could_lock(file)
    finally:
        os.close(file)


def holder(folder: Path) -> int | None:
    """The process that holds the lock, by its own note; None where it is not known. Ask `is_held` first."""
    try:
        return int((folder / "lock.pid").read_text("utf-8"))
    except (OSError, ValueError):  # it has only just begun, or is about to end
        return None


def _could_lock(file: int) -> bool:
    """Locks as `filelock` does and lets go at once (on Windows too: its lock is on the first byte)."""
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
    except PermissionError:  # how Windows says it
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _holder(folder: Path) -> str:
    pid = holder(folder)
    return "process unknown" if pid is None else f"process {pid}"
