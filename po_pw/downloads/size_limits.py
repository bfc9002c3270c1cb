"""Limits the size of files: by the settings, the file system and the free space."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.downloads import partial
from po_pw.storage import disk_errors, filesystem

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Limits on file size."""

    max_file_bytes: int | None = None
    resume_from: int = partial.RESUME_FROM
    """Bytes from which on an interrupted download is resumed."""
    fs_limit: int | None = None
    """Maximum bytes of one file on this file system."""

    def check(self, size: int | None) -> None:
        """Raises PermanentError if a file is larger than allowed."""
        if size is not None and self.max_file_bytes is not None and size > self.max_file_bytes:
            raise errors.too_large(self.max_file_bytes)
        if size is not None and self.fs_limit is not None and size > self.fs_limit:
            msg = (
                f"the file is larger than {self.fs_limit:,} bytes, the most that the disk of the output folder "
                "allows. Choose a folder on another disk with --out."
            )
            raise errors.PermanentError(msg, models.ErrorCode.TOO_LARGE)

    async def check_space(self, part: Path, size: int | None, have: int = 0) -> None:
        """Checks that the announced size fits on the disk, before anything is fetched.

        Args:
            part: file to write to.
            size: of the whole file; None if unknown.
            have: bytes already on disk.

        Raises:
            DoesNotFitError: it does not fit.
        """
        if size is None:
            return
        with disk_errors.map_os_errors(part):
            free, _ = await asyncio.to_thread(filesystem.free_and_total, part.parent)
        if size - have > free:
            msg = "the file is larger than the free space on the disk"
            raise errors.DoesNotFitError(msg, size - have, disk_errors.output_of(part))
