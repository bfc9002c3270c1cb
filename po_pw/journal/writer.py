"""The thread that alone writes to the database: takes writes from a queue, and commits many with one sync."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import queue
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from po_pw import errors
from po_pw.journal import schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
Future: TypeAlias = "concurrent.futures.Future[T]"

MAX_BATCH: Final = 500
"""Maximum requests per commit; also the number of notes that are written without waiting for a commit."""
MAX_NOTE_AGE: Final = 1.0
"""Seconds after which notes are written to a rollback journal without waiting for a commit, since each commit syncs. To
a write-ahead log they are written at once and without a sync, which it does not need for consistency: so a kill loses
almost nothing, and `po-pw status` sees what is in progress."""


@dataclasses.dataclass(slots=True)
class _Request(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    done: Future[T]
    awaited: bool
    """False for a note, which is written with the next commit."""


class Writer:
    """The writing thread.

    Args:
        path: of the database.
        rollback: see `schema.open_for_writing`.

    Raises:
        MachineError: it cannot be opened, or a newer po-pw wrote it.
        OutOfSpaceError: the disk is full.
    """

    def __init__(self, path: Path, *, rollback: bool = False) -> None:
        self.syncs = 0
        """Number of synced commits."""
        self._path = path
        self._queue: queue.SimpleQueue[_Request[Any] | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self._unheard: BaseException | None = None
        self._rollback = rollback
        self._is_lost = False
        """The connection is unusable: the journal was unavailable."""
        self._kept: list[_Request[Any]] = []
        """Notes that could not be written, to be retried: no caller waits for them."""
        with schema.map_sqlite_errors(path):
            self._connection = schema.open_for_writing(path, rollback=rollback)
            try:
                schema.prepare(self._connection, path)
            except BaseException:
                self._connection.close()
                raise
            self._has_log = self._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queues a write; the future is done when it is durable, or has the error. It cannot be cancelled.

        Args:
            work: called once, on the writer's thread, inside a savepoint, which is rolled back if it raises.

        Raises:
            RuntimeError: the journal is closed.
        """
        return self._put(work, awaited=True)

    def note(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Queues a write for the next commit. Its error is raised by `close`.

        Raises:
            RuntimeError: the journal is closed.
        """
        self.leave_to_close(self._put(work, awaited=False))

    def leave_to_close(self, done: Future[Any]) -> None:
        """Leaves a request's error to `close`, because its caller no longer waits."""
        done.add_done_callback(self._keep_error)

    def close(self) -> None:
        """Writes what is queued and ends the thread; may be called again.

        Raises:
            MachineError: a write that no caller waited for failed.
            OutOfSpaceError: the same, because the disk is full.
        """
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        for request in self._kept:
            request.done.set_exception(errors.OutputUnavailableError(f"the journal {self._path} could not be written"))
        with schema.map_sqlite_errors(self._path):
            self._connection.close()
        if self._unheard is not None:
            raise self._unheard

    def _put(self, work: Callable[[sqlite3.Connection], T], *, awaited: bool) -> Future[T]:
        done: Future[T] = concurrent.futures.Future()
        done.set_running_or_notify_cancel()
        with self._door:
            if self._closed:
                msg = f"the journal {self._path} is closed"
                raise RuntimeError(msg)
            self._queue.put(_Request(work, done, awaited))
        return done

    def _keep_error(self, done: Future[Any]) -> None:
        if self._unheard is None:
            self._unheard = done.exception()

    def _run(self) -> None:
        ended = False
        batch: list[_Request[Any]] = []
        while not ended:
            ended = self._gather(batch)
            self._write(batch)
            batch.clear()

    def _gather(self, batch: list[_Request[Any]]) -> bool:
        """Waits for requests and collects what is queued. Returns True after the last."""
        oldest, max_age = 0.0, 0.0 if self._has_log else MAX_NOTE_AGE
        while True:
            try:
                request = self._queue.get(timeout=max(0.0, oldest + max_age - time.monotonic()) if batch else None)
            except queue.Empty:
                return False
            if request is None:
                return True
            if not batch:
                oldest = time.monotonic()
            batch.append(request)
            if len(batch) >= MAX_BATCH or (self._queue.empty() and any(one.awaited for one in batch)):
                return False

    def _write(self, batch: list[_Request[Any]]) -> None:
        """Writes one transaction, with a savepoint per request, so that a failing one does not affect the others.

        If the journal is unavailable or the disk is full, notes are kept and retried with the next batch.
        """
        if not batch:
            return
        batch, self._kept = [*self._kept, *batch], []
        succeeded: list[tuple[_Request[Any], Any]] = []
        failed: list[tuple[_Request[Any], BaseException]] = []
        synced = not self._has_log or any(request.awaited for request in batch)
        try:
            with schema.map_sqlite_errors(self._path, waits=True):
                if self._is_lost:
                    self._open_again()
                if self._has_log:
                    self._connection.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
                self._connection.execute("BEGIN IMMEDIATE")
                for request in batch:
                    self._apply(request, succeeded, failed)
                self._connection.execute("COMMIT")
                self.syncs += synced
        except BaseException as error:  # noqa: BLE001 - it is raised where the caller waits, on another thread
            known = {id(request) for request, _ in failed}
            failed += [(request, error) for request in batch if id(request) not in known]
            succeeded = []
            if isinstance(error, errors.OutputUnavailableError) and not isinstance(error, errors.OutOfSpaceError):
                self._is_lost = True
            else:
                self._abandon()
        for request, result in succeeded:
            request.done.set_result(result)
        for request, problem in failed:
            if not request.awaited and isinstance(problem, errors.OutputUnavailableError):
                self._kept.append(request)
            else:
                request.done.set_exception(problem)

    def _apply(
        self,
        request: _Request[Any],
        succeeded: list[tuple[_Request[Any], Any]],
        failed: list[tuple[_Request[Any], BaseException]],
    ) -> None:
        self._connection.execute("SAVEPOINT request")
        try:
            with schema.map_sqlite_errors(self._path, waits=True):
                result = request.work(self._connection)
        except BaseException as error:
            if not self._connection.in_transaction:  # SQLite has rolled back everything
                raise
            self._connection.execute("ROLLBACK TO request")
            failed.append((request, error))
        else:
            succeeded.append((request, result))
        self._connection.execute("RELEASE request")

    def _open_again(self) -> None:
        """Reopens the journal: after its share was unmounted the old connection stays unusable.

        Raises:
            OutputUnavailableError: it does not exist.
            sqlite3.Error: it cannot be opened.
        """
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        if not self._path.is_file():  # SQLite would create a new one
            msg = f"the journal {self._path} is missing"
            raise errors.OutputUnavailableError(msg)
        self._connection = schema.open_for_writing(self._path, rollback=self._rollback)
        self._is_lost = False

    def mark_lost(self) -> None:
        """Has the journal reopened before the next write, because its folder was unavailable."""
        self._is_lost = True

    def _abandon(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except BaseException as error:  # noqa: BLE001 - the thread must live to report it to waiting callers
            if self._unheard is None:
                self._unheard = error
