"""Fetches an order's files into its work folder, independently of reading its page."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models, numerals
from po_pw.downloads import candidates, content_check, fetch, file_type, partial, size_limits, wanted_types
from po_pw.machine import clocks
from po_pw.portals.generic import address_policy, file_names, label_words
from po_pw.processing import async_tools, file_space, limiter, order_progress
from po_pw.storage import disk_errors
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from po_pw import settings
    from po_pw.lanes import base as lanes
    from po_pw.processing import file_traffic
    from po_pw.transport import client


_HOPELESS: Final = 3
"""Number of files in a row that a host refuses to the browser as well, after which its refusals are final."""


class Fetcher:
    """Fetches files for one worker: by HTTP with its context's cookies, or from a download started by a click.

    Args:
        run: the current run.
        worker: that it belongs to.
        session: for HTTP requests.
        lane: for downloads by the browser.
        traffic: shared by all workers.
        options: of the run.
        hub: receives events.
        note: called with each file that is saved.
        at_once: maximum files at once.
        largest: maximum bytes of one file on the file system; None for no limit.
    """

    def __init__(
        self,
        run: models.RunId,
        worker: models.WorkerId,
        session: client.Session,
        lane: lanes.Lane,
        traffic: file_traffic.Traffic,
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
        self._limits = size_limits.Limits(options.max_file_bytes, fs_limit=largest)
        self._is_marked = options.mark_of_the_web
        self._stall = options.stall_timeout
        self._types = wanted_types.WantedTypes.of(options.types)
        self._slots = limiter.Limiter(at_once)

    async def link(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, link: models.Link
    ) -> None:
        """Fetches one attachment that has an address; the result is in `OrderProgress`.

        Its addresses, and those on pages about it, are requested in turn until one returns the file.

        Args:
            progress: the order's.
            attachment: to fetch.
            link: address to begin with.
        """
        policy = self._lane.host_policy(progress.order, link.referer)
        async with self._noted(progress, attachment):
            await self.check_space(progress, attachment)
            asked = candidates.Candidates(attachment, link, self._traffic.known)
            is_cut_short = False
            while (step := asked.next()) is not None:
                if asked.request_count and not progress.may_ask_more():
                    is_cut_short = True
                    break
                if await self._step(progress, attachment, asked, step, policy):
                    return
            error = asked.outcome(is_cut_short=is_cut_short)
            if (press := candidates.press(attachment)) is not None:
                progress.unpressed[attachment.id] = press
                error = error or errors.NotAFileError(
                    "the file's address opened a page, and its button was not pressed yet"
                )
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
        asked: candidates.Candidates,
        step: candidates.Step,
        policy: allowed_hosts.HostPolicy,
    ) -> bool:
        """Requests one address; returns True if the file was saved.

        Raises:
            OrderError: no other address needs to be requested.
        """
        is_question = step.is_followed or not attachment.is_certain
        async with self._traffic.question(step.link.url) if is_question else _no_question() as is_file:
            if asked.is_ruled_out(step):  # while it waited
                return False
            asked.ask(step)
            try:
                await self._get(progress, attachment, step.link, policy, is_file)
            except content_check.PageInsteadError as error:
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
        policy: allowed_hosts.HostPolicy,
        is_file: Callable[[], None],
    ) -> None:
        """Saves the file at one address: by HTTP, or through the browser if that is refused."""
        wanted = dataclasses.replace(attachment, source=link)
        needed: errors.BrowserRouteNeededError | errors.HostUnreachableError | None = None
        try:
            if allowed_hosts.host_of(link.url) not in self._traffic.by_browser:
                try:
                    saved = await fetch.fetch(
                        wanted,
                        progress.slot(attachment.id),
                        ask=lambda conditions: self._session.get(
                            link.url, referer=link.referer, policy=policy, conditions=conditions
                        ),
                        limits=self._limits,
                        on_bytes=self._traffic.add,
                        now=clocks.now,
                        kept=progress.kept.get(attachment.id),
                        is_own=policy.is_home,
                        is_file=is_file,
                        is_marked=self._is_marked,
                        types=self._types,
                    )
                    self._traffic.reached.add(allowed_hosts.host_of(link.url))
                    if saved is None:
                        progress.keep(attachment.id)
                    else:
                        self._traffic.reached.add(allowed_hosts.host_of(saved.source))
                        self._keep(progress, saved)
                    return
                except errors.BrowserRouteNeededError as error:
                    needed = error
                except errors.HostUnreachableError as error:
                    # The browser may have a way that our client cannot know: a proxy that it discovers, a policy's.
                    if _host_of_authority(error.host) in self._traffic.reached:
                        raise
                    needed = error
            captured = await self._by_browser(link, policy, needed)
            is_file()
            await self._take(progress, wanted, captured, link.referer, policy.is_home)
        except errors.SessionExpiredError as error:
            what = repr(attachment.name) if attachment.name else "the file"
            by = error.host and f"https://{error.host}"
            if isinstance(
                other := content_check.sign_in_error(link.url, what, policy.is_home, by=by), errors.PermanentError
            ):
                raise other from error
            raise

    async def adopt(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, captured: lanes.Captured
    ) -> None:
        """Takes over a download started by a click, once it is complete.

        If a page came and the attachment is uncertain, it is dropped and does not count as failed.
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
        except asyncio.CancelledError:  # also while waiting for its slot
            await asyncio.shield(captured.discard())
            raise

    async def print_page(self, progress: order_progress.OrderProgress, visit: lanes.Visit) -> None:
        """Prints the order's page into the work folder; an error becomes the page's failure.

        Raises:
            BrowserLostError: the context crashed.
        """
        page = order_progress.page_copy(progress.order, visit.listing.url)
        progress.page_copy = page
        slot = progress.slot(page.id)
        part = partial.part_path(slot)
        try:
            with disk_errors.map_os_errors(part):
                await visit.print_page(part, clocks.now())
            saved = await fetch.adopt(
                page,
                slot,
                part,
                sent_name=page.name,
                url=visit.listing.url,
                headers={},
                limits=self._limits,
                on_bytes=lambda _: None,
                now=clocks.now,
                is_marked=False,
                downloaded_by="page",
            )
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:
            self.fail(progress, page, error)
        else:
            self._keep(progress, saved)

    async def _take(
        self,
        progress: order_progress.OrderProgress,
        attachment: models.Attachment,
        captured: lanes.Captured,
        page: str,
        is_own: Callable[[str], bool] = lambda _host: True,
    ) -> None:
        try:
            length = numerals.parse_int(captured.headers.get("content-length", ""))
            await self._limits.check_space(progress.slot(attachment.id), length)
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
                types=self._types,
            )
            self._keep(progress, saved)
        except (asyncio.CancelledError, errors.DoesNotFitError):
            await asyncio.shield(captured.discard())
            raise

    async def _part(self, captured: lanes.Captured, progress: order_progress.OrderProgress) -> Path:
        """Waits for the browser's download. If the disk is full, the browser only reports that it was canceled."""
        download = progress.work.path / "download"
        try:
            with disk_errors.map_os_errors(download):
                return await captured.part(self._stall)
        except errors.BrowserLostError:
            raise
        except errors.TransientError as error:
            if isinstance(error, errors.OutputUnavailableError):
                raise
            if (
                fault := await asyncio.to_thread(disk_errors.write_error, disk_errors.internal_folder(download))
            ) is not None:
                raise disk_errors.to_order_error(fault, download) from error
            little = file_space.NoRoomForBrowserError(str(error), file_space.BROWSER_NEEDS, captured.temporary)
            if error.code is models.ErrorCode.TRUNCATED and not await asyncio.to_thread(file_space.has_room, [little]):
                raise little from error
            raise

    async def _by_browser(
        self,
        link: models.Link,
        policy: allowed_hosts.HostPolicy,
        needed: errors.BrowserRouteNeededError | errors.HostUnreachableError | None,
    ) -> lanes.Captured:
        """Downloads a file through the browser, if our HTTP client is refused; said once when all of a host's do."""
        host, traffic = allowed_hosts.host_of(link.url), self._traffic
        if needed is not None and traffic.refused[host] >= _HOPELESS:
            raise needed
        try:
            captured = await self._lane.download(link, policy)
        except (errors.BrowserLostError, errors.SessionExpiredError):
            raise
        except errors.OrderError as error:
            if needed is None or error.code is models.ErrorCode.TOO_LARGE:
                raise
            if isinstance(needed, errors.HostUnreachableError):
                traffic.refused[host] += 1
                raise needed from error
            both = f"{needed}; {error}"
            if isinstance(error, errors.HostUnreachableError):
                raise errors.HostUnreachableError(both, error.host, error.fault) from error
            if isinstance(error, errors.TransientError):
                raise errors.TransientError(both, error.code, retry_after=error.retry_after) from error
            traffic.refused[host] += 1
            raise errors.PermanentError(both, error.code) from error
        if needed is not None and traffic.got_by_browser(link.url, needed):
            self._hub.emit(events.Notice("info", f"files of {host} are downloaded by the browser: {needed}"))
        return captured

    @contextlib.asynccontextmanager
    async def _noted(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment
    ) -> AsyncIterator[None]:
        """Holds a slot for one file; our errors are recorded in the progress instead of raised."""
        async with self._slots, self._traffic.slots:
            await self._traffic.go_ahead()
            self._hub.emit(events.FileStarted(self._worker, progress.order.key, attachment))
            try:
                yield
            except wanted_types.UnwantedTypeError as error:
                progress.skip(attachment.id, error.kind)
            except errors.DoesNotFitError as error:
                progress.needs[attachment.id] = error
                self.fail(progress, attachment, await file_space.explained(attachment.name, error))
            except errors.OrderError as error:
                self.fail(progress, attachment, error)

    async def check_space(self, progress: order_progress.OrderProgress, attachment: models.Attachment) -> None:
        """Refuses a file that is known not to fit on the disk, before anything is requested.

        Raises:
            DoesNotFitError: it still does not fit.
        """
        known = progress.needs.get(attachment.id)
        if known is not None and not await asyncio.to_thread(file_space.has_room, [known]):
            raise await file_space.explained(attachment.name, known)

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

    def _keep(self, progress: order_progress.OrderProgress, saved: models.SavedFile) -> None:
        saved = dataclasses.replace(saved, run=self._run)
        progress.saved[saved.attachment_id] = saved
        progress.failed.pop(saved.attachment_id, None)
        progress.unpressed.pop(saved.attachment_id, None)
        progress.needs.pop(saved.attachment_id, None)
        self._note(progress.order.key, saved)
        self._hub.emit(events.FileSaved(self._worker, progress.order.key, saved))


class Fetches:
    """The fetches of one attempt at one order; each attempt has its own limit of requests."""

    def __init__(self, progress: order_progress.OrderProgress, under_way: set[asyncio.Task[None]]) -> None:
        self.progress = progress
        self._under_way = under_way
        self._tasks: list[asyncio.Task[None]] = []
        progress.questions = 0
        progress.unpressed.clear()

    def add(self, fetch: Coroutine[None, None, None]) -> None:
        """Starts a fetch."""
        task = asyncio.get_running_loop().create_task(fetch, name=f"fetch-{self.progress.order.key}")
        self._tasks.append(task)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def done(self) -> None:
        """Waits for all, drops duplicates, and recognises files that an earlier run has.

        If one fails for a reason that concerns more than its file, or the wait is cancelled, all are cancelled.
        """
        try:
            await asyncio.gather(*self._tasks)
        except BaseException:
            await self.cancel()
            raise
        self.progress.drop_twins()
        self.progress.match_by_content()

    async def cancel(self) -> None:
        """Cancels all and waits until they have ended."""
        await async_tools.cancel_and_wait(self._tasks)


@contextlib.asynccontextmanager
async def _no_question() -> AsyncIterator[Callable[[], None]]:
    yield lambda: None


def _host_of_authority(authority: str) -> str:
    return allowed_hosts.host_of(authority if "://" in authority else f"https://{authority}")


def _ends_it(error: errors.OrderError) -> bool:
    """Whether other addresses need not be requested: no browser, disk or server, the file is too large or unwanted.

    A server error at one address may concern only that address.
    """
    if isinstance(error, wanted_types.UnwantedTypeError):
        return True
    if isinstance(error, errors.TransientError):
        return error.code is not models.ErrorCode.PORTAL_ERROR
    return error.code in {models.ErrorCode.TOO_LARGE, models.ErrorCode.DISK_ERROR}
