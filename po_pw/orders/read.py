"""Reads purchase orders from spreadsheets. A faulty row is reported and does not affect the others."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, folder_layout, models
from po_pw.orders import added_columns, headers, list_layout, po_column, rows, sheets, tracking
from po_pw.orders import cells as values
from po_pw.orders import columns as column_names
from po_pw.orders import filters as row_filters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from po_pw import settings

_SHOWN: Final = 60
"""Characters of an invalid order shown in a message."""
_SAMPLE: Final = 200
"""Rows whose values tell which column is which."""


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """What the user says about a list: which columns it has, which rows are wanted, and how folders are named.

    Attributes:
        columns: names of columns by field (`po_number`, `url`, `supplier`, `amount`).
        filters: conditions on rows, see `filters.Filters`.
        numbers: PO numbers; rows with other numbers are left out. Empty: all.
        layout: of the folders; None: by the list's folder levels, or by supplier.
    """

    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    filters: Sequence[str] = ()
    numbers: Sequence[str] = ()
    layout: folder_layout.Layout | None = None

    @classmethod
    def of(cls, options: settings.Settings, numbers: Sequence[str] = ()) -> Choice:
        """What the settings say.

        Args:
            options: the settings.
            numbers: PO numbers that are asked for.
        """
        layout = folder_layout.Layout.parse(options.layout) if options.layout is not None else None
        return cls(options.columns, options.filters, numbers, layout)


ALL: Final = Choice()
"""Every row; columns are known by their usual names."""


@dataclasses.dataclass(frozen=True, slots=True)
class OrderTable:
    """The orders of one spreadsheet.

    Attributes:
        columns: the header's names in order, made unique (see `headers.names`), without those that po-pw added.
        source: the file.
        about: which part of the file is read, if not all of it, and which of several PO columns; `""` if neither.
        content: its unprocessed rows.
        header_row: number of the header's row.
        notes: what is to be said about columns that were guessed, and about rows that are left out.
        filters: which rows are wanted.
    """

    columns: tuple[str, ...]
    source: Path
    about: str
    content: sheets.Source = dataclasses.field(repr=False)
    header_row: int
    notes: tuple[str, ...]
    _width: int
    """Number of the file's columns."""
    _kept: tuple[int, ...]
    """Indexes of `columns` in the file."""
    _reader: rows.Reader = dataclasses.field(repr=False)
    _limit: int | None
    filters: row_filters.Filters = dataclasses.field(repr=False)

    def with_addresses(self, address_of: rows.AddressRule) -> OrderTable:
        """The same rows, of which those without an address get it from their number."""
        return dataclasses.replace(self, _reader=dataclasses.replace(self._reader, address_of=address_of))

    def rows(self) -> Iterator[models.Row]:
        """Yields each non-blank row after the header that is wanted; may be called repeatedly.

        Raises:
            InputError: the file cannot be read to its end.
        """
        wanted = (row for row in self.every_row() if not self.filters or self.filters.matches(row))
        return itertools.islice(wanted, self._limit)

    def every_row(self) -> Iterator[models.Row]:
        """Yields each non-blank row after the header, wanted or not; may be called repeatedly.

        A row with text beyond the last column has an unquoted separator in a cell. Its cells cannot be told apart, so
        it is refused; its last cell has all the rest.

        Raises:
            InputError: the file cannot be read to its end.
        """
        width = self._width
        for record in self._records():
            cells, fault = record.cells, record.fault
            fields = self._reader.columns_by_field
            read = (fields.po_number, fields.url, *self._reader.folder_columns)
            needed = {self._kept[index] for index in read if index >= 0}
            for column in needed.intersection(record.without_result):
                cells[column] = rows.NO_RESULT
            while len(cells) > width and not cells[-1].strip():
                cells.pop()
            if len(cells) > width and not self.content.separator:
                del cells[width:]  # a stray note far to the right: no cell is shifted
            if len(cells) > width:
                fault = fault or (
                    f"{len(cells)} cells where the header has {width} columns; "
                    f"put quotation marks around a cell that has {_called(self.content.separator)} in it"
                )
                cells[width - 1 :] = [self.content.separator.join(cells[width - 1 :])]
            padded = cells + [""] * (width - len(cells))
            yield self._reader.row(record.number, tuple(padded[column] for column in self._kept), fault)

    def left_out(self) -> str:
        """What is said of the rows that are not wanted.

        Raises:
            InputError: the file cannot be read to its end.
        """
        matching = [self.filters.matches(row) for row in self.every_row()]
        count, total = sum(matching), len(matching)
        chosen = f"{count} of {total} rows are" if count != 1 else f"1 of {total} rows is"
        return f"{self.name}: {chosen} processed ({self.filters.described(self.columns)}); {total - count} left out."

    @property
    def name(self) -> str:
        """What the list is called: its file name, or `standard input`."""
        return self._reader.source

    @property
    def columns_by_field(self) -> headers.ColumnMap:
        """The known columns."""
        return self._reader.columns_by_field

    def free_column(self) -> int:
        """Index of the first column to the right of every filled cell.

        Raises:
            InputError: the file cannot be read to its end.
        """
        if self.content.separator:
            return self._width
        ends = (max((at for at, cell in enumerate(one.cells, 1) if cell), default=0) for one in self.content.records())
        return max(self._width, max(ends, default=0))

    def _records(self) -> Iterator[headers.Record]:
        """Rows after the header that are not blank, or whose PO number is a formula without a result."""
        number = self._kept[self._reader.columns_by_field.po_number]
        added = frozenset(range(self._width)).difference(self._kept)
        for record in self.content.records():
            is_filled = any(cell.strip() for column, cell in enumerate(record.cells) if column not in added)
            if record.number > self.header_row and (is_filled or number in record.without_result):
                yield record


def open_table(
    path: Path,
    *,
    address_of: rows.AddressRule | None = None,
    limit: int | None = None,
    choice: Choice = ALL,
    name: str = "",
    is_alone: bool = True,
    is_whole: bool = False,
) -> OrderTable:
    """Opens a spreadsheet and checks that it has purchase orders.

    Columns are `po_number` (or `PO`, `PO #`, `PO No`, `Purchase Order`, `Purchase Order Number`), `url` (`COUPA_URL`,
    `link`), `supplier` (`vendor`) and `amount`, or called as `choice` says; case, spaces, underscores, hyphens and
    order do not matter, other columns are kept. If no name is that of the PO numbers or addresses, the values decide,
    if only one column can be meant; that is in the table's `notes`. Columns to the right of `<|>` are folder levels, if
    filled. The header may have up to 19 rows above it.

    Args:
        path: text with commas, semicolons, tabs or pipes, in UTF-8, UTF-16, Windows-1252 or a detected encoding; or a
            workbook. The file extension does not matter.
        address_of: gives the address of a row without one, from its number.
        limit: maximum number of wanted rows: the first ones.
        choice: what the user says about the list.
        name: what to call the list in messages; by default its path, and its file name in those about rows.
        is_alone: refuse it if none of its rows is wanted; else `check_wanted` has to be called.
        is_whole: also those columns that po-pw has added (see `added_columns`).

    Raises:
        InputError: it is missing, unreadable, empty or not a spreadsheet; it has no PO column or no rows, or several
            columns could be meant (see `po_column.choose`); a named column does not exist; no row is wanted.
    """
    called, short = name or str(path), name or path.name
    content = sheets.open_source(path, choice.columns)
    notes: list[str] = []
    header, guess = headers.find(content.records(), choice.columns), None
    if header is None:
        header, guess = _told_by_values(content, choice, called)
    names = headers.names(header.cells)
    kept = tuple(range(len(names))) if is_whole else added_columns.kept(names)
    columns = tuple(names[column] for column in kept)
    if guess is not None:
        guess = dataclasses.replace(guess, column=kept.index(guess.column))
    fields = column_names.fields_of(columns, choice.columns, short)
    head = [record.cells for record in itertools.islice(content.records(), _SAMPLE) if record.number > header.number]
    head = [[cells[column] if column < len(cells) else "" for column in kept] for cells in head]
    head = [cells for cells in head if any(cell.strip() for cell in cells)]
    if guess is not None:
        fields = dataclasses.replace(fields, po_number=guess.column)
        notes.append(column_names.explained("po_number", guess, columns, short))
    about = content.about
    if guess is None and "po_number" not in choice.columns:
        chosen = po_column.choose(path, header, content.records)
        if chosen.column in kept:
            fields = dataclasses.replace(fields, po_number=kept.index(chosen.column))
        about = " ".join(part for part in (about, chosen.note) if part)
    if "url" not in choice.columns and (settled := column_names.settle_equals("url", columns, head, short)) is not None:
        fields = dataclasses.replace(fields, url=settled[0])
        notes.append(settled[1])
    if fields.url < 0 and "url" not in choice.columns and (address_of is None or address_of("1") is None):
        found = column_names.address_by_values(columns, head, short)
        if found is not None:
            fields = dataclasses.replace(fields, url=found.column)
            notes.append(column_names.explained("url", found, columns, short))
    layout = list_layout.ListLayout.of(choice.layout, columns, fields, short) if choice.layout is not None else None
    filters = row_filters.Filters.of(choice.filters, choice.numbers, columns, fields, short)
    reader = rows.Reader(short, columns, fields, address_of, tracking.column_indexes(columns), layout)
    table = OrderTable(columns, path, about, content, header.number, (), len(names), kept, reader, limit, filters)
    if next(table.every_row(), None) is None:
        msg = f"{called} has no rows below its header. It needs one row per order."
        raise errors.InputError(msg)
    if filters:
        if is_alone:
            check_wanted([table])
        notes.append(table.left_out())
    return dataclasses.replace(table, notes=tuple(notes))


def _told_by_values(
    content: sheets.Source, choice: Choice, called: str
) -> tuple[headers.Record, column_names.Guess | None]:
    """The header of a list without a known name for the PO numbers, and the column that has them by its values.

    Raises:
        InputError: no column can, or several could.
    """
    likely = column_names.header_by_values(content.records())
    wanted = choice.columns.get("po_number")
    if wanted is not None:
        names = headers.names(likely[0].cells) if likely is not None else ()
        near = column_names.nearest(wanted, names) if names else "."
        msg = f"--column po_number: {called} has no column {wanted!r}{near}"
        raise errors.InputError(msg)
    if likely is not None:
        header, below = likely
        names = headers.names(header.cells)
        kept = added_columns.kept(names)
        cells = [[*record.cells, *[""] * len(names)] for record in below if not record.fault]
        guess = column_names.number_by_values(
            [names[column] for column in kept], [[row[column] for column in kept] for row in cells], called
        )
        if guess is not None:
            return header, dataclasses.replace(guess, column=kept[guess.column])
    msg = (
        f"{called} has no column po_number. {_seen(content)}Say which column holds the PO numbers, such as "
        f'--column po_number="Order no.", or rename it to po_number.'
    )
    raise errors.InputError(msg)


def check_wanted(tables: Sequence[OrderTable]) -> None:
    """Checks that lists have rows that are wanted.

    Raises:
        InputError: they have none, or an order that is asked for is on none of them.
    """
    names = ", ".join(table.name for table in tables)
    missing: dict[models.OrderKey, None] = {}
    is_any = False
    for table in tables:
        missing |= dict.fromkeys(table.filters.numbers)
        is_any = is_any or next(table.rows(), None) is not None
    for row in (row for table in tables for row in table.every_row()) if missing else ():
        missing.pop(models.order_key(row.po_number), None)
    if missing:
        msg = f"--po: {names} has no row with {', '.join(missing)}. Correct the number, or leave out the list."
        raise errors.InputError(msg)
    if not is_any:
        first = list(itertools.islice(tables[0].every_row(), _SAMPLE))
        raise errors.InputError(tables[0].filters.none_left(first, tables[0].columns, names))


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """Orders given by a caller.

    Attributes:
        columns: of the rows' cells.
        name: the spreadsheet's file name; `""` if there is none.
        rows: consumed once.
        source: the spreadsheet's path, which the results never replace; None if there is none.
    """

    columns: tuple[str, ...]
    name: str
    rows: Iterable[models.Row]
    source: Path | None = None


def given(
    orders: object, address_of: rows.AddressRule | None = None, *, limit: int | None = None, choice: Choice = ALL
) -> Given:
    """Reads orders given to the Python interface.

    Args:
        orders: a spreadsheet's path, mappings as for `order_from_mapping`, or rows.
        address_of: as for `open_table`.
        limit: maximum number of rows: the first ones.
        choice: what the user says about the list; of orders that are not a spreadsheet only the columns' names count.

    Raises:
        InputError: the spreadsheet cannot be used, or the argument is not orders.
    """
    if isinstance(orders, (str, PathLike)):
        table = open_table(Path(orders), address_of=address_of, limit=limit, choice=choice)
        return Given(table.columns, table.source.name, table.rows(), table.source)
    if isinstance(orders, Mapping):
        msg = "a single order was given where a list of orders is needed: put it in a list, or use process_single_po"
        raise errors.InputError(msg)
    if not isinstance(orders, Iterable):
        msg = f"{_described(orders)} are not orders: give a list of mappings with po_number and url, or a file's path"
        raise errors.InputError(msg)
    iterator = itertools.islice(orders, limit)
    first = tuple(itertools.islice(iterator, 1))
    if first and isinstance(first[0], models.Row):
        return Given((), "", itertools.chain(first, iterator))
    mappings = [mapping(po, f"order {number}") for number, po in enumerate(itertools.chain(first, iterator), 1)]
    columns = tuple(dict.fromkeys(str(name) for po in mappings for name in po))
    rows = (order_from_mapping(po, n, address_of, columns=columns) for n, po in enumerate(mappings, 1))
    return Given(columns, "", rows)


def mapping(order: object, called: str) -> Mapping[str, object]:
    """Checks that an order is a mapping whose PO number and address can be text, and returns it.

    Raises:
        InputError: it is not.
    """
    if isinstance(order, Mapping):
        names = [str(name) for name in order]
        columns = headers.ColumnMap.of(names)
        said = {name: str(order[name]).strip() for name in order if str(name) in _po_names(names)}
        if len(set(said.values()) - {"", "None"}) > 1:
            both = " and ".join(f"{name} {value!r}" for name, value in said.items())
            msg = f"{called} has two PO numbers, {both}: call the right one po_number, and the other something else"
            raise errors.InputError(msg)
        for index, (name, value) in enumerate(order.items()):
            if index in {columns.po_number, columns.url} and isinstance(value, Iterable) and not isinstance(value, str):
                msg = f"{called}: {name} is {_described(value)}, where a text or a number is needed"
                raise errors.InputError(msg)
        return order
    msg = f"{called} is {_described(order)}: give a mapping with po_number and url for each order"
    raise errors.InputError(msg)


def _po_names(names: Sequence[str]) -> list[str]:
    """The names that mean the PO number equally well, best of all."""
    found = [names[column] for column in headers.po_columns(names)]
    return [name for name in found if headers.is_po_number(name) == headers.is_po_number(found[0])]


def _described(value: object) -> str:
    shown = repr(value)
    return f"{shown if len(shown) <= _SHOWN else f'{shown[:_SHOWN]}…'} ({type(value).__name__})"


def order_from_mapping(
    given: Mapping[str, object],
    number: int,
    address_of: rows.AddressRule | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> models.Row:
    """Makes a row from a mapping with `po_number, supplier, url, amount` and other keys, as from a spreadsheet.

    Args:
        given: the row; keys are matched like column names, None is an empty cell, `Decimal` is best for numbers.
        number: its row number, from 1.
        address_of: as for `open_table`.
        columns: names and order of `cells`; the mapping's own by default.
    """
    names = tuple(str(name) for name in given)
    cells = tuple(values.text(value) for value in given.values())
    reader = rows.Reader("orders", names, headers.ColumnMap.of(names), address_of, tracking.column_indexes(names))
    row = reader.row(number, cells)
    if columns is None:
        return row
    exact = dict(zip(names, cells, strict=True))
    loose = {headers.bare(name): cell for name, cell in exact.items()}
    return dataclasses.replace(row, cells=tuple(exact.get(name, loose.get(headers.bare(name), "")) for name in columns))


def _seen(content: sheets.Source) -> str:
    first = next((record for record in content.records() if not record.blank), None)
    if first is None:
        return ""
    names = [" ".join(cell.split()) for cell in first.cells if cell.strip()]
    listed = ", ".join("".join(char for char in name[:40] if char.isprintable()) for name in names[:20])
    return f"Its first row is: {listed}{', …' if len(names) > 20 else ''}. "


def _called(separator: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a pipe"}.get(separator, separator)
