"""The disk: threads that are always waited for, errors that become ours, renames that outlast a virus scanner."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator


T = TypeVar("T")

PATIENCE: Final = 10.0 if os.name == "nt" else 0.0
"""Seconds for which a rename is tried again: on Windows other programs (a scanner, a synced folder) hold files."""
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def on_thread(name: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """Starts work on a thread of its own; wait for it with `ended`."""
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        return asyncio.wrap_future(pool.submit(work))
    finally:
        pool.shutdown(wait=False)


async def ended(future: asyncio.Future[T], given_up: threading.Event | None = None) -> T:
    """Waits for the end of a thread's work, also while cancelled; a cancellation goes on afterwards.

    Args:
        future: of `on_thread`.
        given_up: set when the wait is cancelled, so that the work may end early.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
            if given_up is not None:
                given_up.set()
    if cancelled is not None:
        future.exception()  # it has been seen
        raise cancelled
    return future.result()


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """What the system raises over a path becomes ours.

    Raises:
        OutOfSpace: the disk, or a quota, is full.
        EnvironmentProblem: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = f"no space is left in {path.parent}"
            raise errors.OutOfSpace(msg) from error
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise errors.EnvironmentProblem(msg) from error


def patiently(
    action: Callable[[], object],
    *,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Does what may meet a file that another program holds for a moment: again and again, for `patience` seconds.

    Raises:
        PermissionError: it is held still, or simply forbidden.
    """
    deadline = clock() + patience
    while True:
        try:
            action()
        except PermissionError:
            if clock() >= deadline:
                raise
            sleep(0.2)
        else:
            return


def rename(source: Path, target: Path) -> None:
    """Renames a file, replacing one that is there, or a folder to a name that is free."""
    patiently(lambda: source.replace(target))


def link_or_copy(source: str, target: str) -> str:
    """A second name for a file where the file system can, else a copy."""
    try:
        if Path(source).is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)
    return target


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder durable; Windows has no such call for folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
