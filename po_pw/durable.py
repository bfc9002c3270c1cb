"""Makes files, and changes to folders, survive a power failure."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def _open_draft(draft: Path) -> BinaryIO:
    return draft.open("wb")


@contextlib.contextmanager
def replacement(file: Path, open_draft: Callable[[Path], BinaryIO] = _open_draft) -> Iterator[BinaryIO]:
    """Yields a stream for the new content of a file, which is synced and replaces the file when the block ends.

    The content is written to a draft beside the file, so that after a crash the file is complete, either as before or
    new. Call `sync_folder` to make the rename durable, too. If the block raises, the file is unchanged, and the next
    call replaces the draft.

    Args:
        file: need not exist; its folder must.
        open_draft: creates or empties the draft, and opens it for writing.

    Raises:
        OSError: the draft cannot be written, or the file cannot be replaced.
    """
    draft = file.with_name(f"{file.name}.new")
    with open_draft(draft) as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)


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
