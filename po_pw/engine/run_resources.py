"""Everything that a run has open: the output folder with lock, journal and log, the HTTP client, the browsers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from po_pw import client_certificates, context_pool, errors, events, logs, long_work, sessions, settings
from po_pw.browser import profiles
from po_pw.evidence import retention, traces
from po_pw.journal import event_recorder, lock
from po_pw.machine import clocks, disk_space
from po_pw.maintenance import rebuild_journal, recovery
from po_pw.storage import filesystem, names, staging
from po_pw.transport import client

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from po_pw import models
    from po_pw.journal import store


class RunResources:
    """The output folder and everything else that a run needs, open for the block. An async context manager.

    Args:
        options: the settings.
        hub: receives events.
        stops: returns how often the run was asked to stop; see `long_work.LongWork`.

    Attributes:
        out: the output folder, absolute.
        work: the folder that contains the work folders, in `.po-pw`.
        evidence: evidence of orders that failed.
        traces: traces of orders in progress; None: nothing is traced.
        log: the run's log.
        sessions: the saved sign-ins.
        long_work: announces work that takes long, before the first order and after the last.
        journal: the output folder's journal.
        client: the HTTP client.
        pool: the browsers.
        recovered: outcomes of earlier runs that were published on opening, and those that still cannot be.
        name_bytes: maximum UTF-8 bytes of a name in the output folder.
        largest_file: maximum bytes of one file on its disk; None for no limit.

    Raises:
        MachineError: the output folder is in use or cannot be written to, or Playwright does not start.
        ProfileError: the base profile cannot be used; nothing was written.
    """

    journal: store.Journal
    client: client.Client
    pool: context_pool.Pool
    traces: traces.Traces | None
    recovered: recovery.Recovered
    name_bytes: int
    largest_file: int | None

    def __init__(self, options: settings.Settings, hub: events.Hub, stops: Callable[[], int]) -> None:
        self._options = options
        self._hub = hub
        self.out = Path(options.out).absolute()
        self._internal = self.out / ".po-pw"
        self.work = self._internal / "work"
        self.evidence = retention.EvidenceStore(self._internal / staging.EVIDENCE)
        self.log = logs.RunLog(self._internal / "logs", hub)
        self._recorder = event_recorder.EventRecorder(hub)
        self.sessions = sessions.Sessions(settings.home(options), options.account)
        self.long_work = long_work.LongWork(self._announce, stops)
        self._stack = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0

    async def __aenter__(self) -> Self:
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        async with contextlib.AsyncExitStack() as stack:
            filesystem.check_names(self.out)
            staging.check_depth(self.out, self._options.max_path)
            if self._options.base_profile is not None:
                await asyncio.to_thread(profiles.check_base, self._options.base_profile)
            try:
                await asyncio.to_thread(self._internal.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                msg = f"{filesystem.why_not_a_folder(self.out, error)}. Choose another folder with --out."
                raise errors.MachineError(msg) from error
            self._relock = stack.enter_context(lock.locked(self._internal))
            self.name_bytes, self.largest_file = await asyncio.to_thread(_limits_of, self.out)
            stack.enter_context(clocks.awake_time(self._loop))
            stack.enter_context(self.log)
            browsers = self.work / ".browser"
            await asyncio.to_thread(shutil.rmtree, browsers, ignore_errors=True)
            stack.callback(filesystem.remove_if_empty, self.work)  # those of unfinished orders stay
            stack.callback(shutil.rmtree, browsers, ignore_errors=True)
            journal = self._internal / "journal.db"
            self.journal = await stack.enter_async_context(
                rebuild_journal.open_journal(journal, self.out, self._hub, self.long_work)
            )
            stack.callback(self._recorder.end)
            await self.recover()
            certificate = await asyncio.to_thread(client_certificates.read, self._options)
            self.client = await stack.enter_async_context(
                client.Client(
                    files_in_all=self._options.files_in_all,
                    files_per_host=self._options.files_per_host,
                    stall_timeout=self._options.stall_timeout,
                    certificate=certificate,
                )
            )
            with self.long_work.stage("Starting Playwright"):
                pool = context_pool.Pool(self._options, self.sessions, self._hub, browsers, certificate)
                self.pool = await stack.enter_async_context(pool)
            self.traces = traces.Traces(self.pool.traces / "orders") if self._options.trace else None
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _announce(self, event: events.Event) -> None:
        """Emits an event from any thread; listeners are called on the loop's thread."""
        if self._loop is not None and self._loop_thread != threading.get_ident():
            self._loop.call_soon_threadsafe(self._hub.emit, event)
        else:
            self._hub.emit(event)

    def begin(self, run: models.RunId) -> None:
        """Records log and events for this run from now on."""
        self.log.begin(run)
        self._recorder.begin(self.journal, run)

    async def recover(self) -> None:
        """Publishes folders that an earlier run prepared; warns about those that still cannot be renamed."""
        self.recovered = await recovery.recover(self.journal, self.out)
        for text in self.recovered.unpublished:
            self._hub.emit(events.Notice("warning", text))

    async def reopen(self, run: models.RunId | None) -> None:
        """Reopens lock, journal and log after the output folder was unavailable.

        Args:
            run: the current run; None before there is one.

        Raises:
            MachineError: it is another folder now, or another po-pw has started there.
            OutputUnavailableError: it is unavailable again.
        """
        await asyncio.to_thread(self._relock)
        if run is not None:
            await self.journal.reopen(run)
        await asyncio.to_thread(self.log.reopen)


def _limits_of(out: Path) -> tuple[int, int | None]:
    """Maximum UTF-8 bytes of a name in an output folder, and maximum bytes of a file."""
    try:
        longest = staging.max_name_bytes(out)
    except OSError:  # e.g. the disk is full, which the first write will report
        longest = names.MAX_BYTES
    return longest, disk_space.largest_file(out)
