"""Chooses the rows of a list to process, by the user's conditions on their cells. Pure."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.orders import columns as column_names
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTION: Final = "--filter"
_TEXT: Final = re.compile(r"\s*([^=]*?)\s*=\s*(.*?)\s*", re.DOTALL)
_SHOWN: Final = 5
"""Maximum values named in a message."""


@dataclasses.dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the cells of a row.

    Attributes:
        patterns: globs by column index; a row must match one of each column's. Case does not matter.
        numbers: of the orders that are asked for by number; empty: all.
    """

    patterns: Mapping[int, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    numbers: frozenset[models.OrderKey] = frozenset()

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        numbers: Sequence[str],
        columns: Sequence[str],
        fields: headers.ColumnMap,
        source: str,
    ) -> Filters:
        """Reads conditions such as `supplier=ACME*`.

        Args:
            texts: the conditions; several for one column: at least one must match.
            numbers: PO numbers; see `numbers`.
            columns: of the list.
            fields: which of them are known.
            source: the list's name, for messages.

        Raises:
            InputError: one names a column that the list does not have.
        """
        patterns: dict[int, tuple[str, ...]] = {}
        for text in texts:
            name, pattern = split(text)
            column = column_names.find(name, columns, fields, option=OPTION, source=source)
            patterns[column] = (*patterns.get(column, ()), pattern)
        return cls(patterns, frozenset(map(models.order_key, numbers)))

    def __bool__(self) -> bool:
        return bool(self.patterns or self.numbers)

    def matches(self, row: models.Row) -> bool:
        """Whether to process a row; always True for one whose cells cannot be told apart, so that it is reported."""
        if not row.is_regular:
            return True
        if self.numbers and models.order_key(row.po_number) not in self.numbers:
            return False
        return all(
            any(_is_like(row.cells[column], pattern) for pattern in patterns)
            for column, patterns in self.patterns.items()
        )

    def described(self, columns: Sequence[str]) -> str:
        """The conditions in words: `supplier = ACME*, plant = Lyon or Paris`."""
        parts = [f"{columns[column]} = {' or '.join(patterns)}" for column, patterns in self.patterns.items()]
        return ", ".join([*parts, *(["--po"] if self.numbers else [])])

    def none_left(self, rows: Sequence[models.Row], columns: Sequence[str], source: str) -> str:
        """The message if no row matches: what the columns contain instead.

        Args:
            rows: some of the list.
            columns: of the list.
            source: the list's name.
        """
        said = f"no row of {source} matches {self.described(columns)}."
        for column in self.patterns:
            values = list(dict.fromkeys(" ".join(row.cells[column].split()) for row in rows if row.is_regular))
            shown = ", ".join(repr(value) for value in values[:_SHOWN])
            said += f" In column {columns[column]!r} are: {shown}{', …' if len(values) > _SHOWN else ''}."
        return f"{said} Use * for any text, as in 'ACME*'."


def split(text: str) -> tuple[str, str]:
    """Column and glob of a condition.

    Raises:
        InputError: it is not one.
    """
    found = _TEXT.fullmatch(text)
    if found is None or not found[1]:
        msg = f'{OPTION}: {text!r} is not a condition. Give COLUMN=TEXT, such as {OPTION} "supplier=ACME*".'
        raise errors.InputError(msg)
    return found[1], found[2].strip("\"'") if found[2][:1] in {'"', "'"} else found[2]


def numbers(texts: Sequence[str]) -> tuple[str, ...]:
    """PO numbers as they are typed: `4711,4712`, several times; each once, in this order.

    Raises:
        InputError: there are none.
    """
    found = tuple(
        dict.fromkeys(number for text in texts for number in map(str.strip, re.split(r"[,;\n]", text)) if number)
    )
    if texts and not found:
        msg = "--po: no PO number is given. Is a variable not set? Give one or more, such as --po 4711,4712."
        raise errors.InputError(msg)
    return found


def _is_like(cell: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(models.folded(" ".join(cell.split())), models.folded(pattern))
