"""The journal: what has happened to which order in which run."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import secrets
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors, models, redact
from po_pw.journal import codec, facts, restore, schema, writer, writes

if TYPE_CHECKING:
    import datetime
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

_BATCH: Final = 500
"""Rows read at once: between batches no lock is held, so a slow reader is in nobody's way."""

_PUT_RUN: Final = """
INSERT INTO runs (run, source, columns, workers, out, command, started_at) VALUES (?, ?, ?, ?, ?, ?, ?)"""

_PUT_ROW: Final = """
INSERT INTO rows (run, number, po_number, key, cells, url, supplier, amount, amount_is_decimal,
                  error_code, error_message, duplicate_of, levels)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_PUBLISH: Final = "UPDATE outcomes SET state = 'published', at = ? WHERE run = ? AND key = ?"

_ORDERS: Final = """
SELECT number, key, po_number, url, supplier, amount, amount_is_decimal, levels FROM rows
WHERE run = ? AND number > ? AND key IS NOT NULL ORDER BY number LIMIT ?"""

_RESULTS: Final = """
SELECT rows.number, rows.cells, rows.po_number, rows.error_code, rows.error_message, rows.duplicate_of,
       COALESCE(own.outcome, rows.found_done, twin.outcome, first.found_done) AS outcome,
       COALESCE(rows.found_done, first.found_done) IS NOT NULL AS is_skipped
FROM rows
LEFT JOIN outcomes AS own ON own.run = rows.run AND own.key = rows.key AND own.state = 'published'
LEFT JOIN rows AS first ON first.run = rows.run AND first.number = rows.duplicate_of
LEFT JOIN outcomes AS twin ON twin.run = rows.run AND twin.key = first.key AND twin.state = 'published'
WHERE rows.run = ? AND rows.number > ? ORDER BY rows.number LIMIT ?"""

_COUNTS: Final = """
SELECT COUNT(*) AS rows, COUNT(key) AS orders, COUNT(error_code) AS refused, COUNT(duplicate_of) AS duplicates
FROM rows WHERE run = ?"""

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
"""Who named a run's orders last before it did."""

_OTHERS: Final = """
SELECT orders.key, orders.run, runs.source, runs.columns, rows.number, rows.cells, rows.po_number,
       (SELECT outcome FROM outcomes WHERE outcomes.key = orders.key AND state = 'published'
        ORDER BY id DESC LIMIT 1) AS outcome
FROM orders JOIN runs ON runs.run = orders.run
LEFT JOIN rows ON rows.run = orders.run AND rows.number = orders.number
WHERE orders.key > ? AND NOT EXISTS (
  SELECT 1 FROM outcomes AS own WHERE own.run = ? AND own.key = orders.key AND own.state = 'published')
ORDER BY orders.key LIMIT ?"""
"""Where a run has an order that it did not reach, it is among them: an earlier run may know more of it."""

_KNOWN: Final = """
SELECT key, outcome, doubted, MAX(id) FROM outcomes
WHERE key IN (SELECT value FROM json_each(?)) AND state = 'published' GROUP BY key"""

_DOUBT: Final = """
UPDATE outcomes SET doubted = 1 WHERE id IN (
  SELECT MAX(id) FROM outcomes WHERE key IN (SELECT value FROM json_each(?)) AND state = 'published' GROUP BY key)"""

_SAVED: Final = "SELECT run, key, outcome, work, replaces FROM outcomes WHERE state = 'saved' ORDER BY id"

_LEFT: Final = """
SELECT file FROM files WHERE key = ? AND NOT EXISTS (
  SELECT 1 FROM outcomes WHERE outcomes.run = files.run AND outcomes.key = files.key
  AND json_extract(outcomes.outcome, '$.folder') <> '')
ORDER BY run, saved_at"""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a run's rows are."""

    rows: int
    orders: int
    refused: int
    duplicates: int


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """The latest outcome of an order."""

    outcome: models.Outcome
    doubted: bool
    """Its files are to be proved before they count."""


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """An outcome whose files are whole in the work folder, but perhaps not in their final place yet."""

    run: models.RunId
    outcome: models.Outcome
    work: str
    """The work folder, below the output directory, with `/`."""
    replaces: str
    """An older folder of the order elsewhere, likewise; `""` where there is none."""


class Journal:
    """The journal of one output directory. Open it with `Journal.open`.

    What is awaited is durable when the call returns. Cancelling the wait does not undo it; what then goes wrong is
    raised when the journal closes. What is read comes from a connection of its own, from any thread, also while the
    writer writes.
    """

    def __init__(self, path: Path, thread: writer.Writer) -> None:
        self._path = path
        self._writer = thread

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path, *, rollback: bool = False) -> AsyncIterator[Journal]:
        """Opens or makes the journal for as long as the block lasts; on leaving, everything is written.

        Args:
            path: the database; its folder is there.
            rollback: without the write-ahead log, as `modes.judge` says of the place.

        Raises:
            MachineError: it cannot be opened or is damaged, or a newer po-pw wrote it; on leaving: a note, or an
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
        """How many commits were made so far."""
        return self._writer.syncs

    async def begin(self, plan: models.Plan, rows: Iterable[models.Row]) -> models.RunId:
        """Notes a new run and its rows; the rows are consumed as they come, on the writer's thread.

        An error the rows raise is raised here, and leaves no run.

        Args:
            plan: what is asked for.
            rows: each with a number of its own.
        """

        def put(connection: sqlite3.Connection) -> models.RunId:
            run = _fresh_id(connection, plan)
            connection.execute(
                _PUT_RUN,
                (
                    run,
                    codec.whole(plan.source),
                    json.dumps(plan.columns),
                    plan.workers,
                    codec.whole(plan.out),
                    json.dumps(tuple(map(redact.text, plan.command))),
                    codec.stamp(plan.started_at),
                ),
            )
            connection.executemany(_PUT_ROW, (codec.row_values(run, row) for row in rows))
            connection.execute(_NAME_ALL, (run,))
            return run

        return await self._written(put)

    async def append(self, run: models.RunId, row: models.Row) -> None:
        """Notes one more row of a run whose orders come one by one."""

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(_PUT_ROW, codec.row_values(run, row))
            if row.order is not None:
                connection.execute(_NAME, (row.order.key, run, row.number))

        await self._written(put)

    async def claim_folder(self, key: models.OrderKey, parent: str, stem: str) -> str:
        """The stem of this order's folder below `parent`: `stem`, or `stem~2`, `stem~3`… where another has that.

        Compared as file systems may (Unicode-normalised, without case). Once claimed it stays claimed.
        """

        def claim(connection: sqlite3.Connection) -> str:
            where = models.folded(parent)
            have = connection.execute("SELECT stem FROM folders WHERE key = ? AND parent = ?", (key, where)).fetchone()
            if have is not None:
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

    async def again(self, run: models.RunId) -> None:
        """Opens the journal once more, after its place was gone; what was noted meanwhile is written.

        Raises:
            OutputUnavailableError: it cannot be opened.
            MachineError: it is another one.
        """
        self._writer.lose()
        query = "SELECT 1 FROM runs WHERE run = ?"
        known = await self._written(lambda connection: connection.execute(query, (run,)).fetchone() is not None)
        if not known:
            msg = f"{self._path} is not the journal of this run any more. Is another disk or share there?"
            raise errors.MachineError(msg)

    def note(self, run: models.RunId, fact: facts.Fact) -> None:
        """Notes a fact; returns at once, and it is written with the next commit."""
        self._writer.note(lambda connection: writes.put_fact(connection, run, fact))

    async def save(self, run: models.RunId, outcome: models.Outcome, *, work: str, replaces: str = "") -> None:
        """Notes what came of an order whose files lie ready; returns when that is durable. `publish` comes next.

        Args:
            run: whose outcome.
            outcome: with the folder that the files are about to have.
            work: the folder they are in now, below the output directory, with `/`.
            replaces: an older folder elsewhere that goes when this one is in place.
        """
        await self._written(lambda connection: writes.put_outcome(connection, run, outcome, "saved", work, replaces))

    async def publish(self, run: models.RunId, key: models.OrderKey) -> None:
        """Notes that a saved outcome's folder is in its final place; returns when that is durable."""
        await self._written(lambda connection: connection.execute(_PUBLISH, (codec.now(), run, key)))

    async def forget(self, run: models.RunId, key: models.OrderKey) -> None:
        """Forgets an outcome whose files are neither in the work folder nor in their final place."""
        await self._written(
            lambda connection: connection.execute("DELETE FROM outcomes WHERE run = ? AND key = ?", (run, key))
        )

    async def commit(self, run: models.RunId, outcome: models.Outcome) -> None:
        """Notes what came of an order whose folder is in its final place already; returns when that is durable."""
        await self._written(lambda connection: writes.put_outcome(connection, run, outcome))

    async def doubt(self, keys: Iterable[models.OrderKey]) -> None:
        """The files of these orders' latest outcomes are to be proved, and fetched again where they do not hold."""
        listed = json.dumps(list(keys))
        await self._written(lambda connection: connection.execute(_DOUBT, (listed,)))

    async def withdraw(self, run: models.RunId) -> None:
        """Forgets a run of which nothing but its rows is noted: it was stopped before any order began."""

        def delete(connection: sqlite3.Connection) -> None:
            for named_before in _NAMED_BEFORE:
                connection.execute(named_before, {"run": run})
            for table in ("orders", "rows", "runs"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - names of our own

        await self._written(delete)

    async def carry(self, run: models.RunId, outcomes: Iterable[models.Outcome]) -> None:
        """Notes, in this run, outcomes that earlier ones had; they become `carried`, all or none.

        Consumed as they come, on the writer's thread; an error they raise is raised here, and leaves none.
        """

        def put(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                writes.put_outcome(connection, run, dataclasses.replace(outcome, carried=True))

        await self._written(put)

    async def skip(self, run: models.RunId, outcomes: Iterable[models.Outcome]) -> None:
        """Notes orders of this run that are done although no run of ours fetched them; all or none.

        They are no outcomes of ours: no later run takes them over, and none of its tables has them among other orders.

        Args:
            run: whose list has them.
            outcomes: consumed as they come, on the writer's thread; an error they raise leaves none.
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
        """Notes how a run ended.

        Args:
            run: the run.
            seconds: of the whole run.
            work_seconds: of its work, without start-up.
            interrupted: whether orders may be left.
            browser: which one ran; None where none was opened.
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

    def orders(self, run: models.RunId) -> Iterator[models.PurchaseOrder]:
        """The orders of a run, each once, in row order; streams."""
        return self._stream(_ORDERS, run, codec.order)

    def rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """Each row of a run with what came of it so far, in row order; streams."""
        return self._stream(_RESULTS, run, codec.result)

    def others(self, run: models.RunId) -> Iterator[models.OtherOrder]:
        """Every order that this run has no outcome of and an earlier list named, with what came of it; streams.

        Orders that the run's own list names are among them where it did not reach them and an earlier run did. Sorted
        by key.
        """
        with self._reading() as connection:
            last = ""
            while batch := connection.execute(_OTHERS, (last, run, _BATCH)).fetchall():
                for row in batch:
                    if row["run"] != run or row["outcome"]:
                        yield codec.other(row)
                last = batch[-1]["key"]

    def counts(self, run: models.RunId) -> Counts:
        """How many rows of which kind a run has."""
        with self._reading() as connection:
            row = connection.execute(_COUNTS, (run,)).fetchone()
        return Counts(row["rows"], row["orders"], row["refused"], row["duplicates"])

    def known(self, keys: Iterable[models.OrderKey]) -> dict[models.OrderKey, Known]:
        """The latest outcome of each of these orders that has one, from whatever run."""
        with self._reading() as connection:
            return {
                models.OrderKey(row["key"]): Known(codec.load(row["outcome"]), bool(row["doubted"]))
                for row in connection.execute(_KNOWN, (json.dumps(list(keys)),))
            }

    def saved(self) -> list[Saved]:
        """The outcomes, of whatever run, that were saved and not published, the oldest first."""
        with self._reading() as connection:
            return [
                Saved(row["run"], codec.load(row["outcome"]), row["work"], row["replaces"])
                for row in connection.execute(_SAVED)
            ]

    def handed_out(self, run: models.RunId, lease: int) -> models.OrderKey | None:
        """Which order a lease was for; None where that was never noted."""
        with self._reading() as connection:
            row = connection.execute("SELECT key FROM attempts WHERE run = ? AND lease = ?", (run, lease)).fetchone()
        return None if row is None else models.OrderKey(row["key"])

    def left(self, key: models.OrderKey) -> list[models.SavedFile]:
        """The files that runs saved of this order without coming to an outcome; the latest last."""
        with self._reading() as connection:
            return [codec.file(row["file"]) for row in connection.execute(_LEFT, (key,)).fetchall()]

    def without_outcome(self, places: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these folder names (parent and stem) whose order is not known to have come to anything."""
        with self._reading() as connection:
            return restore.unknown(connection, places)

    async def restore(self, recovered: Iterable[restore.Recovered], now: datetime.datetime) -> int:
        """Notes what was found out elsewhere, under a run of its own without rows; of an order's the latest counts.

        Args:
            recovered: consumed as they come, on the writer's thread; an error they raise leaves nothing.
            now: names the run.

        Returns:
            For how many orders there was no outcome before.
        """
        return await self._written(lambda connection: restore.put(connection, recovered, now, writes.put_outcome))

    def _stream(self, query: str, run: models.RunId, load: Callable[[sqlite3.Row], T]) -> Iterator[T]:
        """The rows of a query that takes the run, the number to go on after, and how many."""
        with self._reading() as connection:
            last = -1
            while batch := connection.execute(query, (run, last, _BATCH)).fetchall():
                yield from map(load, batch)
                last = batch[-1]["number"]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with schema.translated(self._path, waits=True), contextlib.closing(schema.reading(self._path)) as connection:
            yield connection

    async def _written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        done = self._writer.submit(work)
        here = asyncio.wrap_future(done)
        try:
            return await asyncio.shield(here)
        except asyncio.CancelledError:
            self._writer.disown(done)
            here.add_done_callback(_looked_at)
            raise


def _fresh_id(connection: sqlite3.Connection, plan: models.Plan) -> models.RunId:
    while True:
        run = models.RunId(f"{plan.started_at.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        if connection.execute("SELECT 1 FROM runs WHERE run = ?", (run,)).fetchone() is None:
            return run


def _looked_at(done: asyncio.Future[T]) -> None:
    # The writer keeps the error; asyncio need not complain as well that nobody looked.
    if not done.cancelled():
        done.exception()
