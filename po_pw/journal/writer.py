"""One thread writes the journal. What waits when it gets to write is committed together, with one sync."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import queue
import threading
from typing import TYPE_CHECKING, Any, Final

from po_pw.journal import schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

_TOGETHER: Final = 500


@dataclasses.dataclass(slots=True)
class _Request:
    work: Callable[[sqlite3.Connection], Any]
    done: concurrent.futures.Future[Any] | None
    """None for a note: nobody waits, it rides along with the next commit."""
    alone: bool


class Writer:
    """The writing thread.

    Args:
        path: of the database.

    Raises:
        EnvironmentProblem: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.syncs = 0
        self._path = path
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        with schema.translated(path):
            self._connection = schema.connect(path, writing=True)
            schema.prepare(self._connection, path)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def submit(
        self, work: Callable[[sqlite3.Connection], Any], *, alone: bool = False
    ) -> concurrent.futures.Future[Any]:
        """Has something written; the future is done when it is durable, or carries the error.

        Args:
            work: gets the connection, inside a transaction.
            alone: in a transaction of its own, so that its failure undoes nothing else.
        """
        done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._queue.put(_Request(work, done, alone))
        return done

    def note(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        """Has something written some time: with the next commit, or at the end."""
        self._queue.put(_Request(work, None, alone=False))

    def close(self) -> None:
        """Writes what waits and ends the thread."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        ended = False
        kept: list[_Request] = []
        while not ended:
            batch = kept
            kept = []
            request = self._queue.get()
            while True:
                if request is None:
                    ended = True
                    break
                batch.append(request)
                if request.alone or len(batch) >= _TOGETHER or self._queue.empty():
                    break
                request = self._queue.get()
            if not ended and all(request.done is None for request in batch) and len(batch) < _TOGETHER:
                kept = batch  # only notes: they wait for a commit to ride along with
                continue
            if batch and batch[-1].alone:
                self._commit(batch[:-1])
                self._commit(batch[-1:])
            else:
                self._commit(batch)

    def _commit(self, batch: list[_Request]) -> None:
        if not batch:
            return
        results: list[Any] = []
        try:
            with schema.translated(self._path):
                self._connection.execute("BEGIN IMMEDIATE")
                results = [request.work(self._connection) for request in batch]
                self._connection.execute("COMMIT")
                self.syncs += 1
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits, on another thread
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(batch) > 1:
                # One of them is at fault; the others must not suffer for it.
                for request in batch:
                    self._commit([request])
                return
            for request in batch:
                if request.done is not None:
                    request.done.set_exception(error)
            return
        for request, result in zip(batch, results, strict=True):
            if request.done is not None:
                request.done.set_result(result)
