"""Decides by a system error whether one file failed or the whole output folder is unusable."""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import threading
from typing import TYPE_CHECKING, Final

from po_pw import errors, models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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


def internal_folder(path: Path) -> Path:
    """The `.po-pw` folder that contains a path; without one, the path's own folder."""
    return next((above for above in path.parents if above.name == INTERNAL), path.parent)


def output_of(path: Path) -> Path:
    """The output directory of a path inside it; for any other path its folder."""
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
        FolderInUseError: another program has the file or folder open.
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
    return errors.FolderInUseError(said) if kind is Kind.IN_USE else errors.FileProblemError(said)


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
