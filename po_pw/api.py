"""The synchronous interface for scripts: runs the engine on its own thread with its own event loop.

Works from any thread, also while another event loop is running (a notebook), and repeatedly.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import threading
import warnings
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from po_pw import errors, events, models, redact_objects, settings
from po_pw.api_results import OrderResult, RunResult
from po_pw.engine import order_stream as feeds
from po_pw.engine import run as engine
from po_pw.engine import run_control
from po_pw.machine import capacity
from po_pw.orders import read
from po_pw.portals import registry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
    from types import TracebackType


T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class HeadlessConfiguration:
    """Whether browsers run without a window."""

    headless: bool = True


class MainApp:
    """Processes purchase orders given as mappings with `po_number, supplier, url, amount`.

    One order after another by default; with `enable_parallel` in up to `max_workers` browser contexts. As a context
    manager it keeps the browsers open between calls; otherwise each call opens and closes them. Folders, results and
    log are the same as with the command line.

    Args:
        headless_config: whether windows are shown; by default they are not.
        enable_parallel: whether to use more than one context.
        max_workers: maximum number of contexts.
        on_event: called with every event of the engine (`po_pw.events`), on the engine's thread.
        make_governor: creates the `Governor` for a number of contexts; by default one that measures the machine.
        **options: any setting, e.g. `out="downloads"`; see `po_pw.settings.Settings`.

    Raises:
        InputError: a setting is invalid.
    """

    def __init__(
        self,
        headless_config: HeadlessConfiguration | None = None,
        enable_parallel: bool = False,
        max_workers: int = 4,
        *,
        on_event: events.Listener | None = None,
        make_governor: Callable[[int], capacity.Governor] = capacity.Governor,
        **options: Any,
    ) -> None:
        self.max_workers = max_workers
        self.enable_parallel = enable_parallel
        self.settings = _settings(options, headless_config, max_workers)
        if not enable_parallel:
            self.settings = self.settings.model_copy(update={"workers": 1})
        self._on_event = on_event
        self._make_governor = make_governor
        self._host: _Host | None = None

    def __enter__(self) -> Self:
        self._host = _Host(self.settings, self._on_event, self._make_governor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        host, self._host = self._host, None
        if host is not None:
            host.close()

    def process_single_po(self, po: Mapping[str, object], *, resume: bool = False) -> OrderResult:
        """Processes one order; see `process_pos`."""
        return self.process_pos([po], resume=resume).results[0]

    def process_pos(
        self, pos: str | os.PathLike[str] | Iterable[Mapping[str, object]], *, resume: bool = False
    ) -> RunResult:
        """Processes orders, and writes results.csv, results.xlsx, results.json, failed.csv and report.html.

        The tables show the orders of this call; those of earlier calls and lists in the same folder are on separate
        sheets, and in results.json under `others`.

        Args:
            pos: the orders, or the path of a spreadsheet with them; an invalid order becomes FAILED.
            resume: skip orders that an earlier run finished; otherwise all are done again.

        Raises:
            LoginRequiredError: the portal asks you to sign in.
            ParallelProcessingError: no browser could be opened.
            MachineError: e.g. the disk is full or the folder is not writable.
            InputError: the spreadsheet cannot be used, or the argument is not orders.
        """
        with _in_python():  # before anything is opened; consumes iterators on the caller's thread
            given = read.given(
                pos,
                registry.Registry(self.settings).address_of,
                limit=self.settings.limit,
                choice=read.Choice.of(self.settings),
            )
        if self._host is not None:
            return self._host.process(given, resume=resume)
        with contextlib.closing(_Host(self.settings, self._on_event, self._make_governor)) as host:
            return host.process(given, resume=resume)

    def _process_po_entries(self, pos: Iterable[Mapping[str, object]]) -> tuple[int, int]:
        """Number of orders that succeeded and that did not. Called by existing scripts."""
        result = self.process_pos(pos)
        return result.success, result.failed


class WorkerPool:
    """A pool of open contexts that process orders as they are submitted.

    Args:
        max_workers: number of contexts.
        headless_config: whether windows are shown.
        **options: any setting.
    """

    def __init__(
        self, max_workers: int = 2, headless_config: HeadlessConfiguration | None = None, **options: Any
    ) -> None:
        self.max_workers = max_workers
        self.settings = _settings(options, headless_config, max_workers)
        self._lock = threading.Lock()
        self._host: _Host | None = None
        self._tally = _PoolTally()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Opens the contexts, if they are not open.

        Raises:
            ParallelProcessingError: none could be opened.
            MachineError: e.g. the disk is full or the folder is not writable.
        """
        with self._lock:
            if self._host is not None:
                return
            self._tally = _PoolTally()
            host = _Host(self.settings, self._tally.on_event)
            try:
                host.start_stream()
            except BaseException:
                host.close()
                raise
            self._host = host

    def stop(self) -> None:
        """Finishes submitted orders, closes the contexts and writes the results; may be called again."""
        with self._lock:
            host, self._host = self._host, None
            if host is None:
                return
            try:
                host.end_stream()
            finally:
                host.close()

    def submit(self, po: Mapping[str, object]) -> concurrent.futures.Future[OrderResult]:
        """Submits an order and returns a future of its result. Starts the pool if necessary.

        A PO submitted again while in progress gets the same result; afterwards it is done again.

        Raises:
            InputError: it is not a mapping.
        """
        order = read.mapping(po, "the order")
        self.start()
        with self._lock:
            if self._host is None:
                msg = "the pool was stopped"
                raise errors.ParallelProcessingError(msg)
            self._tally.submitted += 1
            return self._host.stream(dict(order))

    def map(self, pos: Iterable[Mapping[str, object]]) -> list[OrderResult]:
        """Submits orders and waits for all; results in the given order."""
        futures = [self.submit(po) for po in pos]
        return [future.result() for future in futures]

    def stats(self) -> dict[str, Any]:
        """The pool's state.

        Returns:
            `running`, `workers`, `contexts` (a list of `worker`, `pid`, `user_data_dir`), and the counts `submitted`,
            `settled`, `succeeded`, `failed`, `stolen`, `replaced`.
        """
        return {"running": self._host is not None, "workers": self.max_workers, **self._tally.stats()}


class _PoolTally:
    """Counts a pool's events; written on the engine's thread, read from any."""

    def __init__(self) -> None:
        self.submitted = self._settled = self._succeeded = self._stolen = self._replaced = 0
        self._contexts: dict[str, dict[str, Any]] = {}

    def on_event(self, event: events.Event) -> None:
        match event:
            case events.ContextOpened():
                self._contexts[event.worker] = {
                    "worker": event.worker,
                    "pid": event.pid,
                    "user_data_dir": event.user_data_dir,
                }
            case events.ContextClosed():
                self._contexts.pop(event.worker, None)
            case events.ContextLost():
                self._replaced += event.replaced
            case events.OrdersStolen():
                self._stolen += event.count
            case events.OrderSettled():
                self._settled += 1
                self._succeeded += event.outcome.status.succeeded
            case _:
                return

    def stats(self) -> dict[str, Any]:
        return {
            "contexts": sorted(self._contexts.values(), key=lambda context: str(context["worker"])),
            "submitted": self.submitted,
            "settled": self._settled,
            "succeeded": self._succeeded,
            "failed": self._settled - self._succeeded,
            "stolen": self._stolen,
            "replaced": self._replaced,
        }


_CALLED: Final = {"workers": "max_workers", "headed": "headless_config"}
"""Settings whose argument has another name."""


def _settings(
    options: Mapping[str, Any], headless_config: HeadlessConfiguration | None, max_workers: int
) -> settings.Settings:
    """The settings of a call from Python.

    Args:
        options: from the caller, by the settings' names.
        headless_config: whether windows are shown.
        max_workers: number of contexts.

    Raises:
        InputError: a value is invalid.
    """
    own = {"workers": max_workers, "headed": not _is_headless(headless_config) or None}
    for name in own:
        if name in options:
            msg = f"{name}: say {_CALLED[name]} instead"
            raise errors.InputError(msg)
    return settings.from_arguments(_CALLED, **own, **options)


def _is_headless(config: object) -> bool:
    if config is None:
        return HeadlessConfiguration().headless
    if not isinstance(config, HeadlessConfiguration):
        msg = f"headless_config: {config!r} cannot be used: give a HeadlessConfiguration"
        raise errors.InputError(msg)
    return config.headless


@contextlib.contextmanager
def _in_python() -> Iterator[None]:
    """Makes the messages of errors raised in the block name arguments instead of flags."""
    try:
        yield
    except errors.PoPwError as error:
        error.args = (settings.in_python(str(error)),)
        raise


def _warn(event: events.Event) -> None:
    """Passes warnings on by `warnings.warn`; if they are errors, the hub keeps the run going."""
    if isinstance(event, events.Notice) and event.level == "warning":
        warnings.warn(settings.in_python(event.text), RuntimeWarning, stacklevel=2)


class _Host:
    """An engine run on its own thread; open until closed."""

    def __init__(
        self,
        options: settings.Settings,
        on_event: events.Listener | None,
        make_governor: Callable[[int], capacity.Governor] = capacity.Governor,
    ) -> None:
        self._options = options
        hub = events.Hub()
        hub.listen(_warn)
        if on_event is not None:
            hub.listen(on_event)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="po-pw", daemon=True)
        self._thread.start()
        self._run = engine.Run(options, hub, make_governor=make_governor)
        self._stream: feeds.OrderStream | None = None
        try:
            self._call(self._run.__aenter__())
        except BaseException:
            self._end_loop()
            raise

    def close(self) -> None:
        """Closes browsers, journal and thread."""
        try:
            self._call(self._run.__aexit__(None, None, None))
        finally:
            self._end_loop()

    def process(self, given: read.Given, *, resume: bool) -> RunResult:
        """Processes the orders of one call."""

        async def work() -> RunResult:
            try:
                how = models.Resume() if resume else None
                outcomes = self._run.process(
                    given.rows, name=given.name, columns=given.columns, resume=how, source=given.source
                )
                async for _ in outcomes:
                    continue
            except BaseException:
                if self._run.run_id is not None:
                    await self._run.write_results()
                raise
            summary = await self._run.write_results()
            results = tuple(OrderResult.of(row) for row in self._run.results())
            return RunResult(results, summary, str(self._run.out))

        return self._call(work())

    def start_stream(self) -> None:
        """Opens the contexts for orders submitted one by one."""
        self._stream = self._call(self._run.open_stream())

    def stream(self, po: Mapping[str, object]) -> concurrent.futures.Future[OrderResult]:
        """Submits an order."""
        stream = self._stream
        if stream is None:
            msg = "the pool was not started"
            raise errors.ParallelProcessingError(msg)

        async def result() -> OrderResult:
            with _in_python():
                rule = self._run.address_of
                row = await stream.add(lambda n: read.order_from_mapping(po, n, rule, columns=feeds.COLUMNS))
            return OrderResult.of(row)

        return asyncio.run_coroutine_threadsafe(result(), self._loop)

    def end_stream(self) -> None:
        """Waits for submitted orders and writes the results."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._call(stream.end())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            with _in_python():
                return future.result()
        except KeyboardInterrupt:
            # Ctrl-C in a script: stop orders in progress, write results, then raise the interrupt in the script.
            self._run.control.stop(run_control.Stop.NOW, "interrupted")
            concurrent.futures.wait([future], timeout=30)
            raise
        except BaseException as error:
            redact_objects.chain(error)
            raise

    def _end_loop(self) -> None:
        # On the loop's thread: the caller's may have a running loop.
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
