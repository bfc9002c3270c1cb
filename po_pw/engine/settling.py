"""The end of an order: its outcome made durable, its folder put in its final place, in that order."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models
from po_pw.engine import resuming
from po_pw.storage import publishing, staging

if TYPE_CHECKING:
    from po_pw.engine import order_job, run_context


async def settle(room: run_context.Room, job: order_job.Job, outcome: models.Outcome) -> models.Outcome:
    """Gives the outcome with its folder and files, once both are durable. After an error it may be done again.

    Args:
        room: of the run.
        job: the order's, with its work folder open.
        outcome: without folder and files.

    Raises:
        FolderHeld: something keeps the folder from its place, or a file from its name. What was saved (`job.prepared`)
            gets its place at the end of this run, or at the next start.
        FileProblem: another program removed a file that had come.
        OutputUnavailable: nothing can be written; what was fetched is in the work folder.
        OrderError: the disk does not take it otherwise.
    """
    earlier, parent = job.earlier, staging.parent(outcome.supplier, room.name_bytes)
    unchanged = job.is_unchanged(outcome.status, outcome.missing, parent)
    if earlier is not None and unchanged and (room.out / earlier.folder).is_dir():
        outcome = dataclasses.replace(outcome, files=earlier.files, folder=earlier.folder)
        await room.journal.commit(room.run, outcome)
        await asyncio.to_thread(job.work.discard)
        return outcome
    return await _publish(room, job, outcome, parent)


async def _publish(room: run_context.Room, job: order_job.Job, outcome: models.Outcome, parent: str) -> models.Outcome:
    """The order of things: all is synced, the outcome is saved, the folder is renamed, the outcome is published."""
    prepared = job.prepared
    if prepared is None:
        order = job.order
        stem = await room.journal.claim_folder(order.key, parent, staging.stem(order, room.name_bytes))
        await asyncio.to_thread(resuming.bring_in, job)
        prepared = await asyncio.to_thread(
            staging.prepare,
            room.out,
            job.work,
            order=order,
            supplier=outcome.supplier,
            stem=stem,
            status=outcome.status,
            files=job.files(),
            missing=outcome.missing,
            max_path=room.options.max_path,
            now=outcome.timing.ended_at,
            earlier=job.earlier.folder if job.earlier else "",
            rules=outcome.rules,
            longest=room.name_bytes,
        )
        job.named(prepared.files)
        whole = dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)
        await room.journal.save(room.run, whole, work=prepared.work, replaces=prepared.replaces)
        job.prepared = prepared
    there = await asyncio.to_thread(publishing.publish, room.out, prepared.work, prepared.folder, prepared.replaces)
    if not there:
        msg = f"another program removed {room.out / prepared.work} before it could become {prepared.folder}"
        raise errors.FileProblem(msg)
    job.published(room.out / prepared.folder, prepared.files)
    await asyncio.to_thread(staging.check_there, room.out / prepared.folder, prepared.files, room.out)
    await room.journal.publish(room.run, job.order.key)
    return dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)


def without_folder(outcome: models.Outcome, failure: models.Failure) -> models.Outcome:
    """The outcome of an order whose folder the disk did not take."""
    return dataclasses.replace(outcome, status=models.Status.FAILED, files=(), folder="", error=failure, changes=None)


def held(outcome: models.Outcome, error: errors.OrderError) -> models.Outcome:
    """The outcome of an order that is fetched, while something keeps its folder from its place."""
    said = f"all that could be fetched of {outcome.po_number} is fetched, but {error}"
    return without_folder(outcome, models.Failure(error.code, said))
