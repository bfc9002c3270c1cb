"""Fetches an order's files into its work folder, independently of reading its page."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, events, models, numerals
from po_pw.downloads import candidates, content_check, fetch, partial, size_limits, wanted_types
from po_pw.machine import clocks
from po_pw.portals.generic import address_policy, label_words
from po_pw.processing import browser_downloads, file_records, order_progress
from po_pw.storage import disk_errors
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from po_pw import settings
    from po_pw.lanes import base as lanes
    from po_pw.processing import file_traffic
    from po_pw.transport import client


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
        self._session = session
        self._lane = lane
        self._traffic = traffic
        self._limits = size_limits.Limits(options.max_file_bytes, fs_limit=largest)
        self._is_marked = options.mark_of_the_web
        self._types = wanted_types.WantedTypes.of(options.types)
        self._browser = browser_downloads.BrowserDownloads(lane, traffic, hub, options.stall_timeout)
        self.records = file_records.FileRecords(run, worker, traffic, self._types, hub, note, at_once=at_once)
        """What became of each file; also for files that no fetch is started for."""

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
        async with self.records.fetching(progress, attachment):
            await self.records.check_space(progress, attachment)
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
                self.records.drop(progress, attachment)
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
        async with self._traffic.probe(step.link.url) if is_question else _no_question() as is_file:
            if asked.is_ruled_out(step):  # while it waited
                return False
            asked.ask(step)
            try:
                await self._get(progress, attachment, step.link, policy, is_file)
            except content_check.PageReceivedError as error:
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
                        self.records.keep(progress, saved)
                    return
                except errors.BrowserRouteNeededError as error:
                    needed = error
                except errors.HostUnreachableError as error:
                    # The browser may have a way that our client cannot know: a proxy that it discovers, a policy's.
                    if _host_of_authority(error.host) in self._traffic.reached:
                        raise
                    needed = error
            captured = await self._browser.start(link, policy, needed)
            is_file()
            await self._take(progress, wanted, captured, link.referer, policy.is_home)
        except errors.SessionExpiredError as error:
            what = repr(attachment.name) if attachment.name else "the file"
            by = error.host and f"https://{error.host}"
            if isinstance(
                other := content_check.sign_in_error(link.url, what, policy.is_home, by=by), errors.PermanentError
            ):
                raise other.after(error) from error
            raise

    async def adopt(
        self, progress: order_progress.OrderProgress, attachment: models.Attachment, captured: lanes.Captured
    ) -> None:
        """Takes over a download started by a click, once it is complete.

        If a page came and the attachment is uncertain, it is dropped and does not count as failed.
        """
        try:
            async with self.records.fetching(progress, attachment):
                try:
                    page = progress.listing.url if progress.listing is not None else progress.order.url
                    await self._take(progress, attachment, captured, page)
                except errors.NotAFileError:
                    if attachment.is_certain:
                        raise
                    self.records.drop(progress, attachment)
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
            self.records.fail(progress, page, error)
        else:
            self.records.keep(progress, saved)

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
            part = await self._browser.complete(captured, progress)
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
            self.records.keep(progress, saved)
        except (asyncio.CancelledError, errors.DoesNotFitError):
            await asyncio.shield(captured.discard())
            raise


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
