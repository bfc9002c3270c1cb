"""Collects the results of a run and writes them: tables, report, the user's own list, warnings."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import TYPE_CHECKING

from po_pw import errors, events, models, version
from po_pw.orders import read
from po_pw.portals import memory
from po_pw.report import writer as report_writer
from po_pw.results import counts, plausibility, summary, tables, write_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from po_pw import settings
    from po_pw.engine import run_resources


class RunResults:
    """Listens to a run's events and writes its results.

    Args:
        resources: of the run.
        hub: receives warnings.

    Attributes:
        times: when the parts of the run began and ended.
        unpublished: outcomes of fetched orders whose folder could not be published yet.
    """

    def __init__(self, resources: run_resources.RunResources, hub: events.Hub) -> None:
        self._resources = resources
        self._hub = hub
        self.times = Times()
        self.unpublished: dict[models.OrderKey, models.Outcome] = {}
        self._unfinished: dict[models.OrderKey, dict[str, models.SavedFile]] = {}
        """Files that this run downloaded for orders without an outcome, by attachment id."""
        self._plausibility = plausibility.Plausibility()
        self._looks_wrong: tuple[str, ...] = ()

    def begin(
        self, plan: models.Plan, source: Path | None, into: write_back.WriteBack | None, commands: summary.Commands
    ) -> None:
        """Starts a new call, without the results of the one before.

        Args:
            plan: of the run.
            source: the input's file, which the results never replace; None if there is none.
            into: the list that gets the results; None: no list does.
            commands: the commands to run next with this output folder, for the results.
        """
        self._plan, self._source, self._into, self._commands = plan, source, into, commands
        self.times, self.unpublished, self._unfinished = Times(), {}, {}
        self._plausibility, self._looks_wrong = plausibility.Plausibility(), ()

    def listen(self, event: events.Event) -> None:
        """Handles an event of the run."""
        if isinstance(event, events.FileSaved):
            self._unfinished.setdefault(event.key, {})[event.file.attachment_id] = event.file
        elif isinstance(event, events.OrderSettled):
            self._unfinished.pop(event.outcome.key, None)
            self.add(event.outcome)

    def add(self, outcome: models.Outcome) -> None:
        """Includes an outcome in the check whether the results as a whole are plausible."""
        self._plausibility.add(outcome)

    def warn_if_implausible(self) -> None:
        """Warns if the results as a whole look wrong."""
        self._looks_wrong = self._plausibility.findings(self._may_lack_attachments)
        for text in self._looks_wrong:
            self._hub.emit(events.Notice("warning", text))

    def _may_lack_attachments(self, origin: str) -> bool:
        """Whether the user confirmed that orders of this portal may have no attachments."""
        return memory.load(self._resources.sessions.folder(origin) / memory.FILE).accepted_without_area

    def rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """The journal's rows of a run, with orders whose folder could not be published, in row order."""
        for row in self._resources.journal.rows(run):
            outcome = self.unpublished.get(models.order_key(row.po_number)) if row.outcome is None else None
            if outcome is None or row.error is not None:
                yield row
            elif row.status is models.Status.DUPLICATE:
                yield dataclasses.replace(row, outcome=outcome)
            else:
                yield dataclasses.replace(row, status=outcome.status, outcome=outcome, error=outcome.error)

    async def write(self, run: models.RunId, *, stops: int, interrupted: bool, left_out: int) -> counts.Totals:
        """Writes the tables, the report and, if asked for, the user's list; emits their notes as warnings.

        Args:
            run: whose results.
            stops: number of requests to stop so far: one more ends the writing.
            interrupted: whether orders may be left.
            left_out: number of orders that the run was told to leave out.

        Raises:
            MachineError: they cannot be written.
            StoppedError: stopped meanwhile; then earlier files are unchanged.
        """
        resources = self._resources
        about = tables.About(
            run=run,
            plan=self._plan,
            browser=resources.pool.browser,
            seconds=self.times.seconds(),
            work_seconds=self.times.work_seconds(),
            interrupted=interrupted,
            version=version.__version__,
            warnings=self._looks_wrong,
            left_out=left_out,
            commands=self._commands,
            source=self._source,
            unfinished=counts.Amount.of(file for files in self._unfinished.values() for file in files.values()),
        )
        count = resources.journal.counts(run).rows
        with resources.long_work.stage("Writing the results", "row", count, in_spite_of=stops) as stage:
            written = await asyncio.to_thread(
                tables.write_all,
                resources.out,
                about,
                lambda: stage.counted(self.rows(run)),
                lambda: resources.journal.others(run),
            )
        back = None if self._into is None else await self._write_list(self._into, run, count, stops)
        report = await self._write_report(about, count, stops, written.others)
        names = {**written.names, **({report_writer.NAME: report.name} if report.name else {})}
        written = dataclasses.replace(written, written_back=back, names=names)
        for note in (*written.notes, *report.notes, *(back.notes if back else ())):
            self._hub.emit(events.Notice("warning", note))
        return written

    async def _write_report(self, about: tables.About, count: int, stops: int, others: int) -> report_writer.Written:
        """Writes `report.html`, even if the run is being stopped.

        Raises:
            MachineError: it cannot be written.
        """
        resources = self._resources

        def write() -> report_writer.Written:
            return report_writer.write(
                resources.out,
                about.run,
                resources.journal.history(about.run),
                stage.counted(self.rows(about.run)),
                version=about.version,
                others=others,
                left_out=about.left_out,
                warnings=about.warnings,
                commands=about.commands,
                source=about.source,
            )

        try:
            with resources.long_work.stage("Writing the report", "row", count, in_spite_of=stops) as stage:
                return await asyncio.to_thread(write)
        except errors.StoppedError:
            return report_writer.Written("", ("stopped before the report was written. To write it, run: po-pw report",))

    async def _write_list(
        self, to: write_back.WriteBack, run: models.RunId, count: int, stops: int
    ) -> write_back.Written:
        try:
            with self._resources.long_work.stage(f"Writing {to.name}", "row", count, in_spite_of=stops) as stage:
                return await asyncio.to_thread(
                    to.write, run, lambda: stage.counted(self.rows(run)), self._plan.started_at
                )
        except errors.StoppedError:
            return write_back.Written(notes=(f"stopped before {to.name} was written back: run the same command again",))


def open_list(options: settings.Settings, source: Path | None, out: Path) -> write_back.WriteBack | None:
    """The list that gets the results; None if `write_back` is not set.

    Args:
        options: of the run.
        source: the list's file; None if the orders came from Python.
        out: the output folder.

    Raises:
        InputError: results cannot be written into it.
    """
    if not options.write_back:
        return None
    if source is None:
        msg = "--write-back writes into a list: give the path of a spreadsheet instead of orders"
        raise errors.InputError(msg)
    return write_back.WriteBack(source, out, read.Choice.of(options))


class Times:
    """When the parts of a run began and ended, by the monotonic clock. Listens to its events."""

    def __init__(self) -> None:
        self.started = self.ended = time.monotonic()
        self._first_lease: float | None = None
        self._last_outcome: float | None = None

    def listen(self, event: events.Event) -> None:
        """Handles an event of the run."""
        if isinstance(event, events.OrderStep) and self._first_lease is None:
            self._first_lease = time.monotonic()
        elif isinstance(event, events.OrderSettled):
            self._last_outcome = time.monotonic()

    def seconds(self) -> float:
        """Duration of the whole run, in seconds."""
        return max(0.0, self.ended - self.started)

    def work_seconds(self) -> float:
        """Seconds from the first lease to the last outcome: the run without start-up; 0 if there was none."""
        if self._first_lease is None or self._last_outcome is None:
            return 0.0
        return self._last_outcome - self._first_lease
