"""Writes the report of an output directory's latest run again, from its journal and manifests; also after a crash."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors, models, version
from po_pw.journal import lock
from po_pw.maintenance import rebuild_journal, status
from po_pw.portals import memory
from po_pw.report import writer
from po_pw.results import plausibility

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from po_pw import events, sessions
    from po_pw.journal import store
    from po_pw.results import summary


async def rebuild(
    out: Path,
    hub: events.Hub,
    saved: sessions.Sessions,
    commands: Callable[[tuple[str, ...]], summary.Commands],
) -> writer.Written:
    """Writes the report again.

    Args:
        out: the output directory, absolute.
        hub: told of what is done to the journal first, if it is damaged or lost.
        saved: what is known of the portals: which orders need have no attachments.
        commands: makes the commands that go on from the words of the run's own.

    Raises:
        InputError: not an output directory of po-pw, or nothing was processed there.
        MachineError: a po-pw is working there, or the journal or the report cannot be read or written.
    """
    path = status.journal_of(out)
    with lock.locked(path.parent):
        async with rebuild_journal.open_journal(path, out, hub) as journal:
            return await asyncio.to_thread(_write, out, journal, saved, commands)


def _write(
    out: Path,
    journal: store.Journal,
    saved: sessions.Sessions,
    commands: Callable[[tuple[str, ...]], summary.Commands],
) -> writer.Written:
    run = journal.latest()
    if run is None:  # the journal was lost: what the manifests tell is all there is
        others = list(journal.others(models.RunId("")))
        if not others:
            msg = f"{out} has nothing to report: no order was processed there."
            raise errors.InputError(msg)
        past = journal.history(others[0].run)
        past = dataclasses.replace(past, plan=dataclasses.replace(past.plan, columns=()))
        return writer.write(
            out,
            others[0].run,
            past,
            (dataclasses.replace(other.row, cells=()) for other in others),
            version=version.__version__,
        )
    found, past = plausibility.Plausibility(), journal.history(run)
    for row in journal.rows(run):
        if row.outcome is not None and row.duplicate_of is None and not row.is_skipped:
            found.add(row.outcome)
    return writer.write(
        out,
        run,
        past,
        journal.rows(run),
        version=version.__version__,
        others=sum(1 for _ in journal.others(run)),
        warnings=found.findings(lambda origin: memory.load(saved.folder(origin) / memory.FILE).accepted_without_area),
        commands=commands(past.plan.command),
    )
