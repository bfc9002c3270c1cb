"""One run: orders in, outcomes out."""

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
from po_pw import client_certificates, errors, events, hostnames, long_work, models, plugins, redact, sessions, settings
from po_pw.engine import (
    event_recorder,
    logs,
    order_stream,
    plan,
    plausibility,
    pool,
    resuming,
    worker_group,
)
from po_pw.engine.run_context import RunContext
from po_pw.journal import lock
from po_pw.machine import capacity, clocks, disk_space, probes
from po_pw.maintenance import rebuild_journal, recovery
from po_pw.orders import read
from po_pw.portals import memory, registry
from po_pw.results import counts, tables, write_back
from po_pw.storage import claims, filesystem, names, staging
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
    """An output directory with its journal, browsers and log, held for as long as the block lasts.

    `async with Run(settings) as run: async for outcome in run.process(rows): ...`

    Args:
        options: the settings.
        hub: where events go; a new one by default.
        govern: makes what says how many contexts may be open, given how many are asked for.
        system: the readings of the machine.

    Raises:
        MachineError: the output directory is in use or not writable, or no browser is there.
    """

    def __init__(
        self,
        options: settings.Settings,
        hub: events.Hub | None = None,
        *,
        govern: Callable[[int], capacity.Governor] = capacity.Governor,
        system: probes.SystemProbes | None = None,
    ) -> None:
        self.options = options
        self._govern = govern
        self._probes = system or probes.SystemProbes()
        self.hub = hub or events.Hub()
        self.out = Path(options.out).absolute()
        self.run_id: models.RunId | None = None
        self.summary: counts.Summary | None = None
        self._internal = self.out / ".po-pw"
        self._sessions = sessions.Sessions(settings.home(options), options.account)
        self._portals = registry.Registry(options)
        self.address_of = self._portals.address_of
        """The address of an order from its number, where that follows from it."""
        plugins.load("po_pw.result_writers")  # what cannot be loaded is said now, not after the night
        self._log = logs.RunLog(self._internal / "logs", self.hub)
        self._recorder = event_recorder.EventRecorder(self.hub)
        self._stack = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._group: worker_group.WorkerGroup | None = None
        self._driver: asyncio.Task[None] | None = None
        self._stopping: Stop | None = None
        self._stops = 0
        self._long_work = long_work.LongWork(self._announce, lambda: self._stops)
        self._resume: resuming.Resume | None = None
        self._source: Path | None = None
        self._write_back: write_back.WriteBack | None = None
        self._begun: Mapping[models.OrderKey, str] = {}
        self._recovered = recovery.Recovered((), (), frozenset())
        self._plausibility = plausibility.Plausibility()
        self._looks_wrong: tuple[str, ...] = ()
        self._times = _Times()
        self._taken = resuming.Taken((), (), {})
        self._unfinished: dict[models.OrderKey, dict[str, models.SavedFile]] = {}
        """What this run fetched of orders that have no outcome yet."""
        self._held: dict[models.OrderKey, models.Outcome] = {}
        """Orders that are fetched, and whose folder something kept from its place."""

    async def __aenter__(self) -> Self:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        async with contextlib.AsyncExitStack() as stack:
            filesystem.check_names(self.out)
            try:
                await asyncio.to_thread(self._internal.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                msg = f"{filesystem.why_not_a_folder(self.out, error)}. Choose another place with --out."
                raise errors.MachineError(msg) from error
            staging.check_depth(self.out, self.options.max_path)
            self._lock_again = stack.enter_context(lock.held(self._internal))
            self._name_bytes, self._largest_file = await asyncio.to_thread(_limits_of, self.out)
            stack.enter_context(clocks.awake_time(self._loop))
            stack.enter_context(self._log)
            self._work = self._internal / "work"
            browsers = self._work / ".browser"
            await asyncio.to_thread(shutil.rmtree, browsers, ignore_errors=True)
            stack.callback(filesystem.tidy, self._work)  # what is in progress when the run ends stays for the next
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
            with self._long_work.stage("Starting the browser driver"):
                browser_pool = pool.Pool(self.options, self._sessions, self.hub, browsers, certificate)
                self._pool = await stack.enter_async_context(browser_pool)
            self._stack = stack.pop_all()
        return self

    def _announce(self, event: events.Event) -> None:
        """Emits an event from whatever thread: who listens is told on the loop's."""
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
    ) -> AsyncIterator[models.Outcome]:
        """Works on the rows; yields each outcome once it is durable, in the order they come.

        Args:
            rows: consumed as they come, on another thread; or orders as `MainApp.process_pos` takes them: mappings, or
                the path of a spreadsheet. The same PO twice is worked on once.
            name: of the input, for the results; a spreadsheet's is known.
            columns: of the rows' cells; those of mappings and of a spreadsheet are known.
            command: the words that were typed, for who looks into the journal.
            resume: goes on where earlier runs stopped; None does all orders afresh.
            source: the input's file, which the results never take the place of; a spreadsheet's is known.

        Raises:
            LoginRequiredError: the portal asks for a sign-in; what was not reached is PENDING.
            ParallelProcessingError: no context could be opened, or all were lost.
            MachineError: the disk is in the way.
            InputError: what was given is no order, or it cannot be written back although that was asked for.
            StoppedError: it was stopped before the first order; then the journal has nothing of this run.
        """
        options = self.options
        given = await asyncio.to_thread(read.given, rows, self.address_of, limit=options.limit)
        self._write_back = await asyncio.to_thread(self._opened_for_writing, source or given.source)
        called, columns = name or given.name, columns or given.columns
        what = models.Plan(called, columns, options.workers, str(self.out), clocks.now(), command)
        unrecorded, refused = plan.Unrecorded(), counts.ProblemTally()
        self.run_id = None
        with self._long_work.stage(f"Reading {called or 'the orders'}", "row") as stage:
            noted = unrecorded.noted(refused.refused(plan.mark_duplicates(given.rows)))
            run = await self._journal.begin(what, stage.counted(noted))
        self._start(what, source or given.source)
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
        return write_back.WriteBack(source, self.out)

    async def _take(
        self, run: models.RunId, unrecorded: plan.Unrecorded, resume: resuming.Resume | None
    ) -> resuming.Taken:
        """What becomes of the run's orders.

        Raises:
            StoppedError: the run was stopped.
        """
        with self._long_work.stage("Planning the run"):
            orders = await asyncio.to_thread(lambda: [unrecorded.whole(order) for order in self._journal.orders(run)])
            self._resume, self._begun = resume, await asyncio.to_thread(self._in_hand, resume)
        beside = None if self._source is None else self._source.absolute().parent

        def proved(order: models.PurchaseOrder) -> models.Outcome | None:
            return claims.proved(self.out, order, beside, self._name_bytes)

        return await resuming.plan_resume(
            self._journal, run, self.out, orders, resume, self._begun, self._long_work, proved
        )

    def _begin(self, run: models.RunId) -> None:
        self._held = {}
        self._log.begin(run)
        self._recorder.begin(self._journal, run)

    def _start(self, what: models.Plan, source: Path | None = None) -> None:
        """Nothing is known yet of what comes of this plan."""
        self._plan, self._source, self._times = what, source, _Times()
        self._plausibility, self._looks_wrong = plausibility.Plausibility(), ()
        self._taken, self._unfinished = resuming.Taken((), (), {}), {}

    async def _recover(self) -> None:
        """Finishes what lies ready; says what still cannot be moved."""
        self._recovered = await recovery.recover(self._journal, self.out)
        for text in self._recovered.held:
            self.hub.emit(events.Notice("warning", text))

    def _in_hand(self, resume: resuming.Resume | None) -> dict[models.OrderKey, str]:
        """The work folders that an earlier run left, where this one is to go on with them; else they go."""
        busy = [self.out / place for place in self._recovered.work]
        left = resuming.unfinished(self._journal, self._work, busy=busy, drop=resume is None)
        self._work.mkdir(parents=True, exist_ok=True)
        return left

    async def open_stream(self) -> order_stream.OrderStream:
        """Opens the contexts for orders that come one by one; see `OrderStream`.

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
            await self._recover()  # whoever held a folder may have let go of it
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
        """Whether somebody has accepted that orders of this portal may have no attachments."""
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
                _log.warning("%s", error)  # it follows from what ended the run, which is raised
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
            await self._group.work()
        again = [order for order in todo if order.key in self._group.knowledge.again]
        if not again:
            return
        await self._journal.doubt([order.key for order in again])
        if self._stopping is None:
            count = "1 order is" if len(again) == 1 else f"{len(again)} orders are"
            said = f"{count} read again: what their pages keep going has brought attachments on another order since"
            self.hub.emit(events.Notice("warning", said))
            run_context = dataclasses.replace(
                self._make_run_context(run, lambda _: None), resume=self._resume or resuming.Resume()
            )
            self._group = worker_group.WorkerGroup(run_context, again, workers, judged, first)
            await self._group.work()

    async def _policy(self, wanted: int) -> tuple[capacity.Governor, capacity.Decision]:
        """How many of the contexts asked for may be open; said where it is fewer."""
        policy = self._govern(wanted)
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
            stop=lambda why: self.stop(Stop.AFTER_CURRENT, why),
            back=self._back,
            probes=self._probes,
            resume=self._resume,
            begun=self._begun,
            earlier=self._taken.earlier,
            name_bytes=self._name_bytes,
            largest_file=self._largest_file,
        )

    def _stream_context(self, run: models.RunId, settled: Callable[[models.Outcome], None]) -> RunContext:
        """As `_make_run_context`; but who handed an order in waits for it now, not for the end of the run."""

        def held(outcome: models.Outcome) -> None:
            self._hold(outcome)
            self.hub.emit(events.OrderSettled(outcome))
            settled(outcome)

        return dataclasses.replace(self._make_run_context(run, settled), held=held)

    def _hold(self, outcome: models.Outcome) -> None:
        """Something keeps an order's folder from its place: at the end it is looked at again."""
        self._held[outcome.key] = outcome

    async def _back(self) -> None:
        """The output directory was gone, and is back: what was open there is of no more use.

        Raises:
            MachineError: it is not the same, or another po-pw has begun there.
            OutputUnavailableError: it is gone again.
        """
        await asyncio.to_thread(self._lock_again)
        if self.run_id is not None:
            await self._journal.again(self.run_id)
        await asyncio.to_thread(self._log.again)

    def stop(self, how: Stop, why: str = "asked to") -> None:
        """Stops the run; may be called from any thread and from a signal handler. A second, harder one overrides.

        What is done before the first order and after the last ends at once; see `long_work`.
        """
        self._stops += 1
        if self._loop is None:
            self._stopping = how
        else:
            self._loop.call_soon_threadsafe(self._stop, how, why)

    def _stop(self, how: Stop, why: str) -> None:
        if self._stopping is Stop.NOW or self._stopping is how:
            return
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
        """Whether a stop was asked for, or a sign-in."""
        return self._stopping is not None or (self._group is not None and self._group.is_ending)

    async def write_results(self) -> counts.Summary:
        """Writes results.csv, results.xlsx, results.json and failed.csv from the journal; also after an interruption.

        What is called so and is not ours stays as it is; see `tables.write_all`. What is to be said of it is announced.

        Raises:
            MachineError: they cannot be written.
            StoppedError: a stop was asked for meanwhile; then the files of before are as they were.
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
        self.summary = dataclasses.replace(self.summary, written_back=written)
        for note in (*self.summary.notes, *(written.notes if written else ())):
            self.hub.emit(events.Notice("warning", note))
        return self.summary

    async def _write_list(self, to: write_back.WriteBack, run: models.RunId, count: int) -> write_back.Written:
        try:
            with self._long_work.stage(f"Writing {to.name}", "row", count, in_spite_of=self._stops) as stage:
                return await asyncio.to_thread(
                    to.write, run, lambda: stage.counted(self._rows(run)), self._plan.started_at
                )
        except errors.StoppedError:
            return write_back.Written(notes=(f"stopped before {to.name} was written back: run the same command again",))

    def results(self) -> Iterator[models.RowResult]:
        """A result for each row of the latest call, in the rows' order; streams."""
        return self._rows(self.run_id) if self.run_id is not None else iter(())

    def _rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """The journal's rows, with what it cannot know: that a folder which is ready is kept from its place."""
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
        """Seconds of the whole run, and of its work after start-up."""
        return self._times.seconds(), self._times.work_seconds()


@contextlib.asynccontextmanager
async def open_run(
    options: settings.Settings | None = None, *, on_event: events.Listener | None = None
) -> AsyncIterator[Run]:
    """A run, open while the block lasts; for use from Python: messages name arguments, not flags.

    `async with po_pw.open_run(Settings(workers=4)) as run: async for outcome in run.process(orders): ...`

    Args:
        options: the settings; those of environment and `po-pw.toml` by default.
        on_event: told of each event (`po_pw.events`) as it happens, on the run's loop; it must not block.

    Raises:
        PoPwError: as `Run` and what is called in the block raise it.
    """
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


def _limits_of(out: Path) -> tuple[int, int | None]:
    """UTF-8 bytes that a name may have in an output directory, and bytes that a file may."""
    try:
        longest = staging.name_bytes(out)
    except OSError:  # it is full, or more: whoever writes there says so
        longest = names.LONGEST
    return longest, disk_space.largest_file(out)


class _Times:
    """When the run's parts began, by the monotonic clock."""

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
