"""How far the cells of a workbook reach: read before the reading library takes memory for the whole rectangle.

It takes about 32 bytes for each cell of the rectangle that holds all that is not empty, and ends the program where that
is more than there is: one stray cell in the last corner of a sheet would do it.
"""

from __future__ import annotations

import dataclasses
import re
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import compound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_CELLS: Final = 10_000_000
_MOST_BYTES: Final = 1 << 29
"""Of all parts that are read, unpacked."""
_BLOCK: Final = 1 << 20
_LONGEST_TAG: Final = 4096
_LONGEST_TEXT: Final = 1 << 20
"""Bytes without any tag; a cell holds 32,767 characters."""
_READ: Final = re.compile(r".*\.(?:xml|bin|rels)", re.IGNORECASE | re.DOTALL)
_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.(?:xml|bin)")
_OTHERS: Final = {"xl/workbook.bin", "content.xml", "mimetype"}
_TAG: Final = re.compile(rb"<(?:\w+:)?(c|row)(?=[\s/>])([^>]*)>")
_ODD_TAG: Final = re.compile(rb'<(?:c|row)(?! r="[A-Z]*\d+")[\s/>]|:(?:c|row)[\s/>]')
_PLAIN_CELL: Final = re.compile(rb'<c r="([A-Z]+)')
_PLAIN_ROW: Final = re.compile(rb'<row r="(\d+)')
_PLACE: Final = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]*)(\d+)")
_ODS_TAG: Final = re.compile(rb"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*)>")
_REPEATED: Final = re.compile(rb"number-(?:rows|columns)-repeated=[\"'](\d+)")
_ONE_CELL: Final = {0x06, 0x206, 0x406, 0x203, 0x204, 0x205, 0x27E, 0xD6, 0xFD}
"""Records of an .xls; those of cells with nothing but a format are not among them."""
_MANY_CELLS: Final = 0xBD
_SHEET_BEGINS, _PASSWORD = 0x809, 0x2F


class Protected(Exception):
    """It has a password."""


@dataclasses.dataclass(slots=True)
class _Extent:
    """The rectangle that holds all cells seen so far; rows and columns from 0."""

    path: Path
    left: int = 1 << 62
    top: int = 1 << 62
    right: int = -1
    bottom: int = -1

    def add(self, row: int, column: int) -> None:
        """One more cell, or row, or column.

        Raises:
            InputError: it lies too far from the others.
        """
        self.left, self.right = min(self.left, column), max(self.right, column)
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        if (self.right - self.left + 1) * (self.bottom - self.top + 1) > _MOST_CELLS:
            msg = f"{self.path}: something stands in cell {_letters(column)}{row + 1}, far from the rest. "
            raise errors.InputError(f"{msg}Empty that cell, save, try again.")


def check(path: Path) -> bool:
    """Makes sure that a workbook can be read in the memory there is.

    Returns:
        Whether it is an .xlsx, of which the reading library bears everything; see `trial` for the others.

    Raises:
        InputError: it is damaged, a cell stands far from the others, or it is far larger unpacked.
        Protected: it has a password.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(4) == compound.MAGIC:
                stream.seek(0)
                _check_compound(path, stream.read())
                return False
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            return not _OTHERS & {part.lower() for part in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        said = str(error) or type(error).__name__
        msg = f"{path} is not a spreadsheet that can be read ({said}). Save it as .xlsx or .csv and try again."
        raise errors.InputError(msg) from None


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    parts = [part for part in archive.infolist() if _READ.fullmatch(part.filename)]
    if sum(part.file_size for part in parts) > _MOST_BYTES:
        msg = f"{path} is more than {_MOST_BYTES >> 20} MB when unpacked. Save only the sheet with the orders."
        raise errors.InputError(msg)
    for part in parts:
        if part.flag_bits & 1:
            raise Protected
        name = part.filename.lower()
        with archive.open(part) as stream:
            if name.endswith(".bin"):
                content = stream.read()
                if _SHEET.fullmatch(name):
                    _scan_records(_Extent(path), content)
            elif name == "content.xml":
                _scan_ods(path, _blocks(path, stream))
            elif name == "meta-inf/manifest.xml":
                if any(b"encryption-data" in block for block in _blocks(path, stream)):
                    raise Protected
            elif not _is_near(_blocks(path, stream)) and _SHEET.fullmatch(name):
                with archive.open(part) as again:
                    _scan_xlsx(_Extent(path), _blocks(path, again))


def _blocks(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """A part in pieces that end before a tag."""
    rest, text = b"", 0
    while block := stream.read(_BLOCK):
        text = 0 if b"<" in block else text + len(block)
        if text >= _LONGEST_TEXT:
            msg = f"{path} has a cell with a million characters and more. Empty that cell, save, try again."
            raise errors.InputError(msg)
        block = rest + block
        end = max(block.rfind(b"<"), 0)
        yield block[:end]
        rest = block[end:][:_LONGEST_TAG]
    yield rest


def _is_near(blocks: Iterator[bytes]) -> bool:
    """Whether a sheet written as programs write it is small by its rows and columns alone; the rest is looked at."""
    right = bottom = 0
    plain = True
    for block in blocks:
        plain = plain and _ODD_TAG.search(block) is None
        right = max(right, *(_column(letters) + 1 for letters in set(_PLAIN_CELL.findall(block))), 0)
        bottom = max(bottom, *map(int, _PLAIN_ROW.findall(block)), 0)
    return plain and right * bottom <= _MOST_CELLS


def _scan_xlsx(extent: _Extent, blocks: Iterator[bytes]) -> None:
    row, column = -1, -1
    for block in blocks:
        for tag, attributes in _TAG.findall(block):
            place = _PLACE.search(b" " + attributes)
            if tag == b"row":
                row, column = int(place[2]) - 1 if place else row + 1, -1
            else:
                column += 1
                if place and place[1]:
                    row, column = int(place[2]) - 1, _column(place[1].upper())
                if not attributes.endswith(b"/"):
                    extent.add(row, column)


def _scan_records(extent: _Extent, content: bytes) -> None:
    """A sheet of an .xlsb."""
    at, row = 0, 0
    while at < len(content):
        kind, at = _varying(content, at, 2)
        size, at = _varying(content, at, 4)
        if kind == 0x00:
            row = struct.unpack_from("<I", content, at)[0]
        elif 0x02 <= kind <= 0x0B:  # 0x01 is a cell with nothing but a format
            extent.add(row, struct.unpack_from("<I", content, at)[0])
        at += size


def _varying(content: bytes, at: int, most: int) -> tuple[int, int]:
    number = 0
    for place in range(most):
        byte = content[at] if at < len(content) else 0
        at += 1
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            break
    return number, at


def _scan_ods(path: Path, blocks: Iterator[bytes]) -> None:
    extent, row, column, rows, open_tables = _Extent(path), 0, 0, 0, 0
    for block in blocks:
        open_tables -= block.count(b"</table:table>")
        for tag, attributes in _ODS_TAG.findall(block):
            repeated = _REPEATED.search(attributes)
            times = max(1, int(repeated[1])) if repeated else 1
            if tag == b"table":
                extent, row, rows, open_tables = _Extent(path), 0, 0, open_tables + (not attributes.endswith(b"/"))
            elif tag == b"table-row":
                row, column, rows = row + rows, 0, times
            else:
                if b"value-type" in attributes:
                    extent.add(row, column)
                    extent.add(row + rows - 1, column + times - 1)
                column += times
    if open_tables:  # the library would look for its end for ever
        msg = "a table without an end"
        raise ValueError(msg)


def _check_compound(path: Path, content: bytes) -> None:
    found = compound.streams(content)
    if "EncryptedPackage" in found:
        raise Protected
    book = found.get("Workbook", found.get("Book"))
    if book is None:
        msg = "an OLE file without a workbook in it"
        raise ValueError(msg)
    extent, at = _Extent(path), 0
    while at + 4 <= len(book):
        kind, size = struct.unpack_from("<HH", book, at)
        at += 4
        if kind == _PASSWORD:
            raise Protected
        if kind & 0xFF == _SHEET_BEGINS & 0xFF:
            extent = _Extent(path)
        elif kind in _ONE_CELL and size >= 4:
            extent.add(*struct.unpack_from("<HH", book, at))
        elif kind == _MANY_CELLS and size >= 6:
            row, column = struct.unpack_from("<HH", book, at)
            extent.add(row, column)
            extent.add(row, struct.unpack_from("<H", book, at + size - 2)[0])
        at += size


def _column(letters: bytes) -> int:
    """From 0."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1


def _letters(column: int) -> str:
    text, number = "", column + 1
    while number:
        number, place = divmod(number - 1, 26)
        text = chr(65 + place) + text
    return text
