"""What is known of an order while it is being worked on, over all its attempts; and what came of it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.downloads import folders
from po_pw.transport import redact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path


@dataclasses.dataclass(slots=True)
class Job:
    """One order's work so far. What an attempt saved, the next one does not fetch again."""

    order: models.PurchaseOrder
    claim: str
    """Names the work folder."""
    started_at: datetime
    seconds: float = 0.0
    listing: models.Listing | None = None
    saved: dict[str, models.SavedFile] = dataclasses.field(default_factory=dict)
    failed: dict[str, errors.OrderError] = dataclasses.field(default_factory=dict)
    """Attachments that did not come through in the latest attempt."""
    is_settled: bool = False
    """Its outcome is durable."""
    _work: folders.Work | None = None
    _slots: dict[str, int] = dataclasses.field(default_factory=dict)

    async def open_work(self, out: Path) -> None:
        """Makes the work folder, unless it is there."""
        if self._work is None:
            self._work = await asyncio.to_thread(folders.open_work, out, self.order.po_number, self.claim)

    @property
    def work(self) -> folders.Work:
        """The work folder; it has been opened."""
        if self._work is None:
            msg = f"{self.order.po_number} has no work folder"
            raise RuntimeError(msg)
        return self._work

    def slot(self, attachment_id: str) -> Path:
        """Where this attachment's bytes go: the same place in every attempt."""
        return self.work.slot(self._slots.setdefault(attachment_id, len(self._slots) + 1))

    def wanted(self) -> list[models.Attachment]:
        """The attachments that can be fetched, in the page's order."""
        if self.listing is None:
            return []
        return [found for found in self.listing.attachments if not isinstance(found.source, models.External)]

    def open(self) -> list[models.Attachment]:
        """Those of them that are not on disk yet."""
        return [found for found in self.wanted() if found.id not in self.saved]

    def files(self) -> list[models.SavedFile]:
        """What is on disk, in the page's order; files of an earlier visit that the page shows no more come last."""
        order = {found.id: index for index, found in enumerate(self.wanted())}
        return sorted(self.saved.values(), key=lambda file: order.get(file.attachment_id, len(order)))

    def missing(self) -> list[models.MissingFile]:
        """What is not on disk, and attachments that are only an address."""
        result = []
        for found in self.listing.attachments if self.listing else ():
            if isinstance(found.source, models.External):
                result.append(models.MissingFile(found.id, found.name, found.source.url, None))
            elif found.id not in self.saved:
                error = self.failed.get(found.id)
                failure = error.failure() if error else models.Failure(models.ErrorCode.INTERNAL, "not fetched")
                result.append(models.MissingFile(found.id, found.name, source_text(found.source), failure))
        return result


def source_text(source: models.FileSource) -> str:
    """A source in one line, for manifests and results: as for saved files, without a query (signatures live there)."""
    if isinstance(source, models.Click):
        return f"click {source.selector}"
    return redact.bare(source.url)


def judge(job: Job, error: errors.OrderError | None) -> tuple[models.Status, models.Failure | None]:
    """An order's status: what was found against what was saved.

    Args:
        job: as it stands after the last attempt.
        error: what kept the page from being read whole, or None.
    """
    missing = [file for file in job.missing() if file.failure is not None]
    if error is None and not missing:
        return (models.Status.COMPLETED if job.wanted() else models.Status.NO_ATTACHMENTS), None
    failure = error.failure() if error is not None else _summary(missing, len(job.wanted()))
    return (models.Status.PARTIAL if job.saved else models.Status.FAILED), failure


def _summary(missing: Sequence[models.MissingFile], found: int) -> models.Failure | None:
    first = missing[0].failure
    if first is None:
        return None
    name = missing[0].name or missing[0].source
    count = "the attachment" if found == 1 else f"{len(missing)} of {found} attachments"
    return models.Failure(first.code, f"{count} could not be fetched: {name}: {first.message}")
