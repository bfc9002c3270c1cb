"""Processes a run's orders and yields their outcomes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Self

from po_pw import errors, events, hostnames, models, plugins, settings
from po_pw.downloads import wanted_types
from po_pw.engine import order_stream, run_control, run_resources, run_results, worker_group
from po_pw.machine import capacity, clocks, probes
from po_pw.orders import duplicates, read, whole_orders
from po_pw.portals import registry
from po_pw.processing import resuming
from po_pw.processing.run_context import RunContext
from po_pw.results import counts, summary
from po_pw.storage import marked_completed

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType


_log = logging.getLogger(__name__)


class Run:
    """An output directory with its lock, journal, browsers and log, open for the block.

    `async with Run(settings) as run: async for outcome in run.process(rows): ...`

    Args:
        options: the settings.
        hub: receives events; a new one by default.
        make_governor: makes the governor, which decides how many contexts may be open, from the number requested.
        system: reads the machine's disk, clocks and network.

    Attributes:
        control: stops, pauses and resumes the run.

    Raises:
        MachineError: the output directory is in use or not writable, or no browser is installed.
    """

    def __init__(
        self,
        options: settings.Settings,
        hub: events.Hub | None = None,
        *,
        make_governor: Callable[[int], capacity.Governor] = capacity.Governor,
        system: probes.SystemProbes | None = None,
    ) -> None:
        self.options = options
        self._make_governor = make_governor
        self._probes = system or probes.SystemProbes()
        self.hub = hub or events.Hub()
        self.run_id: models.RunId | None = None
        self.totals: counts.Totals | None = None
        self._portals = registry.Registry(options)
        self.address_of = self._portals.address_of
        """Derives the address of an order from its number, if the portal allows that."""
        plugins.load("po_pw.result_writers")  # fails now if one cannot be loaded, and not at the end of the run
        self.control = run_control.RunControl(self.hub, options.grace)
        self._resources = run_resources.RunResources(options, self.hub, lambda: self.control.requests)
        self.out = self._resources.out
        self._results = run_results.RunResults(self._resources, self.hub)
        self._stack = contextlib.AsyncExitStack()
        self._resume: models.Resume | None = None
        self._begun: Mapping[models.OrderKey, str] = {}
        self._resume_plan = resuming.ResumePlan((), (), {})

    async def __aenter__(self) -> Self:
        self.control.open()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._resources)
            stack.callback(self.hub.listen(self._results.listen))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def process(
        self,
        rows: str | os.PathLike[str] | Iterable[models.Row | Mapping[str, object]],
        *,
        name: str = "",
        columns: tuple[str, ...] = (),
        command: tuple[str, ...] = (),
        resume: models.Resume | None = None,
        source: Path | None = None,
        commands: summary.Commands = summary.Commands(),  # noqa: B008 - frozen
    ) -> AsyncIterator[models.Outcome]:
        """Processes the rows; yields each outcome once it is durable, in order of completion.

        Rows that cannot be used have no outcome: `RunStarted.refusals` and the results list them.

        Args:
            rows: consumed one by one on another thread; or orders as for `MainApp.process_pos`: mappings, or the path
                of a spreadsheet. A PO that occurs twice is processed once.
            name: of the input, for the results; not needed for a spreadsheet.
            columns: of the rows' cells; not needed for mappings and spreadsheets.
            command: the command line, as words, for the journal.
            resume: how to continue earlier runs; None does all orders again.
            source: the input's file, which the results never replace; not needed for a spreadsheet.
            commands: the commands to run next with this output folder, for the results.

        Raises:
            LoginRequiredError: the portal asks you to sign in; orders not reached are PENDING.
            ParallelProcessingError: no context could be opened, or all were lost.
            MachineError: a disk error.
            InputError: the input has no orders, or results cannot be written back into it although that was asked for.
            StoppedError: the run was stopped before its first order; then it is not in the journal.
        """
        options = self.options
        choice = read.Choice.of(options)
        given = await asyncio.to_thread(read.given, rows, self.address_of, limit=options.limit, choice=choice)
        source = source or given.source
        into = await asyncio.to_thread(run_results.open_list, options, source, self.out)
        called, columns = name or given.name, columns or given.columns
        what = models.Plan(called, columns, options.workers, str(self.out), clocks.now(), command)
        whole, refused = whole_orders.WholeOrders(), counts.ProblemTally()
        self.run_id = None
        with self._resources.long_work.stage(f"Reading {called or 'the orders'}", "row") as stage:
            noted = whole.noted(refused.refused(duplicates.mark_duplicates(given.rows)))
            run = await self._resources.journal.begin(what, stage.counted(noted))
        self._results.begin(what, source, into, commands)
        self._resume_plan = resuming.ResumePlan((), (), {})
        try:
            taken = self._resume_plan = await self._plan_resume(run, whole, resume, source)
        except errors.StoppedError:
            await self._resources.journal.withdraw(run)
            raise
        self.run_id = run
        self._resources.begin(run)
        todo, already_complete = list(taken.todo), taken.already_complete
        counted = self._resources.journal.counts(run)
        workers = [models.WorkerId(f"w{n}") for n in range(1, min(options.workers, max(1, len(todo))) + 1)]
        self.hub.emit(
            events.RunStarted(
                run,
                counted.rows,
                len(todo),
                len(already_complete),
                counted.refused,
                counted.duplicates,
                len(workers),
                taken.counts,
                refused.problems(),
                len(taken.skipped),
                taken.unproved,
            )
        )
        outcomes: asyncio.Queue[models.Outcome | None] = asyncio.Queue()
        for earlier in already_complete:
            outcomes.put_nowait(earlier)
            self._results.add(earlier)
        for done in taken.skipped:
            outcomes.put_nowait(done)
        task = asyncio.create_task(self._work_and_end(run, todo, workers, outcomes), name=f"run-{run}")
        self.control.cancel_on_stop(task)
        try:
            while (outcome := await outcomes.get()) is not None:
                yield outcome
            await task
        except asyncio.CancelledError:
            if self.control.stopping is not run_control.Stop.NOW or not task.cancelled():
                raise
        finally:
            if not task.done():
                task.cancel()
            await asyncio.wait([task])

    async def _plan_resume(
        self,
        run: models.RunId,
        whole: whole_orders.WholeOrders,
        resume: models.Resume | None,
        source: Path | None,
    ) -> resuming.ResumePlan:
        """Plans which orders are processed and which are complete already.

        Raises:
            StoppedError: the run was stopped.
        """
        with self._resources.long_work.stage("Planning the run"):
            orders = await asyncio.to_thread(
                lambda: [whole.whole(order) for order in self._resources.journal.orders(run)]
            )
            self._resume, self._begun = resume, await asyncio.to_thread(self._work_folders, resume)
        beside = None if source is None else source.absolute().parent

        def proved(order: models.PurchaseOrder) -> models.Outcome | None:
            return marked_completed.proved(self.out, order, beside, self._resources.name_bytes)

        journal, work = self._resources.journal, self._resources.long_work
        return await resuming.plan_resume(
            journal,
            run,
            self.out,
            orders,
            resume,
            self._begun,
            work,
            proved,
            with_page=self.options.save_page,
            types=wanted_types.WantedTypes.of(self.options.types),
        )

    def _work_folders(self, resume: models.Resume | None) -> dict[models.OrderKey, str]:
        """Work folders of an earlier run to resume; without `resume` they are removed."""
        busy = [self.out / folder for folder in self._resources.recovered.work]
        work = self._resources.work
        left = resuming.unfinished(self._resources.journal, work, busy=busy, drop=resume is None)
        work.mkdir(parents=True, exist_ok=True)
        return left

    async def open_stream(self) -> order_stream.OrderStream:
        """Opens the contexts for orders submitted one by one; see `OrderStream`.

        Raises:
            ParallelProcessingError: no context could be opened.
            InputError: `write_back` is set, but there is no list.
        """
        into = run_results.open_list(self.options, None, self.out)
        what = models.Plan("", order_stream.COLUMNS, self.options.workers, str(self.out), clocks.now())
        run = self.run_id = await self._resources.journal.begin(what, ())
        self._resources.begin(run)
        self._results.begin(what, None, into, summary.Commands())
        self._resume_plan = resuming.ResumePlan((), (), {})
        self._resume, self._begun = None, await asyncio.to_thread(self._work_folders, None)
        self.hub.listen(self._results.times.listen)
        names = [models.WorkerId(f"w{n}") for n in range(1, self.options.workers + 1)]
        self.hub.emit(events.RunStarted(run, 0, 0, 0, 0, 0, len(names)))
        await self._resources.pool.sign_in(None)
        governor, first = await self._governor_for(len(names))
        await self._resources.pool.open_all(names[: first.count])
        stream = order_stream.OrderStream(
            self._stream_context, self._resources.journal, run, names, governor, first, self._end_stream
        )
        self.control.attach(stream.group)
        self.control.cancel_on_stop(stream.task)
        return stream

    async def _end_stream(self, run: models.RunId) -> None:
        self._results.times.ended = time.monotonic()
        self._results.warn_if_implausible()
        await self._note_end(run)
        await self.write_results()

    async def _end(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> None:
        unpublished = self._results.unpublished
        before = dict(unpublished)
        try:
            await self._resources.recover()  # by now, a program that had a folder open may have closed it
        finally:
            published = {outcome.key: outcome for outcome in self._resources.recovered.published}
            for key in published:
                unpublished.pop(key, None)
            for key, outcome in {**before, **published}.items():
                self.hub.emit(events.OrderSettled(outcome))
                if key in before:
                    settled(outcome)
        self._results.warn_if_implausible()
        await self._note_end(run)

    async def _note_end(self, run: models.RunId) -> None:
        ended = events.RunEnded(
            run, self._results.times.seconds(), self._results.times.work_seconds(), self.control.is_stopping
        )
        self.hub.emit(ended)
        await self._resources.journal.end(
            run,
            seconds=ended.seconds,
            work_seconds=ended.work_seconds,
            interrupted=ended.interrupted,
            browser=self._resources.pool.browser,
        )

    async def _work_and_end(
        self,
        run: models.RunId,
        todo: list[models.PurchaseOrder],
        workers: list[models.WorkerId],
        outcomes: asyncio.Queue[models.Outcome | None],
    ) -> None:
        self._results.times.started = time.monotonic()
        unlisten = self.hub.listen(self._results.times.listen)
        has_succeeded = False
        try:
            if todo and self.control.stopping is None:
                await self._work_on(run, todo, workers, outcomes)
            has_succeeded = True
        finally:
            unlisten()
            self._results.times.ended = time.monotonic()
            try:
                await asyncio.shield(self._end(run, outcomes.put_nowait))
            except errors.PoPwError as error:
                if has_succeeded:
                    raise
                _log.warning("%s", error)  # follows from the error that ended the run, which is raised instead
            finally:
                outcomes.put_nowait(None)

    async def _work_on(
        self,
        run: models.RunId,
        todo: list[models.PurchaseOrder],
        workers: list[models.WorkerId],
        outcomes: asyncio.Queue[models.Outcome | None],
    ) -> None:
        await self._resources.pool.sign_in(list(dict.fromkeys(hostnames.origin_of(order.url) for order in todo)))
        governor, first = await self._governor_for(len(workers))
        group = worker_group.WorkerGroup(
            self._make_run_context(run, outcomes.put_nowait), todo, workers, governor, first
        )
        await self.control.work(group)
        again = [order for order in todo if order.key in group.knowledge.to_read_again]
        if not again:
            return
        await self._resources.journal.mark_for_reverify([order.key for order in again])
        if self.control.stopping is None:
            count = "1 order is" if len(again) == 1 else f"{len(again)} orders are"
            said = f"{count} read again: on another order, attachments appeared later than expected"
            self.hub.emit(events.Notice("warning", said))
            run_context = dataclasses.replace(
                self._make_run_context(run, lambda _: None), resume=self._resume or models.Resume()
            )
            await self.control.work(worker_group.WorkerGroup(run_context, again, workers, governor, first))

    async def _governor_for(self, wanted: int) -> tuple[capacity.Governor, capacity.Decision]:
        """Makes a governor and its first decision; warns if that is fewer contexts than requested."""
        governor = self._make_governor(wanted)
        first = await governor.decide()
        if first.count < wanted:
            self.hub.emit(events.Notice("warning", first.why))
        return governor, first

    def _make_run_context(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> RunContext:
        return RunContext(
            run=run,
            out=self.out,
            options=self.options,
            hub=self.hub,
            journal=self._resources.journal,
            sessions=self._resources.sessions,
            pool=self._resources.pool,
            client=self._resources.client,
            portal_for=self._portals.for_url,
            on_settled=settled,
            on_unpublished=self._remember_unpublished,
            stop=self.control.stop_gently,
            evidence=self._resources.evidence,
            traces=self._resources.traces,
            reopen=lambda: self._resources.reopen(self.run_id),
            probes=self._probes,
            resume=self._resume,
            begun=self._begun,
            earlier=self._resume_plan.earlier,
            name_bytes=self._resources.name_bytes,
            largest_file=self._resources.largest_file,
        )

    def _stream_context(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> RunContext:
        """Like `_make_run_context`, but also settles an order that is not published, because its caller waits."""

        def not_published(outcome: models.Outcome) -> None:
            self._remember_unpublished(outcome)
            self.hub.emit(events.OrderSettled(outcome))
            settled(outcome)

        return dataclasses.replace(self._make_run_context(run, settled), on_unpublished=not_published)

    def _remember_unpublished(self, outcome: models.Outcome) -> None:
        """Remembers an order whose folder could not be published, to retry at the end."""
        self._results.unpublished[outcome.key] = outcome

    async def write_results(self) -> counts.Totals:
        """Writes results.csv, results.xlsx, results.json, failed.csv and report.html; also after an interruption.

        Files of the user with these names are kept; see `tables.write_all`. Messages are emitted as events.

        Raises:
            MachineError: they cannot be written.
            StoppedError: stopped meanwhile; then earlier files are unchanged.
        """
        run = self.run_id
        if run is None:
            msg = "nothing was processed yet"
            raise errors.PoPwError(msg)
        self.totals = await self._results.write(
            run, stops=self.control.requests, interrupted=self.control.is_stopping, left_out=self._resume_plan.left_out
        )
        return self.totals

    def results(self) -> Iterator[models.RowResult]:
        """Yields a result for each row of the latest call, in row order."""
        return self._results.rows(self.run_id) if self.run_id is not None else iter(())

    @property
    def log_path(self) -> Path | None:
        """The run's log file."""
        return self._resources.log.path

    @property
    def times(self) -> tuple[float, float]:
        """Duration in seconds of the whole run, and without start-up."""
        return self._results.times.seconds(), self._results.times.work_seconds()
