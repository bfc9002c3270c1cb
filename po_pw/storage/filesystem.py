"""Disk access: work on threads that is always awaited, system errors mapped to ours, renames retried while locked."""

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

LOCK_TIMEOUT: Final = 10.0 if os.name == "nt" else 0.0
"""Seconds for which a rename is retried: on Windows virus scanners and sync programs keep files open for a moment."""
_TURNS: Final = 20
INTERNAL: Final = ".po-pw"
"""Our own folder in the output directory."""
_TEST_BYTES: Final = 4096
"""Bytes that `write_error` writes: a whole block, which a file system cannot store in the folder entry itself."""


class Kind(enum.Enum):
    """What an OSError says about one file. Whether the whole folder is unusable, only `write_error` can tell."""

    FULL = "no room for it"
    TOO_LARGE = "larger than the file system takes"
    NAME = "a name that the file system does not take"
    IN_USE = "another program has it open, or may alone change it"
    REMOVED = "another program removed it"
    OTHER = "anything else"


_ERROR_KINDS: Final = {
    errno.ENOSPC: Kind.FULL,
    errno.EFBIG: Kind.TOO_LARGE,
    errno.ENAMETOOLONG: Kind.NAME,
    errno.EILSEQ: Kind.NAME,
    errno.EINVAL: Kind.NAME,
    errno.EBUSY: Kind.IN_USE,
    errno.ETXTBSY: Kind.IN_USE,
    errno.EACCES: Kind.IN_USE,
    errno.EPERM: Kind.IN_USE,
    errno.EAGAIN: Kind.IN_USE,
    errno.ENOENT: Kind.REMOVED,
    errno.ENOTDIR: Kind.REMOVED,
    errno.EISDIR: Kind.REMOVED,
    errno.EEXIST: Kind.IN_USE,
    errno.ENOTEMPTY: Kind.IN_USE,
} | {number: Kind.FULL for name in ("EDQUOT",) if (number := getattr(errno, name, None)) is not None}
"""By `errno` (errno(3), and the pages of open, write and rename in section 2)."""

_ON_WINDOWS: Final = {
    39: Kind.FULL,  # ERROR_HANDLE_DISK_FULL
    112: Kind.FULL,  # ERROR_DISK_FULL
    1295: Kind.FULL,  # ERROR_DISK_QUOTA_EXCEEDED
    223: Kind.TOO_LARGE,  # ERROR_FILE_TOO_LARGE
    123: Kind.NAME,  # ERROR_INVALID_NAME
    161: Kind.NAME,  # ERROR_BAD_PATHNAME
    206: Kind.NAME,  # ERROR_FILENAME_EXCED_RANGE
    5: Kind.IN_USE,  # ERROR_ACCESS_DENIED
    32: Kind.IN_USE,  # ERROR_SHARING_VIOLATION
    33: Kind.IN_USE,  # ERROR_LOCK_VIOLATION
    225: Kind.REMOVED,  # ERROR_VIRUS_INFECTED
    226: Kind.REMOVED,  # ERROR_VIRUS_DELETED
    2: Kind.REMOVED,  # ERROR_FILE_NOT_FOUND
    3: Kind.REMOVED,  # ERROR_PATH_NOT_FOUND
}
"""By `winerror` (learn.microsoft.com, "System Error Codes"), more precise than the `errno` that Python gives."""

_SAID: Final = {
    Kind.TOO_LARGE: "the disk of {out} does not allow files this large. Choose a folder on another disk with --out.",
    Kind.NAME: "the disk of {out} does not allow the file name {name} ({why})",
    Kind.IN_USE: (
        "{path} cannot be changed ({why}). Another program may have it open, or it is write-protected: close or unlock "
        "it, then run the same command again"
    ),
    Kind.REMOVED: "another program, perhaps a virus scanner, removed {path} while it was being written",
    Kind.OTHER: "{path} cannot be written ({why})",
}


def run_on_thread(name: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """Starts work on its own thread; await the result with `wait_for_thread`."""
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        return asyncio.wrap_future(pool.submit(work))
    finally:
        pool.shutdown(wait=False)


async def wait_for_thread(future: asyncio.Future[T], given_up: threading.Event | None = None) -> T:
    """Waits until a thread's work ends, even when cancelled; the cancellation is raised afterwards.

    Args:
        future: from `run_on_thread`.
        given_up: set when the wait is cancelled, so that the work can stop early.
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
        future.exception()  # marks it as retrieved, else asyncio logs it
        raise cancelled
    return future.result()


def internal_folder(path: Path) -> Path:
    """The `.po-pw` folder that contains a path; without one, the path's own folder."""
    return next((above for above in path.parents if above.name == INTERNAL), path.parent)


def output_of(path: Path) -> Path:
    """The output directory that a path of ours is in; elsewhere the folder it is in."""
    home = internal_folder(path)
    return home.parent if home.name == INTERNAL else home


def write_error(folder: Path) -> OSError | None:
    """The error that writing a small file to a folder raises; None if it works. Never creates the folder.

    Args:
        folder: `.po-pw` in the output directory. The output directory itself would not do: when a share is
            unmounted, its mount point is still there, an empty folder on another disk.
    """
    trial = folder / f".trial-{os.getpid()}-{threading.get_ident()}"
    try:
        with trial.open("wb") as stream:
            stream.write(b"\0" * _TEST_BYTES)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error
    finally:
        with contextlib.suppress(OSError):  # not created, or open in a scanner: the next test reuses the name
            trial.unlink()
    return None


def longest_name(folder: Path, enough: int, takes: Callable[[Path], bool] | None = None) -> int:
    """Longest name in UTF-8 bytes that a folder takes: what the file system reports, tested, because some overstate it.

    Args:
        folder: must exist.
        enough: upper limit; longer names are not tested.
        takes: whether a name is possible; by default a file of that name is created and removed.

    Raises:
        OSError: names cannot be tested there.
    """
    takes = takes or _takes
    limit = enough
    if hasattr(os, "pathconf"):  # Windows has none
        with contextlib.suppress(OSError, ValueError):  # the file system does not report it
            limit = min(enough, os.pathconf(folder, "PC_NAME_MAX"))
    if takes(_test_path(folder, limit)):
        return limit
    good, bad = 0, limit
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if takes(_test_path(folder, middle)) else (good, middle)
    return good


def _test_path(folder: Path, length: int) -> Path:
    return folder / f".trial-{os.getpid()}-".ljust(length, "n")[:length]


def _takes(path: Path) -> bool:
    try:
        path.touch()
    except OSError as error:
        # For a name that is too long Windows reports that the path was not found.
        if kind_of(error) is Kind.NAME or (os.name == "nt" and kind_of(error) is Kind.REMOVED):
            return False
        raise
    path.unlink(missing_ok=True)
    return True


def kind_of(error: OSError) -> Kind:
    """What an error says about the file it names."""
    on_windows = _ON_WINDOWS.get(getattr(error, "winerror", None) or 0)
    return on_windows or _ERROR_KINDS.get(error.errno or 0, Kind.OTHER)


def to_order_error(
    error: OSError, path: Path, out: Path | None = None, *, probe: Callable[[Path], OSError | None] = write_error
) -> errors.OrderError:
    """Maps an OSError to our error: either one file failed, or the whole output directory is unusable.

    The error number alone does not tell (a lost share gives `ENOENT`, a full one may give `EIO`), so a small file is
    written. If that works, the error concerns only this file or folder.

    Args:
        error: as raised.
        path: what was written to.
        out: the output directory; None if `path` is in its `.po-pw`.
        probe: see `write_error`.

    Returns:
        OutOfSpaceError: the disk or a quota is full, even if small files still fit.
        OutputUnavailableError: nothing can be written to the output directory.
        PermanentError: the file system does not take this file's size or name.
        FolderHeldError: another program has the file or folder open.
        FileProblemError: any other reason that concerns only this file.
    """
    home = internal_folder(path) if out is None else out / INTERNAL
    where = output_of(home / "file")
    kind, folder_error = kind_of(error), probe(home)
    if folder_error is not None and kind_of(folder_error) is not Kind.FULL:
        return errors.OutputUnavailableError(f"{where} cannot be written to ({folder_error.strerror or folder_error})")
    if folder_error is not None or kind is Kind.FULL:
        return errors.OutOfSpaceError(f"the disk of {where} is full")
    said = _SAID[kind].format(out=where, path=path, name=path.name, why=error.strerror or error)
    if kind is Kind.TOO_LARGE:
        return errors.PermanentError(said, models.ErrorCode.TOO_LARGE)
    if kind is Kind.NAME:
        return errors.PermanentError(said, models.ErrorCode.DISK_ERROR)
    return errors.FolderHeldError(said) if kind is Kind.IN_USE else errors.FileProblemError(said)


@contextlib.contextmanager
def map_os_errors(path: Path, out: Path | None = None) -> Iterator[None]:
    """Maps every OSError raised inside to our errors; see `to_order_error`.

    Raises:
        OrderError: as `to_order_error` returns it.
    """
    try:
        yield
    except OSError as error:
        raise to_order_error(error, path, out) from error


def retry_while_locked(
    action: Callable[[], object],
    *,
    timeout: float = LOCK_TIMEOUT,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Repeats an action for up to `timeout` seconds while another program has the file open.

    Raises:
        PermissionError: the file is still open elsewhere, or access is denied.
    """
    deadline = clock() + timeout
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
    """Renames a file, replacing an existing one, or a folder to a free name."""
    retry_while_locked(lambda: source.replace(target))


def link_or_copy(source: str, target: str) -> str:
    """Hard-links a file, or copies it, synced and with its mark of the web, if the file system has no links."""
    try:
        if Path(source).is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
        else:
            os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)
        origin_mark.copy_mark(Path(source), Path(target))
        with Path(target).open("r+b") as stream:  # Windows syncs only writable handles
            os.fsync(stream.fileno())
    return target


def free_and_total(folder: Path) -> tuple[int, int]:
    """Free and total bytes of a folder's file system; infinite if it reports no size (ramfs).

    Raises:
        OSError: the folder does not exist.
    """
    usage = shutil.disk_usage(folder)
    return (usage.free, usage.total) if usage.total else (sys.maxsize, sys.maxsize)


def why_not_a_folder(folder: Path, error: OSError) -> str:
    """Explains why a folder could not be created; names a file that has its path or that of a parent.

    Args:
        folder: absolute.
        error: raised by creating it.
    """
    for above in (folder, *folder.parents):
        with contextlib.suppress(OSError):  # a parent that we may not read
            if above.exists() and not above.is_dir():
                return f"{above} is a file, not a folder"
    return f"{folder} cannot be written to ({error.strerror or error})"


def check_names(folder: Path) -> None:
    """Checks that files with any Unicode name can be written below a folder.

    Raises:
        MachineError: Python's file system encoding or the folder's path prevents it.
    """
    if sys.getfilesystemencoding().lower() not in {"utf-8", "utf8"}:
        msg = (
            f"file names use the encoding {sys.getfilesystemencoding()} here, which lacks many letters. Set the "
            "environment variable PYTHONUTF8=1, then run the same command again."
        )
        raise errors.MachineError(msg)
    try:
        str(folder).encode("utf-8")
    except UnicodeEncodeError:
        msg = f"the path {folder} has characters that cannot be read. Choose another folder with --out."
        raise errors.MachineError(msg) from None


def make_folder(folder: Path, root: Path) -> None:
    """Creates a folder and its parents, but never the output directory itself or anything above it.

    If that were created while a share is unmounted, files would go to the disk under the mount point.

    Args:
        folder: inside `root`.
        root: must exist.

    Raises:
        FileNotFoundError: `root` does not exist.
    """
    missing = [above for above in (folder, *folder.parents) if above.is_relative_to(root) and above != root]
    for above in reversed(missing):
        if not above.is_dir():
            above.mkdir(exist_ok=True)


def retry_if_dir_removed(action: Callable[[], object]) -> None:
    """Repeats an action that creates and uses a folder, if another order's clean-up removed the folder meanwhile.

    Raises:
        OSError: any other failure.
    """
    for left in range(_TURNS, -1, -1):
        try:
            action()
        except (FileNotFoundError, FileExistsError):  # the latter if it vanished while `mkdir` checked it
            if not left:
                raise
        else:
            return


def move_into(source: Path, target: Path, root: Path) -> None:
    """Renames a file or folder into a folder below `root`, which is created and synced if missing."""

    def step() -> None:
        folder = target.parent
        if not folder.is_dir():
            make_folder(folder, root)
            for above in [one for one in folder.parents if one.is_relative_to(root)]:
                durable.sync_folder(above)
        rename(source, target)

    retry_if_dir_removed(step)


def copy(path: Path, target: Path) -> None:
    """Copies a file, link or folder within the file system; files are hard-linked if possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, target, symlinks=True, copy_function=link_or_copy)
    else:
        link_or_copy(str(path), str(target))


def delete(path: Path) -> None:
    """Removes a file, link or folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def delete_quietly(path: Path) -> None:
    """Removes a file while handling an error; errors of the removal are ignored, a later clean-up gets the file."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.info("%s cannot be removed: %s", path, error)


def remove_quietly(folder: Path) -> None:
    """Removes a folder with its contents; what another program has open stays for the next clean-up."""
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        _log.info("%s cannot be removed: %s", folder, error)


def tidy_up(folder: Path, root: Path) -> None:
    """Removes one of our folders and its parents below `root`, as far as they are empty."""
    for above in (folder, *folder.parents):
        if above == root or not above.is_relative_to(root):
            return
        remove_if_empty(above)


def remove_if_empty(folder: Path) -> None:
    """Removes one of our folders if it is empty."""
    with contextlib.suppress(OSError):  # not empty, or already removed
        folder.rmdir()
