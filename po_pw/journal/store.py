"""A run's journal while it is open: the writes that the run asks for; `queries` has the reads."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors, models, redact
from po_pw.journal import codec, facts, queries, restore, statements, writer

if TYPE_CHECKING:
    import datetime
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

T = TypeVar("T")


_PUT_RUN: Final = """
INSERT INTO runs (run, source, columns, workers, out, command, started_at) VALUES (?, ?, ?, ?, ?, ?, ?)"""

_PUT_ROW: Final = """
INSERT INTO rows (run, number, po_number, key, cells, url, supplier, amount, amount_is_decimal,
                  error_code, error_message, duplicate_of, levels, folder)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_PUBLISH: Final = "UPDATE outcomes SET state = 'published', at = ? WHERE run = ? AND key = ?"


_NAME: Final = "INSERT OR REPLACE INTO orders (key, run, number) VALUES (?, ?, ?)"

_NAME_ALL: Final = """
INSERT OR REPLACE INTO orders (key, run, number) SELECT key, run, number FROM rows WHERE run = ? AND key IS NOT NULL"""

_FOUND_DONE: Final = "UPDATE rows SET found_done = ?, key = NULL WHERE run = ? AND key = ?"

_UNNAME: Final = "DELETE FROM orders WHERE key = ? AND run = ?"

_NAMED_BEFORE: Final = (
    """
INSERT OR REPLACE INTO orders (key, run, number) SELECT key, run, 0 FROM outcomes
WHERE run != :run AND key IN (SELECT key FROM rows WHERE run = :run) ORDER BY id""",
    """
INSERT OR REPLACE INTO orders (key, run, number) SELECT rows.key, rows.run, rows.number FROM rows JOIN runs USING (run)
WHERE run != :run AND key IN (SELECT key FROM rows WHERE run = :run) ORDER BY runs.started_at, rows.run, rows.number""",
)
"""Restores which earlier run named each of a run's orders last."""


_DOUBT: Final = """
UPDATE outcomes SET doubted = 1 WHERE id IN (
  SELECT MAX(id) FROM outcomes WHERE key IN (SELECT value FROM json_each(?)) AND state = 'published' GROUP BY key)"""


class Journal(queries.Queries):
    """The journal of one output directory. Open it with `Journal.open`.

    An awaited write is durable when the call returns. Cancelling the wait does not undo it; a later error is raised
    when the journal closes. Reads use their own connection and may come from any thread, even during writes.
    """

    def __init__(self, path: Path, thread: writer.Writer) -> None:
        super().__init__(path)
        self._writer = thread

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, *, rollback: bool = False) -> AsyncIterator[Journal]:
        """Opens or creates the journal for the block; on exit everything is written.

        Args:
            path: of the database; its folder must exist.
            rollback: no write-ahead log; see `storage_location.classify`.

        Raises:
            MachineError: it cannot be opened or is damaged, or a newer po-pw wrote it; on exit: a fact, or an
                outcome whose wait was cancelled, could not be written.
            OutOfSpaceError: the disk is full.
        """
        thread = await asyncio.to_thread(writer.Writer, path, rollback=rollback)
        try:
            yield cls(path, thread)
        finally:
            closing = asyncio.create_task(asyncio.to_thread(thread.close), name="journal-close")
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                await asyncio.wait([closing])
                raise

    @property
    def syncs(self) -> int:
        """Number of commits so far."""
        return self._writer.syncs

    async def begin(self, plan: models.Plan, rows: Iterable[models.Row]) -> models.RunId:
        """Adds a run and its rows; the rows are consumed one by one on the writer's thread.

        If the iterator raises, the error is raised here and no run is added.

        Args:
            plan: of the run.
            rows: each with a unique number.
        """

        def put(connection: sqlite3.Connection) -> models.RunId:
            run = _fresh_id(connection, plan)
            connection.execute(
                _PUT_RUN,
                (
                    run,
                    codec.escape_surrogates(plan.source),
                    json.dumps(plan.columns),
                    plan.workers,
                    codec.escape_surrogates(plan.out),
                    json.dumps(tuple(map(redact.text, plan.command))),
                    codec.stamp(plan.started_at),
                ),
            )
            connection.executemany(_PUT_ROW, (codec.row_values(run, row) for row in rows))
            connection.execute(_NAME_ALL, (run,))
            return run

        return await self._written(put)

    async def append(self, run: models.RunId, row: models.Row) -> None:
        """Adds a row to a run whose orders come one by one."""

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT_ROW, codec.row_values(run, row))
            if row.order is not None:
                connection.execute(_NAME, (row.order.key, run, row.number))

        await self._written(put)

    async def claim_folder(self, key: models.OrderKey, parent: str, stem: str) -> str:
        """Claims a unique folder stem for an order below `parent`: `stem`, or `stem~2`, `stem~3`… if that is taken.

        Names are compared as file systems may do (Unicode-normalised, case-insensitive). A claim is permanent: an order
        whose stem has changed gets a further one.
        """

        def claim(connection: sqlite3.Connection) -> str:
            where = models.folded(parent)
            for have in connection.execute("SELECT stem FROM folders WHERE key = ? AND parent = ?", (key, where)):
                if models.is_numbered(str(have["stem"]), stem):
                    return str(have["stem"])
            number, candidate = 1, stem
            while connection.execute(
                "SELECT 1 FROM folders WHERE parent = ? AND folded = ?", (where, models.folded(candidate))
            ).fetchone():
                number += 1
                candidate = f"{stem}~{number}"
            connection.execute(
                "INSERT INTO folders (parent, folded, stem, key) VALUES (?, ?, ?, ?)",
                (where, models.folded(candidate), candidate, key),
            )
            return candidate

        return await self._written(claim)

    async def reopen(self, run: models.RunId) -> None:
        """Reopens the journal after its folder was unavailable, and writes what was queued meanwhile.

        Raises:
            OutputUnavailableError: it cannot be opened.
            MachineError: it is another journal.
        """
        self._writer.mark_lost()
        query = "SELECT 1 FROM runs WHERE run = ?"
        known = await self._written(lambda connection: connection.execute(query, (run,)).fetchone() is not None)
        if not known:
            msg = f"{self._path} is no longer the journal of this run. Was another disk or share connected there?"
            raise errors.MachineError(msg)

    def note(self, run: models.RunId, fact: facts.Fact) -> None:
        """Queues a fact, which is written with the next commit; returns at once."""
        self._writer.note(lambda connection: statements.put_fact(connection, run, fact))

    async def save(self, run: models.RunId, outcome: models.Outcome, *, work: str, replaces: str = "") -> None:
        """Saves an order's outcome before its folder is published; returns when durable. `publish` must follow.

        Args:
            run: that produced it.
            outcome: with the final folder.
            work: the current folder, relative to the output directory, with `/`.
            replaces: an older folder elsewhere, to be removed when this one is published.
        """
        await self._written(
            lambda connection: statements.put_outcome(connection, run, outcome, "saved", work, replaces)
        )

    async def publish(self, run: models.RunId, key: models.OrderKey) -> None:
        """Marks a saved outcome's folder as published; returns when durable."""
        await self._written(lambda connection: connection.execute(_PUBLISH, (codec.now(), run, key)))

    async def forget(self, run: models.RunId, key: models.OrderKey) -> None:
        """Deletes an outcome whose folder no longer exists."""
        await self._written(
            lambda connection: connection.execute("DELETE FROM outcomes WHERE run = ? AND key = ?", (run, key))
        )

    async def commit(self, run: models.RunId, outcome: models.Outcome) -> None:
        """Saves the outcome of an order without a folder to publish; returns when durable."""
        await self._written(lambda connection: statements.put_outcome(connection, run, outcome))

    async def mark_for_reverify(self, keys: Iterable[models.OrderKey]) -> None:
        """Marks these orders' files to be verified by the next run, and fetched again if they are wrong."""
        listed = json.dumps(list(keys))
        await self._written(lambda connection: connection.execute(_DOUBT, (listed,)))

    async def withdraw(self, run: models.RunId) -> None:
        """Deletes a run that was stopped before its first order."""

        def delete(connection: sqlite3.Connection) -> None:
            for named_before in _NAMED_BEFORE:
                connection.execute(named_before, {"run": run})
            for table in ("orders", "rows", "runs"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - names of our own

        await self._written(delete)

    async def copy_outcomes(self, run: models.RunId, outcomes: Iterable[models.Outcome]) -> None:
        """Copies outcomes of earlier runs into this one, marked as such; all or none.

        Consumed one by one on the writer's thread; if the iterator raises, the error is raised here and none is added.
        """

        def put(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                statements.put_outcome(connection, run, dataclasses.replace(outcome, from_earlier_run=True))

        await self._written(put)

    async def skip(self, run: models.RunId, outcomes: Iterable[models.Outcome]) -> None:
        """Records orders that their list marks as COMPLETED, with their files there; all or none.

        They are not outcomes of a run: later runs do not take them over, and do not show them among other orders.

        Args:
            run: the run of this list.
            outcomes: consumed on the writer's thread; an error they raise leaves nothing recorded.
        """

        def put(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                connection.execute(_FOUND_DONE, (codec.dump(outcome), run, outcome.key))
                connection.execute(_UNNAME, (outcome.key, run))

        await self._written(put)

    async def end(
        self,
        run: models.RunId,
        *,
        seconds: float,
        work_seconds: float,
        interrupted: bool,
        browser: models.BrowserInfo | None,
    ) -> None:
        """Records the end of a run.

        Args:
            run: the run.
            seconds: duration of the whole run.
            work_seconds: duration without start-up.
            interrupted: whether orders may be left.
            browser: the one used; None if none was opened.
        """
        shown = json.dumps(dataclasses.asdict(browser)) if browser else None
        values = (codec.now(), seconds, work_seconds, interrupted, shown, run)
        await self._written(
            lambda connection: connection.execute(
                "UPDATE runs SET ended_at = ?, seconds = ?, work_seconds = ?, interrupted = ?, browser = ? "
                "WHERE run = ?",
                values,
            )
        )

    async def restore(self, recovered: Iterable[restore.Recovered], now: datetime.datetime) -> int:
        """Adds recovered outcomes under an artificial run without rows; of an order the latest counts.

        Args:
            recovered: consumed one by one on the writer's thread; if the iterator raises, nothing is added.
            now: becomes the run's name.

        Returns:
            Number of orders that had no outcome before.
        """
        return await self._written(lambda connection: restore.add(connection, recovered, now, statements.put_outcome))

    async def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done = self._writer.submit(work)
        here = asyncio.wrap_future(done)
        try:
            return await asyncio.shield(here)
        except asyncio.CancelledError:
            self._writer.leave_to_close(done)
            here.add_done_callback(_looked_at)
            raise


def _fresh_id(connection: sqlite3.Connection, plan: models.Plan) -> models.RunId:
    while True:
        run = models.RunId(f"{plan.started_at.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        if connection.execute("SELECT 1 FROM runs WHERE run = ?", (run,)).fetchone() is None:
            return run


def _looked_at(done: asyncio.Future[T]) -> None:
    # The writer keeps the error; this only silences asyncio's warning.
    if not done.cancelled():
        done.exception()
