"""Files of an order with the same content: drops duplicates, and recognises files that an earlier run saved.

It removes files, but only those of the order's work folder that this attempt fetched.
"""

from __future__ import annotations

import collections
import dataclasses
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.processing import order_progress

_COUNTED: Final = re.compile(r"-\d+of\d+$")
"""Suffix of an id if only a number distinguishes identical attachments."""


def drop_duplicates(progress: order_progress.OrderProgress) -> None:
    """Drops what shows one attachment once more in another area: the same name, or none, and the same content.

    Within one area, the same file attached twice is two attachments. The area that has the most of them keeps its
    own, the first such area where several have. What the portal has numbered is kept in any case, and counts as
    one of them. No more are dropped than the page shows beyond those that it counts: what it counts is there. Only
    files of this attempt's work folder are removed.

    Args:
        progress: of the order, after all its fetches of this attempt.
    """
    alike: dict[tuple[int, str], list[models.Attachment]] = {}
    for found in progress.wanted():
        file = progress.saved.get(found.id)
        if file is not None and file.size:
            alike.setdefault((file.size, file.sha256), []).append(found)
    for same in alike.values():
        names = {_plain_name(found) for found in same} - {""}
        for name in sorted(names) or [""]:
            among = [found for found in same if _plain_name(found) in {name, ""}]
            areas = collections.Counter(found.section for found in among)
            fullest, count = areas.most_common(1)[0]
            unnumbered = [found for found in among if not found.record]
            spare = max(0, count - (len(among) - len(unnumbered)))
            kept = [found for found in unnumbered if found.section == fullest][:spare]
            for found in unnumbered:
                if found not in kept and _beyond_counted(progress) > 0:
                    _drop(progress, found.id)


def match_kept_files(progress: order_progress.OrderProgress) -> None:
    """Matches identical-looking attachments by content with those that an earlier run saved.

    If nothing else distinguishes attachments, their number is part of their ids: with one more or less, all are
    fetched again. Those whose content is already kept take over that file under their new id.

    Args:
        progress: of the order, after all its fetches of this attempt.
    """
    for known in progress.vanished():
        kept = progress.kept[known]
        for found in progress.wanted():
            fresh = _fetched_now(progress, found.id)
            if fresh is None:
                continue
            if _COUNTED.sub("", found.id) != _COUNTED.sub("", known):
                continue
            if (fresh.size, fresh.sha256) == (kept.size, kept.sha256):
                Path(fresh.path).unlink(missing_ok=True)
                progress.saved.pop(known, None)
                progress.kept[found.id] = dataclasses.replace(progress.kept.pop(known), attachment_id=found.id)
                progress.keep(found.id)
                break


def _plain_name(attachment: models.Attachment) -> str:
    return " ".join(attachment.name.split()).casefold()


def _fetched_now(progress: order_progress.OrderProgress, attachment_id: str) -> models.SavedFile | None:
    """The attachment's file if this attempt fetched it: only such files may be removed."""
    file = progress.saved.get(attachment_id)
    if file is None or attachment_id in progress.kept or Path(file.path).parent != progress.work.path:
        return None
    return file


def _beyond_counted(progress: order_progress.OrderProgress) -> int:
    """How many more attachments the page shows than it counts; many where it does not count them."""
    listing = progress.listing
    if listing is None or listing.claimed is None:
        return sys.maxsize
    return len(listing.attachments) - len(progress.dropped) - listing.claimed


def _drop(progress: order_progress.OrderProgress, attachment_id: str) -> None:
    file = _fetched_now(progress, attachment_id)
    if file is None:
        return
    Path(file.path).unlink(missing_ok=True)
    del progress.saved[attachment_id]
    progress.dropped.add(attachment_id)
