"""What is known of an order while it is being worked on, over all its attempts; and what came of it."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, models, redact
from po_pw.dispatch import failure_policy
from po_pw.storage import filesystem, staging

_VANISHED: Final = "vanished"
"""The check of a file that the page shows no more."""
_QUESTIONS: Final = 10
"""So many addresses more than twice its attachments an order may ask."""
_COUNTED: Final = re.compile(r"-\d+of\d+$")
"""What an id ends in where only a number tells alike attachments apart."""

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclasses.dataclass(slots=True)
class OrderProgress:
    """One order's work so far. What an attempt, or an earlier run, saved, the next one does not fetch again."""

    order: models.PurchaseOrder
    claim: str
    """Names the work folder."""
    started_at: datetime
    seconds: float = 0.0
    listing: models.Listing | None = None
    awaited: models.Listing | None = None
    """What was read, where more has to be known of the portal to tell what it means."""
    evidence: tuple[str, ...] = ()
    """Files of `.po-pw/evidence` that show the page."""
    saved: dict[str, models.SavedFile] = dataclasses.field(default_factory=dict)
    failed: dict[str, errors.OrderError] = dataclasses.field(default_factory=dict)
    """Attachments that did not come through in the latest attempt."""
    dropped: set[str] = dataclasses.field(default_factory=set)
    """What turned out to be no attachment, or the same one as another."""
    elsewhere: set[str] = dataclasses.field(default_factory=set)
    """What may be an attachment, on a host that is not asked: recorded as an address, and no failure."""
    unpressed: dict[str, models.Click] = dataclasses.field(default_factory=dict)
    """Of attachments whose addresses all failed in the latest attempt: the press that may still hand the file out."""
    sign_ins: int = 0
    """How often in a row the order asked for a sign-in, each time under a newer one."""
    questions: int = 0
    """Addresses asked in the latest attempt beyond the first of each attachment."""
    earlier: models.Outcome | None = None
    """What an earlier run came to."""
    kept: dict[str, models.SavedFile] = dataclasses.field(default_factory=dict)
    """Files of `earlier` that are still there, each as it lies in its folder."""
    is_taken_up: bool = False
    """What earlier runs left has been looked for."""
    ending: models.Outcome | None = None
    """What came of it, while its folder is on the way to its place; settling it may be tried more than once."""
    prepared: staging.Prepared | None = None
    """Its folder, which the journal knows, and which only needs its place."""
    needs: dict[str, errors.DoesNotFitError] = dataclasses.field(default_factory=dict)
    """Attachments for which there was no room on a disk: which disk, and how many bytes each still needs, at least."""
    short_since: float | None = None
    """When there was no room for one first, by the loop's clock."""
    is_settled: bool = False
    """Its outcome is durable."""
    first_slot: int = 0
    """Slots up to this one are not free."""
    _work: staging.Work | None = None
    _slots: dict[str, int] = dataclasses.field(default_factory=dict)

    async def open_work(self, out: Path) -> None:
        """Makes the work folder, unless it is there."""
        if self._work is None:
            self._work = await asyncio.to_thread(staging.open_work, out, self.order.po_number, self.claim)

    @property
    def work(self) -> staging.Work:
        """The work folder; it has been opened."""
        if self._work is None:
            msg = f"{self.order.po_number} has no work folder"
            raise RuntimeError(msg)
        return self._work

    def go_back(self) -> None:
        """What had been saved is not all there any more: the order is to be read, and what is gone fetched, again."""
        self.ending = self.prepared = None

    def look(self, out: Path) -> bool:
        """Looks for what was saved. What another program has removed counts as failed, so that it is fetched again.

        Where settling broke off, some files may have got their names: those are found by their content.

        Returns:
            Whether all is there.

        Raises:
            OutputUnavailableError: the whole output is gone.
        """
        lost = staging.gone(self.work.path, tuple(self.saved.values()), out)
        for file in lost:
            del self.saved[file.attachment_id]
        with filesystem.map_os_errors(self.work.path, out):
            found = staging.find(self.work.path, lost, self.saved.values())
        for file in lost:
            self.failed[file.attachment_id] = errors.FileProblemError(staging.lost_text(file))
        for file in found:
            self.saved[file.attachment_id] = file
            self.failed.pop(file.attachment_id)
        return len(found) == len(lost)

    def slot(self, attachment_id: str) -> Path:
        """Where this attachment's bytes go: the same place in every attempt."""
        if attachment_id not in self._slots:
            self._slots[attachment_id] = max([self.first_slot, *self._slots.values()]) + 1
        return self.work.slot(self._slots[attachment_id])

    def put(self, attachment_id: str, slot: int) -> None:
        """This attachment's bytes are, or were begun, in this slot."""
        self._slots[attachment_id] = slot

    def wanted(self) -> list[models.Attachment]:
        """The attachments that can be fetched, in the page's order."""
        if self.listing is None:
            return []
        return [
            found
            for found in self.listing.attachments
            if not isinstance(found.source, models.RECORDED) and found.id not in self.dropped | self.elsewhere
        ]

    def is_listed_at(self, url: str, *, besides: str) -> bool:
        """Whether the list has an attachment at this address, other than the one with this id."""
        others = [one for one in self.wanted() if one.id != besides]
        links = (way for one in others for way in (one.source, *one.others) if isinstance(way, models.Link))
        return any(way.url == url for way in links)

    def open(self) -> list[models.Attachment]:
        """Those of them that are not on disk yet."""
        return [found for found in self.wanted() if found.id not in self.saved]

    def why_incomplete(self) -> str:
        """Why the list of attachments may lack some; `""` where it does not."""
        listing = self.listing
        if listing is None:
            return ""
        shown = len(listing.attachments) - len(self.dropped)
        if listing.claimed is not None and shown < listing.claimed and listing.complete:
            return f"the page says that there are {listing.claimed} attachments and shows {shown}"
        return "" if listing.complete else listing.why or "the page was still loading"

    def may_ask_more(self) -> bool:
        """Counts one more address beyond the first of an attachment; False where an order has asked enough."""
        most = len(self.listing.attachments if self.listing else ()) + _QUESTIONS
        if self.questions >= most:
            return False
        self.questions += 1
        return True

    def keep(self, attachment_id: str) -> None:
        """A kept file counts: nothing has to be fetched for it."""
        kept = self.kept[attachment_id]
        self.saved[attachment_id] = dataclasses.replace(
            kept, checks=tuple(check for check in kept.checks if check != _VANISHED)
        )
        self.failed.pop(attachment_id, None)

    def keep_rest(self) -> None:
        """Kept files of which the page says nothing count too: it shows them no more, or it was not read."""
        for attachment_id in self.kept if self.listing is None else ():
            self.keep(attachment_id)
        for attachment_id in self.vanished():
            kept = self.kept[attachment_id]
            checks = kept.checks if _VANISHED in kept.checks else (*kept.checks, _VANISHED)
            self.saved[attachment_id] = dataclasses.replace(kept, checks=checks)

    def named(self, files: Sequence[models.SavedFile]) -> None:
        """The files in the work folder have these names now: should settling fail, the next attempt finds them."""
        for file in files:
            self.saved[file.attachment_id] = dataclasses.replace(file, path=str(self.work.path / file.path))

    def published(self, folder: Path, files: Sequence[models.SavedFile]) -> None:
        """The files are in the order's own folder now; a work folder is rebuilt where one is needed again."""
        self._work = None
        for file in files:
            self.saved[file.attachment_id] = dataclasses.replace(file, path=str(folder / file.path))

    def is_unchanged(self, status: models.Status, missing: Sequence[models.MissingFile], parent: str) -> bool:
        """Whether everything is as the earlier run left it, so that nothing has to be written.

        Args:
            status: of this run.
            missing: likewise.
            parent: the supplier's folder that the order's folder belongs in.
        """
        before = self.earlier
        if before is None or not status.succeeded or before.status is not status:
            return False
        if before.folder.rpartition("/")[0] != parent or tuple(missing) != before.missing:
            return False
        same = all(self.kept.get(known) == file for known, file in self.saved.items())
        return same and self.saved.keys() == {file.attachment_id for file in before.files}

    def has_no_attachment_and_no_area(self) -> bool:
        """Whether all that was listed turned out to be no attachment, and nothing shows where others would be."""
        listing = self.listing
        if listing is None or listing.area is not models.AreaState.NONE or not listing.complete or self.saved:
            return False
        return bool(listing.attachments) and not self.wanted()

    def file_results(self) -> list[failure_policy.FileResult]:
        """How each attachment that was asked for came out in the latest attempt."""
        results = []
        for found in self.wanted():
            error, is_link = self.failed.get(found.id), isinstance(found.source, models.Link)
            if error is not None or (is_link and found.id in self.saved):
                url = found.source.url if isinstance(found.source, models.Link) else self.order.url
                results.append(failure_policy.FileResult(found.id, url, error))
        return results

    def vanished(self) -> list[str]:
        """Attachments that an earlier run saved, and that the page, which was read whole, shows no more."""
        if self.listing is None or not self.listing.complete:
            return []
        shown = {found.id for found in self.listing.attachments} - self.dropped
        return [known for known in self.kept if known not in shown]

    def changes(self) -> models.Changes | None:
        """What is new against an earlier run; None where there was none that had the page read whole."""
        if self.earlier is None or not (self.kept or self.earlier.status.succeeded):
            return None
        gone = set(self.vanished())
        fresh = [file for file in self.saved.values() if file.attachment_id not in self.kept]
        had = [file for known, file in self.saved.items() if known in self.kept and known not in gone]
        changed = sum(file.sha256 != self.kept[file.attachment_id].sha256 for file in had)
        return models.Changes(len(fresh), changed, len(had) - changed, len(gone))

    def drop_twins(self) -> None:
        """Drops what shows one attachment once more in another area: the same name, or none, and the same content.

        Within one area, the same file attached twice is two attachments. The area that has the most of them keeps its
        own, the first such area where several have. What the portal has numbered is kept in any case, and counts as
        one of them. Only files of this attempt's work folder are removed.
        """
        alike: dict[tuple[int, str], list[models.Attachment]] = {}
        for found in self.wanted():
            file = self.saved.get(found.id)
            if file is not None and file.size:
                alike.setdefault((file.size, file.sha256), []).append(found)
        for same in alike.values():
            names = {" ".join(found.name.split()).casefold() for found in same} - {""}
            for name in sorted(names) or [""]:
                among = [found for found in same if " ".join(found.name.split()).casefold() in {name, ""}]
                areas = collections.Counter(found.place for found in among)
                fullest, count = areas.most_common(1)[0]
                unnumbered = [found for found in among if not found.record]
                spare = max(0, count - (len(among) - len(unnumbered)))
                kept = [found for found in unnumbered if found.place == fullest][:spare]
                for found in unnumbered:
                    if found not in kept:
                        self._drop_twin(found.id)

    def match_by_content(self) -> None:
        """Tells by their content which of alike attachments are the ones that an earlier run saved.

        Where nothing else tells attachments apart, how many they are is part of their ids: one more, or one less, and
        all were fetched anew. Those whose content is kept already take that file over, under their new id.
        """
        for known in self.vanished():
            kept = self.kept[known]
            for found in self.wanted():
                fresh = self.saved.get(found.id)
                if fresh is None or found.id in self.kept or Path(fresh.path).parent != self.work.path:
                    continue
                if _COUNTED.sub("", found.id) != _COUNTED.sub("", known):
                    continue
                if (fresh.size, fresh.sha256) == (kept.size, kept.sha256):
                    Path(fresh.path).unlink(missing_ok=True)
                    self.saved.pop(known, None)
                    self.kept[found.id] = dataclasses.replace(self.kept.pop(known), attachment_id=found.id)
                    self.keep(found.id)
                    break

    def _drop_twin(self, attachment_id: str) -> None:
        file = self.saved.get(attachment_id)
        if file is None or attachment_id in self.kept or Path(file.path).parent != self.work.path:
            return
        Path(file.path).unlink(missing_ok=True)
        del self.saved[attachment_id]
        self.dropped.add(attachment_id)

    def files(self) -> list[models.SavedFile]:
        """What is on disk, in the page's order; files of an earlier visit that the page shows no more come last."""
        order = {found.id: index for index, found in enumerate(self.wanted())}
        return sorted(self.saved.values(), key=lambda file: order.get(file.attachment_id, len(order)))

    def missing(self) -> list[models.MissingFile]:
        """What is not on disk, and attachments that are only an address."""
        result = []
        for found in self.listing.attachments if self.listing else ():
            if found.id in self.dropped:
                continue
            if isinstance(found.source, models.RECORDED) or found.id in self.elsewhere:
                result.append(_missing(found, None))
            elif found.id not in self.saved:
                error = self.failed.get(found.id)
                failure = error.failure() if error else models.Failure(models.ErrorCode.INTERNAL, "not fetched")
                result.append(_missing(found, failure))
        return result


def _missing(found: models.Attachment, failure: models.Failure | None) -> models.MissingFile:
    name, place = redact.text(found.name), redact.text(found.place)
    return models.MissingFile(found.id, name, source_text(found.source), failure, place)


def source_text(source: models.FileSource) -> str:
    """A source in one line, for manifests and results: without what is secret in it, so that a person can follow it."""
    if isinstance(source, models.Click):
        return redact.text(f'click "{source.control.label}"')
    if isinstance(source, models.Text):
        return redact.text(f'text "{source.text}"')
    return redact.address(source.url)


def status_of(progress: OrderProgress, error: errors.OrderError | None) -> tuple[models.Status, models.Failure | None]:
    """An order's status: what was found against what was saved.

    Args:
        progress: as it stands after the last attempt.
        error: what kept the page from being read whole, or None.
    """
    missing = [file for file in progress.missing() if file.failure is not None]
    if error is None and not missing:
        return (models.Status.COMPLETED if progress.wanted() else models.Status.NO_ATTACHMENTS), None
    failure = error.failure() if error is not None else _summary(missing, len(progress.wanted()))
    return (models.Status.PARTIAL if progress.saved else models.Status.FAILED), failure


def _summary(missing: Sequence[models.MissingFile], found: int) -> models.Failure | None:
    first = missing[0].failure
    if first is None:
        return None
    name = missing[0].name or missing[0].source
    count = "the attachment" if found == 1 else f"{len(missing)} of {found} attachments"
    return models.Failure(first.code, f"{count} could not be fetched: {name}: {first.message}")
