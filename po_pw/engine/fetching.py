"""Fetching an order's files, apart from reading its page, into its work folder."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import sys
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, humanize, models, numerals
from po_pw.downloads import expected_file, fetch, verdicts, ways
from po_pw.engine import async_tools, limiter
from po_pw.machine import clocks
from po_pw.portals.generic import address_policy, label_words
from po_pw.storage import filesystem
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
    from pathlib import Path

    from po_pw import settings
    from po_pw.engine import order_progress
    from po_pw.lanes import base as lanes
    from po_pw.transport import client


_HOPELESS: Final = 3
"""Refusals that the browser met as well, after which a host's refusals are believed."""

_BROWSER_NEEDS: Final = 16 << 20
"""Bytes that a browser must have free for its own files. With less it may break any download off: Chromium 156 broke
off those of `blob:` addresses with 7 MB free, others with 3 MB, and said no more than `canceled`."""


class Traffic:
    """What all workers of a run share: how many files at once in all, how many bytes came, and by which way.

    Args:
        files_in_all: at once.
        most: bytes that may be received; None for no limit.
        full: told once, when so many have come.
        go_ahead: waits while no file may be begun.
        known: what addresses turned out to be; None for a run that knows nothing yet.
    """

    def __init__(
        self,
        files_in_all: int,
        most: int | None = None,
        full: Callable[[], None] = lambda: None,
        *,
        go_ahead: Callable[[], Awaitable[None]],
        known: verdicts.Verdicts | None = None,
    ) -> None:
        self.slots = asyncio.Semaphore(files_in_all)
        self.received = 0
        self.by_browser: set[str] = set()
        """Hosts that refuse our HTTP client, and not the browser."""
        self.refused = collections.Counter[str]()
        """By host, how often the browser was refused as well."""
        self.go_ahead = go_ahead
        self.known = known or verdicts.Verdicts()
        self._questions = collections.defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._most = most
        self._full = full

    def add(self, count: int) -> None:
        """Counts bytes received."""
        before, self.received = self.received, self.received + count
        if self._most is not None and before < self._most <= self.received:
            self._full()

    @contextlib.asynccontextmanager
    async def question(self, url: str) -> AsyncIterator[Callable[[], None]]:
        """While the block lasts, no other address of the host is asked only to see what it is.

        Yields:
            Ends that before the block does: what came is the file.
        """
        lock = self._questions[allowed_hosts.host_of(url)]
        is_held = True

        def end() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                lock.release()

        await lock.acquire()
        try:
            yield end
        finally:
            end()


class Fetcher:
    """Fetches for one worker: over HTTP with its context's cookies, or from a download that a click began.

    Args:
        run: which fetches.
        worker: whose.
        session: asks for files.
        lane: where the browser fetches.
        traffic: what all workers share.
        options: of the run.
        hub: where events go.
        note: called with each file that is saved.
        at_once: how many files at once.
        largest: bytes that the file system takes in one file; None for no limit.
    """

    def __init__(
        self,
        run: models.RunId,
        worker: models.WorkerId,
        session: client.Session,
        lane: lanes.Lane,
        traffic: Traffic,
        options: settings.Settings,
        hub: events.Hub,
        note: Callable[[models.OrderKey, models.SavedFile], None],
        *,
        at_once: Callable[[], int],
        largest: int | None = None,
    ) -> None:
        self._run = run
        self._worker = worker
        self._session = session
        self._lane = lane
        self._traffic = traffic
        self._hub = hub
        self._note = note
        self._limits = fetch.Limits(options.max_file_bytes, largest=largest)
        self._is_marked = options.mark_of_the_web
        self._stall = options.stall_timeout
        self._slots = limiter.Limiter(at_once)

    async def link(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, link: models.Link
    ) -> None:
        """Fetches one attachment that has an address; `OrderProgress` says what came of it.

        Its ways are asked in turn, and what stands on a page about it, until one answers with the file.

        Args:
            progress: the order's.
            attachment: which.
            link: the way to begin with.
        """
        fence = self._lane.host_policy(progress.order, link.referer)
        async with self._noted(progress, attachment):
            await self.check_room(progress, attachment)
            asked = ways.Ways(attachment, link, self._traffic.known)
            is_cut_short = False
            while (step := asked.next()) is not None:
                if asked.asks and not progress.may_ask_more():
                    is_cut_short = True
                    break
                if await self._step(progress, attachment, asked, step, fence):
                    return
            error = asked.outcome(is_cut_short=is_cut_short)
            if (press := ways.press(attachment)) is not None:
                progress.unpressed[attachment.id] = press
                error = error or errors.NotAFileError("a page came, and the file's button was not pressed yet")
            if error is None:
                self.drop(progress, attachment)
            elif not attachment.is_certain and isinstance(error, allowed_hosts.NotAllowedError):
                progress.elsewhere.add(attachment.id)
            else:
                raise error

    async def _step(
        self,
        progress: order_progress.OrderProgress,
        attachment: models.Attachment,
        asked: ways.Ways,
        step: ways.Step,
        fence: allowed_hosts.HostPolicy,
    ) -> bool:
        """Asks one address; True where the file is there.

        Raises:
            OrderError: nothing else needs to be asked.
        """
        is_question = step.is_followed or not attachment.is_certain
        async with self._traffic.question(step.link.url) if is_question else _no_question() as is_file:
            if asked.is_ruled_out(step):  # while it waited
                return False
            asked.ask(step)
            try:
                await self._get(progress, attachment, step.link, fence, is_file)
            except expected_file.PageInsteadError as error:
                links = error.page.downloads(
                    attachment.name,
                    allowed=address_policy.may_follow,
                    is_download=label_words.is_download_label,
                    is_certain=attachment.is_certain,
                )
                asked.failed(step, error, [found.url for found in links])
            except errors.OrderError as error:
                if _ends_it(error):
                    raise
                asked.failed(step, error)
            else:
                asked.saved(step)
                return True
        return False

    async def _get(
        self,
        progress: order_progress.OrderProgress,
        attachment: models.Attachment,
        link: models.Link,
        fence: allowed_hosts.HostPolicy,
        is_file: Callable[[], None],
    ) -> None:
        """The file at one address, in the progress; over HTTP, or by way of the browser where that is refused."""
        wanted = dataclasses.replace(attachment, source=link)
        needed: errors.BrowserRouteNeededError | None = None
        try:
            if allowed_hosts.host_of(link.url) not in self._traffic.by_browser:
                try:
                    saved = await fetch.fetch(
                        wanted,
                        progress.slot(attachment.id),
                        ask=lambda conditions: self._session.get(
                            link.url, referer=link.referer, fence=fence, conditions=conditions
                        ),
                        limits=self._limits,
                        on_bytes=self._traffic.add,
                        now=clocks.now,
                        kept=progress.kept.get(attachment.id),
                        is_own=fence.is_home,
                        is_file=is_file,
                        is_marked=self._is_marked,
                    )
                    if saved is None:
                        progress.keep(attachment.id)
                    else:
                        self._keep(progress, saved)
                    return
                except errors.BrowserRouteNeededError as error:
                    needed = error
            captured = await self._by_browser(link, fence, needed)
            is_file()
            await self._take(progress, wanted, captured, link.referer, fence.is_home)
        except errors.SessionExpiredError as error:
            what = repr(attachment.name) if attachment.name else "the file"
            by = error.host and f"https://{error.host}"
            if isinstance(
                other := expected_file.sign_in_asked(link.url, what, fence.is_home, by=by), errors.PermanentError
            ):
                raise other from error
            raise

    async def adopt(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, captured: lanes.Captured
    ) -> None:
        """Takes over a download that a click began, once it is all there.

        A page that came is no failure of what may be no attachment at all: that is dropped.
        """
        try:
            async with self._noted(progress, attachment):
                try:
                    page = progress.listing.url if progress.listing is not None else progress.order.url
                    await self._take(progress, attachment, captured, page)
                except errors.NotAFileError:
                    if attachment.is_certain:
                        raise
                    self.drop(progress, attachment)
        except asyncio.CancelledError:  # also while it waited for its slot
            await asyncio.shield(captured.discard())
            raise

    async def _take(
        self,
        progress: order_progress.OrderProgress,
        attachment: models.Attachment,
        captured: lanes.Captured,
        page: str,
        is_own: Callable[[str], bool] = lambda _host: True,
    ) -> None:
        try:
            length = numerals.whole(captured.headers.get("content-length", ""))
            await self._limits.check_room(progress.slot(attachment.id), length)
            part = await self._part(captured, progress)
            saved = await fetch.adopt(
                attachment,
                progress.slot(attachment.id),
                part,
                sent_name=captured.sent_name,
                url=captured.url,
                headers=captured.headers,
                limits=self._limits,
                on_bytes=self._traffic.add,
                now=clocks.now,
                is_own=is_own,
                kept=progress.kept.get(attachment.id),
                page=page,
                is_marked=self._is_marked,
            )
            self._keep(progress, saved)
        except (asyncio.CancelledError, errors.DoesNotFitError):
            await asyncio.shield(captured.discard())
            raise

    async def _part(self, captured: lanes.Captured, progress: order_progress.OrderProgress) -> Path:
        """What the browser downloads, once it is all there. Of a full disk the browser only says that it broke off."""
        place = progress.work.path / "download"
        try:
            with filesystem.map_os_errors(place):
                return await captured.part(self._stall)
        except errors.BrowserLostError:
            raise
        except errors.TransientError as error:
            if isinstance(error, errors.OutputUnavailableError):
                raise
            if (fault := await asyncio.to_thread(filesystem.fault, filesystem.home_of(place))) is not None:
                raise filesystem.problem(fault, place) from error
            little = _NoRoomForBrowserError(str(error), _BROWSER_NEEDS, captured.temporary)
            if error.code is models.ErrorCode.TRUNCATED and not await asyncio.to_thread(has_room, [little]):
                raise little from error
            raise

    async def _by_browser(
        self, link: models.Link, fence: allowed_hosts.HostPolicy, needed: errors.BrowserRouteNeededError | None
    ) -> lanes.Captured:
        """The file by way of the browser, where our HTTP client is refused; said once for each host."""
        host, traffic = allowed_hosts.host_of(link.url), self._traffic
        if needed is not None and traffic.refused[host] >= _HOPELESS:
            raise needed
        try:
            captured = await self._lane.download(link, fence)
        except (errors.BrowserLostError, errors.SessionExpiredError):
            raise
        except errors.OrderError as error:
            if needed is None or error.code is models.ErrorCode.TOO_LARGE:
                raise
            if isinstance(needed.__cause__, errors.HostUnreachableError):
                raise needed.__cause__ from error
            both = f"{needed}; {error}"
            if isinstance(error, errors.HostUnreachableError):
                raise errors.HostUnreachableError(both, error.host, error.fault) from error
            if isinstance(error, errors.TransientError):
                raise errors.TransientError(both, error.code, retry_after=error.retry_after) from error
            traffic.refused[host] += 1
            raise errors.PermanentError(both, error.code) from error
        if needed is not None and host not in traffic.by_browser:
            traffic.by_browser.add(host)
            self._hub.emit(events.Notice("info", f"files of {host} come through the browser: {needed}"))
        return captured

    @contextlib.asynccontextmanager
    async def _noted(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment
    ) -> AsyncIterator[None]:
        """A slot for one file; an error of ours is noted in the progress, not raised."""
        async with self._slots, self._traffic.slots:
            await self._traffic.go_ahead()
            self._hub.emit(events.FileStarted(self._worker, progress.order.key, attachment))
            try:
                yield
            except errors.DoesNotFitError as error:
                progress.needs[attachment.id] = error
                self.fail(progress, attachment, await self._told(attachment, error))
            except errors.OrderError as error:
                self.fail(progress, attachment, error)

    async def check_room(self, progress: order_progress.OrderProgress, attachment: models.Attachment) -> None:
        """Refuses a file of which it is known that there is no room for it, before anything is asked of the portal.

        Raises:
            DoesNotFitError: there still is none.
        """
        known = progress.needs.get(attachment.id)
        if known is not None and not await asyncio.to_thread(has_room, [known]):
            raise await self._told(attachment, known)

    async def _told(self, attachment: models.Attachment, error: errors.DoesNotFitError) -> errors.DoesNotFitError:
        """That a file does not fit: which, on which disk, and how much is missing."""
        needed, free = error.needed, await asyncio.to_thread(_free, error.folder)
        name = repr(attachment.name) if attachment.name else "a file"
        if isinstance(error, _NoRoomForBrowserError):
            what = f"the browser cannot download {name}: it needs {humanize.size(needed)} on the disk of its temporary"
            msg = f"{what} folder {error.folder}, and {humanize.size(free)} are free"
            return _NoRoomForBrowserError(msg, needed, error.folder)
        msg = (
            f"there is no room for {name} ({humanize.size(needed)}) on the disk of {error.folder}: "
            f"{humanize.size(free)} are free, {humanize.size(max(0, needed - free))} more are needed"
        )
        return errors.DoesNotFitError(msg, needed, error.folder)

    def fail(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, error: errors.OrderError
    ) -> None:
        """Notes that an attachment did not come through in this attempt."""
        progress.failed[attachment.id] = error
        self._hub.emit(events.FileFailed(self._worker, progress.order.key, attachment.name, error.failure()))

    def drop(self, progress: order_progress.OrderProgress, attachment: models.Attachment) -> None:
        """Notes that this is no attachment."""
        progress.failed.pop(attachment.id, None)
        progress.unpressed.pop(attachment.id, None)
        progress.dropped.add(attachment.id)

    def _keep(self, progress: order_progress.OrderProgress, saved: models.SavedFile) -> None:
        saved = dataclasses.replace(saved, run=self._run)
        progress.saved[saved.attachment_id] = saved
        progress.failed.pop(saved.attachment_id, None)
        progress.unpressed.pop(saved.attachment_id, None)
        progress.needs.pop(saved.attachment_id, None)
        self._note(progress.order.key, saved)
        self._hub.emit(events.FileSaved(self._worker, progress.order.key, saved))


class Fetches:
    """The fetches of one attempt at one order, which may ask as many addresses as if it were the first."""

    def __init__(self, progress: order_progress.OrderProgress, under_way: set[asyncio.Task[None]]) -> None:
        self.progress = progress
        self._under_way = under_way
        self._tasks: list[asyncio.Task[None]] = []
        progress.questions = 0
        progress.unpressed.clear()

    def add(self, fetch: Coroutine[None, None, None]) -> None:
        """Starts one."""
        task = asyncio.get_running_loop().create_task(fetch, name=f"fetch-{self.progress.order.key}")
        self._tasks.append(task)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def done(self) -> None:
        """Waits for all, drops what came twice, and recognises what an earlier run has.

        When one fails in a way that is not the file's own, or the waiting ends, all end.
        """
        try:
            await asyncio.gather(*self._tasks)
        except BaseException:
            await self.cancel()
            raise
        self.progress.drop_twins()
        self.progress.match_by_content()

    async def cancel(self) -> None:
        """Ends all, and waits until they have ended."""
        await async_tools.cancel_and_wait(self._tasks)


class _NoRoomForBrowserError(errors.DoesNotFitError):
    """A browser broke a download off, and has too little room where it keeps its own files."""


def has_room(needs: Iterable[errors.DoesNotFitError]) -> bool:
    """Whether one of these files may fit now, each on its own disk; on a thread."""
    return any(need.needed <= _free(need.folder) for need in needs)


def _free(folder: Path) -> int:
    """Bytes free where a folder is; as if there were no end of them where that cannot be told."""
    try:
        return filesystem.room(folder)[0]
    except OSError:  # it is gone: whoever writes there meets that
        return sys.maxsize


@contextlib.asynccontextmanager
async def _no_question() -> AsyncIterator[Callable[[], None]]:
    yield lambda: None


def _ends_it(error: errors.OrderError) -> bool:
    """Whether the other ways to a file are not asked: with no browser, no disk or no server, or for a file too large.

    That the server fails at one address may be that address's own fault.
    """
    if isinstance(error, errors.TransientError):
        return error.code is not models.ErrorCode.PORTAL_ERROR
    return error.code in {models.ErrorCode.TOO_LARGE, models.ErrorCode.DISK_ERROR}
