"""Progress of an order over all its attempts, and its result."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, models, redact
from po_pw.dispatch import failure_policy
from po_pw.storage import disk_errors, staging

_VANISHED: Final = "vanished"
"""Check mark of a file that is no longer listed on the page."""
_QUESTIONS: Final = 10
"""Requests allowed for an order beyond twice the number of its attachments."""

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclasses.dataclass(slots=True)
class OrderProgress:
    """Progress of one order. Files saved by an earlier attempt or run are not fetched again."""

    order: models.PurchaseOrder
    claim: str
    """Id of the work folder."""
    started_at: datetime
    seconds: float = 0.0
    listing: models.Listing | None = None
    page_copy: models.Attachment | None = None
    """The order's page as a file, if it is to be saved as well; not one of its attachments."""
    awaited: models.Listing | None = None
    """The listing, while more must be known about the portal to evaluate it."""
    evidence: tuple[str, ...] = ()
    """What was saved of the page in the latest attempt, relative to the output directory, with `/`."""
    saved: dict[str, models.SavedFile] = dataclasses.field(default_factory=dict)
    failed: dict[str, errors.OrderError] = dataclasses.field(default_factory=dict)
    """Attachments that failed in the latest attempt."""
    dropped: set[str] = dataclasses.field(default_factory=set)
    """Items that are not attachments, or duplicates of others."""
    elsewhere: set[str] = dataclasses.field(default_factory=set)
    """Possible attachments on hosts that are not allowed: recorded as links, not as failed."""
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    """Types of attachments that are not wanted and not on disk."""
    unpressed: dict[str, models.Click] = dataclasses.field(default_factory=dict)
    """Clicks that may still bring the file of attachments whose addresses all failed in the latest attempt."""
    sign_ins: int = 0
    """Consecutive sign-in requests of the order, each after a renewed sign-in."""
    questions: int = 0
    """Requests in the latest attempt beyond the first of each attachment."""
    earlier: models.Outcome | None = None
    """Outcome of an earlier run."""
    kept: dict[str, models.SavedFile] = dataclasses.field(default_factory=dict)
    """Files of `earlier` that still exist, with their paths."""
    is_resumed: bool = False
    """Files left by earlier runs have been searched."""
    ending: models.Outcome | None = None
    """The outcome, while its folder is being published; settling may be repeated."""
    prepared: staging.Prepared | None = None
    """Its folder, which is saved in the journal and only has to be renamed."""
    needs: dict[str, errors.DoesNotFitError] = dataclasses.field(default_factory=dict)
    """Attachments that did not fit: which disk, and how many bytes are missing at least."""
    short_since: float | None = None
    """When one first did not fit, by the loop's clock."""
    is_settled: bool = False
    """Its outcome is durable."""
    first_slot: int = 0
    """Slots up to this one are taken."""
    _work: staging.Work | None = None
    _slots: dict[str, int] = dataclasses.field(default_factory=dict)

    async def open_work(self, out: Path) -> None:
        """Creates the work folder if necessary."""
        if self._work is None:
            self._work = await asyncio.to_thread(staging.open_work, out, self.order.po_number, self.claim)

    @property
    def work(self) -> staging.Work:
        """The work folder; call `open_work` before."""
        if self._work is None:
            msg = f"{self.order.po_number} has no work folder"
            raise RuntimeError(msg)
        return self._work

    def reread(self) -> None:
        """Makes the order be read again, because some saved files are missing."""
        self.ending = self.prepared = None

    def check_files(self, out: Path) -> bool:
        """Checks the saved files. Missing ones count as failed, so that they are fetched again.

        If settling was interrupted, some files may have their final names: they are found by content.

        Returns:
            Whether all files exist.

        Raises:
            OutputUnavailableError: the whole output directory is unavailable.
        """
        lost = staging.missing_files(self.work.path, tuple(self.saved.values()), out)
        for file in lost:
            del self.saved[file.attachment_id]
        with disk_errors.map_os_errors(self.work.path, out):
            found = staging.find_by_content(self.work.path, lost, self.saved.values())
        for file in lost:
            self.failed[file.attachment_id] = errors.FileProblemError(staging.lost_text(file))
        for file in found:
            self.saved[file.attachment_id] = file
            self.failed.pop(file.attachment_id)
        return len(found) == len(lost)

    def slot(self, attachment_id: str) -> Path:
        """Path for this attachment's bytes; the same in every attempt."""
        if attachment_id not in self._slots:
            self._slots[attachment_id] = max([self.first_slot, *self._slots.values()]) + 1
        return self.work.slot(self._slots[attachment_id])

    def put(self, attachment_id: str, slot: int) -> None:
        """Assigns a slot with (partial) content to this attachment."""
        self._slots[attachment_id] = slot

    def wanted(self) -> list[models.Attachment]:
        """The attachments that can be fetched, in the page's order."""
        if self.listing is None:
            return []
        return [
            found
            for found in self.listing.attachments
            if not isinstance(found.source, models.RECORDED)
            and found.id not in self.dropped | self.elsewhere | self.skipped.keys()
        ]

    def is_listed_at(self, url: str, *, besides: str) -> bool:
        """Whether the list has an attachment at this address, other than the one with this id."""
        others = [one for one in self.wanted() if one.id != besides]
        links = (way for one in others for way in (one.source, *one.others) if isinstance(way, models.Link))
        return any(way.url == url for way in links)

    def open(self) -> list[models.Attachment]:
        """The attachments in `wanted` that are not on disk yet."""
        return [found for found in self.wanted() if found.id not in self.saved]

    def why_incomplete(self) -> str:
        """Why the list of attachments may be incomplete; `""` if it is complete."""
        listing = self.listing
        if listing is None:
            return ""
        shown = len(listing.attachments) - len(self.dropped)
        if listing.claimed is not None and shown < listing.claimed and listing.complete:
            return f"the page says it has {listing.claimed} attachments but shows {shown}"
        return "" if listing.complete else listing.why or "the page was still loading"

    def may_ask_more(self) -> bool:
        """Counts a request beyond the first of an attachment; False if the order's limit is reached."""
        most = len(self.listing.attachments if self.listing else ()) + _QUESTIONS
        if self.questions >= most:
            return False
        self.questions += 1
        return True

    def keep(self, attachment_id: str) -> None:
        """Takes over a kept file: it need not be fetched."""
        kept = self.kept[attachment_id]
        self.saved[attachment_id] = dataclasses.replace(
            kept, checks=tuple(check for check in kept.checks if check != _VANISHED)
        )
        self.failed.pop(attachment_id, None)

    def skip(self, attachment_id: str, kind: str) -> None:
        """Records that an attachment is of a type that is not wanted; a file of it that is there already stays."""
        self.failed.pop(attachment_id, None)
        self.unpressed.pop(attachment_id, None)
        self.needs.pop(attachment_id, None)
        if attachment_id in self.kept:
            self.keep(attachment_id)
        if attachment_id not in self.saved:
            self.skipped[attachment_id] = kind

    def keep_remaining(self) -> None:
        """Takes over all other kept files: the page no longer lists them, or was not read."""
        for attachment_id in self.kept if self.listing is None else ():
            self.keep(attachment_id)
        if models.PAGE_COPY in self.kept and models.PAGE_COPY not in self.saved:
            self.keep(models.PAGE_COPY)
        for attachment_id in self.vanished():
            kept = self.kept[attachment_id]
            checks = kept.checks if _VANISHED in kept.checks else (*kept.checks, _VANISHED)
            self.saved[attachment_id] = dataclasses.replace(kept, checks=checks)

    def named(self, files: Sequence[models.SavedFile]) -> None:
        """Records the files' new names in the work folder, in case settling fails."""
        for file in files:
            self.saved[file.attachment_id] = dataclasses.replace(file, path=str(self.work.path / file.path))

    def published(self, folder: Path, files: Sequence[models.SavedFile]) -> None:
        """Records that the files are in the order's folder; a new work folder is created if needed."""
        self._work = None
        for file in files:
            self.saved[file.attachment_id] = dataclasses.replace(file, path=str(folder / file.path))

    def is_unchanged(
        self, status: models.Status, missing: Sequence[models.MissingFile], parent: str, stem: str
    ) -> bool:
        """Whether nothing changed since the earlier run, so that nothing has to be written.

        Args:
            status: of this run.
            missing: of this run.
            parent: the folder that contains the order's.
            stem: the order's folder, without ending or number.
        """
        before = self.earlier
        if before is None or not status.succeeded or before.status is not status:
            return False
        if not staging.is_at(before.folder, parent, stem) or tuple(missing) != before.missing:
            return False
        same = all(self.kept.get(known) == file for known, file in self.saved.items())
        return same and self.saved.keys() == {file.attachment_id for file in before.files}

    def has_no_attachment_and_no_area(self) -> bool:
        """Whether nothing listed is an attachment and the page has no attachment area."""
        listing = self.listing
        if listing is None or listing.area is not models.AreaState.NONE or not listing.complete:
            return False
        if self.attachments_saved():
            return False
        return bool(listing.attachments) and not self.wanted() and not self.skipped

    def file_results(self) -> list[failure_policy.FileResult]:
        """Result of each attachment in the latest attempt."""
        results = []
        page = [self.page_copy] if self.page_copy is not None and models.PAGE_COPY in self.failed else []
        for found in (*self.wanted(), *page):
            error, is_link = self.failed.get(found.id), isinstance(found.source, models.Link)
            if error is not None or (is_link and found.id in self.saved):
                url = found.source.url if isinstance(found.source, models.Link) else self.order.url
                results.append(failure_policy.FileResult(found.id, url, error))
        return results

    def vanished(self) -> list[str]:
        """Attachments saved by an earlier run that the completely read page no longer lists."""
        if self.listing is None or not self.listing.complete:
            return []
        shown = {found.id for found in self.listing.attachments} - self.dropped
        return [known for known in self.kept if known not in shown and known != models.PAGE_COPY]

    def attachments_saved(self) -> list[models.SavedFile]:
        """The saved attachments, without the order's page itself."""
        return [file for known, file in self.saved.items() if known != models.PAGE_COPY]

    def drop_page_copy(self) -> None:
        """Removes the printed page: it was not this order's."""
        self.page_copy = None
        self.failed.pop(models.PAGE_COPY, None)
        if models.PAGE_COPY in self.saved and models.PAGE_COPY not in self.kept:
            Path(self.saved.pop(models.PAGE_COPY).path).unlink(missing_ok=True)

    def changes(self) -> models.Changes | None:
        """Changes since an earlier run; None if no earlier run read the whole page."""
        if self.earlier is None or not (self.kept or self.earlier.status.succeeded):
            return None
        gone = set(self.vanished())
        files = self.attachments_saved()
        fresh = [file for file in files if file.attachment_id not in self.kept]
        had = [file for file in files if file.attachment_id in self.kept and file.attachment_id not in gone]
        changed = sum(file.sha256 != self.kept[file.attachment_id].sha256 for file in had)
        return models.Changes(len(fresh), changed, len(had) - changed, len(gone))

    def files(self) -> list[models.SavedFile]:
        """Files on disk, in the page's order; files that the page no longer lists come last."""
        order = {found.id: index for index, found in enumerate(self.wanted())}
        return sorted(self.saved.values(), key=lambda file: order.get(file.attachment_id, len(order)))

    def missing(self) -> list[models.MissingFile]:
        """Attachments that are not on disk, including those that are only links."""
        result = []
        for found in self.listing.attachments if self.listing else ():
            if found.id in self.dropped:
                continue
            if (kind := self.skipped.get(found.id)) is not None:
                result.append(dataclasses.replace(_missing(found, None), skipped_type=kind))
                continue
            if isinstance(found.source, models.RECORDED) or found.id in self.elsewhere:
                result.append(_missing(found, None))
            elif found.id not in self.saved:
                error = self.failed.get(found.id)
                failure = error.failure() if error else models.Failure(models.ErrorCode.INTERNAL, "not downloaded")
                result.append(_missing(found, failure))
        page, error = self.page_copy, self.failed.get(models.PAGE_COPY)
        if page is not None and error is not None:
            result.append(_missing(page, error.failure()))
        return result


def page_copy(order: models.PurchaseOrder, url: str) -> models.Attachment:
    """The order's page as a file to be saved.

    Args:
        order: whose page.
        url: its final address.
    """
    return models.Attachment(models.PAGE_COPY, f"{order.po_number} page.pdf", models.Link(url, ""))


def _missing(found: models.Attachment, failure: models.Failure | None) -> models.MissingFile:
    name, section = redact.text(found.name), redact.text(found.section)
    return models.MissingFile(found.id, name, source_text(found.source), failure, section)


def source_text(source: models.FileSource) -> str:
    """A source as one line of text without secrets, for manifests and results."""
    if isinstance(source, models.Click):
        return redact.text(f'click "{source.control.label}"')
    if isinstance(source, models.Text):
        return redact.text(f'text "{source.text}"')
    return redact.address(source.url)


def status_of(progress: OrderProgress, error: errors.OrderError | None) -> tuple[models.Status, models.Failure | None]:
    """An order's status, from what was found and what was saved.

    Args:
        progress: after the last attempt.
        error: why the page was not read completely, or None.
    """
    missing = [file for file in progress.missing() if file.failure is not None]
    files = [file for file in missing if file.attachment_id != models.PAGE_COPY]
    if error is None and not missing:
        return (
            models.Status.COMPLETED if progress.wanted() or progress.skipped else models.Status.NO_ATTACHMENTS
        ), None
    failure = error.failure() if error is not None else _summary(files or missing, len(progress.wanted()))
    return (models.Status.PARTIAL if progress.attachments_saved() else models.Status.FAILED), failure


def _summary(missing: Sequence[models.MissingFile], found: int) -> models.Failure | None:
    first = missing[0].failure
    if first is None:
        return None
    if missing[0].attachment_id == models.PAGE_COPY:
        return models.Failure(first.code, f"the order's page could not be saved as PDF: {first.message}")
    name = missing[0].name or missing[0].source
    count = "the attachment" if found == 1 else f"{len(missing)} of {found} attachments"
    return models.Failure(first.code, f"{count} could not be downloaded: {name}: {first.message}")
