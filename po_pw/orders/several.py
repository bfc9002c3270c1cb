"""Combines several lists, and makes orders from PO numbers alone."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from po_pw.orders import headers, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from po_pw import models
    from po_pw.orders import rows

LIST_COLUMNS = ("list", "list row")
"""Columns that are added where there are several lists: the list's name, and the row in it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """The orders of a command, from any source.

    Attributes:
        columns: of the rows' cells.
        name: of the list or lists, for the results.
        source: the list's file, which results never replace; None if there is none, or several.
        about: the part of a file that is read; `""` if all of it is.
        notes: what is to be said about columns that were guessed, and about rows that are left out.
        tables: the lists; empty for numbers alone.
        limit: maximum number of rows: the first ones.
        numbers: rows of orders given by their numbers alone.
    """

    columns: tuple[str, ...]
    name: str
    source: Path | None
    about: str
    notes: tuple[str, ...]
    tables: tuple[read.OrderTable, ...] = ()
    limit: int | None = None
    numbers: tuple[models.Row, ...] = ()

    def rows(self) -> Iterator[models.Row]:
        """Yields the rows; may be called repeatedly. Row numbers continue from one list to the next.

        Raises:
            InputError: a file cannot be read to its end.
        """
        found = self.tables[0].rows() if len(self.tables) == 1 else itertools.chain(self.numbers, self._counted_on())
        return itertools.islice(found, self.limit)

    def _counted_on(self) -> Iterator[models.Row]:
        before = 0
        for table in self.tables:
            last = before
            indexes = {name: index for index, name in enumerate(table.columns)}
            for row in table.rows():
                last = before + row.number
                known = [indexes.get(name, -1) for name in self.columns[: -len(LIST_COLUMNS)]]
                cells = (*(row.cells[index] if index >= 0 else "" for index in known), table.name, str(row.number))
                order = None if row.order is None else dataclasses.replace(row.order, row=last)
                yield dataclasses.replace(row, number=last, cells=cells, order=order)
            before = last


def of_table(table: read.OrderTable) -> Orders:
    """One list."""
    return Orders(table.columns, table.name, table.source, table.about, table.notes, (table,))


def of_lists(
    lists: Sequence[tuple[Path, str]], *, address_of: rows.AddressRule | None, limit: int | None, choice: read.Choice
) -> Orders:
    """Opens one list or several.

    Args:
        lists: the path of each, and what to call it in messages; `""`: its own name.
        address_of: gives the address of a row without one, from its number.
        limit: maximum number of wanted rows of all lists: the first ones.
        choice: what the user says about the lists; it applies to each.

    Raises:
        InputError: one cannot be used, see `read.open_table`; or no row of any is wanted.
    """
    if len(lists) == 1:
        ((path, name),) = lists
        table = read.open_table(path, address_of=address_of, limit=limit, choice=choice, name=name)
        return of_table(table)
    tables = tuple(
        read.open_table(path, address_of=address_of, choice=choice, name=name, is_alone=False) for path, name in lists
    )
    read.check_wanted(tables)
    columns = headers.names([*dict.fromkeys(name for table in tables for name in table.columns), *LIST_COLUMNS])
    about = "\n".join(table.about for table in tables if table.about)
    notes = tuple(note for table in tables for note in table.notes)
    return Orders(columns, ", ".join(table.name for table in tables), None, about, notes, tables, limit)


def of_numbers(numbers: Sequence[str], *, address_of: rows.AddressRule, limit: int | None) -> Orders:
    """Orders given by their numbers alone."""
    mapped = [read.order_from_mapping({"po_number": number}, row, address_of) for row, number in enumerate(numbers, 1)]
    return Orders(("po_number",), "--po", None, "", (), limit=limit, numbers=tuple(mapped))


def with_notes(orders: Orders, notes: Sequence[str], *, keep_source: bool) -> Orders:
    """The same orders, with further notes before their own.

    Args:
        orders: of the command.
        notes: to be said as well.
        keep_source: whether its file is the user's own, and not a copy that will be gone.
    """
    source = orders.source if keep_source else None
    return dataclasses.replace(orders, notes=(*notes, *orders.notes), source=source)
