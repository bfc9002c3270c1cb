"""Reads an order's page and starts fetching its attachments."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, hostnames, known_secrets, models
from po_pw.dispatch import retry
from po_pw.processing import order_evidence, resuming
from po_pw.storage import staging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from po_pw.lanes import base as lanes
    from po_pw.processing import fetching, order_fetches, order_progress
    from po_pw.processing.worker_deps import WorkerDeps
    from po_pw.transport import client

_NO_EVIDENCE: Final = (errors.BrowserLostError, errors.OutputUnavailableError, errors.DoesNotFitError)
"""Errors of which the page shows nothing."""
REFUSED: Final = {
    models.PageKind.NOT_FOUND: (
        models.ErrorCode.NOT_FOUND,
        "the portal has no such order: check po_number and url in your list",
    ),
    models.PageKind.FORBIDDEN: (
        models.ErrorCode.FORBIDDEN,
        "you are not allowed to see this order: ask the portal's administrator, or sign in as another user",
    ),
    models.PageKind.CHALLENGE: (
        models.ErrorCode.CHALLENGE,
        "the portal asks whether you are a person: run po-pw login URL and answer it there, or use fewer workers (-w)",
    ),
    models.PageKind.ERROR: (models.ErrorCode.PORTAL_ERROR, "the portal answered with an error page"),
    models.PageKind.NOT_RECOGNISED: (
        models.ErrorCode.NOT_RECOGNISED,
        "the url opened a page that is not this order's ({why}): correct the url in your list{evidence}",
    ),
    models.PageKind.NOT_LOCATED: (
        models.ErrorCode.NOT_RECOGNISED,
        (
            "po-pw cannot tell whether the portal has this order: {why}. Find the order in the portal and put its "
            "address into the column url of your list"
        ),
    ),
    models.PageKind.NO_AREA: (
        models.ErrorCode.NO_AREA_FOUND,
        (
            "no attachments found, and no order of this portal has shown any yet. Check the page with: po-pw portal "
            "inspect {url} (add --accept if orders like this have none)"
        ),
    ),
}


class AbandonedError(Exception):
    """The attempt was ended by a stop; it does not count."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tools:
    """What a worker uses with one lane."""

    worker: models.WorkerId
    lane: lanes.Lane
    session: client.Session
    fetcher: fetching.Fetcher
    under_way: set[asyncio.Task[None]]
    """Running fetches of all orders."""


class OrderReading:
    """Reads one order in one attempt.

    Args:
        deps: shared by the workers.
        tools: of the worker.
        lease: the order.
        progress: receives listing and failures.
        fetches: of the attempt; receives a fetch per attachment.
    """

    def __init__(
        self,
        deps: WorkerDeps,
        tools: Tools,
        lease: models.Lease,
        progress: order_progress.OrderProgress,
        fetches: order_fetches.OrderFetches,
    ) -> None:
        self._deps = deps
        self._run_context = deps.run_context
        self._tools = tools
        self._lease = lease
        self._order = lease.order
        self._progress = progress
        self._fetches = fetches
        self.generation = deps.sign_ins.generation(lease.order.url)
        """Which of the portal's sign-ins the attempt began under."""
        self.has_session_ended = False
        """The portal's session was found to have ended."""

    async def visit(self) -> None:
        """Reads the order's page and starts its fetches; leaves none running if it fails.

        If more must be known about the portal to evaluate the page, the listing is kept in `OrderProgress.awaited`.

        Raises:
            AbandonedError: it was ended by a stop.
            OrderError: the order cannot be read.
        """
        order, progress, knowledge = self._order, self._progress, self._deps.knowledge
        progress.evidence = ()
        try:
            self._deps.policy.check(order.url)
            await resuming.open_work(self._run_context, progress)
            async with self._visiting() as visit:
                await self._take_cookies()
                listing = self._concluded(visit.listing)
                if listing is None or listing.page is models.PageKind.NOT_RECOGNISED:
                    await self._keep_evidence(visit)
                if self._run_context.options.save_page and (listing is None or listing.page is models.PageKind.ORDER):
                    await self._save_page(visit)
                if listing is None:
                    progress.awaited = visit.listing
                    knowledge.wait(order)
                else:
                    await self._begin(listing, visit)
            self._deps.policy.page_read(self._lease)
            if progress.listing is not None:
                self._deps.sign_ins.page_read(order.url)
                progress.sign_ins = 0
        except TimeoutError:
            await self._fetches.cancel()
            if self._deps.visits.is_ended(self._lease):
                raise AbandonedError from None
            raise self._timed_out() from None
        except errors.SessionExpiredError as error:
            await self._fetches.cancel()
            await self._raise_if_alone(error)
            raise
        except BaseException:
            # Before the order goes back: the next attempt writes to the same paths.
            await self._fetches.cancel()
            raise

    async def decide(self, awaited: models.Listing) -> None:
        """Evaluates an earlier listing again, with what is known about the portal now; opens no page.

        Raises:
            OrderError: the order cannot be read.
        """
        listing = self._concluded(awaited)
        if listing is None:
            return
        self._progress.awaited = None
        self._deps.knowledge.stop_waiting(self._order)
        if listing.page is models.PageKind.ORDER:
            await asyncio.to_thread(self._run_context.evidence.remove, self._evidence)
            self._progress.evidence = ()
        await self._take_cookies()
        try:
            await self._begin(listing, None)
        except errors.SessionExpiredError as error:
            await self._raise_if_alone(error)
            raise

    def decide_without_attachments(self) -> bool:
        """Decides as for a page without attachments, because nothing listed was an attachment.

        Returns:
            False if more must be known about the portal first.

        Raises:
            PermanentError: the page is not that of an order without attachments.
        """
        progress = self._progress
        if progress.listing is None:
            msg = f"{self._order.po_number} has no listing"
            raise RuntimeError(msg)
        bare = dataclasses.replace(progress.listing, attachments=())
        concluded = self._concluded(bare)
        if concluded is None:
            progress.awaited = bare
            self._deps.knowledge.wait(self._order)
            return False
        progress.listing = bare
        progress.dropped.clear()
        if concluded.page is not models.PageKind.ORDER:
            progress.listing = None
            raise self._refusal(concluded)
        return True

    async def press_rest(self) -> None:
        """Reopens the order and clicks for files whose addresses all led to pages.

        Raises:
            OrderError: it cannot be reopened.
        """
        progress = self._progress
        rest = dict(progress.unpressed)
        if not rest:
            return
        shown = {found.id: found for found in progress.wanted()}
        timeout = self._run_context.options.order_timeout
        try:
            async with asyncio.timeout(timeout), self._tools.lane.visit(self._order) as visit:
                for attachment_id, click in rest.items():
                    await self._press(visit, shown[attachment_id], click)
        except TimeoutError:
            msg = f"the order's page could not be opened again within {timeout:.0f} s"
            raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from None
        await self._fetches.done()

    async def check_session(self) -> None:
        """If only one file asks for a sign-in and the session is valid, makes that the file's failure."""
        failed = self._progress.failed
        asked = {name: error for name, error in failed.items() if isinstance(error, errors.SessionExpiredError)}
        if asked and await self._is_session_valid(opened=True):
            for name, error in asked.items():
                msg = f"only this file asks for a sign-in ({error}): sign in as a user who may download it"
                failed[name] = errors.PermanentError(msg, models.ErrorCode.FORBIDDEN).after(error)

    def announce(self, step: events.Step, attachments: int = 0) -> None:
        """Emits an event for a step of the order."""
        order, lease = self._order, self._lease
        self._run_context.hub.emit(
            events.OrderStep(lease.worker, order.key, order.po_number, step, lease.attempt, attachments)
        )

    @contextlib.asynccontextmanager
    async def _visiting(self) -> AsyncIterator[lanes.Visit]:
        """Opens the order's page for the block, with a timeout; a stop ends it if the portal does not answer."""
        async with asyncio.timeout(self._run_context.options.order_timeout) as limit:
            with self._deps.visits.under_way(self._lease, limit):
                async with self._tools.lane.visit(
                    self._order, lambda visit, error: self._ended(visit, error, limit)
                ) as visit:
                    yield visit

    # --- evidence ---------------------------------------------------------------------------------------------------

    async def _ended(self, visit: lanes.Visit, error: BaseException, limit: asyncio.Timeout) -> None:
        """Keeps evidence of the page on which an order fails, while that page is open."""
        has_timed_out = limit.expired() and not self._deps.visits.is_ended(self._lease)
        if has_timed_out and isinstance(error, asyncio.CancelledError):
            error = self._timed_out()
        if isinstance(error, errors.OrderError) and not self._progress.evidence:
            if not limit.expired():
                limit.reschedule(None)  # the order's own error must not become a timeout
            await self._keep_if_final(visit, error)

    async def _keep_if_final(self, visit: lanes.Visit, error: errors.OrderError) -> None:
        """Keeps evidence of the page, unless the order is tried again and may then succeed."""
        if isinstance(error, _NO_EVIDENCE) or isinstance(self._deps.policy.decide(error, self._lease), retry.Retry):
            return
        await self._keep_evidence(visit)

    async def _keep_evidence(self, visit: lanes.Visit) -> None:
        await order_evidence.keep_page(self._run_context, self._progress, self._tools.lane, visit)

    def _timed_out(self) -> errors.TransientError:
        msg = f"the order's page was not read within {self._run_context.options.order_timeout:.0f} s"
        return errors.TransientError(msg, models.ErrorCode.TIMEOUT)

    async def _take_cookies(self) -> None:
        """Copies the browser's current cookies to the HTTP client."""
        cookies = await self._tools.lane.cookies()
        known_secrets.remember_cookies(cookies)
        self._tools.session.set_cookies(cookies)

    async def _begin(self, listing: models.Listing, visit: lanes.Visit | None) -> None:
        """Takes over a listing and starts a fetch per open attachment; clicks need the page until the download starts.

        Args:
            listing: of the order's page.
            visit: the open page; None if the listing was read before and has only links.
        """
        progress, fetcher = self._progress, self._tools.fetcher
        self._take_in(listing)
        fetcher.records.skip_unwanted(progress)
        if visit is not None and (why := progress.why_incomplete()):
            await self._keep_if_final(visit, errors.TransientError(why, models.ErrorCode.LIST_INCOMPLETE))
        self.announce("fetching", len(progress.wanted()))
        page = progress.failed.get(models.PAGE_COPY)  # the page was printed just before
        progress.failed = {} if page is None else {models.PAGE_COPY: page}
        for attachment in progress.open():
            if isinstance(attachment.source, models.Link):
                self._fetches.add(fetcher.link(progress, attachment, attachment.source))
        for attachment in progress.open():
            if not isinstance(attachment.source, models.Click) or visit is None:
                continue
            if attachment.id in progress.kept:  # only a click would show whether it has changed
                progress.keep(attachment.id)
                continue
            await self._press(visit, attachment, attachment.source)

    async def _save_page(self, visit: lanes.Visit) -> None:
        """Prints the page before anything on it is pressed; once, unless the order is visited again on request."""
        if models.PAGE_COPY not in self._progress.saved:
            await self._tools.fetcher.print_page(self._progress, visit)

    async def _press(self, visit: lanes.Visit, attachment: models.Attachment, click: models.Click) -> None:
        """Clicks for one file and starts its fetch; an error becomes the file's failure."""
        progress, fetcher = self._progress, self._tools.fetcher
        try:
            await fetcher.records.check_space(progress, attachment)
            got = await visit.capture(click)
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:
            fetcher.records.fail(progress, attachment, error)
            if not progress.evidence:
                await self._keep_if_final(visit, error)
            return
        if isinstance(got, models.Link) and progress.is_listed_at(got.url, besides=attachment.id):
            fetcher.records.drop(progress, attachment)  # the page has a link to this file, too
        elif isinstance(got, models.Link):
            self._fetches.add(fetcher.link(progress, attachment, got))
        else:
            self._fetches.add(fetcher.adopt(progress, attachment, got))

    def _take_in(self, listing: models.Listing) -> None:
        order, hub = self._order, self._run_context.hub
        brief = dataclasses.replace(listing, facts="", considered=())  # not needed by listeners
        hub.emit(events.PageRead(self._lease.worker, order.key, order.po_number, brief))
        if listing.page is models.PageKind.SIGNED_OUT:
            msg = f"{hostnames.origin_of(order.url)} asks you to sign in: {listing.why}"
            raise errors.SessionExpiredError(msg, by_data=listing.by_data)
        if listing.page is not models.PageKind.ORDER:
            self._progress.drop_page_copy()
            raise self._refusal(listing)
        self._progress.listing = listing
        self._deps.knowledge.explain(order, listing)

    def _refusal(self, listing: models.Listing) -> errors.PermanentError:
        code, message = REFUSED[listing.page]
        kept = self._progress.evidence
        evidence = f"; a screenshot is in {kept[0].rpartition('/')[0]}" if kept else ""
        return errors.PermanentError(message.format(why=listing.why, url=self._order.url, evidence=evidence), code)

    def _concluded(self, listing: models.Listing) -> models.Listing | None:
        """The listing, evaluated with what is known about the portal; None if that is not enough yet."""
        order, knowledge = self._order, self._deps.knowledge
        found = self._run_context.portal_for(order.url).conclude(
            listing,
            order,
            knowledge.memory(order.url),
            last=knowledge.is_last(order),
            is_other_order=lambda number: knowledge.is_other_order(order, number),
        )
        knowledge.learned(order.url)
        return found

    @property
    def _evidence(self) -> Path:
        return staging.evidence(self._run_context.out, self._order.po_number)

    # --- sign-in ----------------------------------------------------------------------------------------------------

    async def _raise_if_alone(self, error: errors.SessionExpiredError) -> None:
        """If the session is valid, a sign-in page at an order's address is that order's failure."""
        if error.by_data:  # another page may open without a session and prove nothing
            return
        if await self._is_session_valid(opened=False):
            msg = f"only this order asks for a sign-in ({error}): sign in as a user who may see it"
            raise errors.PermanentError(msg, models.ErrorCode.SIGN_IN_NEEDED) from error

    async def _is_session_valid(self, *, opened: bool) -> bool:
        """Checks the session on a page that opened before; False if there is none.

        Args:
            opened: whether the order's own page has just opened and may be used.
        """
        knowledge, url = self._deps.knowledge, self._order.url
        async with knowledge.sign_in_lock(url):
            proof = knowledge.proof_url(url) or (url if opened else "")
            if knowledge.is_signed_out(url):
                self.has_session_ended = True
                return False
            if not proof or (proof == url and not opened):
                return False
            is_valid = await self._tools.lane.opens(proof)
            if self._deps.sign_ins.generation(url) != self.generation:
                return False  # renewed since the attempt began: another session is valid now, and this one says nothing
            if knowledge.is_signed_out(url):  # the browser may have the new sign-in before the renewal is complete
                self.has_session_ended = True
                return False
            if not is_valid:
                self.has_session_ended = True
                knowledge.note_signed_out(url)
            return is_valid
