"""What a run reads from its own journal: orders, results, what earlier runs left; from any thread, at any time."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import models
from po_pw.journal import codec, history, restore, schema, view

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

T = TypeVar("T")


_BATCH: Final = 500
"""Rows read at once: between batches no lock is held, so a slow reader blocks no one."""

_ORDERS: Final = """
SELECT number, key, po_number, url, supplier, amount, amount_is_decimal, levels, folder FROM rows
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

_OTHERS: Final = """
SELECT orders.key, orders.run, runs.source, runs.columns, rows.number, rows.cells, rows.po_number,
       (SELECT outcome FROM outcomes WHERE outcomes.key = orders.key AND state = 'published'
        ORDER BY id DESC LIMIT 1) AS outcome
FROM orders JOIN runs ON runs.run = orders.run
LEFT JOIN rows ON rows.run = orders.run AND rows.number = orders.number
WHERE orders.key > ? AND NOT EXISTS (
  SELECT 1 FROM outcomes AS own WHERE own.run = ? AND own.key = orders.key AND own.state = 'published')
ORDER BY orders.key LIMIT ?"""
"""Includes the run's own orders that it did not reach: an earlier run may have their outcome."""

_KNOWN: Final = """
SELECT key, outcome, doubted, MAX(id) FROM outcomes
WHERE key IN (SELECT value FROM json_each(?)) AND state = 'published' GROUP BY key"""

_SAVED: Final = "SELECT run, key, outcome, work, replaces FROM outcomes WHERE state = 'saved' ORDER BY id"

_LEFT: Final = """
SELECT file FROM files WHERE key = ? AND NOT EXISTS (
  SELECT 1 FROM outcomes WHERE outcomes.run = files.run AND outcomes.key = files.key
  AND json_extract(outcomes.outcome, '$.folder') <> '')
ORDER BY run, saved_at"""


@dataclasses.dataclass(frozen=True, slots=True)
class Counts:
    """Number of a run's rows, by kind."""

    rows: int
    orders: int
    refused: int
    duplicates: int


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """The latest outcome of an order."""

    outcome: models.Outcome
    doubted: bool
    """Its files must be verified before they count."""


@dataclasses.dataclass(frozen=True, slots=True)
class Saved:
    """An outcome whose files are complete in the work folder, but may not be published yet."""

    run: models.RunId
    outcome: models.Outcome
    work: str
    """The work folder, relative to the output directory, with `/`."""
    replaces: str
    """An older folder of the order elsewhere, likewise; `""` if there is none."""


class Queries:
    """What can be read from the journal of an output directory, each call over a connection of its own.

    Args:
        path: of the database.

    Raises:
        MachineError: the journal cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def orders(self, run: models.RunId) -> Iterator[models.PurchaseOrder]:
        """Yields the orders of a run, each once, in row order."""
        return self._stream(_ORDERS, run, codec.order)

    def rows(self, run: models.RunId) -> Iterator[models.RowResult]:
        """Yields each row of a run with its outcome so far, in row order."""
        return self._stream(_RESULTS, run, codec.result)

    def others(self, run: models.RunId) -> Iterator[models.OtherOrder]:
        """Yields orders of earlier lists without an outcome in this run, with their latest outcome, sorted by key.

        Includes orders of this run's own list that it did not reach and an earlier run did.
        """
        with self._reading() as connection:
            last = ""
            while batch := connection.execute(_OTHERS, (last, run, _BATCH)).fetchall():
                for row in batch:
                    if row["run"] != run or row["outcome"]:
                        yield codec.other(row)
                last = batch[-1]["key"]

    def history(self, run: models.RunId) -> history.History:
        """What happened in a run over time."""
        with self._reading() as connection:
            return history.read(connection, run)

    def latest(self) -> models.RunId | None:
        """The latest run; None if there is none."""
        with self._reading() as connection:
            return view.latest(connection, self._path)

    def counts(self, run: models.RunId) -> Counts:
        """Counts a run's rows by kind."""
        with self._reading() as connection:
            row = connection.execute(_COUNTS, (run,)).fetchone()
        return Counts(row["rows"], row["orders"], row["refused"], row["duplicates"])

    def known(self, keys: Iterable[models.OrderKey]) -> dict[models.OrderKey, Known]:
        """The latest outcome, of any run, of each of these orders that has one."""
        with self._reading() as connection:
            return {
                models.OrderKey(row["key"]): Known(codec.load(row["outcome"]), bool(row["doubted"]))
                for row in connection.execute(_KNOWN, (json.dumps(list(keys)),))
            }

    def saved(self) -> list[Saved]:
        """Outcomes of any run that were saved but not published, oldest first."""
        with self._reading() as connection:
            return [
                Saved(row["run"], codec.load(row["outcome"]), row["work"], row["replaces"])
                for row in connection.execute(_SAVED)
            ]

    def order_of_lease(self, run: models.RunId, lease: int) -> models.OrderKey | None:
        """The order of a lease; None if it was not recorded."""
        with self._reading() as connection:
            row = connection.execute("SELECT key FROM attempts WHERE run = ? AND lease = ?", (run, lease)).fetchone()
        return None if row is None else models.OrderKey(row["key"])

    def left(self, key: models.OrderKey) -> list[models.SavedFile]:
        """Files of this order saved by runs that did not reach an outcome, latest last."""
        with self._reading() as connection:
            return [codec.file(row["file"]) for row in connection.execute(_LEFT, (key,)).fetchall()]

    def without_outcome(self, folders: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of the given folders (parent and stem) whose orders have no outcome."""
        with self._reading() as connection:
            return restore.without_outcome(connection, folders)

    def _stream(self, query: str, run: models.RunId, load: Callable[[sqlite3.Row], T]) -> Iterator[T]:
        """Yields the rows of a query whose parameters are run, last number and limit."""
        with self._reading() as connection:
            last = -1
            while batch := connection.execute(query, (run, last, _BATCH)).fetchall():
                yield from map(load, batch)
                last = batch[-1]["number"]

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with (
            schema.map_sqlite_errors(self._path, waits=True),
            contextlib.closing(schema.open_for_reading(self._path)) as connection,
        ):
            yield connection
