"""Records what became of each file: in its order's progress, in the journal and as events; gives each its slot."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, events, models
from po_pw.downloads import file_type, wanted_types
from po_pw.portals.generic import file_names
from po_pw.processing import file_space, limiter, order_progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from po_pw.processing import file_traffic


class FileRecords:
    """The files of one worker's orders.

    Args:
        run: the current run.
        worker: that fetches them.
        traffic: shared by all workers.
        types: types of files that are wanted.
        hub: receives events.
        note: called with each file that is saved.
        at_once: maximum files at once.
    """

    def __init__(
        self,
        run: models.RunId,
        worker: models.WorkerId,
        traffic: file_traffic.Traffic,
        types: wanted_types.WantedTypes,
        hub: events.Hub,
        note: Callable[[models.OrderKey, models.SavedFile], None],
        *,
        at_once: Callable[[], int],
    ) -> None:
        self._run = run
        self._worker = worker
        self._traffic = traffic
        self._types = types
        self._hub = hub
        self._note = note
        self._slots = limiter.Limiter(at_once)

    @contextlib.asynccontextmanager
    async def fetching(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment
    ) -> AsyncIterator[None]:
        """Holds a slot for one file; our errors are recorded as its failure instead of raised."""
        async with self._slots, self._traffic.slots:
            await self._traffic.go_ahead()
            self._hub.emit(events.FileStarted(self._worker, progress.order.key, attachment))
            try:
                yield
            except wanted_types.UnwantedTypeError as error:
                progress.skip(attachment.id, error.kind)
            except errors.DoesNotFitError as error:
                progress.needs[attachment.id] = error
                self.fail(progress, attachment, await file_space.explain(attachment.name, error))
            except errors.OrderError as error:
                self.fail(progress, attachment, error)

    async def check_space(self, progress: order_progress.OrderProgress, attachment: models.Attachment) -> None:
        """Refuses a file that is known not to fit on the disk, before anything is requested.

        Raises:
            DoesNotFitError: it still does not fit.
        """
        known = progress.needs.get(attachment.id)
        if known is not None and not await asyncio.to_thread(file_space.has_space, [known]):
            raise await file_space.explain(attachment.name, known)

    def skip_unwanted(self, progress: order_progress.OrderProgress) -> None:
        """Skips the attachments whose names say that they are of types that are not wanted."""
        for found in progress.wanted():
            ending = file_type.extension(found.name.strip())
            if found.is_certain and file_names.is_known_ending(ending) and self._types.refused(ending):
                progress.skip(found.id, ending)

    def fail(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, error: errors.OrderError
    ) -> None:
        """Records that an attachment failed in this attempt."""
        progress.failed[attachment.id] = error
        self._hub.emit(events.FileFailed(self._worker, progress.order.key, attachment.name, error.failure()))

    def drop(self, progress: order_progress.OrderProgress, attachment: models.Attachment) -> None:
        """Records that this is not an attachment."""
        progress.failed.pop(attachment.id, None)
        progress.unpressed.pop(attachment.id, None)
        progress.dropped.add(attachment.id)

    def keep(self, progress: order_progress.OrderProgress, saved: models.SavedFile) -> None:
        """Records that a file is saved."""
        saved = dataclasses.replace(saved, run=self._run)
        progress.saved[saved.attachment_id] = saved
        progress.failed.pop(saved.attachment_id, None)
        progress.unpressed.pop(saved.attachment_id, None)
        progress.needs.pop(saved.attachment_id, None)
        self._note(progress.order.key, saved)
        self._hub.emit(events.FileSaved(self._worker, progress.order.key, saved))
