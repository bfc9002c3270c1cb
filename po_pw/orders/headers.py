"""Finds a spreadsheet's header and its columns. Pure."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WITHIN: Final = 20
"""Number of rows in which the header is searched: exports put titles and blank rows above it."""
_UNNAMED: Final = 50
HIERARCHY: Final = "<|>"
"""Header of the separator column: each column to its right is a folder level."""
_PO_NUMBER: Final = "ponumber"
_KNOWN: Final = {
    "po_number": {_PO_NUMBER, "po", "po#", "pono", "purchaseorder", "purchaseordernumber"},
    "url": {"url", "coupaurl", "link"},
    "supplier": {"supplier", "vendor"},
    "amount": {"amount"},
}
FIELDS: Final = models.COLUMN_FIELDS


NO_NAMES: Final[Mapping[str, str]] = {}
"""The user names no column."""


class Record(NamedTuple):
    """One row of a file, unprocessed."""

    number: int
    """Row number as in a spreadsheet: from 1; a quoted cell with line breaks is in one row."""
    cells: list[str]
    fault: str = ""
    """What is wrong with the row's format; `""` if nothing."""
    without_result: tuple[int, ...] = ()
    """Columns, from 0, with a formula that failed or was not calculated; they are empty in `cells`."""

    @property
    def blank(self) -> bool:
        """Whether all cells are empty."""
        return not any(cell.strip() for cell in self.cells)


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnMap:
    """Column indexes by field, from 0; -1 if there is none."""

    po_number: int
    url: int
    supplier: int
    amount: int
    levels: tuple[int, ...] = ()
    """Folder levels, outermost first."""

    @classmethod
    def of(cls, header: Sequence[str]) -> ColumnMap:
        """Finds the columns in a header, ignoring case, spaces, underscores and hyphens; the leftmost match wins.

        Of the columns for the PO number, one called po_number itself wins; see `po_column` for what the rows say.
        Columns to the right of `<|>` are folder levels only, whatever their names are.
        """
        end = hierarchy(header)
        plain = [bare(name) for name in header[:end]]
        places = {
            field: next((index for index, name in enumerate(plain) if name in names), -1)
            for field, names in _KNOWN.items()
        }
        places["po_number"] = next(iter(po_columns(header)), -1)
        return cls(**places, levels=tuple(range(end + 1, len(header))))


NONE: Final = ColumnMap(-1, -1, -1, -1)
"""No column is known."""


def is_called(name: str, field: str) -> bool:
    """Whether a column's name is one of those that a field has."""
    return bare(name) in _KNOWN[field]


def known_in(header: Sequence[str], named: Mapping[str, str]) -> int:
    """Number of known columns in a row, with those that the user names; 0 without a PO column."""
    found = {field for field in FIELDS if getattr(ColumnMap.of(header), field) >= 0} - set(named)
    plain = {bare(name) for name in header[: hierarchy(header)]}
    found |= {field for field, name in named.items() if bare(name) in plain}
    return len(found) if "po_number" in found else 0


def po_columns(header: Sequence[str]) -> tuple[int, ...]:
    """Columns that have, by their names, the PO number: those called po_number first, then from the left."""
    plain = [bare(name) for name in header[: hierarchy(header)]]
    found = [index for index, name in enumerate(plain) if name in _KNOWN["po_number"]]
    return tuple(sorted(found, key=lambda index: not is_po_number(header[index])))


def is_po_number(name: str) -> bool:
    """Whether a column is called po_number itself, which decides between several."""
    return bare(name) == _PO_NUMBER


def hierarchy(header: Sequence[str]) -> int:
    """Index of the column `<|>`; the number of columns if there is none."""
    return next((index for index, name in enumerate(header) if name.strip() == HIERARCHY), len(header))


def bare(name: str) -> str:
    """A column's name, normalised for comparison."""
    return re.sub(r"[\s_\-.:\u200b\ufeff]+", "", unicodedata.normalize("NFKC", name)).casefold()


def find(records: Iterable[Record], named: Mapping[str, str] = NO_NAMES) -> Record | None:
    """Finds the header: of the first rows the one with most known columns, the first of equals; None without any.

    Reads no more rows than needed.

    Args:
        records: of the list, from its first row.
        named: names of columns that the user gives, by field.
    """
    best, most = None, 0
    for record in records:
        if record.number > WITHIN:
            break
        known = 0 if record.fault else known_in(record.cells, named)
        if known > most:
            best, most = record, known
        if most == len(_KNOWN):
            break
    return best


def names(header: Sequence[str]) -> tuple[str, ...]:
    """Unique names for all columns.

    A column without a name becomes `column N`, the second of two equal ones `NAME (2)`. Long runs of unnamed columns at
    the end, as spreadsheet programs export them, are dropped.
    """
    end = len(header)
    while end and not header[end - 1].strip():
        end -= 1
    if len(header) - end <= _UNNAMED:
        end = len(header)
    taken: set[str] = set()
    last: dict[str, int] = {}
    unique: list[str] = []
    for index, raw in enumerate(header[:end], 1):
        wanted = " ".join(raw.split()) or f"column {index}"
        name, number = wanted, last.get(wanted, 1)
        while name in taken:
            number += 1
            name = f"{wanted} ({number})"
        last[wanted] = number
        taken.add(name)
        unique.append(name)
    return tuple(unique)
