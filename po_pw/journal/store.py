"""The journal: what has happened to which order in which run."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import json
import secrets
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from po_pw import models
from po_pw.journal import codec, schema, writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_BATCH: Final = 1000

_PUT_ROW: Final = """
INSERT INTO rows (run, number, po_number, key, cells, url, supplier, amount, amount_is_decimal,
                  error_code, error_message, duplicate_of)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_RESULTS: Final = """
SELECT rows.number, rows.cells, rows.po_number, rows.error_code, rows.error_message, rows.duplicate_of,
       COALESCE(own.outcome, twin.outcome) AS outcome
FROM rows
LEFT JOIN outcomes AS own ON own.run = rows.run AND own.key = rows.key
LEFT JOIN rows AS first ON first.run = rows.run AND first.number = rows.duplicate_of
LEFT JOIN outcomes AS twin ON twin.run = rows.run AND twin.key = first.key
WHERE rows.run = ? ORDER BY rows.number"""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """What a run's rows are."""

    rows: int
    orders: int
    refused: int
    duplicates: int


class Journal:
    """The journal of one output directory. Open it with `Journal.open`."""

    def __init__(self, path: Path, thread: writer.Writer) -> None:
        self._path = path
        self._writer = thread

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Journal]:
        """Opens or makes the journal for as long as the block lasts; on leaving, everything is written.

        Raises:
            EnvironmentProblem: it cannot be opened, or a newer po-pw wrote it.
        """
        thread = await asyncio.to_thread(writer.Writer, path)
        try:
            yield cls(path, thread)
        finally:
            await asyncio.shield(asyncio.to_thread(thread.close))

    @property
    def syncs(self) -> int:
        """How many commits were made durable so far."""
        return self._writer.syncs

    async def begin(self, plan: models.Plan, rows: Iterable[models.Row]) -> models.RunId:
        """Notes a new run and its rows; the rows are consumed as they come, on the writer's thread.

        An error the rows raise is raised here, and leaves no run.
        """
        stamp = plan.started_at.strftime("%Y%m%d-%H%M%S")
        run = models.RunId(f"{stamp}-{secrets.token_hex(2)}")

        def put(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO runs (run, source, columns, workers, out, started_at) VALUES (?, ?, ?, ?, ?, ?)",
                (run, plan.source, json.dumps(plan.columns), plan.workers, plan.out, plan.started_at.isoformat()),
            )
            connection.executemany(_PUT_ROW, (_row_values(run, row) for row in rows))

        await self._written(put, alone=True)
        return run

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

        return str(await self._written(claim))

    def note_attempt(
        self, run: models.RunId, lease: models.Lease, *, failure: models.Failure | None, delay: float, counts: bool
    ) -> None:
        """Notes that an order was put back; written with the next commit."""
        values = (
            run, lease.order.key, lease.attempt, lease.number, lease.worker, _now(),
            failure.code if failure else None, failure.message if failure else None, delay, counts,
        )  # fmt: skip
        self._writer.note(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO attempts (run, key, attempt, lease, worker, at, error_code, error_message, "
                "delay, counts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        )

    async def commit(self, run: models.RunId, outcome: models.Outcome) -> None:
        """Notes what came of an order; returns when that is durable. Cancelling the wait does not undo it."""
        await self._written(lambda connection: _put_outcome(connection, run, outcome))

    async def carry(self, run: models.RunId, outcomes: Sequence[models.Outcome]) -> None:
        """Notes outcomes that earlier runs had, in this one."""

        def put(connection: sqlite3.Connection) -> None:
            for outcome in outcomes:
                _put_outcome(connection, run, outcome)

        await self._written(put)

    async def end(
        self, run: models.RunId, *, seconds: float, work_seconds: float, interrupted: bool,
        browser: models.BrowserInfo | None,
    ) -> None:  # fmt: skip
        """Notes how a run ended."""
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
        with self._reading() as connection:
            for row in connection.execute(
                "SELECT * FROM rows WHERE run = ? AND key IS NOT NULL ORDER BY number", (run,)
            ):
                amount = Decimal(row["amount"]) if row["amount_is_decimal"] else row["amount"]
                yield models.PurchaseOrder(
                    models.OrderKey(row["key"]), row["po_number"], row["url"], row["supplier"], amount, row["number"]
                )

    def counts(self, run: models.RunId) -> Counts:
        """How many rows of which kind a run has."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT COUNT(*) AS rows, COUNT(key) AS orders, COUNT(error_code) AS refused, "
                "COUNT(duplicate_of) AS duplicates FROM rows WHERE run = ?",
                (run,),
            ).fetchone()
        return Counts(row["rows"], row["orders"], row["refused"], row["duplicates"])

    def known(self, keys: Sequence[models.OrderKey]) -> dict[models.OrderKey, models.Outcome]:
        """The latest outcome of each of these orders, from whatever run."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT key, outcome, MAX(at) FROM outcomes WHERE key IN (SELECT value FROM json_each(?)) GROUP BY key",
                (json.dumps(list(keys)),),
            ).fetchall()
        return {models.OrderKey(row["key"]): codec.load(row["outcome"]) for row in rows}

    def rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """Each row of a run with what came of it, in row order; streams, from any thread, while the run goes on."""
        with self._reading() as connection:
            for row in connection.execute(_RESULTS, (run,)):
                yield _result(row)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with schema.translated(self._path):
            connection = schema.connect(self._path, writing=False)
            try:
                yield connection
            finally:
                connection.close()

    async def _written(self, work: Callable[[sqlite3.Connection], Any], *, alone: bool = False) -> Any:
        # Shielded: once handed over, it is written whether or not anybody still waits.
        return await asyncio.shield(asyncio.wrap_future(self._writer.submit(work, alone=alone)))


def _row_values(run: models.RunId, row: models.Row) -> tuple[Any, ...]:
    order, problem = row.order, row.problem
    amount = order.amount if order else None
    return (
        run, row.number, row.po_number, order.key if order else None, json.dumps(row.cells, ensure_ascii=False),
        order.url if order else None, order.supplier if order else None,
        None if amount is None else str(amount), isinstance(amount, Decimal),
        problem.code if problem else None, problem.message if problem else None, row.duplicate_of,
    )  # fmt: skip


def _put_outcome(connection: sqlite3.Connection, run: models.RunId, outcome: models.Outcome) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO outcomes (run, key, status, at, outcome) VALUES (?, ?, ?, ?, ?)",
        (run, outcome.key, outcome.status, _now(), codec.dump(outcome)),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO files (run, key, attachment_id, name, sent_name, size, sha256, media_type, source, "
        "lane, saved_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (run, outcome.key, file.attachment_id, file.path, file.sent_name, file.size, file.sha256, file.media_type,
             file.source, file.lane, file.saved_at.isoformat() if file.saved_at else None)
            for file in outcome.files
        ),
    )  # fmt: skip


def _result(row: sqlite3.Row) -> models.RowResult:
    outcome = codec.load(row["outcome"]) if row["outcome"] else None
    error = models.Failure(models.ErrorCode(row["error_code"]), row["error_message"]) if row["error_code"] else None
    if row["duplicate_of"] is not None:
        status = models.Status.DUPLICATE
    elif error is not None:
        status = models.Status.FAILED
    elif outcome is None:
        status = models.Status.PENDING
    else:
        status, error = outcome.status, outcome.error
    cells = tuple(json.loads(row["cells"]))
    return models.RowResult(row["number"], cells, row["po_number"], status, outcome, error, row["duplicate_of"])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _now() -> str:
    # Sorts as text, whatever the offset of the machine.
    return datetime.datetime.now(datetime.UTC).isoformat()
