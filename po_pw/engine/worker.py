"""A worker: owns one context, takes leases, reads orders, and hands their files over to be fetched meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, hostnames, models, redact
from po_pw.dispatch import order_queue, retry
from po_pw.engine import async_tools, fetching, limiter, order_job, resuming, settling
from po_pw.journal import facts
from po_pw.lanes import browser as browser_lane
from po_pw.machine import clocks
from po_pw.portals.generic import judging, recognition, vocabulary
from po_pw.storage import filesystem, staging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from po_pw.browser import contexts
    from po_pw.engine.run_context import WorkerDeps
    from po_pw.lanes import base as lanes
    from po_pw.transport import client

_log = logging.getLogger(__name__)

REPLACEMENTS: Final = 5
"""How many contexts in a row a worker may lose without settling an order, before it gives up."""

_REFUSED: Final = {
    models.PageKind.NOT_FOUND: (models.ErrorCode.NOT_FOUND, "the portal has no such order: check po_number and url"),
    models.PageKind.FORBIDDEN: (
        models.ErrorCode.FORBIDDEN,
        "the signed-in user may not see this order: ask the portal's administrator, or sign in as another user",
    ),
    models.PageKind.CHALLENGE: (
        models.ErrorCode.CHALLENGE,
        "the portal asks to prove that a person is there: open it once with `po-pw login`, or use fewer workers",
    ),
    models.PageKind.ERROR: (models.ErrorCode.PORTAL_ERROR, "the portal answered with an error page"),
    models.PageKind.NOT_RECOGNISED: (
        models.ErrorCode.NOT_RECOGNISED,
        (
            "the page that came could not be recognised as this order's ({why}): check the url; what was seen is in "
            "{evidence}"
        ),
    ),
    models.PageKind.NO_AREA: (
        models.ErrorCode.NO_AREA_FOUND,
        (
            "the page has no attachments, and no order of this portal has shown yet where they would be. Look at it "
            "with: po-pw portal inspect {url} (add --accept if orders without attachments look like this)"
        ),
    ),
}


class _Abandoned(Exception):
    """The attempt was ended by a stop, and is none."""


class Worker:
    """Works until the source is drained or stopped.

    With one worker everything is strictly one after another; with more, the files of up to `orders_per_context` orders
    stream while the next is read.
    """

    def __init__(self, name: models.WorkerId, shared: WorkerDeps) -> None:
        self.name = name
        self._shared = shared
        self._run_context = shared.run_context
        options = shared.run_context.options
        self._places = limiter.Limiter(lambda: 1 if shared.alone() else options.orders_per_context)
        self._lost_in_a_row = 0

    async def run(self) -> None:
        """Opens the context, works, opens another where one is lost; ends when there is nothing more to do.

        Where no context can be opened the worker leaves: its orders go to the others, and `Shared.gave_up` is told.
        """
        shared = self._shared
        shared.source.join(self.name)
        try:
            while True:
                try:
                    context = await self._run_context.pool.open(self.name)
                except errors.OutputUnavailableError as error:  # where the browser puts what it downloads
                    shared.space.met(error)
                    await shared.space.wait()
                    if shared.source.is_over() or shared.source.is_retired(self.name):
                        return
                    continue
                except errors.MachineError as error:
                    self._run_context.hub.emit(events.ContextLost(self.name, str(error), replaced=False))
                    shared.gave_up(error)
                    return
                if await self._work(context):
                    if shared.source.is_retired(self.name):
                        await self._run_context.pool.close(self.name)  # its memory is what is wanted
                    if shared.source.is_over() or shared.source.is_retired(self.name):
                        return
                    continue  # it was called back meanwhile
                self._lost_in_a_row += 1
                replaced = self._lost_in_a_row <= REPLACEMENTS
                self._run_context.hub.emit(events.ContextLost(self.name, context.why_lost, replaced=replaced))
                await self._run_context.pool.close(self.name)
                if not replaced:
                    msg = f"the browser of worker {self.name} was lost {self._lost_in_a_row} times in a row"
                    shared.gave_up(errors.MachineError(msg))
                    return
        finally:
            shared.source.leave(self.name)

    async def _work(self, context: contexts.Context) -> bool:
        """Works with one context; True when there is nothing more to do, False when the context is lost."""
        session = self._run_context.client.session(
            context.user_agent, context.language, check=self._shared.policy.check
        )
        run_context = self._run_context
        lane = browser_lane.BrowserLane(
            context, run_context.options, run_context.portal_for, self._shared.knowledge, run_context.hub
        )
        fetcher = fetching.Fetcher(
            run_context.run,
            self.name,
            session,
            run_context.options,
            run_context.hub,
            self._shared.traffic,
            run_context.portal_for,
            lane,
            lambda key, file: run_context.journal.note(run_context.run, facts.FileSaved(key, file)),
            at_once=lambda: 1 if self._shared.alone() else run_context.options.files_per_context,
            allowed=judging.may_follow,
            is_download=vocabulary.is_download_label,
            largest=run_context.largest_file,
        )
        pages = run_context.options.pages_per_context
        under_way: set[asyncio.Task[None]] = set()
        try:
            async with asyncio.TaskGroup() as group:
                desk = _Desk(context, session, fetcher, lane, group, under_way)
                readers = [group.create_task(self._read(desk), name=f"{self.name}-page-{n}") for n in range(pages)]
                drained = await asyncio.gather(*readers)
        finally:
            await async_tools.cancel_and_wait(under_way)
            await session.aclose()
        return all(drained)

    async def _read(self, desk: _Desk) -> bool:
        """One page's loop. True: drained or stopped; False: the context is lost."""
        while True:
            await self._places.acquire()
            lease: models.Lease | None = None
            handed_over = False
            try:
                if desk.context.lost.is_set():
                    return False
                lease = await self._shared.source.lease(self.name)
                if lease is None:
                    return True
                if desk.context.lost.is_set():  # while it waited
                    await self._shared.source.release(lease, order_queue.Requeue(0.0, counts=False))
                    return False
                fetches = await self._attempt(desk, lease)
                if fetches is not None:
                    rest = desk.group.create_task(
                        self._finish(desk, lease, fetches), name=f"{self.name}-finish-{lease.order.key}"
                    )
                    rest.add_done_callback(lambda _: self._places.release())
                    handed_over = True
            finally:
                if not handed_over:
                    self._places.release()
            if desk.context.lost.is_set():
                return False

    async def _attempt(self, desk: _Desk, lease: models.Lease) -> fetching.Fetches | None:
        """Reads one order; its fetches are under way when the page is free again. None: it is dealt with already."""
        shared, order = self._shared, lease.order
        started = time.monotonic()
        job = shared.jobs.get(order.key)
        if job is None:
            claim = self._run_context.begun.get(order.key, f"{self._run_context.run}-{lease.number}")
            job = shared.jobs[order.key] = order_job.Job(order, claim, clocks.now())
        fetches = fetching.Fetches(job, started, desk.fetching)
        if not await self._may_fit(lease, job, started):
            return None
        self._run_context.journal.note(self._run_context.run, facts.Leased(lease, job.started_at))
        if job.ending is not None:
            await self._guarded(
                lease, job, started, async_tools.run_to_completion(self._settle(lease, job, None, started))
            )
            return None
        if job.awaited is not None:
            fine = await self._guarded(lease, job, started, self._decide(desk, lease, fetches, job.awaited))
        else:
            self._say(lease, "reading")
            fine = await self._guarded(lease, job, started, self._visit(desk, lease, fetches))
        if fine and job.awaited is not None:
            await self._shared.source.release(lease, order_queue.Parked())
            return None
        return fetches if fine else None

    async def _visit(self, desk: _Desk, lease: models.Lease, fetches: fetching.Fetches) -> None:
        """Reads the order's page; leaves no fetch running where that fails.

        Where more has to be known of the portal to tell what the page shows, the listing waits in the job.
        """
        order, job, knowledge = lease.order, fetches.job, self._shared.knowledge
        try:
            self._shared.policy.check(order.url)
            await self._open(job)
            async with self._visiting(desk, lease) as visit:
                cookies = await desk.context.cookies()
                redact.remember_cookies(cookies)
                desk.session.set_cookies(cookies)
                listing = self._concluded(order, visit.listing)
                if listing is None or listing.page is models.PageKind.NOT_RECOGNISED:
                    evidence, home = self._evidence(order), self._run_context.out / filesystem.INTERNAL
                    await asyncio.to_thread(filesystem.make, evidence.parent, home)
                    job.evidence = await visit.keep_evidence(evidence)
                if listing is None:
                    job.awaited = visit.listing
                    knowledge.wait(order)
                else:
                    self._take_in(job, listing)
                    self._say(lease, "fetching", len(job.wanted()))
                    await self._begin(desk, fetches, visit)
            self._shared.policy.page_read(lease)
        except TimeoutError:
            await fetches.cancel()
            if self._shared.visits.is_ended(lease):
                raise _Abandoned from None
            msg = f"the order was not read within {self._run_context.options.order_timeout:.0f} s"
            raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from None
        except errors.SessionExpiredError as error:
            await fetches.cancel()
            await self._raise_if_alone(desk, order, error)
            raise
        except BaseException:
            # Before the order goes back: whoever takes it next writes to the same places.
            await fetches.cancel()
            raise

    @contextlib.asynccontextmanager
    async def _visiting(self, desk: _Desk, lease: models.Lease) -> AsyncIterator[lanes.Visit]:
        """The order's page, while the block lasts, bounded in time; a stop ends it where nothing answers."""
        async with asyncio.timeout(self._run_context.options.order_timeout) as limit:
            with self._shared.visits.under_way(lease, limit):
                async with desk.lane.visit(lease.order) as visit:
                    yield visit

    async def _decide(
        self, desk: _Desk, lease: models.Lease, fetches: fetching.Fetches, awaited: models.Listing
    ) -> None:
        """Looks again at an order that was read before, with what is known of the portal by now; opens no page."""
        order, job = lease.order, fetches.job
        listing = self._concluded(order, awaited)
        if listing is None:
            return
        job.awaited = None
        self._shared.knowledge.decided(order)
        if listing.page is models.PageKind.ORDER:
            await asyncio.to_thread(shutil.rmtree, self._evidence(order), ignore_errors=True)
        try:
            self._take_in(job, listing)
        except errors.SessionExpiredError as error:
            await self._raise_if_alone(desk, order, error)
            raise
        self._say(lease, "fetching", len(job.wanted()))
        await self._begin(desk, fetches, None)

    async def _raise_if_alone(
        self, desk: _Desk, order: models.PurchaseOrder, error: errors.SessionExpiredError
    ) -> None:
        """Where the session holds, a sign-in that an order's page asks for is that order's failure."""
        if await self._session_holds(desk, order.url, opened=False):
            msg = f"this order alone asks for a sign-in ({error}): sign in as a user who may see it"
            raise errors.PermanentError(msg, models.ErrorCode.SIGN_IN_NEEDED) from error

    def _concluded(self, order: models.PurchaseOrder, listing: models.Listing) -> models.Listing | None:
        """The listing with what is known of the portal; None where that is not enough yet."""
        knowledge, portal = self._shared.knowledge, self._run_context.portal_for(order.url)
        known = knowledge.memory(order.url)
        found = portal.conclude(
            listing,
            order,
            known,
            last=knowledge.is_last(order),
            is_other_order=lambda number: knowledge.is_other_order(order, number),
        )
        knowledge.learned(order.url)
        return found

    def _evidence(self, order: models.PurchaseOrder) -> Path:
        return staging.evidence(self._run_context.out, order.po_number)

    async def _session_holds(self, desk: _Desk, url: str, *, opened: bool) -> bool:
        """Asks a page that opened before whether the sign-in still holds; False where there is none to ask.

        Args:
            desk: what the worker has.
            url: of the order.
            opened: its own page opened just now, and may be asked again.
        """
        knowledge = self._shared.knowledge
        async with knowledge.sign_in_lock(url):
            proof = knowledge.proof(url) or (url if opened else "")
            if knowledge.is_signed_out(url) or not proof or (proof == url and not opened):
                return False
            holds = await desk.lane.opens(proof)
            if not holds:
                knowledge.note_signed_out(url)
            return holds

    async def _open(self, job: order_job.Job) -> None:
        """Opens the work folder, and looks for what earlier runs have of the order."""
        run_context, key = self._run_context, job.order.key
        await job.open_work(run_context.out)
        await resuming.restore_progress(
            run_context.journal,
            run_context.run,
            run_context.out,
            job,
            run_context.resume,
            begun=key in run_context.begun,
        )

    async def _begin(self, desk: _Desk, fetches: fetching.Fetches, visit: lanes.Visit | None) -> None:
        """Starts a fetch for each open attachment; a press holds the page until its download has begun.

        Args:
            desk: what the worker has.
            fetches: of the attempt.
            visit: the open page; None where the listing was read before, and holds links alone.
        """
        job = fetches.job
        job.failed.clear()
        for attachment in job.open():
            if isinstance(attachment.source, models.Link):
                fetches.add(desk.fetcher.link(job, attachment, attachment.source))
        for attachment in job.open():
            if not isinstance(attachment.source, models.Click) or visit is None:
                continue
            if attachment.id in job.kept:  # only clicking would tell whether it has changed
                job.keep(attachment.id)
                continue
            await self._press(desk, fetches, visit, attachment, attachment.source)

    async def _press(
        self,
        desk: _Desk,
        fetches: fetching.Fetches,
        visit: lanes.Visit,
        attachment: models.Attachment,
        click: models.Click,
    ) -> None:
        """Presses for one file, and starts its fetch; what goes wrong is the file's failure."""
        job = fetches.job
        try:
            await desk.fetcher.check_room(job, attachment)
            got = await visit.capture(click)
        except errors.BrowserLostError:
            raise
        except errors.OrderError as error:
            desk.fetcher.fail(job, attachment, error)
            return
        if isinstance(got, models.Link) and job.is_listed_at(got.url, besides=attachment.id):
            desk.fetcher.drop(job, attachment)  # the page has a link to this file, too
        elif isinstance(got, models.Link):
            fetches.add(desk.fetcher.link(job, attachment, got))
        else:
            fetches.add(desk.fetcher.adopt(job, attachment, got))

    def _take_in(self, job: order_job.Job, listing: models.Listing) -> None:
        order = job.order
        told = dataclasses.replace(listing, facts="", considered=())  # what nobody who listens needs
        self._run_context.hub.emit(events.PageRead(self.name, order.key, order.po_number, told))
        if listing.page is models.PageKind.SIGNED_OUT:
            msg = f"{hostnames.origin_of(order.url)} asks for a sign-in: {listing.why}"
            raise errors.SessionExpiredError(msg)
        if listing.page is not models.PageKind.ORDER:
            code, message = _REFUSED[listing.page]
            evidence = f".po-pw/evidence/{self._evidence(order).name}"
            raise errors.PermanentError(message.format(why=listing.why, url=order.url, evidence=evidence), code)
        job.listing = listing
        self._shared.knowledge.explain(order, listing)
        self._run_context.journal.note(
            self._run_context.run, facts.Listed(job.order.key, listing.attachments, clocks.now())
        )

    async def _finish(self, desk: _Desk, lease: models.Lease, fetches: fetching.Fetches) -> None:
        """Waits for the files, then settles the order or puts it back."""
        await self._guarded(lease, fetches.job, fetches.started, self._conclude(desk, lease, fetches))

    async def _press_rest(self, desk: _Desk, fetches: fetching.Fetches) -> None:
        """Opens the order again for files whose addresses led to pages, and that only a press may hand out."""
        job = fetches.job
        rest = dict(job.unpressed)
        if not rest:
            return
        order, shown = job.order, {found.id: found for found in job.wanted()}
        try:
            async with asyncio.timeout(self._run_context.options.order_timeout), desk.lane.visit(order) as visit:
                for name, click in rest.items():
                    await self._press(desk, fetches, visit, shown[name], click)
        except TimeoutError:
            msg = f"the order was not opened again within {self._run_context.options.order_timeout:.0f} s"
            raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from None
        await fetches.done()

    async def _ask_session(self, desk: _Desk, job: order_job.Job) -> None:
        """A sign-in asked for by one file alone is that file's failure, as long as the session holds."""
        asked = {name: error for name, error in job.failed.items() if isinstance(error, errors.SessionExpiredError)}
        if asked and await self._session_holds(desk, job.order.url, opened=True):
            for name, error in asked.items():
                msg = f"this file alone asks for a sign-in ({error})"
                job.failed[name] = errors.PermanentError(msg, models.ErrorCode.FORBIDDEN)

    async def _conclude(self, desk: _Desk, lease: models.Lease, fetches: fetching.Fetches) -> None:
        job = fetches.job
        await fetches.done()
        await self._press_rest(desk, fetches)
        await self._ask_session(desk, job)
        self._shared.policy.files_done(lease, job)
        await asyncio.to_thread(job.look, self._run_context.out)
        self._give_up_what_does_not_fit(job)
        failed = job.failed.values()
        again = [error for error in failed if self._would_retry(error, lease)]
        whole_run = [
            error for error in failed if isinstance(error, errors.OutputUnavailableError | errors.SessionExpiredError)
        ]
        if whole_run or again:
            # What does not fit comes last: it waits by itself.
            raise min((*whole_run, *again), key=lambda error: isinstance(error, errors.DoesNotFitError))
        if self._is_bare(job):
            await self._hold_back(lease, job, fetches.started)
            return
        listing = job.listing
        incomplete = None
        if listing is not None and (why := job.why_incomplete()):
            incomplete = errors.TransientError(why, models.ErrorCode.LIST_INCOMPLETE)
            if self._would_retry(incomplete, lease):
                raise incomplete
        await async_tools.run_to_completion(self._settle(lease, job, incomplete, fetches.started))

    def _is_bare(self, job: order_job.Job) -> bool:
        """Whether all that may have been attachments turned out to be none, and nothing shows where others would be."""
        listing = job.listing
        if listing is None or listing.area is not models.AreaState.NONE or not listing.complete or job.saved:
            return False
        return bool(listing.attachments) and not job.wanted()

    async def _hold_back(self, lease: models.Lease, job: order_job.Job, started: float) -> None:
        """The order is judged as one whose page shows no attachments."""
        if job.listing is None:
            return
        bare = dataclasses.replace(job.listing, attachments=())
        concluded = self._concluded(lease.order, bare)
        if concluded is None:
            job.awaited = bare
            self._shared.knowledge.wait(lease.order)
            await self._shared.source.release(lease, order_queue.Parked())
            return
        job.listing = bare
        job.dropped.clear()
        if concluded.page is not models.PageKind.ORDER:
            job.listing = None
            code, message = _REFUSED[concluded.page]
            said = message.format(why=concluded.why, url=lease.order.url, evidence="")
            raise errors.PermanentError(said, code)
        await async_tools.run_to_completion(self._settle(lease, job, None, started))

    def _would_retry(self, error: errors.OrderError, lease: models.Lease) -> bool:
        return isinstance(self._shared.policy.decide(error, lease), retry.Again)

    async def _guarded(
        self, lease: models.Lease, job: order_job.Job, started: float, step: Coroutine[None, None, None]
    ) -> bool:
        """Takes a step. Whatever goes wrong becomes an outcome, or the order goes back; True where nothing did.

        A cancelled order goes back without counting as an attempt.
        """
        got = await self._tried(lease, job, started, step)
        if isinstance(got, errors.OrderError) and (final := await self._failed(lease, job, got, started)) is not None:
            # Settling may fail too: of the disk, or of a fault of ours. Then the outcome goes without a folder.
            got = final
            if job.ending is None:
                end = async_tools.run_to_completion(self._settle(lease, job, got, started))
                got = await self._tried(lease, job, started, end)
            if isinstance(got, errors.OrderError):
                await self._tried(
                    lease, job, started, async_tools.run_to_completion(self._settle_without(lease, job, got))
                )
            return False
        return got is True

    async def _tried(
        self, lease: models.Lease, job: order_job.Job, started: float, step: Coroutine[None, None, None]
    ) -> errors.OrderError | bool:
        """Takes a step; gives what kept the order from coming through, or whether all went well.

        Where something did not that is no matter of this order's, the order has gone back.

        Raises:
            LoginRequiredError: the portal asks for a sign-in; the order has gone back.
            MachineError: the machine is in the way; likewise.
        """
        try:
            try:
                await step
            except OSError as error:
                if isinstance(error, TimeoutError | ConnectionError):  # of the network: somebody should have said so
                    raise
                raise await asyncio.to_thread(
                    filesystem.problem, error, self._path_of(error), self._run_context.out
                ) from error
        except _Abandoned:
            await self._give_back(lease, job, started)
        except errors.DoesNotFitError as error:
            await self._set_aside(lease, job, error, started)
        except errors.OutputUnavailableError as error:
            await self._give_back(lease, job, started)
            self._shared.space.met(error)
        except errors.OrderError as error:
            return error
        except (errors.LoginRequiredError, errors.MachineError):
            await self._give_back(lease, job, started)
            raise
        except Exception as error:  # noqa: BLE001 - the worker's boundary: one order's fault must not end the run
            _log.exception("order %s met an internal error", lease.order.po_number)
            return errors.OrderError(f"internal error: {type(error).__name__}: {error}; the log has the details")
        except BaseException:
            await asyncio.shield(self._give_back(lease, job, started))
            raise
        else:
            return True
        return False

    def _path_of(self, error: OSError) -> Path:
        return Path(error.filename) if isinstance(error.filename, str) else self._run_context.out

    async def _failed(
        self, lease: models.Lease, job: order_job.Job, error: errors.OrderError, started: float
    ) -> errors.OrderError | None:
        """Decides what follows from an error; gives the one that the order is to be settled with, if it is."""
        if isinstance(error, errors.FileProblemError) and not isinstance(error, errors.FolderHeldError):
            job.go_back()
        error = self._shared.policy.failed(lease, error)
        decision = self._shared.policy.decide(error, lease)
        if isinstance(decision, retry.Never):
            return error
        if isinstance(decision, retry.SignIn):
            await self._give_back(lease, job, started, error=error)
            ticket = await self._run_context.sessions.ticket(hostnames.origin_of(lease.order.url))
            try:
                await self._run_context.sessions.renew(ticket)
            except errors.LoginRequiredError as needed:
                self._shared.sign_in_needed(needed)
            return None
        await self._give_back(lease, job, started, error=error, delay=decision.delay, counts=decision.counts)
        self._say_put_back(lease, error, decision.delay, counts=decision.counts)
        return None

    def _say_put_back(self, lease: models.Lease, error: errors.OrderError, delay: float, *, counts: bool) -> None:
        put_back = events.OrderPutBack(
            self.name, lease.order.key, lease.order.po_number, error.failure(), delay, counts
        )
        self._run_context.hub.emit(put_back)

    # --- no room for one file ---------------------------------------------------------------------------------------

    async def _may_fit(self, lease: models.Lease, job: order_job.Job, started: float) -> bool:
        """Whether there may be room now for what an order lacks; where there is not, it goes back unread."""
        if not job.needs or self._has_waited(job):
            return True
        try:
            free = (await asyncio.to_thread(self._run_context.probes.space, self._run_context.out)).free
        except OSError:  # the output is gone: whoever reads the order meets that
            return True
        if free >= min(job.needs.values()):
            return True
        await self._shared.source.release(lease, order_queue.Requeue(self._shared.space.look_again_in, counts=False))
        return False

    async def _set_aside(
        self, lease: models.Lease, job: order_job.Job, error: errors.DoesNotFitError, started: float
    ) -> None:
        """The order waits until there is room for its file; the others go on."""
        is_new = job.short_since is None
        if is_new:
            job.short_since = asyncio.get_running_loop().time()
            what = f"{lease.order.po_number} waits: {error}. Free some there; the other orders go on meanwhile"
            self._run_context.hub.emit(events.Notice("warning", what))
        delay = self._shared.space.look_again_in
        await self._give_back(lease, job, started, error=error, delay=delay)
        self._say_put_back(lease, error, delay, counts=False)

    def _has_waited(self, job: order_job.Job) -> bool:
        """Whether an order has waited for room for as long as it may."""
        since = job.short_since
        patience = self._run_context.options.disk_timeout
        return since is not None and asyncio.get_running_loop().time() - since >= patience

    def _give_up_what_does_not_fit(self, job: order_job.Job) -> None:
        """After so long that there was no room for a file is the file's own failure."""
        if not self._has_waited(job):
            return
        for name, error in job.failed.items():
            if isinstance(error, errors.DoesNotFitError):
                said = f"{error}. Free some there, and run the same command again"
                job.failed[name] = errors.PermanentError(said, models.ErrorCode.DISK_FULL)

    async def _give_back(
        self,
        lease: models.Lease,
        job: order_job.Job,
        started: float,
        *,
        error: errors.OrderError | None = None,
        delay: float = 0.0,
        counts: bool = False,
    ) -> None:
        if job.is_settled:
            return  # the end came while it was being settled, which was finished all the same
        self._note_attempt(lease, job, started, error.failure() if error else None, counts=counts)
        await self._shared.source.release(lease, order_queue.Requeue(delay, counts))

    def _note_attempt(
        self, lease: models.Lease, job: order_job.Job, started: float, failure: models.Failure | None, *, counts: bool
    ) -> None:
        seconds = time.monotonic() - started
        job.seconds += seconds
        ended_at = clocks.now()
        started_at = ended_at - datetime.timedelta(seconds=seconds)
        self._run_context.journal.note(
            self._run_context.run, facts.Attempted(lease, started_at, ended_at, failure, counts)
        )

    async def _settle(
        self, lease: models.Lease, job: order_job.Job, error: errors.OrderError | None, started: float
    ) -> None:
        """Makes the outcome durable, puts the folder in its final place, and only then says so.

        May be done again where the disk was in the way: the job says how far it has come.
        """
        run_context = self._run_context
        if job.prepared is None:
            await self._open(job)
        self._say(lease, "finishing")
        if job.prepared is None and not await asyncio.to_thread(job.look, run_context.out) and job.ending is not None:
            msg = f"another program removed files of {lease.order.po_number} after they were saved"
            raise errors.FileProblemError(msg)
        if job.ending is None:
            job.ending = self._outcome(lease, job, error, started)
        outcome = await settling.settle(run_context, job, job.ending)
        if outcome.status is not models.Status.FAILED and (seen := self._evidence(lease.order)).is_dir():
            await asyncio.to_thread(shutil.rmtree, seen, ignore_errors=True)  # of an earlier run, and mended since
        await self._settled(lease, job)
        run_context.hub.emit(events.OrderSettled(outcome))
        run_context.settled(outcome)

    async def _settle_without(self, lease: models.Lease, job: order_job.Job, error: errors.OrderError) -> None:
        """The order is over although its folder did not get its place, and that is said.

        What the journal has as saved gets it when nothing is in the way any more: at the end of this run, or at the
        next start. Of the others the work folder stays, for the next run to go on with.
        """
        run_context = self._run_context
        ending = job.ending or self._outcome(lease, job, error, time.monotonic())
        if job.prepared is not None:
            outcome = settling.held(ending, error)
            run_context.hub.emit(events.Notice("warning", outcome.error.message if outcome.error else str(error)))
            await self._settled(lease, job)
            run_context.held(outcome)
            return
        outcome = settling.without_folder(ending, error.failure())
        await run_context.journal.commit(run_context.run, outcome)
        await self._settled(lease, job)
        run_context.hub.emit(events.OrderSettled(outcome))
        run_context.settled(outcome)

    async def _settled(self, lease: models.Lease, job: order_job.Job) -> None:
        job.is_settled = True
        await self._shared.source.release(lease, order_queue.Settled())
        self._shared.jobs.pop(lease.order.key, None)
        self._shared.space.progressed()
        self._lost_in_a_row = 0

    def _outcome(
        self, lease: models.Lease, job: order_job.Job, error: errors.OrderError | None, started: float
    ) -> models.Outcome:
        """What came of an order, as yet without folder and files."""
        run_context, order = self._run_context, lease.order
        job.keep_rest()
        status, failure = order_job.judge(job, error)
        self._note_attempt(lease, job, started, failure, counts=True)
        return models.Outcome(
            key=order.key,
            po_number=order.po_number,
            status=status,
            files=(),
            missing=tuple(job.missing()),
            error=failure,
            attempts=lease.attempt,
            timing=models.Timing(job.started_at, clocks.now(), job.seconds),
            worker=self.name,
            lane=browser_lane.BrowserLane.name,
            folder="",
            supplier=order.supplier or (job.listing.supplier if job.listing else ""),
            source_url=redact.address(order.url),
            found=len(job.wanted()),
            changes=job.changes() if run_context.resume is not None and run_context.resume.refresh else None,
            rules=recognition.RULES_VERSION,
            earlier=run_context.earlier.get(order.key, models.Earlier.NEW),
        )

    def _say(self, lease: models.Lease, step: events.Step, attachments: int = 0) -> None:
        order = lease.order
        step_taken = events.OrderStep(self.name, order.key, order.po_number, step, lease.attempt, attachments)
        self._run_context.hub.emit(step_taken)


@dataclasses.dataclass(frozen=True, slots=True)
class _Desk:
    """What a worker has while one context lasts."""

    context: contexts.Context
    session: client.Session
    fetcher: fetching.Fetcher
    lane: browser_lane.BrowserLane
    group: asyncio.TaskGroup
    fetching: set[asyncio.Task[None]]
    """All fetches under way, whichever order they are for."""
