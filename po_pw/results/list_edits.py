"""Which cells of the user's list get which results, and whether a written list has them. Only reads."""

from __future__ import annotations

import contextlib
import datetime
import itertools
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from po_pw import errors, models, redact
from po_pw.orders import delimited, edits, headers, sheet_xml, tracking, workbook_sandbox
from po_pw.results import row_values, text_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from po_pw.orders import read

_ONLY_WHERE_EMPTY: Final = frozenset({tracking.SUPPLIER, tracking.URL})
_ROUNDED: Final = datetime.timedelta(seconds=1)
"""Tolerance for times, which workbooks store as fractions of days."""


def values_of(result: models.RowResult, out: Path, started_at: datetime.datetime) -> dict[str, edits.Value] | None:
    """The values of the result columns for one row; None if it is not to be changed. Pure.

    Rows of orders that the run did not reach, or that the list itself marks as done, are not changed.

    Args:
        result: of the row.
        out: the output directory.
        started_at: start of the run, for unusable rows.
    """
    outcome = result.outcome
    if result.is_skipped or (outcome is None and result.error is None):
        return None
    cells = dict(zip(row_values.COLUMNS, row_values.cells(result), strict=True))
    ended_at = outcome.timing.ended_at if outcome else started_at
    url = outcome.source_url if outcome else ""
    return {
        tracking.STATUS: result.status.value,
        tracking.SUPPLIER: _line(outcome.supplier if outcome else ""),
        tracking.FOUND: outcome.found if outcome else "",
        tracking.DOWNLOADED: len(outcome.files) if outcome else "",
        tracking.NAMES: _line(str(cells["attachment_names"])),
        tracking.PROCESSED: ended_at.astimezone().replace(tzinfo=None, microsecond=0),
        tracking.MESSAGE: _line(str(cells["error_message"])),
        tracking.FOLDER: _line(str(out / PurePath(outcome.folder))) if outcome and outcome.folder else "",
        tracking.URL: "" if redact.is_incomplete(url) else _line(url),
    }


def _line(text: str) -> str:
    return sheet_xml.fitting(" ".join(row_values.clean(text).splitlines()))


class ListEdits:
    """The changes of a list's cells.

    Args:
        table: the list.
        results: returns the results of its rows, in order; called repeatedly.
        out: the output directory.
        started_at: start of the run.

    Attributes:
        indexes: of the columns that are written, by name.
        count: number of changed values; known when `wanted` is exhausted, as the following.
        rows: number of rows with changed values.
        notes: messages for the user.

    Raises:
        InputError: the list cannot be read to its end.
    """

    def __init__(
        self,
        table: read.OrderTable,
        results: Callable[[], Iterator[models.RowResult]],
        out: Path,
        started_at: datetime.datetime,
    ) -> None:
        self.count = self.rows = 0
        self.notes: tuple[str, ...] = ()
        self._table = table
        self._results = results
        self._out = out
        self._started_at = started_at
        self._moved = self._unclear = 0
        content = table.content
        self._left = content.left if isinstance(content, workbook_sandbox.Rows) else 0
        self._text = content if isinstance(content, delimited.Text) else None
        own = tracking.column_indexes(table.columns)
        own |= {
            name: index
            for name, index in (
                (tracking.SUPPLIER, table.columns_by_field.supplier),
                (tracking.URL, table.columns_by_field.url),
            )
            if name not in own and index >= 0
        }
        missing = [name for name in tracking.COLUMNS if name not in own]
        has_levels = headers.hierarchy(table.columns) < len(table.columns)
        # Inserting columns left of `<|>` would move cells that formulas refer to.
        self._without = missing if has_levels else []
        added = [] if has_levels else missing
        self._added = dict(zip(added, itertools.count(table.free_column()), strict=False)) if added else {}
        self.indexes = own | self._added

    def wanted(self) -> Iterator[edits.Edit]:
        """The changes in row order, in the form in which they are written."""
        self.count = self.rows = 0
        for name, index in self._added.items():
            yield edits.Edit(self._table.header_row, self._left + index, name)
        for row, values in self._changes():
            self.rows += bool(values)
            for index, value in sorted(values.items()):
                self.count += 1
                is_cell = isinstance(value, str) and self._text is not None
                yield edits.Edit(row.number, self._left + index, text_tables.marked(str(value)) if is_cell else value)
        self.notes = tuple(self._said())

    def check(self, written: read.OrderTable, left: set[tuple[int, int]]) -> None:
        """Checks that a written list differs from the old one only by the changes.

        Args:
            written: the new list.
            left: row and column of cells that were not changed.

        Raises:
            InputError: it differs otherwise.
        """
        width = max(len(self._table.columns), *(index + 1 for index in self.indexes.values()))
        fresh = written.rows()
        for row, values in self._changes():
            new = next(fresh, None)
            kept = {index: value for index, value in values.items() if (row.number, self._left + index) not in left}
            if (
                new is None
                or new.number != row.number
                or not all(
                    self._is_same(kept.get(index, _cell(row, index)), _cell(new, index)) for index in range(width)
                )
            ):
                raise errors.InputError(_wrong(row.number))
        if (extra := next(fresh, None)) is not None:
            raise errors.InputError(_wrong(extra.number))

    def _is_same(self, wanted: edits.Value, there: str) -> bool:
        if isinstance(wanted, datetime.datetime):
            with contextlib.suppress(ValueError):
                return abs(datetime.datetime.fromisoformat(there) - wanted) <= _ROUNDED
        shown = edits.shown(wanted)
        if self._text is not None and not self._text.encoding.startswith("utf"):
            shown = shown.encode(self._text.encoding, "replace").decode(self._text.encoding, "replace")
        return shown == there

    def _changes(self) -> Iterator[tuple[models.Row, Mapping[int, edits.Value]]]:
        """Each row of the file with its changes, by column index."""
        self._moved = self._unclear = 0
        results = self._results()
        result = next(results, None)
        for row in self._table.rows():
            while result is not None and result.number < row.number:
                self._moved += values_of(result, self._out, self._started_at) is not None
                result = next(results, None)
            if result is None or result.number > row.number:
                yield row, {}
            else:
                yield row, self._changed(row, result)
                result = next(results, None)
        for beyond in itertools.chain([] if result is None else [result], results):
            self._moved += values_of(beyond, self._out, self._started_at) is not None

    def _changed(self, row: models.Row, result: models.RowResult) -> dict[int, edits.Value]:
        values = values_of(result, self._out, self._started_at)
        if values is None:
            return {}
        if row.po_number != result.po_number:
            self._moved += 1
            return {}
        if not row.is_regular:
            self._unclear += 1
            return {}
        changed: dict[int, edits.Value] = {}
        for name, index in self.indexes.items():
            old, value = _cell(row, index), values[name]
            if name in _ONLY_WHERE_EMPTY and (old.strip() or not value):
                continue
            if old != edits.shown(value):
                changed[index] = value
        return changed

    def _said(self) -> Iterator[str]:
        name = self._table.source.name
        if self._moved:
            rows = "1 row has changed" if self._moved == 1 else f"{self._moved} rows have changed"
            yield f"{name}: {rows} since the list was read (moved, removed, other PO number); nothing was written there"
        if self._unclear:
            rows = "1 row has" if self._unclear == 1 else f"{self._unclear} rows have"
            yield f"{name}: {rows} cells that po-pw cannot tell apart; nothing was written there"
        if self._without:
            yield (
                f"{name} has no column {', '.join(self._without)} left of {headers.HIERARCHY}: insert the "
                "columns you want"
            )


def _cell(row: models.Row, index: int) -> str:
    return row.cells[index] if index < len(row.cells) else ""


def _wrong(number: int) -> str:
    return f"row {number} would not read back as it was written"
