"""Makes files, and changes to folders, survive a power failure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def sync_file(path: Path) -> None:
    """Makes the content of a closed file durable.

    Raises:
        OSError: the file does not exist or is not writable, or a disk error.
    """
    with path.open("r+b") as stream:  # Windows syncs only what is open for writing
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in a folder durable; no effect on Windows, which has no such call.

    Raises:
        OSError: the folder does not exist, or a disk error.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
