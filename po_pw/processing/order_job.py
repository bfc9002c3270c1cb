"""One attempt at one order: every leased order is settled or goes back to the queue."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models
from po_pw.dispatch import order_queue, retry
from po_pw.journal import facts
from po_pw.machine import clocks
from po_pw.processing import (
    async_tools,
    file_space,
    order_evidence,
    order_fetches,
    order_progress,
    order_reading,
    settling,
)
from po_pw.storage import disk_errors

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from po_pw.processing.worker_deps import WorkerDeps

_SIGN_INS: Final = 2
"""Sign-in requests of an order's page after which it fails, if the session's state is unknown."""
_ENDINGS: Final = 10
"""The same if the session had really ended each time."""

_log = logging.getLogger(__name__)


class OrderJob:
    """Owns an order during its lease: listing, fetches and settling.

    An error becomes the order's outcome or puts the order back; only errors that end the run are raised, after the
    order was put back.

    Args:
        deps: shared by the workers.
        tools: of the worker that has the lease.
        lease: of the order.
    """

    def __init__(self, deps: WorkerDeps, tools: order_reading.Tools, lease: models.Lease) -> None:
        self._deps = deps
        self._run_context = run_context = deps.run_context
        self._lease = lease
        order = lease.order
        progress = deps.progress.get(order.key)
        if progress is None:
            claim = run_context.begun.get(order.key, f"{run_context.run}-{lease.number}")
            progress = deps.progress[order.key] = order_progress.OrderProgress(order, claim, clocks.now())
        self._progress = progress
        self._fetches = order_fetches.OrderFetches(progress, tools.under_way)
        self._reading = order_reading.OrderReading(deps, tools, lease, progress, self._fetches)
        self._settling = settling.Settling(deps, tools, lease, progress, time.monotonic())

    @property
    def is_settled(self) -> bool:
        """Whether the order has its outcome."""
        return self._progress.is_settled

    async def read(self) -> bool:
        """Reads the order's page and starts its fetches.

        Returns:
            True if files are being fetched and `finish` must be called; False if the order is settled or back in the
                queue.

        Raises:
            LoginRequiredError: the portal asks you to sign in.
            MachineError: a problem of this machine.
        """
        progress = self._progress
        if not await self._may_fit():
            return False
        self._run_context.journal.note(self._run_context.run, facts.Leased(self._lease, progress.started_at))
        if progress.ending is not None:
            await self._guarded(async_tools.run_to_completion(self._settling.settle(None)))
            return False
        if progress.awaited is not None:
            ok = await self._guarded(self._reading.decide(progress.awaited))
        else:
            self._reading.announce("reading")
            ok = await self._guarded(self._reading.visit())
        if ok and progress.awaited is not None:
            await self._park()
            return False
        return ok

    async def _park(self) -> None:
        """Lets the order wait until more is known of its portal."""
        order = self._lease.order
        if self._progress.evidence:
            await order_evidence.keep_trace(self._run_context, self._progress)
        await order_evidence.discard_trace(self._run_context, self._progress)
        self._run_context.hub.emit(events.OrderParked(self._lease.worker, order.key, order.po_number))
        await self._deps.source.release(self._lease, order_queue.Parked())

    async def finish(self) -> None:
        """Waits for the files, then settles the order or puts it back.

        Raises:
            LoginRequiredError: the portal asks you to sign in.
            MachineError: a problem of this machine.
        """
        await self._guarded(self._conclude())

    async def _conclude(self) -> None:
        deps, progress = self._deps, self._progress
        await self._fetches.done()
        await self._reading.press_rest()
        await self._reading.check_session()
        progress.failed.update(deps.policy.files_done(self._lease, progress.file_results()))
        await asyncio.to_thread(progress.check_files, self._run_context.out)
        self._give_up_what_does_not_fit()
        failed = progress.failed.values()
        again = [error for error in failed if self._would_retry(error)]
        whole_run = [
            error for error in failed if isinstance(error, errors.OutputUnavailableError | errors.SessionExpiredError)
        ]
        if whole_run or again:
            raise retry.decisive_error((*whole_run, *again))
        if progress.has_no_attachment_and_no_area():
            if not self._reading.decide_without_attachments():
                await self._park()
                return
            await async_tools.run_to_completion(self._settling.settle(None))
            return
        incomplete = None
        if why := progress.why_incomplete():
            incomplete = errors.TransientError(why, models.ErrorCode.LIST_INCOMPLETE)
            if self._would_retry(incomplete):
                raise incomplete
        await async_tools.run_to_completion(self._settling.settle(incomplete))

    # --- errors ------------------------------------------------------------------------------------------------------

    async def _guarded(self, step: Coroutine[None, None, None]) -> bool:
        """Runs a step; returns whether it succeeded. A cancelled order goes back without counting as an attempt."""
        got = await self._tried(step)
        if isinstance(got, errors.OrderError) and (final := await self._failed(got)) is not None:
            # Settling may fail, too, by the disk or a bug. Then the outcome is saved without a folder.
            got = final
            if self._progress.ending is None:
                got = await self._tried(async_tools.run_to_completion(self._settling.settle(got)))
            if isinstance(got, errors.OrderError):
                await self._tried(async_tools.run_to_completion(self._settling.settle_without_folder(got)))
            return False
        return got is True

    async def _tried(self, step: Coroutine[None, None, None]) -> errors.OrderError | bool:
        """Runs a step; returns the order's error, True on success, or False if the order went back.

        Raises:
            LoginRequiredError: the portal asks you to sign in; the order has gone back.
            MachineError: a problem of this machine; likewise.
        """
        try:
            try:
                await step
            except OSError as error:
                if isinstance(error, TimeoutError | ConnectionError):  # a network error that a lower layer did not map
                    raise
                raise await asyncio.to_thread(
                    disk_errors.to_order_error, error, self._path_of(error), self._run_context.out
                ) from error
        except order_reading.AbandonedError:
            await self._give_back()
        except errors.DoesNotFitError as error:
            await self._set_aside(error)
        except errors.OutputUnavailableError as error:
            await self._give_back()
            self._deps.space.report_error(error)
        except errors.OrderError as error:
            return error
        except (errors.LoginRequiredError, errors.MachineError):
            await self._give_back()
            raise
        except Exception as error:  # noqa: BLE001 - the worker's boundary: one order's fault must not end the run
            _log.exception("order %s met an internal error", self._lease.order.po_number)
            return errors.OrderError(f"internal error: {type(error).__name__}: {error}; the log has the details")
        except BaseException:
            await asyncio.shield(self._give_back())
            raise
        else:
            return True
        return False

    def _path_of(self, error: OSError) -> Path:
        return Path(error.filename) if isinstance(error.filename, str) else self._run_context.out

    async def _failed(self, error: errors.OrderError) -> errors.OrderError | None:
        """Decides what follows from an error; returns the error to settle the order with, or None."""
        if isinstance(error, errors.FileProblemError) and not isinstance(error, errors.FolderInUseError):
            self._progress.reread()
        error = self._deps.policy.failed(self._lease, error)
        decision = self._deps.policy.decide(error, self._lease)
        if isinstance(decision, retry.GiveUp):
            return error
        if isinstance(decision, retry.SignIn):
            return await self._sign_in_again(error)
        await self._give_back(error=error, delay=decision.delay, counts=decision.counts)
        self._announce_retry(error, decision.delay, counts=decision.counts)
        return None

    async def _sign_in_again(self, error: errors.OrderError) -> errors.OrderError | None:
        """Makes the order wait for a new sign-in, unless only this order keeps asking: then returns the error."""
        deps, url = self._deps, self._lease.order.url
        if self._reading.generation == deps.sign_ins.generation(url):
            self._progress.sign_ins += 1
            if self._progress.sign_ins > (_ENDINGS if self._reading.has_session_ended else _SIGN_INS):
                msg = f"the order asked for a sign-in {self._progress.sign_ins} times ({error})"
                return errors.PermanentError(msg, models.ErrorCode.SIGN_IN_NEEDED)
            deps.sign_ins.expired(url, self._reading.generation)
        await self._give_back(error=error)
        self._announce_retry(error, 0.0, counts=False)
        return None

    def _would_retry(self, error: errors.OrderError) -> bool:
        return isinstance(self._deps.policy.decide(error, self._lease), retry.Retry)

    async def _give_back(
        self, *, error: errors.OrderError | None = None, delay: float = 0.0, counts: bool = False
    ) -> None:
        if self._progress.is_settled:
            return  # cancelled during settling, which was completed anyway
        self._settling.note_attempt(error.failure() if error else None, counts=counts)
        await order_evidence.discard_trace(self._run_context, self._progress)
        await self._deps.source.release(self._lease, order_queue.Requeue(delay, counts))

    def _announce_retry(self, error: errors.OrderError, delay: float, *, counts: bool) -> None:
        order, worker = self._lease.order, self._lease.worker
        retried = events.OrderPutBack(worker, order.key, order.po_number, error.failure(), delay, counts)
        self._run_context.hub.emit(retried)

    # --- no space for one file --------------------------------------------------------------------------------------

    async def _may_fit(self) -> bool:
        """Whether the disk may have space now for the missing files; if not, the order goes back unread."""
        progress = self._progress
        if not progress.needs or self._has_waited_for_space():
            return True
        if await asyncio.to_thread(file_space.has_space, progress.needs.values()):
            return True
        later = order_queue.Requeue(self._deps.space.retry_delay, counts=False)
        await self._deps.source.release(self._lease, later)
        return False

    async def _set_aside(self, error: errors.DoesNotFitError) -> None:
        """Makes the order wait until there is space for its file; the others continue."""
        if self._progress.short_since is None:
            self._progress.short_since = asyncio.get_running_loop().time()
            po_number = self._lease.order.po_number
            what = f"{po_number} waits: {error}. Free some space there; the other orders continue"
            self._run_context.hub.emit(events.Notice("warning", what))
        delay = self._deps.space.retry_delay
        await self._give_back(error=error, delay=delay)
        self._announce_retry(error, delay, counts=False)

    def _has_waited_for_space(self) -> bool:
        """Whether the order's maximum wait for disk space is over."""
        since = self._progress.short_since
        patience = self._run_context.options.disk_timeout
        return since is not None and asyncio.get_running_loop().time() - since >= patience

    def _give_up_what_does_not_fit(self) -> None:
        """Records files that did not fit for too long as failed."""
        if not self._has_waited_for_space():
            return
        for name, error in self._progress.failed.items():
            if isinstance(error, errors.DoesNotFitError):
                said = f"{error}. Free some space there, then run the same command again"
                self._progress.failed[name] = errors.PermanentError(said, models.ErrorCode.DISK_FULL)
