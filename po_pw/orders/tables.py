"""A spreadsheet's rows as text, whatever kind of file it is: told by content, not by its name."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import charset_normalizer

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SEPARATORS: Final = ",;\t|"
_SAMPLE: Final = 64 * 1024
_OTHER_KINDS: Final = (
    (b"%PDF", "a PDF"), (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
    (b"MZ", "a program"), (b"\x7fELF", "a program"), (b"\x1f\x8b", "a compressed file"), (b"7z\xbc\xaf", "an archive"),
    (b"Rar!", "an archive"), (b"{\\rtf", "a text document"), (b"SQLite format 3", "a database"),
)  # fmt: skip
MARK: Final = "'"
"""Put before a cell that a spreadsheet program would take for a formula, when we write one; taken off when read."""
DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")


def rows(path: Path, is_header: Callable[[list[str]], bool]) -> Iterator[tuple[int, list[str]]]:
    """Each row's number, as a spreadsheet shows it, and its cells; blank rows are left out. Streams a CSV.

    Args:
        path: the file.
        is_header: tells a header row; decides between the sheets of a workbook.

    Raises:
        InputError: it is missing, empty, or no spreadsheet.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_SAMPLE)
    except FileNotFoundError:
        msg = f"{path}: there is no such file. Give the spreadsheet with the purchase orders (.csv or .xlsx)."
        raise errors.InputError(msg) from None
    except IsADirectoryError:
        msg = f"{path} is a folder. Give the spreadsheet with the purchase orders (.csv or .xlsx)."
        raise errors.InputError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise errors.InputError(msg) from None
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        msg = f"{path} is empty. It needs a header row with a po_number column, and a row per purchase order."
        raise errors.InputError(msg)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _workbook(path, is_header)
    return _text(path, head)


def unmarked(cell: str) -> str:
    """A cell without the mark that our own results put before what looks like a formula."""
    return cell[1:] if cell.startswith(MARK) and cell.lstrip(MARK).startswith(DANGEROUS) else cell


def _text(path: Path, head: bytes) -> Iterator[tuple[int, list[str]]]:
    encoding = _encoding(path, head)
    sample = head.decode(encoding, "replace").removeprefix("\ufeff")
    start = sample.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        msg = f"{path} is not a spreadsheet but a web page. Was a sign-in page saved instead of the export?"
        raise errors.InputError(msg)
    if start.startswith(("{", "[{")):
        msg = f"{path} is not a spreadsheet but JSON. Export it as .csv or .xlsx."
        raise errors.InputError(msg)
    separator, skip = _separator(sample)
    return _csv(path, encoding, separator, skip)


def _csv(path: Path, encoding: str, separator: str, skip: int) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(10_000_000)
    number = skip
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as stream:
            lines = (line.replace("\x00", "") for line in itertools.islice(stream, skip, None))
            for cells in csv.reader(lines, delimiter=separator):
                number += 1
                if number == 1 and cells:
                    cells[0] = cells[0].removeprefix("\ufeff")
                if any(cell.strip() for cell in cells):
                    yield number, [unmarked(cell) for cell in cells]
    except csv.Error as error:
        msg = f"{path}, row {number + 1}: the quotes do not match ({error})."
        raise errors.InputError(msg) from None


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for magic, what in _OTHER_KINDS:
        if head.startswith(magic):
            msg = f"{path} is not a spreadsheet but {what}. Give a .csv or .xlsx."
            raise errors.InputError(msg)
    zeros_even, zeros_odd = head[::2].count(0), head[1::2].count(0)
    if zeros_odd > len(head) // 4 and zeros_even < len(head) // 50:
        return "utf-16-le"
    if zeros_even > len(head) // 4 and zeros_odd < len(head) // 50:
        return "utf-16-be"
    strange = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if strange > len(head) / 100:
        msg = f"{path} is not a spreadsheet (it is not text, nor a workbook). Give a .csv or .xlsx."
        raise errors.InputError(msg)
    if _is_utf8(path):
        return "utf-8"
    # Excel in western Europe and the Americas writes Windows-1252; anything else is guessed by its letters.
    guess = charset_normalizer.from_bytes(head, cp_isolation=["cp1252", "cp1250", "cp1251", "shift_jis", "gb18030"])
    best = guess.best()
    western = head.decode("cp1252", "replace").count("\ufffd") == 0
    return "cp1252" if western or best is None else best.encoding


def _is_utf8(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            while stream.read(1 << 20):
                continue
    except UnicodeDecodeError:
        return False
    return True


def _separator(sample: str) -> tuple[str, int]:
    """The separator, and how many lines to skip for it: Excel's `sep=;`, else a vote over the first rows."""
    first = sample.split("\n", 1)[0].strip()
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], 1
    best, most = ",", (0, 0)
    for separator in _SEPARATORS:
        try:
            widths = [len(row) for row in itertools.islice(csv.reader(io.StringIO(sample), delimiter=separator), 20)]
        except csv.Error:
            continue
        widths = [width for width in widths if width][: max(1, len(widths) - 1)]
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) * 100 // len(widths), widths[0])
        if score > most:
            best, most = separator, score
    return best, 0


def _workbook(path: Path, is_header: Callable[[list[str]], bool]) -> Iterator[tuple[int, list[str]]]:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = [sheet.name for sheet in book.sheets_metadata if "Visible" in str(sheet.visible)] or book.sheet_names
        names.sort(key=lambda name: name.lower() != "po_data")
        sheets = [(name, book.get_sheet_by_name(name)) for name in names]
    except (python_calamine.CalamineError, OSError) as error:
        msg = f"{path} is not a spreadsheet that can be read ({error}). Save it as .xlsx or .csv and try again."
        raise errors.InputError(msg) from None
    for _, sheet in sheets:
        top = itertools.islice(sheet.to_python(skip_empty_area=False), 20)
        if any(is_header([_cell(value) for value in row]) for row in top):
            return _sheet(sheet)
    return _sheet(sheets[0][1])


def _sheet(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    for number, row in enumerate(sheet.to_python(skip_empty_area=False), 1):
        cells = [_cell(value) for value in row]
        if any(cell.strip() for cell in cells):
            yield number, cells


def _cell(value: object) -> str:
    """A cell as a person reads it: whole numbers without `.0`, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return format(Decimal(repr(value)), "f")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    return str(value)
