"""The disk: threads that are always waited for, errors that become ours, renames that outlast a virus scanner."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors
from po_pw.downloads import origin_mark

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator


T = TypeVar("T")

_log = logging.getLogger(__name__)

PATIENCE: Final = 10.0 if os.name == "nt" else 0.0
"""Seconds for which a rename is tried again: on Windows other programs (a scanner, a synced folder) hold files."""
_TURNS: Final = 20
_HELD: Final = {errno.EBUSY, errno.ETXTBSY}
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
        FolderHeld: another program has it open.
        EnvironmentProblem: anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            msg = f"no space is left in {path.parent}"
            raise errors.OutOfSpace(msg) from error
        if error.errno in _HELD or (os.name == "nt" and isinstance(error, PermissionError)):
            msg = f"another program has something in {path} open; close it, and run the same command again"
            raise errors.FolderHeld(msg) from error
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
    """A second name for a file where the file system can, else a copy, synced, with the mark of the web it had."""
    try:
        if Path(source).is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)
        origin_mark.carry(Path(source), Path(target))
        with Path(target).open("r+b") as stream:  # writable: Windows syncs no other
            os.fsync(stream.fileno())
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


def why_not_a_folder(folder: Path, error: OSError) -> str:
    """Why a folder could not be made, in words: a file in its place, or in the place of one above it, is named.

    Args:
        folder: absolute.
        error: what making it raised.
    """
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):  # a folder above that we may not look into
            if place.exists() and not place.is_dir():
                return f"{place} is a file, not a folder"
    return f"{folder} cannot be written to ({error.strerror or error})"


def check_names(folder: Path) -> None:
    """Makes sure that files with any name can be written below a folder.

    Raises:
        EnvironmentProblem: this Python, or the folder's own path, does not let us.
    """
    if sys.getfilesystemencoding().lower() not in {"utf-8", "utf8"}:
        msg = (
            f"file names are written as {sys.getfilesystemencoding()} here, which lacks many letters. Set the "
            "environment variable PYTHONUTF8=1, and run the same command again."
        )
        raise errors.EnvironmentProblem(msg)
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        msg = f"the path {folder} has bytes that are no text. Choose another place with --out."
        raise errors.EnvironmentProblem(msg) from None


def make(folder: Path) -> None:
    """Makes a folder where there is none, and its entry durable."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)


def past_tidying(action: Callable[[], object]) -> None:
    """Does what makes a folder and uses it; again where another order's end removed it, as empty, in between.

    Raises:
        OSError: it was not that.
    """
    for left in range(_TURNS, -1, -1):
        try:
            action()
        except (FileNotFoundError, FileExistsError):  # the latter where it was gone before `mkdir` looked at it again
            if not left:
                raise
        else:
            return


def put(source: Path, target: Path) -> None:
    """Renames something into a folder, which is made where there is none."""

    def step() -> None:
        make(target.parent)
        rename(source, target)

    past_tidying(step)


def copy(path: Path, target: Path) -> None:
    """A file, link or folder once more, elsewhere on the same file system; files by a second name where that can be."""
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, target, symlinks=True, copy_function=link_or_copy)
    else:
        link_or_copy(str(path), str(target))


def delete(path: Path) -> None:
    """Removes a file, link or folder; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    """Removes what is no longer needed; what another program holds is left to the next time."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        _log.info("%s cannot be removed: %s", folder, error)


def tidy(folder: Path) -> None:
    """Removes a folder of ours that is empty."""
    with contextlib.suppress(OSError):  # somebody else put something there, or removed it
        folder.rmdir()
