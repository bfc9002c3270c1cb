"""Replaces cells in the XML of one sheet of an .xlsx; every other byte stays as it is (ECMA-376 part 1, 18.3.1).

Libraries that load a workbook and save it again lose what they do not support: openpyxl 3.1 loses the results of
formulas (a PO number that is a formula could not be read by the next run), sparklines, text boxes, form controls and
extended conditional formats.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Final
from xml.parsers import expat
from xml.sax import saxutils

from po_pw.orders import edits as cell_edits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_CELL: Final = 32_767
"""Maximum UTF-16 units of a cell."""
_STEP: Final = 10_000
_TAG: Final = re.compile(rb"<(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>")
_SPANS: Final = re.compile(rb"\sspans\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_REFERENCE: Final = re.compile(rb"(\sref\s*=\s*[\"'])([A-Z]+\d+)(?::([A-Z]+)(\d+))?([\"'])")
_CELL: Final = re.compile(r"([A-Za-z]*)(\d*)")
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""`_x0041_` in a cell's text is an escaped character (`ST_Xstring`, ECMA-376 part 1, 22.9.2.19)."""
_EPOCH, _EPOCH_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)  # noqa: DTZ001 - a workbook's times have no offset


@dataclasses.dataclass(frozen=True, slots=True)
class Styles:
    """Facts about a workbook's formats."""

    dates: frozenset[int]
    """Indexes of cell formats that show a number as a date."""
    is_from_1904: bool
    """Dates are numbers of days since 1904, not 1900."""


@dataclasses.dataclass(slots=True)
class _Cell:
    column: int
    start: int
    style: str | None
    end: int = 0
    has_formula: bool = False


class SheetEditor:
    """Replaces cells of one sheet.

    Args:
        content: the sheet's part, in UTF-8.
        wanted: the new values by row (from 1) and column (from 0).
        styles: of the workbook.
        on_step: called every 10,000 rows.

    Attributes:
        left: row and column of the cells that have a formula, which are not changed.
    """

    def __init__(
        self,
        content: bytes,
        wanted: Mapping[int, Mapping[int, cell_edits.Value]],
        styles: Styles,
        on_step: Callable[[], None],
    ) -> None:
        self.left: list[tuple[int, int]] = []
        self._content = content
        self._wanted = wanted
        self._styles = styles
        self._on_step = on_step
        self._splices: list[tuple[int, int, bytes]] = []
        self._columns: list[tuple[int, int, str]] = []
        self._prefix = ""
        self._row = 0
        self._row_start = 0
        self._row_style: str | None = None
        self._column = -1
        self._cells: list[_Cell] = []
        self._bounds: tuple[int, int] | None = None
        self._done: set[int] = set()
        self._furthest = -1

    def edited(self) -> bytes:
        """Returns the part with the new values.

        Raises:
            ValueError: it is not XML in UTF-8, or one of the rows is missing.
        """
        if self._content.startswith((b"\xff\xfe", b"\xfe\xff")):
            msg = "a sheet that is not in UTF-8"
            raise ValueError(msg)
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        try:
            parser.Parse(self._content, True)
        except expat.ExpatError as error:
            msg = f"a sheet that is not XML ({error})"
            raise ValueError(msg) from None
        missing = [row for row in self._wanted if row not in self._done]
        if missing:
            msg = f"no row {missing[0]}"
            raise ValueError(msg)
        self._widen()
        pieces, at = [], 0
        for start, end, new in sorted(
            self._splices, key=lambda splice: splice[:2]
        ):  # stable for insertions at one place
            pieces += [self._content[at:start], new]
            at = end
        return b"".join([*pieces, self._content[at:]])

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c" and self._row in self._wanted:
            place = _CELL.match(attributes.get("r", ""))
            self._column = number_of(place[1]) if place and place[1] else self._column + 1
            self._cells.append(_Cell(self._column, self._parser.CurrentByteIndex, attributes.get("s")))
        elif local == "f" and self._cells:
            self._cells[-1].has_formula = True
        elif local == "row":
            self._row = int(attributes["r"]) if "r" in attributes else self._row + 1
            self._row_start, self._column = self._parser.CurrentByteIndex, -1
            if self._row % _STEP == 0:
                self._on_step()
            self._row_style = attributes.get("s") if attributes.get("customFormat") in {"1", "true"} else None
        elif local == "col":
            first, last = int(attributes["min"]) - 1, int(attributes["max"]) - 1
            self._columns.append((first, last, attributes.get("style", "")))
        elif local == "sheetData":
            self._prefix = name.removesuffix("sheetData")
        elif local == "dimension":
            start = self._parser.CurrentByteIndex
            self._bounds = start, self._tag_end(start)

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local == "c" and self._cells and self._row in self._wanted:
            self._cells[-1].end = self._tag_end(self._parser.CurrentByteIndex)
        elif local == "row":
            if self._row in self._wanted:
                self._edit_row(self._parser.CurrentByteIndex)
            self._cells = []

    def _edit_row(self, end: int) -> None:
        """Replaces and inserts the row's cells; `end` is the offset of its end tag, or of its only tag."""
        self._done.add(self._row)
        there = {cell.column: cell for cell in self._cells}
        added: list[tuple[int, bytes]] = []
        for column, value in sorted(self._wanted[self._row].items()):
            cell = there.get(column)
            if cell is None:
                added.append((column, self._written(column, self._style_of(column), value)))
            elif cell.has_formula:
                self.left.append((self._row, column))
            else:
                self._splices.append((cell.start, cell.end, self._written(column, cell.style, value)))
        if not added:
            return
        self._furthest = max(self._furthest, added[-1][0])
        opening = self._content[self._row_start : self._tag_end(self._row_start)]
        plain = _SPANS.sub(b"", opening)
        if end == self._row_start:  # `<row/>`
            closing = f"</{self._prefix}row>".encode()
            cells = b"".join(new for _, new in added)
            self._splices.append((end, end + len(opening), plain[:-2].rstrip() + b">" + cells + closing))
            return
        self._splices.append((self._row_start, self._row_start + len(opening), plain))
        for column, new in added:
            at = next((cell.start for cell in self._cells if cell.column > column), end)
            self._splices.append((at, at, new))

    def _style_of(self, column: int) -> str | None:
        """The format of an empty cell: its row's, else its column's."""
        if self._row_style is not None:
            return self._row_style
        return next((style for first, last, style in self._columns if first <= column <= last and style), None)

    def _written(self, column: int, style: str | None, value: cell_edits.Value) -> bytes:
        start = f'<{self._prefix}c r="{letters_of(column)}{self._row}"' + ("" if style is None else f' s="{style}"')
        number: float | None = None
        if isinstance(value, int):
            number = value
        elif isinstance(value, datetime.datetime) and style is not None and int(style) in self._styles.dates:
            since = value - (_EPOCH_1904 if self._styles.is_from_1904 else _EPOCH)
            number = since.days + since.seconds / 86_400
        if number is not None:
            return f"{start}><{self._prefix}v>{number!r}</{self._prefix}v></{self._prefix}c>".encode()
        text = saxutils.escape(_ESCAPED.sub("_x005F_", fitting(cell_edits.shown(value))), {"\r": "&#13;"})
        if not text:
            return f"{start}/>".encode()
        inner = f'<{self._prefix}is><{self._prefix}t xml:space="preserve">{text}</{self._prefix}t></{self._prefix}is>'
        return f'{start} t="inlineStr">{inner}</{self._prefix}c>'.encode()

    def _widen(self) -> None:
        """Extends the sheet's `dimension` to the new cells."""
        if self._bounds is None or self._furthest < 0:
            return
        start, end = self._bounds
        tag = self._content[start:end]
        found = _REFERENCE.search(tag)
        if found is None or found[3] is None or number_of(found[3].decode()) >= self._furthest:
            return
        to = f"{letters_of(self._furthest)}".encode() + found[4]
        new = tag[: found.start()] + found[1] + found[2] + b":" + to + found[5] + tag[found.end() :]
        self._splices.append((start, end, new))

    def _tag_end(self, start: int) -> int:
        found = _TAG.match(self._content, start)
        if found is None:
            msg = "a tag without an end"
            raise ValueError(msg)
        return found.end()


def fitting(text: str) -> str:
    """Shortens a text to the maximum length of a cell."""
    if len(text) <= LONGEST_CELL // 2 or len(text.encode("utf-16-le")) // 2 <= LONGEST_CELL:
        return text
    return text.encode("utf-16-le")[: 2 * (LONGEST_CELL - 1)].decode("utf-16-le", "ignore") + "…"


def number_of(letters: str) -> int:
    """Column number (from 0) from its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def letters_of(column: int) -> str:
    """Column letters from its number."""
    text, number = "", column + 1
    while number:
        number, place = divmod(number - 1, 26)
        text = chr(65 + place) + text
    return text
