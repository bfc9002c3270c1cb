"""The end of an order: its outcome made durable, its folder put in its final place, in that order."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, events, models
from po_pw.downloads import folders, publishing
from po_pw.engine import carrying

if TYPE_CHECKING:
    from po_pw.engine import jobs, rooms


async def settle(room: rooms.Room, job: jobs.Job, outcome: models.Outcome) -> models.Outcome:
    """Gives the outcome with its folder and files, once both are durable.

    Without a folder where something keeps it from its place: the end of this run, or the next start, puts it there.

    Args:
        room: of the run.
        job: the order's, with its work folder open.
        outcome: without folder and files.

    Raises:
        EnvironmentProblem: the disk is in the way; what was fetched is in the work folder.
        OutOfSpace: likewise, because it is full.
    """
    earlier, parent = job.earlier, folders.parent(outcome.supplier)
    unchanged = job.is_unchanged(outcome.status, outcome.missing, parent)
    if earlier is not None and unchanged and (room.out / earlier.folder).is_dir():
        outcome = dataclasses.replace(outcome, files=earlier.files, folder=earlier.folder)
        await room.journal.commit(room.run, outcome)
        await asyncio.to_thread(job.work.discard)
        return outcome
    return await _publish(room, job, outcome, parent)


async def _publish(room: rooms.Room, job: jobs.Job, outcome: models.Outcome, parent: str) -> models.Outcome:
    """The order of things: all is synced, the outcome is saved, the folder is renamed, the outcome is published."""
    order = job.order
    stem = await room.journal.claim_folder(order.key, parent, folders.stem(order))
    await asyncio.to_thread(carrying.bring_in, job)
    prepared = await asyncio.to_thread(
        folders.prepare, room.out, job.work, order=order, supplier=outcome.supplier, stem=stem, status=outcome.status,
        files=job.files(), missing=outcome.missing, max_path=room.options.max_path, now=outcome.timing.ended_at,
        earlier=job.earlier.folder if job.earlier else "", rules=outcome.rules,
    )  # fmt: skip
    job.named(prepared.files)
    whole = dataclasses.replace(outcome, folder=prepared.folder, files=prepared.files)
    await room.journal.save(room.run, whole, work=prepared.work, replaces=prepared.replaces)
    try:
        await asyncio.to_thread(publishing.publish, room.out, prepared.work, prepared.folder, prepared.replaces)
    except errors.FolderHeld as error:
        room.hub.emit(events.Notice("warning", f"{order.po_number} is fetched, but {error}"))
        return outcome
    await room.journal.publish(room.run, order.key)
    return whole
