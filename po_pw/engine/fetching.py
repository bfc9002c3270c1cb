"""Fetching an order's files, apart from reading its page: what a job still wants becomes files in its work folder."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from typing import TYPE_CHECKING

from po_pw import errors, events, models
from po_pw.downloads import fetch
from po_pw.engine import tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from po_pw import settings
    from po_pw.engine import jobs
    from po_pw.lanes import base as lanes
    from po_pw.portals import base as portals
    from po_pw.transport import client


class Traffic:
    """What all workers of a run share: how many files at once in all, and how many bytes came."""

    def __init__(self, files_in_all: int) -> None:
        self.slots = asyncio.Semaphore(files_in_all)
        self.received = 0

    def add(self, count: int) -> None:
        """Counts bytes received."""
        self.received += count


class Fetcher:
    """Fetches for one worker: over HTTP with its context's cookies, or from a download that a click began."""

    def __init__(
        self,
        worker: models.WorkerId,
        session: client.Session,
        options: settings.Settings,
        hub: events.Hub,
        traffic: Traffic,
        portal_for: Callable[[str], portals.Portal],
        note: Callable[[models.OrderKey, models.SavedFile], None],
        *,
        sequential: bool,
    ) -> None:
        self._worker = worker
        self._session = session
        self._hub = hub
        self._traffic = traffic
        self._portal_for = portal_for
        self._note = note
        self._limits = fetch.Limits(options.max_file_bytes)
        self._slots = asyncio.Semaphore(1 if sequential else options.files_per_context)

    async def link(self, job: jobs.Job, attachment: models.Attachment, link: models.Link) -> None:
        """Fetches one attachment that has an address; what became of it is in the job."""
        async with self._noted(job, attachment):
            saved = await fetch.fetch(
                attachment,
                job.slot(attachment.id),
                body=self._session.get(link.url, referer=link.referer),
                limits=self._limits,
                on_bytes=self._traffic.add,
                signed_out=lambda url, status: self._signed_out(job.order.url, url, status),
                now=_now,
            )
            self._keep(job, saved)

    async def adopt(self, job: jobs.Job, attachment: models.Attachment, captured: lanes.Captured) -> None:
        """Takes over a download that a click began, once it is all there."""
        try:
            async with self._noted(job, attachment):
                part = await captured.part()
                saved = await fetch.adopt(
                    attachment,
                    job.slot(attachment.id),
                    part,
                    sent_name=captured.sent_name,
                    url=captured.url,
                    headers=captured.headers,
                    limits=self._limits,
                    on_bytes=self._traffic.add,
                    signed_out=lambda url, status: self._signed_out(job.order.url, url, status),
                    now=_now,
                )
                self._keep(job, saved)
        except asyncio.CancelledError:
            await asyncio.shield(captured.discard())
            raise

    @contextlib.asynccontextmanager
    async def _noted(self, job: jobs.Job, attachment: models.Attachment) -> AsyncIterator[None]:
        """A slot for one file; an error of ours ends up in the job, not in the caller."""
        async with self._slots, self._traffic.slots:
            self._hub.emit(events.FileStarted(self._worker, job.order.key, attachment))
            try:
                yield
            except errors.OrderError as error:
                self.fail(job, attachment, error)

    def fail(self, job: jobs.Job, attachment: models.Attachment, error: errors.OrderError) -> None:
        """Notes that an attachment did not come through in this attempt."""
        job.failed[attachment.id] = error
        self._hub.emit(events.FileFailed(self._worker, job.order.key, attachment.name, error.failure()))

    def _keep(self, job: jobs.Job, saved: models.SavedFile) -> None:
        job.saved[saved.attachment_id] = saved
        job.failed.pop(saved.attachment_id, None)
        self._note(job.order.key, saved)
        self._hub.emit(events.FileSaved(self._worker, job.order.key, saved))

    def _signed_out(self, asked: str, url: str, status: int) -> bool:
        """Whether the page at this address, which came where a file was promised, asks for a sign-in."""
        portal = self._portal_for(asked)
        return portal.classify(models.Seen(url, status, asked=asked)) is models.PageKind.SIGNED_OUT


class Fetches:
    """The fetches of one attempt at one order."""

    def __init__(self, job: jobs.Job, started: float, under_way: set[asyncio.Task[None]]) -> None:
        self.job = job
        self.started = started
        self._under_way = under_way
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, fetch: Coroutine[None, None, None]) -> None:
        """Starts one."""
        task = asyncio.get_running_loop().create_task(fetch, name=f"fetch-{self.job.order.key}")
        self._tasks.append(task)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def done(self) -> None:
        """Waits for all; when one fails in a way that is not the file's own, or the waiting ends, all end."""
        try:
            await asyncio.gather(*self._tasks)
        except BaseException:
            await self.cancel()
            raise

    async def cancel(self) -> None:
        """Ends all, and waits until they have ended."""
        await tasks.ended(self._tasks)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).astimezone()
