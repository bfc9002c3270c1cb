"""One run: processes orders and yields their outcomes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import po_pw
from po_pw import (
    client_certificates,
    context_pool,
    errors,
    events,
    hostnames,
    logs,
    long_work,
    models,
    plugins,
    redact,
    sessions,
    settings,
)
from po_pw.downloads import wanted_types
from po_pw.engine import order_stream, worker_group
from po_pw.evidence import store as evidence_store
from po_pw.journal import event_recorder, lock
from po_pw.machine import capacity, clocks, disk_space, probes
from po_pw.maintenance import rebuild_journal, recovery
from po_pw.orders import duplicates, read
from po_pw.portals import memory, registry
from po_pw.processing import resuming
from po_pw.processing.run_context import RunContext
from po_pw.report import writer as report_writer
from po_pw.results import counts, plausibility, summary, tables, write_back
from po_pw.storage import filesystem, marked_completed, names, staging
from po_pw.transport import client

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
    from types import TracebackType


_log = logging.getLogger(__name__)


class Stop(enum.Enum):
    """How a run is stopped."""

    AFTER_CURRENT = "after the orders in progress"
    NOW = "now"


class Run:
    """An output directory with its lock, journal, browsers and log, open for the block.

    `async with Run(settings) as run: async for outcome in run.process(rows): ...`

    Args:
        options: the settings.
        hub: receives events; a new one by default.
        make_governor: makes what says how many contexts may be open, given how many are asked for.
        system: the readings of the machine.

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
        self.out = Path(options.out).absolute()
        self.run_id: models.RunId | None = None
        self.summary: counts.Summary | None = None
        self._internal = self.out / ".po-pw"
        self._evidence = evidence_store.EvidenceStore(self._internal / staging.EVIDENCE)
        self._sessions = sessions.Sessions(settings.home(options), options.account)
        self._portals = registry.Registry(options)
        self.address_of = self._portals.address_of
        """The address of an order from its number, where that follows from it."""
        plugins.load("po_pw.result_writers")  # fails now if one cannot be loaded, and not at the end of the run
        self._log = logs.RunLog(self._internal / "logs", self.hub)
        self._recorder = event_recorder.EventRecorder(self.hub)
        self._stack = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._group: worker_group.WorkerGroup | None = None
        self._driver: asyncio.Task[None] | None = None
        self._stopping: Stop | None = None
        self._stops = 0
        self._paused_at: float | None = None
        self._long_work = long_work.LongWork(self._announce, lambda: self._stops)
        self._resume: resuming.Resume | None = None
        self._source: Path | None = None
        self._commands = summary.Commands()
        self._write_back: write_back.WriteBack | None = None
        self._begun: Mapping[models.OrderKey, str] = {}
        self._recovered = recovery.Recovered((), (), frozenset())
        self._plausibility = plausibility.Plausibility()
        self._looks_wrong: tuple[str, ...] = ()
        self._times = _Times()
        self._taken = resuming.Taken((), (), {})
        self._unfinished: dict[models.OrderKey, dict[str, models.SavedFile]] = {}
        """Files fetched by this run of orders without an outcome."""
        self._held: dict[models.OrderKey, models.Outcome] = {}
        """Fetched orders whose folder could not be published yet."""

    async def __aenter__(self) -> Self:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        async with contextlib.AsyncExitStack() as stack:
            filesystem.check_names(self.out)
            try:
                await asyncio.to_thread(self._internal.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                msg = f"{filesystem.why_not_a_folder(self.out, error)}. Choose another folder with --out."
                raise errors.MachineError(msg) from error
            staging.check_depth(self.out, self.options.max_path)
            self._lock_again = stack.enter_context(lock.locked(self._internal))
            self._name_bytes, self._largest_file = await asyncio.to_thread(_limits_of, self.out)
            stack.enter_context(clocks.awake_time(self._loop))
            stack.enter_context(self._log)
            self._work = self._internal / "work"
            browsers = self._work / ".browser"
            await asyncio.to_thread(shutil.rmtree, browsers, ignore_errors=True)
            stack.callback(filesystem.remove_if_empty, self._work)  # work folders in progress are kept for the next run
            stack.callback(shutil.rmtree, browsers, ignore_errors=True)
            journal = self._internal / "journal.db"
            self._journal = await stack.enter_async_context(
                rebuild_journal.open_journal(journal, self.out, self.hub, self._long_work)
            )
            stack.callback(self._recorder.end)
            stack.callback(self.hub.listen(self._count))
            await self._recover()
            certificate = await asyncio.to_thread(client_certificates.read, self.options)
            self._client = await stack.enter_async_context(
                client.Client(
                    files_in_all=self.options.files_in_all,
                    files_per_host=self.options.files_per_host,
                    stall_timeout=self.options.stall_timeout,
                    certificate=certificate,
                )
            )
            with self._long_work.stage("Starting Playwright"):
                browser_pool = context_pool.Pool(self.options, self._sessions, self.hub, browsers, certificate)
                self._pool = await stack.enter_async_context(browser_pool)
            self._stack = stack.pop_all()
        return self

    def _announce(self, event: events.Event) -> None:
        """Emits an event from any thread; listeners are called on the loop's thread."""
        if self._loop is not None and self._loop_thread != threading.get_ident():
            self._loop.call_soon_threadsafe(self.hub.emit, event)
        else:
            self.hub.emit(event)

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
        resume: resuming.Resume | None = None,
        source: Path | None = None,
        commands: summary.Commands = summary.Commands(),  # noqa: B008 - frozen
    ) -> AsyncIterator[models.Outcome]:
        """Processes the rows; yields each outcome once it is durable, in order of completion.

        A row that cannot be used is no order and has no outcome: `RunStarted.refusals` and the results tell of it.

        Args:
            rows: consumed one by one on another thread; or orders as for `MainApp.process_pos`: mappings, or the path
                of a spreadsheet. A PO that occurs twice is processed once.
            name: of the input, for the results; not needed for a spreadsheet.
            columns: of the rows' cells; not needed for mappings and spreadsheets.
            command: the command line, as words, for the journal.
            resume: how to continue earlier runs; None does all orders again.
            source: the input's file, which the results never replace; not needed for a spreadsheet.
            commands: that go on with the output folder, for the results.

        Raises:
            LoginRequiredError: the portal asks you to sign in; orders not reached are PENDING.
            ParallelProcessingError: no context could be opened, or all were lost.
            MachineError: a disk error.
            InputError: what was given is no order, or it cannot be written back although that was asked for.
            StoppedError: it was stopped before the first order; then this run is not in the journal.
        """
        options = self.options
        choice = read.Choice.of(options)
        given = await asyncio.to_thread(read.given, rows, self.address_of, limit=options.limit, choice=choice)
        self._write_back = await asyncio.to_thread(self._opened_for_writing, source or given.source)
        called, columns = name or given.name, columns or given.columns
        what = models.Plan(called, columns, options.workers, str(self.out), clocks.now(), command)
        unrecorded, refused = duplicates.Unrecorded(), counts.ProblemTally()
        self.run_id = None
        with self._long_work.stage(f"Reading {called or 'the orders'}", "row") as stage:
            noted = unrecorded.noted(refused.refused(duplicates.mark_duplicates(given.rows)))
            run = await self._journal.begin(what, stage.counted(noted))
        self._start(what, source or given.source)
        self._commands = commands
        try:
            taken = self._taken = await self._take(run, unrecorded, resume)
        except errors.StoppedError:
            await self._journal.withdraw(run)
            raise
        self.run_id = run
        self._begin(run)
        todo, carried = list(taken.todo), taken.carried
        counted = self._journal.counts(run)
        workers = [models.WorkerId(f"w{n}") for n in range(1, min(options.workers, max(1, len(todo))) + 1)]
        self.hub.emit(
            events.RunStarted(
                run,
                counted.rows,
                len(todo),
                len(carried),
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
        for earlier in carried:
            outcomes.put_nowait(earlier)
            self._plausibility.add(earlier)
        for done in taken.skipped:
            outcomes.put_nowait(done)
        self._driver = asyncio.create_task(self._drive(run, todo, workers, outcomes), name=f"run-{run}")
        try:
            while (outcome := await outcomes.get()) is not None:
                yield outcome
            await self._driver
        except asyncio.CancelledError:
            if self._stopping is not Stop.NOW or not self._driver.cancelled():
                raise
        finally:
            if not self._driver.done():
                self._driver.cancel()
            await asyncio.wait([self._driver])

    def _opened_for_writing(self, source: Path | None) -> write_back.WriteBack | None:
        """The list to be written back; None if that was not asked for.

        Raises:
            InputError: it cannot be written back.
        """
        if not self.options.write_back:
            return None
        if source is None:
            msg = "--write-back writes into a list: give the path of a spreadsheet instead of orders"
            raise errors.InputError(msg)
        return write_back.WriteBack(source, self.out, read.Choice.of(self.options))

    async def _take(
        self, run: models.RunId, unrecorded: duplicates.Unrecorded, resume: resuming.Resume | None
    ) -> resuming.Taken:
        """Divides the run's orders for resuming.

        Raises:
            StoppedError: the run was stopped.
        """
        with self._long_work.stage("Planning the run"):
            orders = await asyncio.to_thread(lambda: [unrecorded.whole(order) for order in self._journal.orders(run)])
            self._resume, self._begun = resume, await asyncio.to_thread(self._in_hand, resume)
        beside = None if self._source is None else self._source.absolute().parent

        def proved(order: models.PurchaseOrder) -> models.Outcome | None:
            return marked_completed.proved(self.out, order, beside, self._name_bytes)

        return await resuming.plan_resume(
            self._journal,
            run,
            self.out,
            orders,
            resume,
            self._begun,
            self._long_work,
            proved,
            with_page=self.options.save_page,
            types=wanted_types.WantedTypes.of(self.options.types),
        )

    def _begin(self, run: models.RunId) -> None:
        self._held = {}
        self._log.begin(run)
        self._recorder.begin(self._journal, run)

    def _start(self, what: models.Plan, source: Path | None = None) -> None:
        """Resets the state for a new plan."""
        self._plan, self._source, self._times = what, source, _Times()
        self._plausibility, self._looks_wrong = plausibility.Plausibility(), ()
        self._taken, self._unfinished = resuming.Taken((), (), {}), {}

    async def _recover(self) -> None:
        """Publishes prepared folders; reports those that still cannot be renamed."""
        self._recovered = await recovery.recover(self._journal, self.out)
        for text in self._recovered.held:
            self.hub.emit(events.Notice("warning", text))

    def _in_hand(self, resume: resuming.Resume | None) -> dict[models.OrderKey, str]:
        """Work folders of an earlier run to resume; without `resume` they are removed."""
        busy = [self.out / place for place in self._recovered.work]
        left = resuming.unfinished(self._journal, self._work, busy=busy, drop=resume is None)
        self._work.mkdir(parents=True, exist_ok=True)
        return left

    async def open_stream(self) -> order_stream.OrderStream:
        """Opens the contexts for orders submitted one by one; see `OrderStream`.

        Raises:
            ParallelProcessingError: no context could be opened.
            InputError: `write_back` is set, but there is no list.
        """
        self._write_back = self._opened_for_writing(None)
        what = models.Plan("", order_stream.COLUMNS, self.options.workers, str(self.out), clocks.now())
        run = self.run_id = await self._journal.begin(what, ())
        self._begin(run)
        self._start(what)
        self._resume, self._begun = None, await asyncio.to_thread(self._in_hand, None)
        self.hub.listen(self._times.listen)
        names = [models.WorkerId(f"w{n}") for n in range(1, self.options.workers + 1)]
        self.hub.emit(events.RunStarted(run, 0, 0, 0, 0, 0, len(names)))
        await self._pool.sign_in(None)
        judged, first = await self._policy(len(names))
        await self._pool.open_all(names[: first.count])
        stream = order_stream.OrderStream(
            self._stream_context, self._journal, run, names, judged, first, self._end_stream
        )
        self._group, self._driver = stream.group, stream.working
        return stream

    async def _end_stream(self, run: models.RunId) -> None:
        self._times.ended = time.monotonic()
        self._say_what_looks_wrong()
        await self._note_end(run)
        await self.write_results()

    async def _end(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> None:
        held = dict(self._held)
        try:
            await self._recover()  # a folder may have been closed by now
        finally:
            published = {outcome.key: outcome for outcome in self._recovered.published}
            for key in published:
                self._held.pop(key, None)
            for key, outcome in {**held, **published}.items():
                self.hub.emit(events.OrderSettled(outcome))
                if key in held:
                    settled(outcome)
        self._say_what_looks_wrong()
        await self._note_end(run)

    def _count(self, event: events.Event) -> None:
        if isinstance(event, events.FileSaved):
            self._unfinished.setdefault(event.key, {})[event.file.attachment_id] = event.file
        elif isinstance(event, events.OrderSettled):
            self._unfinished.pop(event.outcome.key, None)
            self._plausibility.add(event.outcome)

    def _say_what_looks_wrong(self) -> None:
        self._looks_wrong = self._plausibility.findings(self._accepts_none)
        for text in self._looks_wrong:
            self.hub.emit(events.Notice("warning", text))

    def _accepts_none(self, origin: str) -> bool:
        """Whether the user confirmed that orders of this portal may have no attachments."""
        return memory.load(self._sessions.folder(origin) / memory.FILE).accepted_without_area

    async def _note_end(self, run: models.RunId) -> None:
        ended = events.RunEnded(run, self._times.seconds(), self._times.work_seconds(), self.is_stopping)
        self.hub.emit(ended)
        await self._journal.end(
            run,
            seconds=ended.seconds,
            work_seconds=ended.work_seconds,
            interrupted=ended.interrupted,
            browser=self._pool.browser,
        )

    async def _drive(
        self,
        run: models.RunId,
        todo: list[models.PurchaseOrder],
        workers: list[models.WorkerId],
        outcomes: asyncio.Queue[models.Outcome | None],
    ) -> None:
        self._times.started = time.monotonic()
        unlisten = self.hub.listen(self._times.listen)
        fine = False
        try:
            if todo and self._stopping is None:
                await self._work_on(run, todo, workers, outcomes)
            fine = True
        finally:
            unlisten()
            self._times.ended = time.monotonic()
            try:
                await asyncio.shield(self._end(run, outcomes.put_nowait))
            except errors.PoPwError as error:
                if fine:
                    raise
                _log.warning("%s", error)  # a consequence of the error that ended the run, which is raised
            finally:
                outcomes.put_nowait(None)

    async def _work_on(
        self,
        run: models.RunId,
        todo: list[models.PurchaseOrder],
        workers: list[models.WorkerId],
        outcomes: asyncio.Queue[models.Outcome | None],
    ) -> None:
        await self._pool.sign_in(list(dict.fromkeys(hostnames.origin_of(order.url) for order in todo)))
        judged, first = await self._policy(len(workers))
        self._group = worker_group.WorkerGroup(
            self._make_run_context(run, outcomes.put_nowait), todo, workers, judged, first
        )
        if self._stopping is None:
            await self._group_works(self._group)
        again = [order for order in todo if order.key in self._group.knowledge.again]
        if not again:
            return
        await self._journal.doubt([order.key for order in again])
        if self._stopping is None:
            count = "1 order is" if len(again) == 1 else f"{len(again)} orders are"
            said = f"{count} read again: on another order, attachments appeared later than expected"
            self.hub.emit(events.Notice("warning", said))
            run_context = dataclasses.replace(
                self._make_run_context(run, lambda _: None), resume=self._resume or resuming.Resume()
            )
            self._group = worker_group.WorkerGroup(run_context, again, workers, judged, first)
            await self._group_works(self._group)

    async def _group_works(self, group: worker_group.WorkerGroup) -> None:
        if self._paused_at is not None:
            group.pause()
        await group.work()

    async def _policy(self, wanted: int) -> tuple[capacity.Governor, capacity.Decision]:
        """Decides how many contexts may be open; reports it if it is fewer than requested."""
        policy = self._make_governor(wanted)
        first = await policy.decide()
        if first.count < wanted:
            self.hub.emit(events.Notice("warning", first.why))
        return policy, first

    def _make_run_context(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> RunContext:
        return RunContext(
            run=run,
            out=self.out,
            options=self.options,
            hub=self.hub,
            journal=self._journal,
            sessions=self._sessions,
            pool=self._pool,
            client=self._client,
            portal_for=self._portals.for_url,
            settled=settled,
            held=self._hold,
            stop=self.stop_gently,
            evidence=self._evidence,
            back=self._back,
            probes=self._probes,
            resume=self._resume,
            begun=self._begun,
            earlier=self._taken.earlier,
            name_bytes=self._name_bytes,
            largest_file=self._largest_file,
        )

    def _stream_context(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> RunContext:
        """Like `_make_run_context`, but for callers that wait for single orders."""

        def held(outcome: models.Outcome) -> None:
            self._hold(outcome)
            self.hub.emit(events.OrderSettled(outcome))
            settled(outcome)

        return dataclasses.replace(self._make_run_context(run, settled), held=held)

    def _hold(self, outcome: models.Outcome) -> None:
        """Remembers an order whose folder could not be published, to retry at the end."""
        self._held[outcome.key] = outcome

    async def _back(self) -> None:
        """Reopens lock, journal and log after the output directory was unavailable.

        Raises:
            MachineError: it is another directory, or another po-pw has started there.
            OutputUnavailableError: it is unavailable again.
        """
        await asyncio.to_thread(self._lock_again)
        if self.run_id is not None:
            await self._journal.again(self.run_id)
        await asyncio.to_thread(self._log.again)

    def stop(self, how: Stop, why: str = "asked to") -> None:
        """Stops the run; may be called from any thread and from a signal handler. One that is stopping stops at once.

        What is done before the first order and after the last ends at once; see `long_work`.
        """
        self._stops += 1
        if self._loop is None:
            self._stopping = how
        else:
            self._loop.call_soon_threadsafe(self._stop, how, why)

    def pause(self) -> None:
        """Starts no more orders until `resume`; those in progress are finished. May be called from any thread.

        A run that is paused can be stopped as any other.
        """
        self._on_loop(self._pause)

    def resume(self) -> None:
        """Starts orders again after `pause`. May be called from any thread."""
        self._on_loop(self._resume_work)

    def _on_loop(self, action: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(action)

    def _pause(self) -> None:
        if self._paused_at is not None or self._stopping is not None:
            return
        self._paused_at = time.monotonic()
        if self._group is not None:
            self._group.pause()
        self.hub.emit(events.Paused())

    def _resume_work(self) -> None:
        if self._paused_at is None:
            return
        seconds, self._paused_at = time.monotonic() - self._paused_at, None
        if self._group is not None:
            self._group.resume(seconds)
        self.hub.emit(events.Resumed(seconds))

    def stop_gently(self, why: str) -> None:
        """Finishes the orders in progress, then stops; unlike `stop`, nothing new where it is stopping already."""
        if not self.is_stopping:
            self.stop(Stop.AFTER_CURRENT, why)

    def _stop(self, how: Stop, why: str) -> None:
        if self._stopping is Stop.NOW:
            return
        if self.is_stopping:  # whatever made it stop: who asks again has no patience
            how = Stop.NOW
        self._stopping = how
        self.hub.emit(events.Stopping(now=how is Stop.NOW, why=why))
        if self._group is not None:
            self._group.stop()
        if how is Stop.NOW and self._driver is not None:
            self._driver.cancel()
        elif self._loop is not None:
            self._loop.call_later(self.options.grace, self._stop, Stop.NOW, f"{self.options.grace:.0f} s have passed")

    @property
    def is_stopping(self) -> bool:
        """Whether the run is stopping, on request or because a sign-in is needed."""
        return self._stopping is not None or (self._group is not None and self._group.is_ending)

    async def write_results(self) -> counts.Summary:
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
        about = tables.About(
            run=run,
            plan=self._plan,
            browser=self._pool.browser,
            seconds=self._times.seconds(),
            work_seconds=self._times.work_seconds(),
            interrupted=self.is_stopping,
            version=po_pw.__version__,
            warnings=self._looks_wrong,
            left_out=self._taken.left_out,
            commands=self._commands,
            source=self._source,
            unfinished=counts.Amount.of(file for files in self._unfinished.values() for file in files.values()),
        )
        count = self._journal.counts(run).rows
        with self._long_work.stage("Writing the results", "row", count, in_spite_of=self._stops) as stage:
            self.summary = await asyncio.to_thread(
                tables.write_all,
                self.out,
                about,
                lambda: stage.counted(self._rows(run)),
                lambda: self._journal.others(run),
            )
        written = None if self._write_back is None else await self._write_list(self._write_back, run, count)
        report = await self._write_report(about, count)
        self.summary = dataclasses.replace(
            self.summary,
            written_back=written,
            names={**self.summary.names, **({report_writer.NAME: report.name} if report.name else {})},
        )
        for note in (*self.summary.notes, *report.notes, *(written.notes if written else ())):
            self.hub.emit(events.Notice("warning", note))
        return self.summary

    async def _write_report(self, about: tables.About, count: int) -> report_writer.Written:
        """Writes `report.html`; also if the run is being stopped.

        Raises:
            MachineError: it cannot be written.
        """

        def write() -> report_writer.Written:
            return report_writer.write(
                self.out,
                about.run,
                self._journal.history(about.run),
                stage.counted(self._rows(about.run)),
                version=about.version,
                others=self.summary.others if self.summary else 0,
                left_out=about.left_out,
                warnings=about.warnings,
                commands=about.commands,
                source=about.source,
            )

        try:
            with self._long_work.stage("Writing the report", "row", count, in_spite_of=self._stops) as stage:
                return await asyncio.to_thread(write)
        except errors.StoppedError:
            return report_writer.Written("", ("stopped before the report was written. To write it, run: po-pw report",))

    async def _write_list(self, to: write_back.WriteBack, run: models.RunId, count: int) -> write_back.Written:
        try:
            with self._long_work.stage(f"Writing {to.name}", "row", count, in_spite_of=self._stops) as stage:
                return await asyncio.to_thread(
                    to.write, run, lambda: stage.counted(self._rows(run)), self._plan.started_at
                )
        except errors.StoppedError:
            return write_back.Written(notes=(f"stopped before {to.name} was written back: run the same command again",))

    def results(self) -> Iterator[models.RowResult]:
        """Yields a result for each row of the latest call, in row order."""
        return self._rows(self.run_id) if self.run_id is not None else iter(())

    def _rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """The journal's rows, with orders whose folder could not be published."""
        for row in self._journal.rows(run):
            held = self._held.get(models.order_key(row.po_number)) if row.outcome is None else None
            if held is None or row.error is not None:
                yield row
            elif row.status is models.Status.DUPLICATE:
                yield dataclasses.replace(row, outcome=held)
            else:
                yield dataclasses.replace(row, status=held.status, outcome=held, error=held.error)

    @property
    def log_path(self) -> Path | None:
        """The run's log file."""
        return self._log.path

    @property
    def times(self) -> tuple[float, float]:
        """Duration in seconds of the whole run, and without start-up."""
        return self._times.seconds(), self._times.work_seconds()


@contextlib.asynccontextmanager
async def open_run(
    options: settings.Settings | None = None, *, on_event: events.Listener | None = None
) -> AsyncIterator[Run]:
    """Opens a run for the block, for use from Python: messages name arguments, not flags.

    `async with po_pw.open_run(Settings(workers=4)) as run: async for outcome in run.process(orders): ...`

    Args:
        options: the settings; those of environment and `po-pw.toml` by default.
        on_event: called with each event (`po_pw.events`), on the run's loop; must not block.

    Raises:
        PoPwError: as raised by `Run` and the calls in the block.
    """
    _check_arguments(options, on_event)
    try:
        hub = events.Hub()
        if on_event is not None:
            hub.listen(on_event)
        async with Run(options or settings.Settings(), hub) as run:
            yield run
    except BaseException as error:
        redact.chain(error)
        if isinstance(error, errors.PoPwError):
            error.args = (settings.in_python(str(error)),)
        raise


def _check_arguments(options: object, on_event: object) -> None:
    """Refuses what `open_run` cannot use, in its caller's words.

    Raises:
        InputError: it cannot be used.
    """
    if not isinstance(options, settings.Settings | None):
        msg = f"open_run takes Settings, e.g. open_run(Settings(workers=4)), not {type(options).__name__}"
        raise errors.InputError(msg)
    if on_event is not None and not callable(on_event):
        msg = f"on_event is called with each event: give a function, not {type(on_event).__name__}"
        raise errors.InputError(msg)


def _limits_of(out: Path) -> tuple[int, int | None]:
    """Maximum UTF-8 bytes of a name in an output directory, and maximum bytes of a file."""
    try:
        longest = staging.max_name_bytes(out)
    except OSError:  # disk full or similar: writing there will report it
        longest = names.MAX_BYTES
    return longest, disk_space.largest_file(out)


class _Times:
    """Start times of the run's parts, by the monotonic clock."""

    def __init__(self) -> None:
        self.started = self.ended = time.monotonic()
        self.first_lease: float | None = None
        self.last_outcome: float | None = None

    def listen(self, event: events.Event) -> None:
        if isinstance(event, events.OrderStep) and self.first_lease is None:
            self.first_lease = time.monotonic()
        elif isinstance(event, events.OrderSettled):
            self.last_outcome = time.monotonic()

    def seconds(self) -> float:
        return max(0.0, self.ended - self.started)

    def work_seconds(self) -> float:
        if self.first_lease is None or self.last_outcome is None:
            return 0.0
        return self.last_outcome - self.first_lease
