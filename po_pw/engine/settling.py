"""The end of an order: its outcome made durable, its folder put in its final place, in that order."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.engine import resuming
from po_pw.storage import publishing, staging

if TYPE_CHECKING:
    from po_pw.engine import order_job
    from po_pw.engine.run_context import RunContext


async def settle(run_context: RunContext, job: order_job.Job, outcome: models.Outcome) -> models.Outcome:
    """Gives the outcome with its folder and files, once both are durable. After an error it may be done again.

    Args:
        run_context: of the run.
        job: the order's, with its work folder open.
        outcome: without folder and files.

    Raises:
        FolderHeldError: something keeps the folder from its place, or a file from its name. What was saved
            (`job.prepared`) gets its place at the end of this run, or at the next start.
        FileProblemError: another program removed a file that had come.
        OutputUnavailableError: nothing can be written; what was fetched is in the work folder.
        OrderError: the disk does not take it otherwise.
    """
    earlier = job.earlier
    parent = staging.parent(job.order.levels or (outcome.supplier,), run_context.name_bytes)
    unchanged = job.is_unchanged(outcome.status, outcome.missing, parent)
    if earlier is not None and unchanged and (run_context.out / earlier.folder).is_dir():
        outcome = dataclasses.replace(outcome, files=earlier.files, folder=earlier.folder)
        await run_context.journal.commit(run_context.run, outcome)
        await asyncio.to_thread(job.work.discard)
        return outcome
    return await _publish(run_context, job, outcome, parent)


async def _publish(run_context: RunContext, job: order_job.Job, outcome: models.Outcome, parent: str) -> models.Outcome:
    """The order of things: all is synced, the outcome is saved, the folder is renamed, the outcome is published."""
    prepared = job.prepared
    if prepared is None:
        order = job.order
        stem = await run_context.journal.claim_folder(order.key, parent, staging.stem(order, run_context.name_bytes))
        await asyncio.to_thread(resuming.link_kept, job)
        prepared = await asyncio.to_thread(
            staging.prepare,
            run_context.out,
            job.work,
            order=order,
            supplier=outcome.supplier,
            stem=stem,
            status=outcome.status,
            files=job.files(),
            missing=outcome.missing,
            max_path=run_context.options.max_path,
            now=outcome.timing.ended_at,
            earlier=job.earlier.folder if job.earlier else "",
            rules=outcome.rules,
            longest=run_context.name_bytes,
        )
        job.named(prepared.files)
        whole = dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)
        await run_context.journal.save(run_context.run, whole, work=prepared.work, replaces=prepared.replaces)
        job.prepared = prepared
    there = await asyncio.to_thread(
        publishing.publish, run_context.out, prepared.work, prepared.folder, prepared.replaces
    )
    if not there:
        msg = f"another program removed {run_context.out / prepared.work} before it could become {prepared.folder}"
        raise errors.FileProblemError(msg)
    job.published(run_context.out / prepared.folder, prepared.files)
    await asyncio.to_thread(staging.check_there, run_context.out / prepared.folder, prepared.files, run_context.out)
    await run_context.journal.publish(run_context.run, job.order.key)
    return dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)


def without_folder(outcome: models.Outcome, failure: models.Failure) -> models.Outcome:
    """The outcome of an order whose folder the disk did not take."""
    return dataclasses.replace(outcome, status=models.Status.FAILED, files=(), folder="", error=failure, changes=None)


def held(outcome: models.Outcome, error: errors.OrderError) -> models.Outcome:
    """The outcome of an order that is fetched, while something keeps its folder from its place."""
    said = f"all that could be fetched of {outcome.po_number} is fetched, but {error}"
    return without_folder(outcome, models.Failure(error.code, said))
