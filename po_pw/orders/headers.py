"""Which column of a spreadsheet holds what. Pure."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WITHIN: Final = 20
"""The header is looked for in so many rows: exports put a title and blank rows above it."""
_UNNAMED: Final = 50
HIERARCHY: Final = "<|>"
"""Names the column to whose right each column is a folder level."""
_KNOWN: Final = {
    "po_number": {"ponumber", "po", "po#", "pono", "purchaseorder", "purchaseordernumber"},
    "url": {"url", "coupaurl", "link"},
    "supplier": {"supplier", "vendor"},
    "amount": {"amount"},
}


class Record(NamedTuple):
    """One row of a file, as it stands there."""

    number: int
    """As a spreadsheet numbers it: the first is 1; a quoted cell of several lines is one row."""
    cells: list[str]
    fault: str = ""
    """What is wrong with how the row is written; `""` where nothing is."""
    without_result: tuple[int, ...] = ()
    """Columns, from 0, whose cell has a formula that has failed or was never worked out; they are empty in `cells`."""

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not any(cell.strip() for cell in self.cells)


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnMap:
    """Which column holds what, from 0; -1 where none does."""

    po_number: int
    url: int
    supplier: int
    amount: int
    levels: tuple[int, ...] = ()
    """The folder levels, outermost first."""

    @classmethod
    def of(cls, header: Sequence[str]) -> ColumnMap:
        """The places in a header, without regard to case, spaces, underscores and hyphens; the leftmost match wins.

        What is to the right of a column `<|>` is a folder level, and nothing else, whatever it is called.
        """
        end = hierarchy(header)
        plain = [bare(name) for name in header[:end]]
        places = {
            field: next((place for place, name in enumerate(plain) if name in names), -1)
            for field, names in _KNOWN.items()
        }
        return cls(**places, levels=tuple(range(end + 1, len(header))))

    @property
    def known(self) -> int:
        """How many are there; 0 without a PO column, for then it is no header of ours."""
        if self.po_number < 0:
            return 0
        return sum(place >= 0 for place in (self.po_number, self.url, self.supplier, self.amount))


def hierarchy(header: Sequence[str]) -> int:
    """The place of the column `<|>`; where there is none, the one after the last column."""
    return next((place for place, name in enumerate(header) if name.strip() == HIERARCHY), len(header))


def bare(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[\s_\-.:\u200b\ufeff]+", "", unicodedata.normalize("NFKC", name)).casefold()


def find(records: Iterable[Record]) -> Record | None:
    """The header among the first rows: the one with most known columns, the first of equals; None where none has any.

    Reads no further than it must.
    """
    best, most = None, 0
    for record in records:
        if record.number > WITHIN:
            break
        known = 0 if record.fault else ColumnMap.of(record.cells).known
        if known > most:
            best, most = record, known
        if most == len(_KNOWN):
            break
    return best


def names(header: Sequence[str]) -> tuple[str, ...]:
    """A name of its own for each column.

    One without a name becomes `column N`, the second of two equal ones `NAME (2)`. Long tails of unnamed columns, as
    spreadsheet programs export them, are left off.
    """
    end = len(header)
    while end and not header[end - 1].strip():
        end -= 1
    if len(header) - end <= _UNNAMED:
        end = len(header)
    taken: set[str] = set()
    last: dict[str, int] = {}
    given: list[str] = []
    for place, raw in enumerate(header[:end], 1):
        wanted = " ".join(raw.split()) or f"column {place}"
        name, number = wanted, last.get(wanted, 1)
        while name in taken:
            number += 1
            name = f"{wanted} ({number})"
        last[wanted] = number
        taken.add(name)
        given.append(name)
    return tuple(given)
