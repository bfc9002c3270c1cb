"""Operations on files and folders: renaming with retries, copying, removing, limits of the file system."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import durable, errors
from po_pw.storage import disk_errors, origin_mark

if TYPE_CHECKING:
    from collections.abc import Callable


_log = logging.getLogger(__name__)

LOCK_TIMEOUT: Final = 10.0 if os.name == "nt" else 0.0
"""Seconds for which a rename is retried: on Windows virus scanners and sync programs keep files open for a moment."""
_TURNS: Final = 20


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
        if disk_errors.kind_of(error) is disk_errors.Kind.NAME or (
            os.name == "nt" and disk_errors.kind_of(error) is disk_errors.Kind.REMOVED
        ):
            return False
        raise
    path.unlink(missing_ok=True)
    return True


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
        durable.sync_file(Path(target))
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
