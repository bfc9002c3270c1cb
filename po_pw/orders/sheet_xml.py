"""The XML of one sheet of an .xlsx with other values in some cells: every byte that belongs to another cell stays.

A library that reads a workbook into objects and writes them again loses what it does not know: openpyxl 3.1 loses the
results of formulas (so a PO number that is one is gone for the next run), sparklines, text boxes, form controls and all
extensions of conditional formats. ECMA-376 part 1, 18.3.1 has the elements.
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
    from collections.abc import Mapping

LONGEST_CELL: Final = 32_767
"""UTF-16 units; a cell holds no more."""
_TAG: Final = re.compile(rb"<(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>")
_SPANS: Final = re.compile(rb"\sspans\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_REFERENCE: Final = re.compile(rb"(\sref\s*=\s*[\"'])([A-Z]+\d+)(?::([A-Z]+)(\d+))?([\"'])")
_PLACE: Final = re.compile(r"([A-Za-z]*)(\d*)")
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""`_x0041_` in a cell's text stands for a character (18.4.12 of the standard, `ST_Xstring`)."""
_EPOCH, _EPOCH_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)  # noqa: DTZ001 - a workbook's times have no offset


@dataclasses.dataclass(frozen=True, slots=True)
class Styles:
    """What is to be known of a workbook's formats."""

    dates: frozenset[int]
    """The formats of cells that show a number as a date."""
    is_from_1904: bool
    """Days are counted from 1904."""


@dataclasses.dataclass(slots=True)
class _Cell:
    column: int
    start: int
    style: str | None
    end: int = 0
    has_formula: bool = False


class SheetEditor:
    """Finds the cells of one sheet that are to be changed, by their bytes.

    Args:
        content: the part, in UTF-8.
        wanted: the values by row (from 1) and column (from 0).
        styles: of the workbook.

    Attributes:
        left: row and column of each cell that has a formula, and keeps it.
    """

    def __init__(self, content: bytes, wanted: Mapping[int, Mapping[int, cell_edits.Value]], styles: Styles) -> None:
        self.left: list[tuple[int, int]] = []
        self._content = content
        self._wanted = wanted
        self._styles = styles
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
        """The part with the values in it.

        Raises:
            ValueError: it is not XML in UTF-8, or a row that is to be changed is not in it.
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
        for start, end, new in sorted(self._splices, key=lambda splice: splice[:2]):  # others stay in their order
            pieces += [self._content[at:start], new]
            at = end
        return b"".join([*pieces, self._content[at:]])

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "c" and self._row in self._wanted:
            place = _PLACE.match(attributes.get("r", ""))
            self._column = number_of(place[1]) if place and place[1] else self._column + 1
            self._cells.append(_Cell(self._column, self._parser.CurrentByteIndex, attributes.get("s")))
        elif local == "f" and self._cells:
            self._cells[-1].has_formula = True
        elif local == "row":
            self._row = int(attributes["r"]) if "r" in attributes else self._row + 1
            self._row_start, self._column = self._parser.CurrentByteIndex, -1
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
        """Puts the row's values in, where `end` is the byte at which its end tag begins, or its only tag."""
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
        """The format that an empty cell has: its row's, else its column's."""
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
        """Says in the sheet's `dimension` that it reaches as far as the new cells do."""
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
    """A text that a cell holds: the end of a longer one becomes `…`."""
    if len(text) <= LONGEST_CELL // 2 or len(text.encode("utf-16-le")) // 2 <= LONGEST_CELL:
        return text
    return text.encode("utf-16-le")[: 2 * (LONGEST_CELL - 1)].decode("utf-16-le", "ignore") + "…"


def number_of(letters: str) -> int:
    """A column's number, from 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def letters_of(column: int) -> str:
    """A column's letters, from its number."""
    text, number = "", column + 1
    while number:
        number, place = divmod(number - 1, 26)
        text = chr(65 + place) + text
    return text
