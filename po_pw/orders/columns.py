"""Finds columns of a list: by the name that a user gives, or guessed from the values. Pure."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SAMPLE: Final = 200
"""Number of rows used for a guess."""
_MIN_SIMILARITY: Final = 0.6
_MIN_SHARE: Final = 0.9
"""Share of the rows for which the evidence of a guess must be true."""
_MAX_NAMED: Final = 20
"""Maximum columns named in a message."""
_NUMBER: Final = re.compile(r"[A-Za-z#]{0,8}[-_ /#.]{0,2}(?=[\w./-]*\d)[\w./-]{3,40}")
"""What a PO number may look like: digits, perhaps with letters in front and parts after it."""
_NO_NUMBER: Final = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:[T ].*)?"  # a date
    r"|\d{1,3}(?:[.,]\d{3})*[.,]\d{1,2}|\d+[.,]\d+"  # an amount
    r"|\d{1,2}:\d{2}.*"  # a time
)
_PO: Final = re.compile(r"PO[-_ #/.]*\d", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Guess:
    """A column that was guessed from its values."""

    column: int
    why: str


def find(name: str, columns: Sequence[str], fields: headers.ColumnMap, *, option: str, source: str) -> int:
    """The index of the column that a user names.

    Args:
        name: one of the list's own columns, in any case and spacing, or a field (`po_number`, `url`, `supplier`,
            `amount`).
        columns: of the list, unique.
        fields: which of them are known.
        option: that named it, for messages.
        source: the list's name, for messages.

    Raises:
        InputError: there is no such column, or two could be meant.
    """
    if name in columns:
        return columns.index(name)
    if name in headers.FIELDS and (known := getattr(fields, name)) >= 0:
        return int(known)
    alike = [index for index, column in enumerate(columns) if headers.bare(column) == headers.bare(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        names = listed(columns[index] for index in alike)
        msg = f"{option}: {source} has the columns {names}. Write the name exactly as it is there."
        raise errors.InputError(msg)
    raise errors.InputError(f"{option}: {source} has no column {name!r}{nearest(name, columns)}")


def nearest(name: str, columns: Iterable[str]) -> str:
    """The end of a message about a column that does not exist: the nearest one, or all."""
    by_folded = {headers.bare(column): column for column in columns}
    near = difflib.get_close_matches(headers.bare(name), by_folded, 1, _MIN_SIMILARITY)
    if near:
        return f". Did you mean {by_folded[near[0]]!r}?"
    shown = list(by_folded.values())[:_MAX_NAMED]
    return f". Its columns are: {', '.join(shown)}{', …' if len(by_folded) > _MAX_NAMED else ''}."


def listed(names: Iterable[str]) -> str:
    """Names in quotation marks: `"A" and "B"`, `"A", "B" and "C"`."""
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} and {last}" if others else last


def fields_of(columns: Sequence[str], named: Mapping[str, str], source: str) -> headers.ColumnMap:
    """The known columns of a list, with those that the user names.

    Raises:
        InputError: a named column does not exist, or two could be meant.
    """
    fields = headers.ColumnMap.of(columns)
    known = {
        field: find(
            name, columns[: headers.hierarchy(columns)], headers.NONE, option=f"--column {field}", source=source
        )
        for field, name in named.items()
    }
    places = {field: getattr(fields, field) for field in headers.FIELDS}
    places = {field: -1 if place in known.values() else place for field, place in places.items()} | known
    return headers.ColumnMap(
        places["po_number"], places["url"], places["supplier"], places["amount"], levels=fields.levels
    )


def settle_equals(
    field: str, columns: Sequence[str], rows: Iterable[Sequence[str]], source: str
) -> tuple[int, str] | None:
    """Settles which of several columns that are called like a field is meant, where their values differ.

    Returns:
        The one that is called exactly like the field, and what to say of it; None if there is nothing to settle.

    Raises:
        InputError: no name is better than the others.
    """
    alike = [
        index for index, name in enumerate(columns[: headers.hierarchy(columns)]) if headers.is_called(name, field)
    ]
    if len(alike) < 2:
        return None
    if all(len({_cell(row, index).strip() for index in alike}) == 1 for row in itertools.islice(rows, _SAMPLE)):
        return None
    exact = [index for index in alike if headers.bare(columns[index]) == headers.bare(field)]
    names = listed(columns[index] for index in alike)
    if len(exact) == 1:
        said = f'{source} has the columns {names}: "{columns[exact[0]]}" is taken as {field}, being called exactly so.'
        return exact[0], said
    raise errors.InputError(
        f"{source}: the columns {names} could all be {field}, and their values differ. "
        f"Say which it is: {option_for(field, columns[alike[0]])}"
    )


def option_for(field: str, name: str) -> str:
    """The option that settles which column is a field."""
    return f'--column {field}="{name}"'


def header_by_values(records: Iterable[headers.Record]) -> tuple[headers.Record, list[headers.Record]] | None:
    """The likely header of a list none of whose columns has a known name, and some of the rows below it.

    It is the first row that is as full as most rows. None if there are no rows below it.
    """
    head = [record for record in itertools.islice(records, headers.WITHIN + _SAMPLE) if not record.blank]
    if not head:
        return None
    filled = [sum(bool(cell.strip()) for cell in record.cells) for record in head]
    usual = sorted(filled)[len(filled) // 2]
    for index, record in enumerate(head):
        if record.number > headers.WITHIN:
            break
        if filled[index] >= usual and not record.fault:
            below = head[index + 1 :]
            return (record, below) if below else None
    return None


def number_by_values(columns: Sequence[str], rows: Sequence[Sequence[str]], source: str) -> Guess | None:
    """The column with the PO numbers, by its values; None if none can.

    Raises:
        InputError: several could, or the list has no header.
    """
    able = [index for index in range(headers.hierarchy(columns)) if _holds_numbers([_cell(row, index) for row in rows])]
    if not able:
        return None
    if all(_is_number(columns[index]) for index in able):
        msg = (
            f"{source} has no header: its first row is already an order. "
            "Insert a header row with the names of the columns, such as po_number."
        )
        raise errors.InputError(msg)
    ranked = (
        ([index for index in able if _is_in_addresses(rows, index)], "the rows' addresses contain its values"),
        (
            [index for index in able if _share(bool(_PO.match(_cell(row, index).strip())) for row in rows)],
            "its values begin with PO",
        ),
        (able, "it is the only one with a different number in each row"),
    )
    for chosen, why in ranked:
        if len(chosen) == 1:
            return Guess(chosen[0], why)
        if len(chosen) > 1:
            able = chosen
            break
    raise errors.InputError(
        f"{source} has no column po_number, and {listed(columns[index] for index in able)} could all hold the PO "
        f"numbers. Say which: {option_for('po_number', columns[able[0]])}"
    )


def address_by_values(columns: Sequence[str], rows: Sequence[Sequence[str]], source: str) -> Guess | None:
    """The column with the orders' addresses, by its values; None if none can.

    Raises:
        InputError: several could.
    """
    able = []
    for index in range(headers.hierarchy(columns)):
        values = [_cell(row, index).strip() for row in rows]
        found = [value for value in values if _ADDRESS.fullmatch(value)]
        if (
            found
            and len(found) == len([value for value in values if value])
            and len(set(found)) >= _MIN_SHARE * len(found)
        ):
            able.append(index)
    if len(able) > 1:
        raise errors.InputError(
            f"{source} has no column url, and {listed(columns[index] for index in able)} have web addresses. "
            f"Say which has the orders': {option_for('url', columns[able[0]])}"
        )
    return Guess(able[0], "each row has a different web address there") if able else None


def explained(field: str, guess: Guess, columns: Sequence[str], source: str) -> str:
    """The message about a guess: which column is used, why, and how to confirm or correct it."""
    name = columns[guess.column]
    return (
        f'{source} has no column {field}: po-pw uses column "{name}", because {guess.why}. '
        f"If that is wrong, give {option_for(field, 'NAME')}; if it is right, {option_for(field, name)} confirms it."
    )


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _share(are: Iterable[bool]) -> bool:
    flags = list(are)
    return sum(flags) >= _MIN_SHARE * len(flags)


def _is_number(value: str) -> bool:
    value = value.strip()
    return _NUMBER.fullmatch(value) is not None and _NO_NUMBER.fullmatch(value) is None


def _holds_numbers(values: Sequence[str]) -> bool:
    """Whether a column may be that of the PO numbers: nearly all rows have one, most differ, and it is no row count."""
    found = [value.strip() for value in values if _is_number(value)]
    if len(found) < _MIN_SHARE * len(values) or len(set(found)) < _MIN_SHARE * len(found):
        return False
    digits = [int(value) if value.isascii() and value.isdecimal() else -1 for value in found]
    return (
        len(digits) < 3 or any(after - before != 1 for before, after in itertools.pairwise(digits)) or digits[0] > 999
    )


def _is_in_addresses(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether the values of a column are parts of the web addresses in their rows."""
    return _share(
        any(
            re.search(rf"(?<![0-9A-Za-z]){re.escape(_cell(row, column).strip())}(?![0-9A-Za-z])", cell)
            for cell in row
            if _ADDRESS.match(cell.strip())
        )
        for row in rows
    )
