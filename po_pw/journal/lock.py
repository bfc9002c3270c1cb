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
    """Holds the lock of this output directory's `.po-pw` folder.

    Raises:
        EnvironmentProblem: another po-pw is working there; names its process.
    """
    lock = filelock.FileLock(folder / "lock")
    note = folder / "lock.pid"
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        pid = note.read_text("utf-8").strip() if note.exists() else "unknown"
        msg = (
            f"another po-pw (process {pid}) is working in {folder.parent}. Wait for it, stop it with Ctrl-C, or choose "
            "another place with --out."
        )
        raise errors.EnvironmentProblem(msg) from None
    except OSError as error:
        msg = f"{folder.parent} cannot be written to ({error.strerror}). Choose another place with --out."
        raise errors.EnvironmentProblem(msg) from error
    try:
        note.write_text(f"{os.getpid()}\n", "utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
