"""Writes the report of an output directory's latest run again, from journal or manifests; also after a crash."""

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
        hub: receives events about the journal, if it is damaged or missing.
        saved: the folders of the portals, with what was learned about each.
        commands: makes the commands to run next, from the words of the run's own command.

    Raises:
        InputError: not an output directory of po-pw, or nothing was processed there.
        MachineError: po-pw is running there, the journal cannot be read, or the report cannot be written.
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
    if run is None:  # the journal was lost, so there are only orders restored from the manifests
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
