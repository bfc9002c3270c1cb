"""Fetching an order's files, apart from reading its page: what a job still wants becomes files in its work folder."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models
from po_pw.downloads import fetch
from po_pw.engine import tasks, turns
from po_pw.transport import hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from po_pw import settings
    from po_pw.engine import jobs
    from po_pw.lanes import base as lanes
    from po_pw.portals import base as portals
    from po_pw.transport import client


_HOPELESS: Final = 3
"""Refusals that the browser met as well, after which a host's refusals are believed."""


class Traffic:
    """What all workers of a run share: how many files at once in all, how many bytes came, and by which way.

    Args:
        files_in_all: at once.
        most: bytes that may be received; None for no limit.
        full: told once, when so many have come.
        go_ahead: waits while no file may be begun.
    """

    def __init__(
        self,
        files_in_all: int,
        most: int | None = None,
        full: Callable[[], None] = lambda: None,
        *,
        go_ahead: Callable[[], Awaitable[None]],
    ) -> None:
        self.slots = asyncio.Semaphore(files_in_all)
        self.received = 0
        self.by_browser: set[str] = set()
        """Hosts that refuse our HTTP client, and not the browser."""
        self.refused = collections.Counter[str]()
        """By host, how often the browser was refused as well."""
        self.go_ahead = go_ahead
        self._most = most
        self._full = full

    def add(self, count: int) -> None:
        """Counts bytes received."""
        before, self.received = self.received, self.received + count
        if self._most is not None and before < self._most <= self.received:
            self._full()


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
        lane: lanes.Lane,
        note: Callable[[models.OrderKey, models.SavedFile], None],
        *,
        at_once: Callable[[], int],
    ) -> None:
        self._worker = worker
        self._session = session
        self._hub = hub
        self._traffic = traffic
        self._portal_for = portal_for
        self._lane = lane
        self._note = note
        self._limits = fetch.Limits(options.max_file_bytes)
        self._stall = options.stall_timeout
        self._slots = turns.Turns(at_once)

    async def link(self, job: jobs.Job, attachment: models.Attachment, link: models.Link) -> None:
        """Fetches one attachment that has an address; what became of it is in the job."""
        fence = self._lane.fence(job.order, link.referer)
        async with self._noted(job, attachment):
            needed: errors.BrowserRouteNeeded | None = None
            if hosts.host_of(link.url) not in self._traffic.by_browser:
                try:
                    saved = await fetch.fetch(
                        attachment,
                        job.slot(attachment.id),
                        ask=lambda conditions: self._session.get(
                            link.url, referer=link.referer, fence=fence, conditions=conditions
                        ),
                        limits=self._limits,
                        on_bytes=self._traffic.add,
                        signed_out=lambda url, status: self._signed_out(job.order.url, url, status),
                        now=_now,
                        kept=job.kept.get(attachment.id),
                    )
                    if saved is None:
                        job.keep(attachment.id)
                    else:
                        self._keep(job, saved)
                    return
                except errors.BrowserRouteNeeded as error:
                    needed = error
            await self._take(job, attachment, await self._by_browser(link, fence, needed))

    async def adopt(self, job: jobs.Job, attachment: models.Attachment, captured: lanes.Captured) -> None:
        """Takes over a download that a click began, once it is all there."""
        try:
            async with self._noted(job, attachment):
                await self._take(job, attachment, captured)
        except asyncio.CancelledError:  # also while it waited for its slot
            await asyncio.shield(captured.discard())
            raise

    async def _take(self, job: jobs.Job, attachment: models.Attachment, captured: lanes.Captured) -> None:
        try:
            part = await captured.part(self._stall)
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

    async def _by_browser(
        self, link: models.Link, fence: hosts.Fence, needed: errors.BrowserRouteNeeded | None
    ) -> lanes.Captured:
        """The file by way of the browser, where our HTTP client is refused; said once for each host."""
        host, traffic = hosts.host_of(link.url), self._traffic
        if needed is not None and traffic.refused[host] >= _HOPELESS:
            raise needed
        try:
            captured = await self._lane.download(link, fence)
        except (errors.BrowserLost, errors.SessionExpired):
            raise
        except errors.OrderError as error:
            if needed is None or error.code is models.ErrorCode.TOO_LARGE:
                raise
            both = f"{needed}; {error}"
            if isinstance(error, errors.Transient):
                raise errors.Transient(both, error.code, retry_after=error.retry_after) from error
            traffic.refused[host] += 1
            raise errors.Permanent(both, error.code) from error
        if needed is not None and host not in traffic.by_browser:
            traffic.by_browser.add(host)
            self._hub.emit(events.Notice("info", f"files of {host} come through the browser: {needed}"))
        return captured

    @contextlib.asynccontextmanager
    async def _noted(self, job: jobs.Job, attachment: models.Attachment) -> AsyncIterator[None]:
        """A slot for one file; an error of ours ends up in the job, not in the caller."""
        async with self._slots, self._traffic.slots:
            await self._traffic.go_ahead()
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
