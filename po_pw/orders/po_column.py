"""Which of several columns has the PO numbers: by their names, and by what the rows say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw import errors
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The column that is taken."""

    column: int
    """From 0."""
    note: str = ""
    """What the user must know of the others; `""` if nothing."""


def choose(path: Path, header: headers.Record, records: Callable[[], Iterable[headers.Record]]) -> Choice:
    """Chooses among the columns that have, by their names, the PO number.

    A column without a value is none. Of the others one called po_number wins. Equally good names are no matter where
    they have the same values; where they differ, only the user knows which is meant.

    Args:
        path: of the list, for messages.
        header: its header.
        records: gives its rows, each time from the start; read only where there are several columns.

    Raises:
        InputError: two columns with equally good names differ.
    """
    found = headers.po_columns(header.cells)
    if len(found) < 2:
        return Choice(next(iter(found), -1))
    filled: set[int] = set()
    for record in _below(header, records()):
        filled.update(column for column in found if _value(record, column))
    used = [column for column in found if column in filled] or list(found)
    taken, notes = used[0], list[str]()
    for other in used[1:]:
        differing = [one for one in _below(header, records()) if _value(one, other) != _value(one, taken)]
        both = next((one for one in differing if _value(one, other) and _value(one, taken)), None)
        is_equal = headers.is_po_number(header.cells[taken]) == headers.is_po_number(header.cells[other])
        if is_equal and both is not None:
            raise errors.InputError(_ambiguous(path, header.cells, taken, other, both))
        if differing:
            notes.append(_note(header.cells, taken, other))
    return Choice(taken, " ".join(notes))


def _below(header: headers.Record, records: Iterable[headers.Record]) -> Iterable[headers.Record]:
    return (one for one in records if one.number > header.number and not one.blank and not one.fault)


def _value(record: headers.Record, column: int) -> str:
    return record.cells[column].strip() if column < len(record.cells) else ""


def _ambiguous(path: Path, names: Sequence[str], taken: int, other: int, row: headers.Record) -> str:
    first, second = _value(row, taken), _value(row, other)
    remedy = (
        f"Rename {_called(names, other)} if {_called(names, taken)} has the PO numbers, or the other way round."
        if headers.is_po_number(names[taken])
        else "Rename the one with the PO numbers to po_number."
    )
    return (
        f"{path} has two columns that may hold the PO numbers, {_called(names, taken)} and {_called(names, other)}, "
        f"and they differ: row {row.number} has {first!r} in the one and {second!r} in the other. {remedy}"
    )


def _note(names: Sequence[str], taken: int, other: int) -> str:
    how = "rename it to po_number"
    if headers.is_po_number(names[taken]):
        how += f", and {_called(names, taken)} to something else"
    return (
        f"po-pw takes the PO numbers from {_called(names, taken)}. {_called(names, other)[:1].upper()}"
        f"{_called(names, other)[1:]} has different values and is not used; to use it, {how}."
    )


def _called(names: Sequence[str], column: int) -> str:
    """A column by its letter and name: two may have one name."""
    letters, rest = "", column + 1
    while rest:
        rest, at = divmod(rest - 1, 26)
        letters = chr(ord("A") + at) + letters
    return f"column {letters} ({' '.join(names[column].split())})"
