"""Checks whether a file fits on its disk, and explains if it does not."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from po_pw import errors, humanize
from po_pw.storage import filesystem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


BROWSER_NEEDS: Final = 16 << 20
"""Free bytes that a browser needs for its own files. With less it may cancel any download: Chromium 156 canceled
`blob:` downloads with 7 MB free, others with 3 MB, and only reported `canceled`."""


class NoSpaceForBrowserError(errors.DoesNotFitError):
    """A browser canceled a download because the disk of its own files is nearly full."""


def has_space(needs: Iterable[errors.DoesNotFitError]) -> bool:
    """Whether one of these files may fit on its disk now; call it on a thread."""
    return any(need.needed <= free(need.folder) for need in needs)


def free(folder: Path) -> int:
    """Free bytes on a folder's disk; a huge number if unknown."""
    try:
        return filesystem.free_and_total(folder)[0]
    except OSError:  # it is gone: writing there will fail
        return sys.maxsize


async def explain(name: str, error: errors.DoesNotFitError) -> errors.DoesNotFitError:
    """The error for a file that does not fit, saying which file, which disk and how much space is missing.

    Args:
        name: of the attachment; may be empty.
        error: as raised where the file was refused.
    """
    needed, free_bytes = error.needed, await asyncio.to_thread(free, error.folder)
    shown = repr(name) if name else "a file"
    if isinstance(error, NoSpaceForBrowserError):
        msg = (
            f"the browser cannot download {shown}: it needs {humanize.size(needed)} on the disk of its temporary "
            f"folder {error.folder}, and {humanize.size(free_bytes)} are free"
        )
        return NoSpaceForBrowserError(msg, needed, error.folder)
    msg = (
        f"{shown} ({humanize.size(needed)}) does not fit on the disk of {error.folder}: "
        f"{humanize.size(free_bytes)} free, {humanize.size(max(0, needed - free_bytes))} more needed"
    )
    return errors.DoesNotFitError(msg, needed, error.folder)
