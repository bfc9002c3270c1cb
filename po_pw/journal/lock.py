"""One po-pw at a time on an output directory: a lock the system holds, so that a dead process holds nothing."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import filelock

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the lock of this output directory's `.po-pw` folder for as long as the block lasts.

    Args:
        folder: is there.

    Raises:
        EnvironmentProblem: another po-pw is working there, and the message names its process; or the folder cannot be
            written to.
    """
    # Beside the lock, not in it: Windows lets nobody read a locked file.
    note = folder / "lock.pid"
    lock = filelock.FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        msg = (
            f"another po-pw ({_holder(note)}) is working in {folder.parent}. Wait for it, stop it with Ctrl-C, or "
            "choose another place with --out."
        )
        raise errors.EnvironmentProblem(msg) from None
    except (OSError, NotImplementedError) as error:
        msg = f"{folder.parent} cannot be locked ({error}). Choose another place with --out."
        raise errors.EnvironmentProblem(msg) from error
    try:
        try:
            note.write_text(f"{os.getpid()}\n", "utf-8")
        except OSError as error:
            msg = f"{folder.parent} cannot be written to ({error.strerror}). Choose another place with --out."
            raise errors.EnvironmentProblem(msg) from error
        yield
    finally:
        try:
            note.unlink(missing_ok=True)
        finally:
            lock.release()


def _holder(note: Path) -> str:
    try:
        return f"process {note.read_text('utf-8').strip()}"
    except OSError:  # it has only just begun, or is about to end
        return "its process is not known"
