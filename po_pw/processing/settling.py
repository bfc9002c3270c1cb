"""Settles an order, as the last step: saves its outcome, then gives its folder the final name."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import time
from typing import TYPE_CHECKING

from po_pw import errors, events, models, redact
from po_pw.dispatch import order_queue
from po_pw.journal import facts
from po_pw.machine import clocks
from po_pw.portals.generic import recognition
from po_pw.processing import order_evidence, order_progress, resuming
from po_pw.storage import publishing, staging

if TYPE_CHECKING:
    from po_pw.processing import order_reading
    from po_pw.processing.run_context import RunContext
    from po_pw.processing.worker_deps import WorkerDeps


async def settle(
    run_context: RunContext, progress: order_progress.OrderProgress, outcome: models.Outcome
) -> models.Outcome:
    """Returns the outcome with folder and files, once both are durable. Can be repeated after an error.

    Args:
        run_context: of the run.
        progress: the order's, with its work folder open.
        outcome: without folder and files.

    Raises:
        FolderInUseError: the folder or a file cannot be renamed. If already saved (`progress.prepared`), it is
            published at the end of this run or at the next start.
        FileProblemError: another program removed a downloaded file.
        OutputUnavailableError: nothing can be written; fetched files are in the work folder.
        OrderError: another disk error.
    """
    earlier = progress.earlier
    parent = staging.parent(staging.levels_of(progress.order, outcome.supplier), run_context.name_bytes)
    stem = staging.stem(progress.order, run_context.name_bytes, supplier=outcome.supplier)
    unchanged = progress.is_unchanged(outcome.status, outcome.missing, parent, stem)
    if earlier is not None and unchanged and (run_context.out / earlier.folder).is_dir():
        outcome = dataclasses.replace(outcome, files=earlier.files, folder=earlier.folder)
        await run_context.journal.commit(run_context.run, outcome)
        await asyncio.to_thread(progress.work.discard)
        return outcome
    return await _publish(run_context, progress, outcome, parent, stem)


async def _publish(
    run_context: RunContext, progress: order_progress.OrderProgress, outcome: models.Outcome, parent: str, wanted: str
) -> models.Outcome:
    """In this order: sync all files, save the outcome, rename the folder, mark the outcome as published."""
    prepared = progress.prepared
    if prepared is None:
        order = progress.order
        stem = await run_context.journal.claim_folder(order.key, parent, wanted)
        await asyncio.to_thread(resuming.link_kept, progress)
        prepared = await asyncio.to_thread(
            staging.prepare,
            run_context.out,
            progress.work,
            order=order,
            supplier=outcome.supplier,
            stem=stem,
            status=outcome.status,
            files=progress.files(),
            missing=outcome.missing,
            max_path=run_context.options.max_path,
            now=outcome.timing.ended_at,
            earlier=progress.earlier.folder if progress.earlier else "",
            rules=outcome.rules,
            max_bytes=run_context.name_bytes,
        )
        progress.named(prepared.files)
        whole = dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)
        await run_context.journal.save(run_context.run, whole, work=prepared.work, replaces=prepared.replaces)
        progress.prepared = prepared
    there = await asyncio.to_thread(
        publishing.publish, run_context.out, prepared.work, prepared.folder, prepared.replaces
    )
    if not there:
        msg = f"another program removed {run_context.out / prepared.work} before it could become {prepared.folder}"
        raise errors.FileProblemError(msg)
    progress.published(run_context.out / prepared.folder, prepared.files)
    await asyncio.to_thread(staging.check_present, run_context.out / prepared.folder, prepared.files, run_context.out)
    await run_context.journal.publish(run_context.run, progress.order.key)
    return dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)


def without_folder(outcome: models.Outcome, failure: models.Failure) -> models.Outcome:
    """The outcome of an order whose folder cannot be written."""
    return dataclasses.replace(outcome, status=models.Status.FAILED, files=(), folder="", error=failure, changes=None)


def unpublished_outcome(outcome: models.Outcome, error: errors.OrderError) -> models.Outcome:
    """The outcome of a fetched order whose folder cannot be published yet."""
    said = f"{outcome.po_number} is downloaded, but its folder could not be moved to its place: {error}"
    return without_folder(outcome, models.Failure(error.code, said))


class Settling:
    """Ends one order's attempt: saves the outcome, publishes the folder, then reports it.

    Args:
        deps: shared by the workers.
        tools: of the worker.
        lease: the order.
        progress: of the order.
        started: when the attempt began, by the monotonic clock.
    """

    def __init__(
        self,
        deps: WorkerDeps,
        tools: order_reading.Tools,
        lease: models.Lease,
        progress: order_progress.OrderProgress,
        started: float,
    ) -> None:
        self._deps = deps
        self._run_context = deps.run_context
        self._lane = tools.lane.name
        self._lease = lease
        self._progress = progress
        self._started = started

    async def settle(self, error: errors.OrderError | None) -> None:
        """Settles the order. Can be repeated after an error: the progress records what is done.

        Args:
            error: why the page was not read completely, or None.

        Raises:
            FileProblemError: another program removed saved files.
            OutputUnavailableError: nothing can be written at present.
            OrderError: another disk error.
        """
        run_context, progress, order = self._run_context, self._progress, self._lease.order
        if progress.prepared is None:
            await resuming.open_work(run_context, progress)
        run_context.hub.emit(
            events.OrderStep(self._lease.worker, order.key, order.po_number, "finishing", self._lease.attempt, 0)
        )
        if progress.prepared is None:
            is_there = await asyncio.to_thread(progress.check_files, run_context.out)
            if not is_there and progress.ending is not None:
                msg = f"another program removed files of {order.po_number} after they were saved"
                raise errors.FileProblemError(msg)
        if progress.ending is None:
            progress.keep_remaining()
            if not order_progress.status_of(progress, error)[0].succeeded:
                await order_evidence.complete(run_context, progress)
            progress.ending = self._outcome(error)
        outcome = await settle(run_context, progress, progress.ending)
        if not outcome.evidence:  # what is there is of an earlier attempt or run
            await asyncio.to_thread(run_context.evidence.remove, staging.evidence(run_context.out, order.po_number))
        await self._settled()
        run_context.hub.emit(events.OrderSettled(outcome))
        run_context.on_settled(outcome)

    async def settle_without_folder(self, error: errors.OrderError) -> None:
        """Settles an order whose folder could not be published, and reports it.

        If it is saved in the journal, it is published at the end of this run or at the next start. Otherwise the work
        folder is kept for the next run to resume.
        """
        run_context = self._run_context
        ending = self._progress.ending or self._outcome(error)
        if self._progress.prepared is not None:
            outcome = unpublished_outcome(ending, error)
            run_context.hub.emit(events.Notice("warning", outcome.error.message if outcome.error else str(error)))
            await self._settled()
            run_context.on_unpublished(outcome)
            return
        outcome = without_folder(ending, error.failure())
        await run_context.journal.commit(run_context.run, outcome)
        await self._settled()
        run_context.hub.emit(events.OrderSettled(outcome))
        run_context.on_settled(outcome)

    def note_attempt(self, failure: models.Failure | None, *, counts: bool) -> None:
        """Records the end of an attempt in the journal.

        Args:
            failure: of the attempt, or of the settled order.
            counts: whether it counts as an attempt.
        """
        seconds = time.monotonic() - self._started
        self._progress.seconds += seconds
        ended_at = clocks.now()
        started_at = ended_at - datetime.timedelta(seconds=seconds)
        self._run_context.journal.note(
            self._run_context.run, facts.Attempted(self._lease, started_at, ended_at, failure, counts)
        )

    async def _settled(self) -> None:
        self._progress.is_settled = True
        await order_evidence.discard_trace(self._run_context, self._progress)
        await self._deps.source.release(self._lease, order_queue.Settled())
        self._deps.progress.pop(self._lease.order.key, None)
        self._deps.space.report_success()

    def _outcome(self, error: errors.OrderError | None) -> models.Outcome:
        """The order's outcome, without folder and files."""
        run_context, order, progress = self._run_context, self._lease.order, self._progress
        progress.keep_remaining()
        status, failure = order_progress.status_of(progress, error)
        self.note_attempt(failure, counts=True)
        return models.Outcome(
            key=order.key,
            po_number=order.po_number,
            status=status,
            files=(),
            missing=tuple(progress.missing()),
            error=failure,
            attempts=self._lease.attempt,
            timing=models.Timing(progress.started_at, clocks.now(), progress.seconds),
            worker=self._lease.worker,
            read_by=self._lane,
            folder="",
            supplier=order.supplier or (progress.listing.supplier if progress.listing else ""),
            source_url=redact.address(order.url),
            found=len(progress.wanted()),
            changes=progress.changes() if run_context.resume is not None and run_context.resume.refresh else None,
            rules=recognition.RULES_VERSION,
            earlier=run_context.earlier.get(order.key, models.Earlier.NEW),
            evidence=() if status.succeeded else progress.evidence,
        )
