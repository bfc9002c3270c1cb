"""Looks into a workbook before the library that reads it: extent of its cells, a password, formulas without a result.

The library allocates about 32 bytes per cell of the rectangle around all non-empty cells, and aborts the process if
memory runs out: one stray cell in the last corner of a sheet is enough.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final
from xml.etree import ElementTree

from po_pw import errors
from po_pw.orders import ole_container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_CELLS: Final = 10_000_000
_MAX_BYTES: Final = 1 << 29
"""Maximum uncompressed bytes of all parts that are read."""
_BLOCK: Final = 1 << 20
_MAX_TAG: Final = 4096
_MAX_TEXT: Final = 1 << 20
"""Maximum bytes without a tag; a cell has at most 32,767 characters."""
_READ: Final = re.compile(r".*\.(?:xml|bin|rels)", re.IGNORECASE | re.DOTALL)
_SHEET: Final = re.compile(rb"<(?:\w+:)?worksheet[\s>]")
"""Start of a sheet of an .xlsx; its part may have any name."""
_BINARY_SHEET: Final = b"\x81\x01"
_HEAD: Final = 4096
"""Bytes needed to recognise a part."""
_TAG: Final = re.compile(rb"<(?:\w+:)?(c|row)(?=[\s/>])([^>]*)>")
_ODD_TAG: Final = re.compile(rb'<(?:c|row)(?! r="[A-Z]*\d+")[\s/>]|:(?:c|row)[\s/>]')
_PLAIN_CELL: Final = re.compile(rb'<c r="([A-Z]+)')
_PLAIN_ROW: Final = re.compile(rb'<row r="(\d+)')
_UNCALCULATED: Final = re.compile(
    rb"<(?:\w+:)?c(?=[\s/>])([^>]*)>\s*<(?:\w+:)?f(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v[^>]*>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A cell with a formula and no value; with `t="str"` the value is an empty string."""
_FAILED: Final = re.compile(rb"<(?:\w+:)?c(?=\s)([^>]*\st\s*=\s*[\"']e[\"'][^>]*)>")
_TEXT_TYPE: Final = re.compile(rb"\st\s*=\s*[\"']str[\"']")
_CELL: Final = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]*)(\d+)")
_ODS_TAG: Final = re.compile(rb"<table:(table|table-row|table-cell|covered-table-cell)(?=[\s/>])([^>]*)>")
_REPEATED: Final = re.compile(rb"number-(?:rows|columns)-repeated=[\"'](\d+)")
_ONE_CELL: Final = {0x06, 0x206, 0x406, 0x203, 0x204, 0x205, 0x27E, 0xD6, 0xFD}
"""Cell records of an .xls, without those of cells that only have a format."""
_MANY_CELLS: Final = 0xBD
_SHEET_BEGINS, _PASSWORD = 0x809, 0x2F


_OTHERS: Final = (
    ("word/", "a Word document"),
    ("ppt/", "a PowerPoint presentation"),
    ("visio/", "a Visio drawing"),
    ("Index/", "a document of Numbers, Pages or Keynote"),
    ("Index.zip", "a document of Numbers, Pages or Keynote"),
    ("content.xml", "an OpenDocument text or drawing"),
    ("META-INF/", "an archive"),
)
"""What a zip file without a readable workbook is, by the beginning of a name in it (ECMA-376, OpenDocument)."""


class ProtectedError(Exception):
    """The workbook has a password."""


@dataclasses.dataclass(slots=True)
class _Extent:
    """The rectangle around all cells so far; rows and columns from 0."""

    path: Path
    left: int = 1 << 62
    top: int = 1 << 62
    right: int = -1
    bottom: int = -1

    def add(self, row: int, column: int) -> None:
        """Extends it by a cell, row or column.

        Raises:
            InputError: it is too far from the others.
        """
        self.left, self.right = min(self.left, column), max(self.right, column)
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        if (self.right - self.left + 1) * (self.bottom - self.top + 1) > _MAX_CELLS:
            msg = f"{self.path}: there is something in cell {_letters(column)}{row + 1}, far from the rest. "
            raise errors.InputError(f"{msg}Empty that cell, save, then run the same command again.")


def other_document(path: Path) -> str:
    """What a zip file is that cannot be read as a workbook; `""` if it holds a workbook's parts or is no zip file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return ""
    if any(name.startswith("xl/") for name in names):
        return ""
    known = (what for start, what in _OTHERS if any(name.startswith(start) for name in names))
    return next(known, "an archive (zip)")


def check(path: Path) -> dict[str, dict[int, list[int]]]:
    """Checks that a workbook can be read in limited memory, and finds formulas without a result.

    Returns:
        For each sheet of an .xlsx, by name, the cells whose formula has no result (it failed or was not calculated):
        columns by row, both from 0. Empty for other formats.

    Raises:
        InputError: it is damaged, a cell is far from the others, or it is too large uncompressed.
        ProtectedError: it has a password.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(4) == ole_container.MAGIC:
                stream.seek(0)
                _check_compound(path, stream.read())
                return {}
        with zipfile.ZipFile(path) as archive:
            found = _check_archive(path, archive)
            return {name: found[part] for name, part in sheet_parts(archive).items() if part in found}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        why = str(error) or type(error).__name__
        msg = f"{path} is not a spreadsheet that can be read ({why}). Save it as .xlsx or .csv and try again."
        raise errors.InputError(msg) from None


def _check_archive(path: Path, archive: zipfile.ZipFile) -> dict[str, dict[int, list[int]]]:
    """Checks all parts; returns the cells without a result of each sheet of an .xlsx."""
    without_result: dict[str, dict[int, list[int]]] = {}
    parts = [part for part in archive.infolist() if _READ.fullmatch(part.filename) or _is_sheet(archive, part)]
    if sum(part.file_size for part in parts) > _MAX_BYTES:
        msg = f"{path} is more than {_MAX_BYTES >> 20} MB when unpacked. Save only the sheet with the orders."
        raise errors.InputError(msg)
    for part in parts:
        if part.flag_bits & 1:
            raise ProtectedError
        name = part.filename.lower()
        with archive.open(part) as stream:
            if name.endswith(".bin"):
                content = stream.read()
                if content.startswith(_BINARY_SHEET):
                    _scan_records(_Extent(path), content)
            elif name == "content.xml":
                _scan_ods(path, _blocks(path, stream))
            elif name == "meta-inf/manifest.xml":
                if any(b"encryption-data" in block for block in _blocks(path, stream)):
                    raise ProtectedError
            elif not _is_sheet(archive, part):
                for _ in _blocks(path, stream):  # checks the size and the length of texts
                    pass
            else:
                sheet = _Sheet(path)
                if not sheet.is_near(_blocks(path, stream)):
                    with archive.open(part) as again:
                        _scan_xlsx(_Extent(path), _blocks(path, again))
                without_result[part.filename] = sheet.without_result
    return without_result


def _is_sheet(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    """Whether a part is a sheet of an .xlsx or .xlsb, whatever its name."""
    if part.flag_bits & 1:
        return False
    with archive.open(part) as stream:
        head = stream.read(_HEAD)
    return head.startswith(_BINARY_SHEET) or _SHEET.search(head) is not None


def sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """The part of each sheet of an .xlsx, by sheet name, from the relationships; empty if they are missing."""
    try:
        book = book_part(archive)
        related = related_parts(archive, book)
        root = ElementTree.fromstring(archive.read(book))  # noqa: S314 - this process is bounded
        listed = [element for element in root.iter() if _local(element.tag) == "sheet"]
        found = {}
        for element in listed:
            identity = next((value for name, value in element.items() if _local(name) == "id" and name != "id"), "")
            if identity in related:
                found[element.get("name", "")] = related[identity][1]
    except (KeyError, StopIteration, ElementTree.ParseError):
        return {}
    return found


def book_part(archive: zipfile.ZipFile) -> str:
    """The workbook part of an .xlsx, which lists its sheets.

    Raises:
        KeyError, StopIteration, ParseError: the package does not name it.
    """
    return next(part for kind, part in related_parts(archive, "").values() if kind == "officeDocument")


def related_parts(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """The relationships of a part (`""`: of the package) by id: type and target part (ECMA-376 part 2, 6.5).

    Raises:
        KeyError: it has none.
        ParseError: they cannot be read.
    """
    folder, name = posixpath.split(part)
    names = {element.lower(): element for element in archive.namelist()}
    content = archive.read(names[posixpath.join(folder, "_rels", f"{name}.rels").lower()])
    found = {}
    for element in ElementTree.fromstring(content):  # noqa: S314 - this process is bounded
        target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", ""))).lstrip("/")
        kind = element.get("Type", "").rpartition("/")[2]
        found[element.get("Id", "")] = kind, names.get(target.lower(), target)
    return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _blocks(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """Yields a part in blocks that end before a tag."""
    rest, text = b"", 0
    while block := stream.read(_BLOCK):
        text = 0 if b"<" in block else text + len(block)
        if text >= _MAX_TEXT:
            msg = (
                f"{path} has a cell with a million characters or more. Empty that cell, save, then run the "
                "same command again."
            )
            raise errors.InputError(msg)
        block = rest + block
        end = max(block.rfind(b"<"), 0)
        yield block[:end]
        rest = block[end:][:_MAX_TAG]
    yield rest


class _Sheet:
    """Scans a sheet of an .xlsx before it is loaded.

    Attributes:
        without_result: cells with a formula without a result: columns by row, both from 0.
    """

    def __init__(self, path: Path) -> None:
        self.without_result: dict[int, list[int]] = {}
        self._path = path
        self._rows: set[int] = set()
        self._rest = b""

    def is_near(self, blocks: Iterator[bytes]) -> bool:
        """Whether a sheet in the usual format is small, by its row and column numbers.

        Raises:
            InputError: a row occurs twice, of which the library would drop one.
        """
        right = bottom = 0
        plain = True
        for block in blocks:
            plain = plain and _ODD_TAG.search(block) is None
            right = max(right, *(_column(letters) + 1 for letters in set(_PLAIN_CELL.findall(block))), 0)
            numbers = list(map(int, _PLAIN_ROW.findall(block)))
            bottom = max(bottom, *numbers, 0)
            self._count(numbers)
            self._look_for_results(block)
        return plain and right * bottom <= _MAX_CELLS

    def _count(self, numbers: list[int]) -> None:
        expected = len(self._rows) + len(numbers)
        self._rows.update(numbers)
        if len(self._rows) != expected:
            msg = f"{self._path} is damaged: two of its rows have the same number. Open it in a spreadsheet program, "
            raise errors.InputError(f"{msg}check its rows, save it, then run the same command again.")

    def _look_for_results(self, block: bytes) -> None:
        text = self._rest + block
        end = text.rfind(b"c>") + 2 if text.rfind(b"c>") >= 0 else 0  # end of the last complete cell
        self._rest = text[end:][-_MAX_TEXT:]
        text = text[:end]
        if b"f>" in text or b"f " in text or b"f/" in text:
            for attributes in _UNCALCULATED.findall(text):
                if not _TEXT_TYPE.search(attributes):
                    self._note(attributes)
        if b'"e"' in text or b"'e'" in text:
            for attributes in _FAILED.findall(text):
                self._note(attributes)

    def _note(self, attributes: bytes) -> None:
        place = _CELL.search(b" " + attributes)
        if place and place[1]:
            columns = self.without_result.setdefault(int(place[2]) - 1, [])
            column = _column(place[1].upper())
            if column not in columns:
                columns.append(column)


def _scan_xlsx(extent: _Extent, blocks: Iterator[bytes]) -> None:
    row, column = -1, -1
    for block in blocks:
        for tag, attributes in _TAG.findall(block):
            place = _CELL.search(b" " + attributes)
            if tag == b"row":
                row, column = int(place[2]) - 1 if place else row + 1, -1
            else:
                column += 1
                if place and place[1]:
                    row, column = int(place[2]) - 1, _column(place[1].upper())
                if not attributes.endswith(b"/"):
                    extent.add(row, column)


def _scan_records(extent: _Extent, content: bytes) -> None:
    """Scans a sheet of an .xlsb."""
    at, row = 0, 0
    while at < len(content):
        kind, at = _varying(content, at, 2)
        size, at = _varying(content, at, 4)
        if kind == 0x00:
            row = struct.unpack_from("<I", content, at)[0]
        elif 0x02 <= kind <= 0x0B:  # 0x01 is a cell that only has a format
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
    if open_tables:  # the library would search its end forever
        msg = "a table without an end"
        raise ValueError(msg)


def _check_compound(path: Path, content: bytes) -> None:
    found = ole_container.streams(content)
    if "EncryptedPackage" in found:
        raise ProtectedError
    book = found.get("Workbook", found.get("Book"))
    if book is None:
        msg = "an OLE file without a workbook in it"
        raise ValueError(msg)
    extent, at = _Extent(path), 0
    while at + 4 <= len(book):
        kind, size = struct.unpack_from("<HH", book, at)
        at += 4
        if kind == _PASSWORD:
            raise ProtectedError
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
    """Column index from 0."""
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
