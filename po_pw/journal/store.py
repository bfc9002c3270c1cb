"""The journal: what has happened to which order in which run."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import secrets
import unicodedata
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import models
from po_pw.journal import codec, facts, schema, writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")

_BATCH: Final = 500
"""Rows read at once: between batches no lock is held, so a slow reader is in nobody's way."""

_PUT_ROW: Final = """
INSERT INTO rows (run, number, po_number, key, cells, url, supplier, amount, amount_is_decimal,
                  error_code, error_message, duplicate_of)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_PUT_OUTCOME: Final = """
INSERT OR REPLACE INTO outcomes (run, key, state, status, at, outcome) VALUES (?, ?, 'published', ?, ?, ?)"""

_PUT_FILE: Final = """
INSERT OR REPLACE INTO files (run, key, attachment_id, path, sent_name, size, sha256, media_type, source, lane,
                              saved_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_LEASED: Final = """
INSERT INTO attempts (run, lease, key, attempt, worker, started_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run, lease) DO UPDATE SET started_at = excluded.started_at"""

_ATTEMPTED: Final = """
INSERT OR REPLACE INTO attempts (run, lease, key, attempt, worker, started_at, ended_at, counts, error_code,
                                 error_message)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_ORDERS: Final = """
SELECT number, key, po_number, url, supplier, amount, amount_is_decimal FROM rows
WHERE run = ? AND number > ? AND key IS NOT NULL ORDER BY number LIMIT ?"""

_RESULTS: Final = """
SELECT rows.number, rows.cells, rows.po_number, rows.error_code, rows.error_message, rows.duplicate_of,
       COALESCE(own.outcome, twin.outcome) AS outcome
FROM rows
LEFT JOIN outcomes AS own ON own.run = rows.run AND own.key = rows.key
LEFT JOIN rows AS first ON first.run = rows.run AND first.number = rows.duplicate_of
LEFT JOIN outcomes AS twin ON twin.run = rows.run AND twin.key = first.key
WHERE rows.run = ? AND rows.number > ? ORDER BY rows.number LIMIT ?"""

_COUNTS: Final = """
SELECT COUNT(*) AS rows, COUNT(key) AS orders, COUNT(error_code) AS refused, COUNT(duplicate_of) AS duplicates
FROM rows WHERE run = ?"""

_KNOWN: Final = """
SELECT key, outcome, MAX(id) FROM outcomes WHERE key IN (SELECT value FROM json_each(?)) GROUP BY key"""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a run's rows are."""

    rows: int
    orders: int
    refused: int
    duplicates: int


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
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Opens or makes the journal for as long as the block lasts; on leaving, everything is written.

        Args:
            path: the database; its folder is there.

        Raises:
            EnvironmentProblem: it cannot be opened or is damaged, or a newer po-pw wrote it; on leaving: a note, or an
                outcome whose wait was cancelled, could not be written.
            OutOfSpace: the disk is full.
        """
        thread = await asyncio.to_thread(writer.Writer, path)
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
                "INSERT INTO runs (run, source, columns, workers, out, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                (run, plan.source, json.dumps(plan.columns), plan.workers, plan.out, codec.stamp(plan.started_at)),
            )
            connection.executemany(_PUT_ROW, (codec.row_values(run, row) for row in rows))
            return run

        return await self._written(put)

    async def append(self, run: models.RunId, row: models.Row) -> None:
        """Notes one more row of a run whose orders come one by one."""
        await self._written(lambda connection: connection.execute(_PUT_ROW, codec.row_values(run, row)))

    async def claim_folder(self, key: models.OrderKey, parent: str, stem: str) -> str:
        """The stem of this order's folder below `parent`: `stem`, or `stem~2`, `stem~3`… where another has that.

        Compared as file systems may (Unicode-normalised, without case). Once claimed it stays claimed.
        """

        def claim(connection: sqlite3.Connection) -> str:
            where = _folded(parent)
            have = connection.execute("SELECT stem FROM folders WHERE key = ? AND parent = ?", (key, where)).fetchone()
            if have is not None:
                return str(have["stem"])
            number, candidate = 1, stem
            while connection.execute(
                "SELECT 1 FROM folders WHERE parent = ? AND folded = ?", (where, _folded(candidate))
            ).fetchone():
                number += 1
                candidate = f"{stem}~{number}"
            connection.execute(
                "INSERT INTO folders (parent, folded, stem, key) VALUES (?, ?, ?, ?)",
                (where, _folded(candidate), candidate, key),
            )
            return candidate

        return await self._written(claim)

    def note(self, run: models.RunId, fact: facts.Fact) -> None:
        """Notes a fact; returns at once, and it is written with the next commit."""
        self._writer.note(lambda connection: _put_fact(connection, run, fact))

    async def commit(self, run: models.RunId, outcome: models.Outcome) -> None:
        """Notes what came of an order; returns when that is durable."""
        await self._written(lambda connection: _put_outcome(connection, run, outcome))

    async def carry(self, run: models.RunId, outcomes: Collection[models.Outcome]) -> None:
        """Notes, in this run, outcomes that earlier ones had; they become `carried`, all or none."""

        def put(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                _put_outcome(connection, run, dataclasses.replace(outcome, carried=True))

        await self._written(put)

    async def end(
        self, run: models.RunId, *, seconds: float, work_seconds: float, interrupted: bool,
        browser: models.BrowserInfo | None,
    ) -> None:  # fmt: skip
        """Notes how a run ended.

        Args:
            run: the run.
            seconds: of the whole run.
            work_seconds: of its work, without start-up.
            interrupted: whether orders may be left.
            browser: which one ran; None where none was opened.
        """
        shown = json.dumps(dataclasses.asdict(browser)) if browser else None
        values = (_now(), seconds, work_seconds, interrupted, shown, run)
        await self._written(
            lambda connection: connection.execute(
                "UPDATE runs SET ended_at = ?, seconds = ?, work_seconds = ?, interrupted = ?, browser = ? "
                "WHERE run = ?",
                values,
            )
        )

    def orders(self, run: models.RunId) -> Iterator[models.PurchaseOrder]:
        """The orders of a run, each once, in row order; streams."""
        return (codec.order(row) for row in self._stream(_ORDERS, run))

    def rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """Each row of a run with what came of it so far, in row order; streams."""
        return (codec.result(row) for row in self._stream(_RESULTS, run))

    def counts(self, run: models.RunId) -> Counts:
        """How many rows of which kind a run has."""
        with self._reading() as connection:
            row = connection.execute(_COUNTS, (run,)).fetchone()
        return Counts(row["rows"], row["orders"], row["refused"], row["duplicates"])

    def known(self, keys: Iterable[models.OrderKey]) -> dict[models.OrderKey, models.Outcome]:
        """The latest outcome of each of these orders that has one, from whatever run."""
        with self._reading() as connection:
            found = connection.execute(_KNOWN, (json.dumps(list(keys)),)).fetchall()
        return {models.OrderKey(row["key"]): codec.load(row["outcome"]) for row in found}

    def _stream(self, query: str, run: models.RunId) -> Iterator[sqlite3.Row]:
        """The rows of a query that takes the run, the number to go on after, and how many."""
        with self._reading() as connection:
            last = -1
            while batch := connection.execute(query, (run, last, _BATCH)).fetchall():
                yield from batch
                last = batch[-1]["number"]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with schema.translated(self._path), contextlib.closing(schema.reading(self._path)) as connection:
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


def _put_outcome(connection: sqlite3.Connection, run: models.RunId, outcome: models.Outcome) -> None:
    connection.execute(_PUT_OUTCOME, (run, outcome.key, outcome.status, _now(), codec.dump(outcome)))
    if not outcome.carried:  # its files are those of the run that saved them
        connection.execute("DELETE FROM files WHERE run = ? AND key = ?", (run, outcome.key))
        connection.executemany(_PUT_FILE, (codec.file_values(run, outcome.key, file) for file in outcome.files))


def _put_fact(connection: sqlite3.Connection, run: models.RunId, fact: facts.Fact) -> None:
    if isinstance(fact, facts.FileSaved):
        connection.execute(_PUT_FILE, codec.file_values(run, fact.key, fact.file))
        return
    lease = fact.lease
    handed_out = (run, lease.number, lease.order.key, lease.attempt, lease.worker)
    if isinstance(fact, facts.Leased):
        connection.execute(_LEASED, (*handed_out, codec.stamp(fact.at)))
        return
    code, message = (fact.failure.code, codec.whole(fact.failure.message)) if fact.failure else (None, None)
    times = (codec.stamp(fact.started_at), codec.stamp(fact.ended_at))
    connection.execute(_ATTEMPTED, (*handed_out, *times, fact.counts, code, message))


def _looked_at(done: asyncio.Future[T]) -> None:
    # The writer keeps the error; asyncio need not complain as well that nobody looked.
    if not done.cancelled():
        done.exception()


def _folded(name: str) -> str:
    # Folding the case can undo the normal form.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _now() -> str:
    return codec.stamp(datetime.datetime.now(datetime.UTC))
