"""The disk: threads that are always waited for, errors that become ours, renames that outlast a virus scanner."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import enum
import errno
import logging
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import durable, errors, models
from po_pw.storage import origin_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


T = TypeVar("T")

_log = logging.getLogger(__name__)

PATIENCE: Final = 10.0 if os.name == "nt" else 0.0
"""Seconds for which a rename is tried again: on Windows other programs (a scanner, a synced folder) hold files."""
_TURNS: Final = 20
INTERNAL: Final = ".po-pw"
"""Our own folder in the output directory."""
_TRIAL: Final = 4096
"""Bytes that `fault` writes: a block, which is more than fits into the entry of a folder."""


class Meaning(enum.Enum):
    """What an error of the system is about, if it is about one file. Of the whole place only `fault` can tell."""

    FULL = "no room for it"
    TOO_LARGE = "larger than the file system takes"
    NAME = "a name that the file system does not take"
    HELD = "another program has it open, or may alone change it"
    GONE = "another program removed it"
    OTHER = "anything else"


_MEANINGS: Final = {
    errno.ENOSPC: Meaning.FULL,
    errno.EFBIG: Meaning.TOO_LARGE,
    errno.ENAMETOOLONG: Meaning.NAME,
    errno.EILSEQ: Meaning.NAME,
    errno.EINVAL: Meaning.NAME,
    errno.EBUSY: Meaning.HELD,
    errno.ETXTBSY: Meaning.HELD,
    errno.EACCES: Meaning.HELD,
    errno.EPERM: Meaning.HELD,
    errno.EAGAIN: Meaning.HELD,
    errno.ENOENT: Meaning.GONE,
    errno.ENOTDIR: Meaning.GONE,
    errno.EISDIR: Meaning.GONE,
    errno.EEXIST: Meaning.HELD,
    errno.ENOTEMPTY: Meaning.HELD,
} | {number: Meaning.FULL for name in ("EDQUOT",) if (number := getattr(errno, name, None)) is not None}
"""By `errno` (errno(3), and the pages of open, write and rename in section 2)."""

_ON_WINDOWS: Final = {
    39: Meaning.FULL,  # ERROR_HANDLE_DISK_FULL
    112: Meaning.FULL,  # ERROR_DISK_FULL
    1295: Meaning.FULL,  # ERROR_DISK_QUOTA_EXCEEDED
    223: Meaning.TOO_LARGE,  # ERROR_FILE_TOO_LARGE
    123: Meaning.NAME,  # ERROR_INVALID_NAME
    161: Meaning.NAME,  # ERROR_BAD_PATHNAME
    206: Meaning.NAME,  # ERROR_FILENAME_EXCED_RANGE
    5: Meaning.HELD,  # ERROR_ACCESS_DENIED
    32: Meaning.HELD,  # ERROR_SHARING_VIOLATION
    33: Meaning.HELD,  # ERROR_LOCK_VIOLATION
    225: Meaning.GONE,  # ERROR_VIRUS_INFECTED
    226: Meaning.GONE,  # ERROR_VIRUS_DELETED
    2: Meaning.GONE,  # ERROR_FILE_NOT_FOUND
    3: Meaning.GONE,  # ERROR_PATH_NOT_FOUND
}
"""By `winerror` (learn.microsoft.com, "System Error Codes"), which says more than what Python makes of it, `errno`."""

_SAID: Final = {
    Meaning.TOO_LARGE: "the file system of {out} takes no file that large. Choose a folder on another disk with --out.",
    Meaning.NAME: "the file system of {out} does not take the name {name} ({why})",
    Meaning.HELD: (
        "{path} cannot be changed ({why}). Another program may have it open, or it is write-protected: close or unlock "
        "it, and run the same command again"
    ),
    Meaning.GONE: "another program, perhaps a virus scanner, removed {path} while it was being written",
    Meaning.OTHER: "{path} cannot be written ({why})",
}


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


def home_of(path: Path) -> Path:
    """The `.po-pw` folder that a path of ours is in; elsewhere the folder it is in."""
    return next((above for above in path.parents if above.name == INTERNAL), path.parent)


def fault(folder: Path) -> OSError | None:
    """Why nothing can be written to a folder; None where a small file can be. The folder is never made.

    Args:
        folder: our own in the output directory. Where a share is gone, the output directory itself may still be there:
            as an empty folder on another disk, which the share hid.
    """
    trial = folder / f".trial-{os.getpid()}-{threading.get_ident()}"
    try:
        with trial.open("wb") as stream:
            stream.write(b"\0" * _TRIAL)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error
    finally:
        with contextlib.suppress(OSError):  # it was not made, or a scanner has it: another try takes the same name
            trial.unlink()
    return None


def longest_name(folder: Path, enough: int, takes: Callable[[Path], bool] | None = None) -> int:
    """UTF-8 bytes that a name may have in a folder: what the file system says, tried, because some say too much.

    Args:
        folder: is there.
        enough: more is not asked for.
        takes: whether a name can be had there; by default a file of that name is made, and removed.

    Raises:
        OSError: it cannot be tried.
    """
    takes = takes or _takes
    said = enough
    if hasattr(os, "pathconf"):  # Windows has none
        with contextlib.suppress(OSError, ValueError):  # a file system that does not say
            said = min(enough, os.pathconf(folder, "PC_NAME_MAX"))
    if takes(_named(folder, said)):
        return said
    good, bad = 0, said
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if takes(_named(folder, middle)) else (good, middle)
    return good


def _named(folder: Path, length: int) -> Path:
    return folder / f".trial-{os.getpid()}-".ljust(length, "n")[:length]


def _takes(path: Path) -> bool:
    try:
        path.touch()
    except OSError as error:
        # Windows says of a name that is too long that its folder is not there.
        if meaning_of(error) is Meaning.NAME or (os.name == "nt" and meaning_of(error) is Meaning.GONE):
            return False
        raise
    path.unlink(missing_ok=True)
    return True


def meaning_of(error: OSError) -> Meaning:
    """What an error says of the one file it is about."""
    on_windows = _ON_WINDOWS.get(getattr(error, "winerror", None) or 0)
    return on_windows or _MEANINGS.get(error.errno or 0, Meaning.OTHER)


def problem(
    error: OSError, path: Path, out: Path | None = None, *, probe: Callable[[Path], OSError | None] = fault
) -> errors.OrderError:
    """What an error of the system means for the run: one file's failure, or that the whole output is in trouble.

    The number alone does not tell (a share that is gone says `ENOENT`, one that is full may say `EIO`): so a small
    file is written. Where that works the error is the one file's or folder's own.

    Args:
        error: as the system raised it.
        path: what was being written.
        out: the output directory; None where `path` is in our own folder of it.
        probe: why nothing can be written to a folder; see `fault`.

    Returns:
        OutOfSpaceError: the disk, or a quota, is full; also where only small files still fit.
        OutputUnavailableError: nothing can be written to the output directory.
        PermanentError: this file is larger, or has another name, than the file system takes.
        FolderHeldError: another program has something open.
        FileProblemError: this file cannot be written for another reason.
    """
    home = home_of(path) if out is None else out / INTERNAL
    where = home.parent if home.name == INTERNAL else home
    meaning, whole = meaning_of(error), probe(home)
    if whole is not None and meaning_of(whole) is not Meaning.FULL:
        return errors.OutputUnavailableError(f"{where} cannot be written to ({whole.strerror or whole})")
    if whole is not None or meaning is Meaning.FULL:
        return errors.OutOfSpaceError(f"no space is left in {where}")
    said = _SAID[meaning].format(out=where, path=path, name=path.name, why=error.strerror or error)
    if meaning is Meaning.TOO_LARGE:
        return errors.PermanentError(said, models.ErrorCode.TOO_LARGE)
    if meaning is Meaning.NAME:
        return errors.PermanentError(said, models.ErrorCode.DISK_ERROR)
    return errors.FolderHeldError(said) if meaning is Meaning.HELD else errors.FileProblemError(said)


@contextlib.contextmanager
def map_os_errors(path: Path, out: Path | None = None) -> Iterator[None]:
    """What the system raises over a path becomes ours, as `problem` says.

    Raises:
        OrderError: one of those that `problem` gives.
    """
    try:
        yield
    except OSError as error:
        raise problem(error, path, out) from error


def retry_while_locked(
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
    retry_while_locked(lambda: source.replace(target))


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


def room(folder: Path) -> tuple[int, int]:
    """Bytes that are free where a folder is, and bytes in all; without end where a file system counts none (ramfs).

    Raises:
        OSError: the folder is gone.
    """
    usage = shutil.disk_usage(folder)
    return (usage.free, usage.total) if usage.total else (sys.maxsize, sys.maxsize)


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
        MachineError: this Python, or the folder's own path, does not let us.
    """
    if sys.getfilesystemencoding().lower() not in {"utf-8", "utf8"}:
        msg = (
            f"file names are written as {sys.getfilesystemencoding()} here, which lacks many letters. Set the "
            "environment variable PYTHONUTF8=1, and run the same command again."
        )
        raise errors.MachineError(msg)
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        msg = f"the path {folder} has bytes that are no text. Choose another place with --out."
        raise errors.MachineError(msg) from None


def make(folder: Path, root: Path) -> None:
    """Makes a folder where there is none; never the output directory itself, or above it.

    Were that made again where a share is gone, files would land on the disk that the share hid.

    Args:
        folder: below `root`.
        root: is there.

    Raises:
        FileNotFoundError: `root` is not there.
    """
    missing = [above for above in (folder, *folder.parents) if above.is_relative_to(root) and above != root]
    for above in reversed(missing):
        if not above.is_dir():
            above.mkdir(exist_ok=True)


def retry_if_dir_removed(action: Callable[[], object]) -> None:
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


def put(source: Path, target: Path, root: Path) -> None:
    """Renames something into a folder, which is made where there is none below `root`, its entry durable."""

    def step() -> None:
        folder = target.parent
        if not folder.is_dir():
            make(folder, root)
            for above in [one for one in folder.parents if one.is_relative_to(root)]:
                durable.sync_folder(above)
        rename(source, target)

    retry_if_dir_removed(step)


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


def drop(path: Path) -> None:
    """Removes a file on the way out of an error, which is the one to be told of; what stays is removed later."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.info("%s cannot be removed: %s", path, error)


def remove(folder: Path) -> None:
    """Removes what is no longer needed; what another program holds is left to the next time."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        _log.info("%s cannot be removed: %s", folder, error)


def tidy_up(folder: Path, root: Path) -> None:
    """Removes a folder of ours, and those above it below `root`, as far as they are empty."""
    for above in (folder, *folder.parents):
        if above == root or not above.is_relative_to(root):
            return
        tidy(above)


def tidy(folder: Path) -> None:
    """Removes a folder of ours that is empty."""
    with contextlib.suppress(OSError):  # somebody else put something there, or removed it
        folder.rmdir()
